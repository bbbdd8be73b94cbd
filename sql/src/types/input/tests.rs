//! Text goes in and comes out again as PostgreSQL 15 shows it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray};
use expect_test::{Expect, expect};

use super::{Builder, InputStyle, cast_text};
use crate::error::SqlError;
use crate::types::output::{OutputStyle, encode};
use crate::types::{PgType, oid};

fn show(target: PgType, text: &str) -> Result<String, SqlError> {
    let mut builder = Builder::new(target)?;
    builder.append_text(text, &InputStyle::default())?;
    let array = builder.finish();
    assert_eq!(array.data_type(), &target.arrow_type());
    let column = encode(&array, target, &OutputStyle::default())?;
    Ok(String::from_utf8(column.value(0).unwrap().to_vec()).unwrap())
}

fn describe(error: &SqlError) -> String {
    let detail = error
        .detail
        .as_deref()
        .map(|text| format!(" | {text}"))
        .unwrap_or_default();
    format!("{} {}{detail}", error.code, error.message)
}

fn check(target: PgType, texts: &[&str], expected: Expect) {
    let mut out = String::new();
    for text in texts {
        let line = show(target, text).unwrap_or_else(|error| describe(&error));
        out.push_str(&format!("{text:?} => {line}\n"));
    }
    expected.assert_eq(&out);
}

#[test]
fn booleans_are_any_clear_start_of_a_word() {
    check(
        PgType::new(oid::BOOL),
        &["t", " TRUE ", "ye", "on", "of", "0", "o", "", "truex"],
        expect![[r#"
            "t" => t
            " TRUE " => t
            "ye" => t
            "on" => t
            "of" => f
            "0" => f
            "o" => 22P02 invalid input syntax for type boolean: "o"
            "" => 22P02 invalid input syntax for type boolean: ""
            "truex" => 22P02 invalid input syntax for type boolean: "truex"
        "#]],
    );
}

#[test]
fn integers_take_spaces_and_a_sign() {
    let texts = [
        " 42 ",
        "-0",
        "+7",
        "2147483647",
        "2147483648",
        "1.5",
        "0x1F",
        "",
        "--1",
    ];
    check(
        PgType::new(oid::INT4),
        &texts,
        expect![[r#"
        " 42 " => 42
        "-0" => 0
        "+7" => 7
        "2147483647" => 2147483647
        "2147483648" => 22003 value "2147483648" is out of range for type integer
        "1.5" => 22P02 invalid input syntax for type integer: "1.5"
        "0x1F" => 22P02 invalid input syntax for type integer: "0x1F"
        "" => 22P02 invalid input syntax for type integer: ""
        "--1" => 22P02 invalid input syntax for type integer: "--1"
    "#]],
    );
    check(
        PgType::new(oid::INT2),
        &["-32768", "32768"],
        expect![[r#"
        "-32768" => -32768
        "32768" => 22003 value "32768" is out of range for type smallint
    "#]],
    );
    check(
        PgType::new(oid::INT8),
        &["-9223372036854775808", "9223372036854775808"],
        expect![[r#"
            "-9223372036854775808" => -9223372036854775808
            "9223372036854775808" => 22003 value "9223372036854775808" is out of range for type bigint
        "#]],
    );
}

#[test]
fn oids_wrap_as_in_postgres() {
    check(
        PgType::new(oid::OID),
        &["1", "-1", "4294967296", "x"],
        expect![[r#"
        "1" => 1
        "-1" => 4294967295
        "4294967296" => 22003 value "4294967296" is out of range for type oid
        "x" => 22P02 invalid input syntax for type oid: "x"
    "#]],
    );
    check(
        PgType::new(oid::REGCLASS),
        &["1259", "-"],
        expect![[r#"
        "1259" => 1259
        "-" => 0
    "#]],
    );
}

#[test]
fn floats_take_infinity_and_refuse_what_is_lost() {
    let texts = [
        "1e20",
        ".5",
        "5.",
        "inf",
        "-Infinity",
        "NaN",
        "1e400",
        "1e-400",
        "0e400",
        "1e",
    ];
    check(
        PgType::new(oid::FLOAT8),
        &texts,
        expect![[r#"
        "1e20" => 1e+20
        ".5" => 0.5
        "5." => 5
        "inf" => Infinity
        "-Infinity" => -Infinity
        "NaN" => NaN
        "1e400" => 22003 "1e400" is out of range for type double precision
        "1e-400" => 22003 "1e-400" is out of range for type double precision
        "0e400" => 0
        "1e" => 22P02 invalid input syntax for type double precision: "1e"
    "#]],
    );
    check(
        PgType::new(oid::FLOAT4),
        &["0.3", "1e40", "1e-46"],
        expect![[r#"
        "0.3" => 0.3
        "1e40" => 22003 "1e40" is out of range for type real
        "1e-46" => 22003 "1e-46" is out of range for type real
    "#]],
    );
}

#[test]
fn numeric_rounds_half_away_from_zero_and_refuses_overflow() {
    let texts = [
        "1",
        "1.005",
        "-1.005",
        "99999999.994",
        "99999999.995",
        "1e5",
        "1e-5",
        "NaN",
        "1..2",
    ];
    check(
        PgType::numeric(10, 2),
        &texts,
        expect![[r#"
        "1" => 1.00
        "1.005" => 1.01
        "-1.005" => -1.01
        "99999999.994" => 99999999.99
        "99999999.995" => 22003 numeric field overflow | A field with precision 10, scale 2 must round to an absolute value less than 10^8.
        "1e5" => 100000.00
        "1e-5" => 0.00
        "NaN" => 0A000 the numeric value "NaN" is not supported
        "1..2" => 22P02 invalid input syntax for type numeric: "1..2"
    "#]],
    );
    check(
        PgType::numeric(5, -2),
        &["12350", "-12349", "9999950"],
        expect![[r#"
        "12350" => 12400
        "-12349" => -12300
        "9999950" => 22003 numeric field overflow | A field with precision 5, scale -2 must round to an absolute value less than 10^7.
    "#]],
    );
    check(
        PgType::numeric(2, 2),
        &["0.99", "0.995"],
        expect![[r#"
        "0.99" => 0.99
        "0.995" => 22003 numeric field overflow | A field with precision 2, scale 2 must round to an absolute value less than 1.
    "#]],
    );
    check(
        PgType::new(oid::NUMERIC),
        &[
            "1.50",
            "9999999999999999999999999999",
            "10000000000000000000000000000",
        ],
        expect![[r#"
            "1.50" => 1.5
            "9999999999999999999999999999" => 9999999999999999999999999999
            "10000000000000000000000000000" => 22003 numeric field overflow | A field with precision 38, scale 10 must round to an absolute value less than 10^28.
        "#]],
    );
}

#[test]
fn char_and_varchar_refuse_all_but_spaces() {
    check(
        PgType::character(oid::VARCHAR, 3),
        &["abc", "abc  ", "abcd", "éüö"],
        expect![[r#"
            "abc" => abc
            "abc  " => abc
            "abcd" => 22001 value too long for type character varying(3)
            "éüö" => éüö
        "#]],
    );
    check(
        PgType::character(oid::BPCHAR, 3),
        &["a", "a  ", "abcd", "é"],
        expect![[r#"
        "a" => a  
        "a  " => a  
        "abcd" => 22001 value too long for type character(3)
        "é" => é  
    "#]],
    );
}

#[test]
fn a_written_cast_cuts() {
    let array: ArrayRef = Arc::new(StringArray::from(vec![Some("abcdef"), None, Some("é")]));
    let target = PgType::character(oid::VARCHAR, 3);
    let cut = cast_text(&array, target, &InputStyle::default(), true).unwrap();
    let column = encode(&cut, target, &OutputStyle::default()).unwrap();
    assert_eq!(column.value(0), Some(&b"abc"[..]));
    assert_eq!(column.value(1), None);
    assert!(cast_text(&array, target, &InputStyle::default(), false).is_err());
}

#[test]
fn bytea_and_uuid() {
    let texts = [
        "\\x6162",
        "\\xDE ad",
        "\\xzz",
        "\\x123",
        "a\\101\\\\",
        "a\\9",
    ];
    check(
        PgType::new(oid::BYTEA),
        &texts,
        expect![[r#"
        "\\x6162" => \x6162
        "\\xDE ad" => \xdead
        "\\xzz" => 22023 invalid hexadecimal digit: "z"
        "\\x123" => 22023 invalid hexadecimal data: odd number of digits
        "a\\101\\\\" => \x61415c
        "a\\9" => 22P02 invalid input syntax for type bytea
    "#]],
    );
    let texts = [
        "A0EEBC999C0B4EF8BB6D6BB9BD380A11",
        "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
        "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
        "zz",
    ];
    check(
        PgType::new(oid::UUID),
        &texts,
        expect![[r#"
        "A0EEBC999C0B4EF8BB6D6BB9BD380A11" => a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11
        "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}" => a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11
        "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11" => a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11
        "zz" => 22P02 invalid input syntax for type uuid: "zz"
    "#]],
    );
}

#[test]
fn arrays_of_any_element() {
    let int = PgType::new(oid::INT4).array().unwrap();
    check(
        int,
        &["{1, NULL ,3}", "{}", "{1,,2}", "{x}", "{{1}}", "{1}x"],
        expect![[r#"
        "{1, NULL ,3}" => {1,NULL,3}
        "{}" => {}
        "{1,,2}" => 22P02 malformed array literal: "{1,,2}" | Unexpected "," character.
        "{x}" => 22P02 invalid input syntax for type integer: "x"
        "{{1}}" => 0A000 an array of more than one dimension is not supported
        "{1}x" => 22P02 malformed array literal: "{1}x" | Junk after closing right brace.
    "#]],
    );
    let text = PgType::new(oid::TEXT).array().unwrap();
    check(
        text,
        &["{\"NULL\",null,\"a b\",\"\"}", "{a\\,b,\"c\\\"\"}"],
        expect![[r#"
        "{\"NULL\",null,\"a b\",\"\"}" => {"NULL",NULL,"a b",""}
        "{a\\,b,\"c\\\"\"}" => {"a,b","c\""}
    "#]],
    );
    check(
        PgType::new(oid::INT2VECTOR),
        &["1 2 3", ""],
        expect![[r#"
        "1 2 3" => 1 2 3
        "" => 
    "#]],
    );
}

#[test]
fn a_finished_builder_goes_on_empty() {
    let mut builder = Builder::new(PgType::new(oid::INT4).array().unwrap()).unwrap();
    builder
        .append_text("{1,2}", &InputStyle::default())
        .unwrap();
    builder.append_null();
    assert_eq!((builder.len(), builder.finish().len()), (2, 2));
    builder.append_text("{3}", &InputStyle::default()).unwrap();
    let array = builder.finish();
    assert_eq!((array.len(), array.null_count()), (1, 0));
}

#[test]
fn pseudo_types_have_no_input() {
    let error = Builder::new(PgType::new(oid::RECORD)).unwrap_err();
    assert_eq!(
        describe(&error),
        "0A000 input of a value of type record is not supported"
    );
}
