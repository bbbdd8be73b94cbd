//! JSON against what PostgreSQL 15 answers.

use expect_test::{Expect, expect};

use super::{normalize, validate};

fn check(texts: &[&str], expected: Expect) {
    let mut lines = String::new();
    for text in texts {
        let line = normalize(text).unwrap_or_else(|error| {
            format!("{} {}", error.code, error.detail.unwrap_or(error.message))
        });
        lines.push_str(&format!("{text} => {line}\n"));
    }
    expected.assert_eq(&lines);
}

#[test]
fn documents_have_one_form() {
    check(
        &[
            "{\"bb\":1,\"a\":2,\"c\":[1,2]}",
            "{\"a\":1,\"a\":2}",
            " [ ] ",
            "{\"a\":{}}",
            "[true,false,null]",
            "1.10",
            "1e5",
            "1.5E-3",
            "-0",
            "-0.0",
            "123.456e-2",
            "0.10e1",
            "\"\\u00e9\\n\\u0001\\/\"",
            "\"\\ud83d\\ude00\"",
        ],
        expect![[r#"
            {"bb":1,"a":2,"c":[1,2]} => {"a": 2, "c": [1, 2], "bb": 1}
            {"a":1,"a":2} => {"a": 2}
             [ ]  => []
            {"a":{}} => {"a": {}}
            [true,false,null] => [true, false, null]
            1.10 => 1.10
            1e5 => 100000
            1.5E-3 => 0.0015
            -0 => 0
            -0.0 => 0.0
            123.456e-2 => 1.23456
            0.10e1 => 1.0
            "\u00e9\n\u0001\/" => "é\n\u0001/"
            "\ud83d\ude00" => "😀"
        "#]],
    );
}

#[test]
fn bad_documents_say_why() {
    check(
        &[
            "",
            "{",
            "nul",
            "[1,]",
            "[,]",
            "{\"a\":}",
            "{\"a\" 1}",
            "{\"a\":1,}",
            "{1:2}",
            "01",
            "1.",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u0000\"",
            "\"\\ud83d\"",
            "1 2",
            "1e140000",
            "\"a\tb\"",
        ],
        expect![[r#"
             => 22P02 The input string ended unexpectedly.
            { => 22P02 The input string ended unexpectedly.
            nul => 22P02 Token "nul" is invalid.
            [1,] => 22P02 Expected JSON value, but found "]".
            [,] => 22P02 Expected JSON value, but found ",".
            {"a":} => 22P02 Expected JSON value, but found "}".
            {"a" 1} => 22P02 Expected ":", but found "1".
            {"a":1,} => 22P02 Expected string, but found "}".
            {1:2} => 22P02 Expected string or "}", but found "1".
            01 => 22P02 Token "01" is invalid.
            1. => 22P02 Token "1." is invalid.
            "a => 22P02 Token ""a" is invalid.
            "\x" => 22P02 Escape sequence "\x" is invalid.
            "\u12" => 22P02 "\u" must be followed by four hexadecimal digits.
            "\u0000" => 22P05 \u0000 cannot be converted to text.
            "\ud83d" => 22P02 Unicode low surrogate must follow a high surrogate.
            1 2 => 22P02 Expected end of input, but found "2".
            1e140000 => 22003 value overflows numeric format
            "a	b" => 22P02 Character with value 0x09 must be escaped.
        "#]],
    );
}

#[test]
fn json_is_checked_but_kept() {
    assert!(validate(" {\"a\" : [1, \"\\ud800\"]} ").is_ok());
    assert!(validate("{\"a\":").is_err());
}

#[test]
fn nesting_has_a_bound() {
    let deep = "[".repeat(100_000);
    assert_eq!(validate(&deep).unwrap_err().code.0, "54001");
    let fair = format!("{}{}", "[".repeat(400), "]".repeat(400));
    assert_eq!(normalize(&fair).unwrap(), fair);
}
