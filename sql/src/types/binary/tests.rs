//! Binary values against what PostgreSQL 15 sends, and back.

use std::sync::Arc;

use arrow::array::{Array, Decimal256Array, Int64Array, StructArray};
use arrow::datatypes::{DataType, Field, Fields, i256};
use expect_test::{Expect, expect};

use super::{Builder, encode_binary};
use crate::types::input::{self, InputStyle};
use crate::types::{PgType, oid};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends each text, receives it again, and shows the bytes.
fn check(target: PgType, texts: &[&str], expected: Expect) {
    let mut lines = String::new();
    for text in texts {
        let mut builder = input::Builder::new(target).unwrap();
        builder.append_text(text, &InputStyle::default()).unwrap();
        builder.append_null();
        let array = builder.finish();
        let column = encode_binary(&array, target).unwrap();
        assert_eq!(column.value(1), None);
        let bytes = column.value(0).unwrap();
        let mut back = Builder::new(target).unwrap();
        back.append(bytes).unwrap();
        back.append_null();
        assert_eq!((back.len(), &back.finish()), (2, &array));
        lines.push_str(&format!("{text} {}\n", hex(bytes)));
    }
    expected.assert_eq(&lines);
}

#[test]
fn numbers() {
    check(
        PgType::new(oid::BOOL),
        &["t", "f"],
        expect![[r#"
        t 01
        f 00
    "#]],
    );
    check(
        PgType::new(oid::INT2),
        &["-2"],
        expect![[r#"
        -2 fffe
    "#]],
    );
    check(
        PgType::new(oid::INT4),
        &["258"],
        expect![[r#"
        258 00000102
    "#]],
    );
    check(
        PgType::new(oid::INT8),
        &["-1"],
        expect![[r#"
        -1 ffffffffffffffff
    "#]],
    );
    check(
        PgType::new(oid::OID),
        &["4294967295"],
        expect![[r#"
        4294967295 ffffffff
    "#]],
    );
    check(
        PgType::new(oid::FLOAT4),
        &["1.5"],
        expect![[r#"
        1.5 3fc00000
    "#]],
    );
    check(
        PgType::new(oid::FLOAT8),
        &["-0.1"],
        expect![[r#"
        -0.1 bfb999999999999a
    "#]],
    );
}

#[test]
fn text_and_bytes() {
    check(
        PgType::new(oid::TEXT),
        &["é"],
        expect![[r#"
        é c3a9
    "#]],
    );
    check(
        PgType::character(oid::BPCHAR, 3),
        &["a"],
        expect![[r#"
        a 612020
    "#]],
    );
    check(
        PgType::new(oid::BYTEA),
        &["\\x00ff"],
        expect![[r#"
        \x00ff 00ff
    "#]],
    );
    check(
        PgType::new(oid::JSONB),
        &["{\"a\":1}"],
        expect![[r#"
        {"a":1} 017b2261223a20317d
    "#]],
    );
}

#[test]
fn times_count_from_2000() {
    check(
        PgType::new(oid::DATE),
        &["2000-01-02", "infinity", "1999-12-31"],
        expect![[r#"
        2000-01-02 00000001
        infinity 7fffffff
        1999-12-31 ffffffff
    "#]],
    );
    check(
        PgType::new(oid::TIME),
        &["10:00"],
        expect![[r#"
        10:00 0000000861c46800
    "#]],
    );
    check(
        PgType::new(oid::TIMESTAMP),
        &["2000-01-01 00:00:01", "-infinity"],
        expect![[r#"
        2000-01-01 00:00:01 00000000000f4240
        -infinity 8000000000000000
    "#]],
    );
    check(
        PgType::new(oid::TIMESTAMPTZ),
        &["2000-01-01 09:00:00+09"],
        expect![[r#"
        2000-01-01 09:00:00+09 0000000000000000
    "#]],
    );
    check(
        PgType::new(oid::INTERVAL),
        &["1 mon -2 days 00:00:01"],
        expect![[r#"
        1 mon -2 days 00:00:01 00000000000f4240fffffffe00000001
    "#]],
    );
}

#[test]
fn numeric_in_groups_of_four_digits() {
    let texts = [
        "0",
        "1",
        "-1.5",
        "10000",
        "12345678.9",
        "0.0001",
        "0.00001",
        "100000000",
    ];
    check(
        PgType::numeric(20, 5),
        &texts,
        expect![[r#"
        0 0000000000000005
        1 00010000000000050001
        -1.5 000200004000000500011388
        10000 00010001000000050001
        12345678.9 000300010000000504d2162e2328
        0.0001 0001ffff000000050001
        0.00001 0001fffe0000000503e8
        100000000 00010002000000050001
    "#]],
    );
    check(
        PgType::numeric(10, -3),
        &["12345000"],
        expect![[r#"
        12345000 000200010000000004d21388
    "#]],
    );
    let texts = ["-99999999999999999999999999999999999999"];
    check(
        PgType::numeric(38, 0),
        &texts,
        expect![[r#"
        -99999999999999999999999999999999999999 000a0009400000000063270f270f270f270f270f270f270f270f270f
    "#]],
    );
    let texts = ["0.12345678901234567890123456789012345678"];
    check(
        PgType::numeric(38, 38),
        &texts,
        expect![[r#"
        0.12345678901234567890123456789012345678 000affff0000002604d2162e23340d801ed204d2162e23340d801e78
    "#]],
    );
}

#[test]
fn wide_decimals_are_sent() {
    let value = i256::from_string("1234567890123456789012345678901234567890123").unwrap();
    let array = Decimal256Array::from(vec![value])
        .with_precision_and_scale(76, 5)
        .unwrap();
    let column = encode_binary(&array, PgType::new(oid::NUMERIC)).unwrap();
    expect!["000c000900000005000c0d801ed204d2162e23340d801ed204d2162e23340bb8"]
        .assert_eq(&hex(column.value(0).unwrap()));
}

#[test]
fn arrays_and_vectors() {
    let int = PgType::new(oid::INT4).array().unwrap();
    check(
        int,
        &["{1,NULL}", "{}"],
        expect![[r#"
        {1,NULL} 00000001000000010000001700000002000000010000000400000001ffffffff
        {} 000000000000000000000017
    "#]],
    );
    check(
        PgType::new(oid::INT2VECTOR),
        &["1 2", ""],
        expect![[r#"
        1 2 0000000100000000000000150000000200000000000000020001000000020002
         0000000100000000000000150000000000000000
    "#]],
    );
}

#[test]
fn rows_carry_the_types_of_their_members() {
    let fields = Fields::from(vec![Field::new("a", DataType::Int64, true)]);
    let array = StructArray::new(
        fields,
        vec![Arc::new(Int64Array::from(vec![Some(1), None]))],
        None,
    );
    let column = encode_binary(&array, PgType::new(oid::RECORD)).unwrap();
    assert_eq!(array.len(), 2);
    expect!["0000000100000014000000080000000000000001"].assert_eq(&hex(column.value(0).unwrap()));
    expect!["0000000100000014ffffffff"].assert_eq(&hex(column.value(1).unwrap()));
}

#[test]
fn another_integer_is_cast_to_the_type() {
    let array = Int64Array::from(vec![7]);
    let column = encode_binary(&array, PgType::new(oid::INT4)).unwrap();
    assert_eq!(column.value(0), Some(&[0, 0, 0, 7][..]));
    let array = Int64Array::from(vec![i64::MAX]);
    assert!(encode_binary(&array, PgType::new(oid::INT4)).is_err());
}

#[test]
fn wrong_bytes_are_refused() {
    let mut lines = String::new();
    let cases: [(PgType, &[u8]); 8] = [
        (PgType::new(oid::INT4), &[1, 2]),
        (PgType::new(oid::INT4), &[1, 2, 3, 4, 5]),
        (PgType::new(oid::TEXT), &[0xff]),
        (PgType::new(oid::JSONB), b"\x02{}"),
        (PgType::numeric(5, 0), &[0, 1, 0, 0, 0, 0, 0, 0]),
        (PgType::numeric(5, 0), &[0, 0, 0, 0, 0xc0, 0, 0, 0]),
        (PgType::numeric(5, 0), &[0, 1, 0, 2, 0, 0, 0, 0, 0, 1]),
        (PgType::new(oid::INT4).array().unwrap(), &[0, 0, 0, 9]),
    ];
    for (target, bytes) in cases {
        let error = Builder::new(target).unwrap().append(bytes).unwrap_err();
        lines.push_str(&format!("{} {}\n", error.code, error.message));
    }
    expect![[r#"
        22P03 insufficient data left in message
        22P03 incorrect binary data format
        22021 invalid byte sequence for encoding "UTF8": 0xff
        22P03 unsupported jsonb version number
        22P03 invalid length in external "numeric" value
        0A000 the numeric value NaN or infinity is not supported
        22003 numeric field overflow
        22P03 invalid number of dimensions: 9
    "#]]
    .assert_eq(&lines);
}
