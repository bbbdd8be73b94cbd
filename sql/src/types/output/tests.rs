//! Arrow columns as the text that PostgreSQL 15 shows.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date64Array, Decimal64Array, Decimal256Array,
    DictionaryArray, DurationMillisecondArray, Float32Array, Float64Array, Int32Array, Int64Array,
    ListArray, MapArray, NullArray, StringArray, StructArray, Time32SecondArray,
    TimestampNanosecondArray, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Field, Fields, Int32Type, i256};
use expect_test::{Expect, expect};

use super::{OutputStyle, encode, to_text_array};
use crate::types::{ELEMENT, PgType, oid};

fn show(array: &dyn Array, field_type: PgType, style: &OutputStyle) -> String {
    let column = encode(array, field_type, style).unwrap();
    assert_eq!(column.ends.len(), array.len());
    let value = |row| {
        column
            .value(row)
            .map_or("NULL".into(), String::from_utf8_lossy)
    };
    (0..array.len()).map(value).collect::<Vec<_>>().join("|")
}

fn check(array: impl Array, expected: Expect) {
    let field_type = PgType::of_arrow(array.data_type());
    expected.assert_eq(&show(&array, field_type, &OutputStyle::default()));
}

#[test]
fn scalars() {
    check(NullArray::new(2), expect!["NULL|NULL"]);
    check(
        BooleanArray::from(vec![Some(true), None, Some(false)]),
        expect!["t|NULL|f"],
    );
    check(
        Int64Array::from(vec![Some(i64::MIN), None, Some(0)]),
        expect!["-9223372036854775808|NULL|0"],
    );
    check(
        UInt64Array::from(vec![u64::MAX]),
        expect!["18446744073709551615"],
    );
    check(
        StringArray::from(vec![Some("a b"), None, Some("")]),
        expect!["a b|NULL|"],
    );
}

#[test]
fn a_slice_shows_its_own_rows() {
    let array = Int64Array::from(vec![Some(1), None, Some(3), Some(4)]);
    check(array.slice(1, 2), expect!["NULL|3"]);
}

#[test]
fn doubles_are_the_shortest_that_read_back() {
    check(
        Float64Array::from(vec![
            0.0,
            -0.0,
            1.0,
            0.1,
            1e14,
            1e15,
            123_456_789_012_345.0,
            1e20,
            1e22,
            1e23,
            0.0001,
            0.00001,
            5e-324,
            f64::MAX,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            9.007_199_254_740_992e22,
            1.0 / 3.0,
        ]),
        expect![
            "0|-0|1|0.1|100000000000000|1e+15|123456789012345|1e+20|1e+22|9.999999999999999e+22|0.0001|1e-05|5e-324|1.7976931348623157e+308|NaN|Infinity|-Infinity|9.007199254740992e+22|0.3333333333333333"
        ],
    );
    check(
        Float32Array::from(vec![
            0.1,
            100_000.0,
            1e6,
            1e20,
            1.0e-5,
            16_777_216.0,
            f32::MIN_POSITIVE,
            1e-45,
            f32::NAN,
        ]),
        expect!["0.1|100000|1e+06|1e+20|1e-05|1.6777216e+07|1.1754944e-38|1e-45|NaN"],
    );
}

#[test]
fn fewer_float_digits_round() {
    let style = OutputStyle {
        extra_float_digits: 0,
        ..OutputStyle::default()
    };
    let array = Float64Array::from(vec![0.1 + 0.2, 1.0 / 3.0, 1e15, 123_456.0]);
    expect!["0.3|0.333333333333333|1e+15|123456"].assert_eq(&show(
        &array,
        PgType::new(oid::FLOAT8),
        &style,
    ));
}

#[test]
fn decimals_of_any_width() {
    let narrow = Decimal64Array::from(vec![Some(-5), None, Some(12_345)]);
    check(
        narrow.with_precision_and_scale(10, 2).unwrap(),
        expect!["-0.05|NULL|123.45"],
    );
    let wide = Decimal256Array::from(vec![i256::MAX, i256::from_i128(-1)]);
    check(
        wide.with_precision_and_scale(76, 40).unwrap(),
        expect![
            "5789604461865809771178549250434395392.6634992332820282019728792003956564819967|-0.0000000000000000000000000000000000000001"
        ],
    );
}

#[test]
fn char_is_padded_but_its_text_is_not() {
    let array = StringArray::from(vec![Some("é"), None]);
    let target = PgType::character(oid::BPCHAR, 3);
    expect!["é  |NULL"].assert_eq(&show(&array, target, &OutputStyle::default()));
    let text = to_text_array(&array, target, &OutputStyle::default()).unwrap();
    assert_eq!(text.value(0), "é");
}

#[test]
fn bytea_in_both_forms() {
    let array = BinaryArray::from(vec![&b"a\\\x00\xff"[..], b""]);
    let style = OutputStyle {
        bytea_hex: false,
        ..OutputStyle::default()
    };
    check(array.clone(), expect![[r#"\x615c00ff|\x"#]]);
    expect![[r#"a\\\000\377|"#]].assert_eq(&show(&array, PgType::new(oid::BYTEA), &style));
}

#[test]
fn times_of_other_units() {
    check(
        TimestampNanosecondArray::from(vec![1_500_000_000, -1]),
        expect!["1970-01-01 00:00:01.5|1970-01-01 00:00:00"],
    );
    check(Time32SecondArray::from(vec![3661]), expect!["01:01:01"]);
    check(
        Date64Array::from(vec![86_400_000, -1]),
        expect!["1970-01-02|1969-12-31"],
    );
    check(
        DurationMillisecondArray::from(vec![90_061_001, -86_400_000]),
        expect!["1 day 01:01:01.001|-1 days"],
    );
}

fn list(values: ArrayRef, lengths: [usize; 3], valid: [bool; 3]) -> ListArray {
    let field = Arc::new(Field::new(ELEMENT, values.data_type().clone(), true));
    let nulls = NullBuffer::from(valid.to_vec());
    ListArray::new(
        field,
        OffsetBuffer::from_lengths(lengths),
        values,
        Some(nulls),
    )
}

#[test]
fn lists_are_quoted() {
    let values: ArrayRef = Arc::new(StringArray::from(vec![
        Some("a b"),
        None,
        Some("NULL"),
        Some(""),
        Some("x"),
    ]));
    let array = list(values, [4, 0, 1], [true, false, true]);
    check(
        array.clone(),
        expect![[r#"{"a b",NULL,"NULL",""}|NULL|{x}"#]],
    );
    check(array.slice(2, 1), expect!["{x}"]);
}

#[test]
fn lists_of_lists_and_vectors() {
    let values: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let inner = list(values, [1, 0, 2], [true, true, true]);
    let vector = show(
        &inner,
        PgType::new(oid::INT2VECTOR),
        &OutputStyle::default(),
    );
    expect!["1||2 3"].assert_eq(&vector);
    check(
        list(Arc::new(inner), [2, 0, 1], [true, true, true]),
        expect!["{{1},{}}|{}|{{2,3}}"],
    );
}

fn row() -> StructArray {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![Some(1), None])),
        Arc::new(StringArray::from(vec![Some("a \"b\""), Some("")])),
    ];
    let fields = Fields::from(vec![
        Field::new("a", columns[0].data_type().clone(), true),
        Field::new("b", columns[1].data_type().clone(), true),
    ]);
    StructArray::new(fields, columns, None)
}

#[test]
fn rows_and_maps() {
    check(row(), expect![[r#"(1,"a ""b""")|(,"")"#]]);
    let entries = StructArray::new(
        Fields::from(vec![
            Field::new("keys", arrow::datatypes::DataType::Utf8, false),
            Field::new("values", arrow::datatypes::DataType::Int32, true),
        ]),
        vec![
            Arc::new(StringArray::from(vec!["a", "b"])) as ArrayRef,
            Arc::new(Int32Array::from(vec![Some(1), None])) as ArrayRef,
        ],
        None,
    );
    let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    let map = MapArray::new(field, OffsetBuffer::from_lengths([2]), entries, None, false);
    check(map, expect![[r#"{"(a,1)","(b,)"}"#]]);
}

#[test]
fn dictionaries_show_their_values() {
    let array: DictionaryArray<Int32Type> = vec![Some("a"), None, Some("a")].into_iter().collect();
    check(array, expect!["a|NULL|a"]);
    let empty: DictionaryArray<Int32Type> = vec![None::<&str>, None].into_iter().collect();
    check(empty, expect!["NULL|NULL"]);
}
