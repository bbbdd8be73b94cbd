//! Initial values: what is written into the catalog reads back as the same value.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int32Array, Int64Array, StringViewArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, new_null_array,
};

use super::initial_text;
use crate::error::ErrorKind;
use crate::snapshot::Column;
use crate::spec::ColumnId;
use crate::types::{ColumnType, Refinement};

fn column(column_type: ColumnType, text: Option<String>) -> Column {
    Column {
        id: ColumnId(1),
        name: "c".to_owned(),
        column_type,
        nullable: true,
        default: None,
        initial_default: text,
        comment: None,
        children: Vec::new(),
    }
}

/// Writes a value and reads it back; `expected` is its text.
fn check(column_type: &ColumnType, value: ArrayRef, expected: &str) {
    let text = initial_text(column_type, &value).unwrap();
    assert_eq!(text.as_deref(), Some(expected), "{column_type:?}");
    let back = column(column_type.clone(), text).initial_value().unwrap();
    assert_eq!(format!("{back:?}"), format!("{value:?}"), "{column_type:?}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of values")]
fn values_survive_their_text() {
    let numeric = ColumnType::Numeric {
        precision: 10,
        scale: 2,
    };
    let decimal = |value, precision, scale| -> ArrayRef {
        let array = Decimal128Array::from(vec![value]);
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
    };
    let timestamp =
        |micros| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(vec![micros])) };
    let text = |value: &str| -> ArrayRef { Arc::new(StringViewArray::from(vec![value])) };
    let double = |value: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![value])) };
    check(
        &ColumnType::Boolean,
        Arc::new(BooleanArray::from(vec![true])),
        "true",
    );
    check(
        &ColumnType::Int32,
        Arc::new(Int32Array::from(vec![-7])),
        "-7",
    );
    check(
        &ColumnType::Int64,
        Arc::new(Int64Array::from(vec![i64::MIN])),
        "-9223372036854775808",
    );
    check(
        &ColumnType::Float32,
        Arc::new(Float32Array::from(vec![0.1])),
        "0.1",
    );
    check(&ColumnType::Float64, double(f64::NAN), "nan");
    check(&ColumnType::Float64, double(f64::NEG_INFINITY), "-inf");
    check(&ColumnType::Float64, double(1e300), "1e300");
    check(&numeric, decimal(-150, 10, 2), "-1.50");
    check(
        &ColumnType::NumericUnbounded,
        decimal(1, 38, 10),
        "0.0000000001",
    );
    check(&ColumnType::Text, text("it's"), "it's");
    check(&ColumnType::Text, text("NULL"), "NULL");
    check(&ColumnType::Varchar(Some(3)), text(""), "");
    check(&ColumnType::Jsonb, text("{\"a\": 1}"), "{\"a\": 1}");
    check(
        &ColumnType::Bytea,
        Arc::new(BinaryViewArray::from_iter_values([b"\xff\x00a\\'"])),
        "\\xFF\\x00a\\x5C\\x27",
    );
    check(
        &ColumnType::Date,
        Arc::new(Date32Array::from(vec![i32::MAX])),
        "infinity",
    );
    check(
        &ColumnType::Date,
        Arc::new(Date32Array::from(vec![-735_599])),
        "0045-01-01 (BC)",
    );
    check(
        &ColumnType::Time,
        Arc::new(Time64MicrosecondArray::from(vec![3_723_500_000])),
        "01:02:03.5",
    );
    check(
        &ColumnType::Timestamp,
        timestamp(-1),
        "1969-12-31 23:59:59.999999",
    );
    check(
        &ColumnType::Refined(Refinement::Timestamp(3)),
        timestamp(0),
        "1970-01-01 00:00:00",
    );
    let zoned = TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC");
    check(
        &ColumnType::TimestampTz,
        Arc::new(zoned),
        "1970-01-01 00:00:00+00",
    );
    let uuid = FixedSizeBinaryArray::try_from_iter([[0xab; 16]].iter()).unwrap();
    check(
        &ColumnType::Uuid,
        Arc::new(uuid),
        "abababab-abab-abab-abab-abababababab",
    );
}

#[test]
fn null_has_no_text_and_nested_types_are_refused() {
    let list = ColumnType::List(Box::new(ColumnType::Int32));
    for column_type in [ColumnType::Int32, list.clone(), ColumnType::Interval] {
        let null = new_null_array(&column_type.arrow_type(), 1);
        assert_eq!(initial_text(&column_type, &null).unwrap(), None);
        let back = column(column_type, None).initial_value().unwrap();
        assert_eq!((back.len(), back.null_count()), (1, 1));
    }
    let values = Int32Array::from(vec![1]);
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([1]);
    let field = arrow::datatypes::Field::new("element", values.data_type().clone(), true);
    let array = arrow::array::ListArray::new(Arc::new(field), offsets, Arc::new(values), None);
    let array: ArrayRef = Arc::new(array);
    assert_eq!(
        initial_text(&list, &array).unwrap_err().kind,
        ErrorKind::Unsupported
    );
}

#[test]
fn a_text_of_another_type_is_corrupt() {
    let bad = column(ColumnType::Int32, Some("x".to_owned())).initial_value();
    assert_eq!(bad.unwrap_err().kind, ErrorKind::Corrupt);
}
