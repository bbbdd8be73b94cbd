//! Array literals, cut and quoted.

use expect_test::{Expect, expect};

use super::{parse, write_element};

fn check(texts: &[&str], expected: Expect) {
    let mut lines = String::new();
    for text in texts {
        let mut elements = Vec::new();
        let result = parse(text, |element| {
            elements.push(element.map(str::to_owned));
            Ok(())
        });
        let line = match result {
            Ok(()) => format!("{elements:?}"),
            Err(error) => format!("{} {}", error.code, error.detail.unwrap_or(error.message)),
        };
        lines.push_str(&format!("{text} => {line}\n"));
    }
    expected.assert_eq(&lines);
}

#[test]
fn literals_are_cut_into_elements() {
    check(
        &[
            "{}",
            " { } ",
            "{a,b}",
            "{a b , c }",
            "{\"a,b\",\"\"}",
            "{NULL,\"NULL\",nul}",
            "{a\\,b,\\ c\\ }",
            "{\\\"x}",
        ],
        expect![[r#"
            {} => []
             { }  => []
            {a,b} => [Some("a"), Some("b")]
            {a b , c } => [Some("a b"), Some("c")]
            {"a,b",""} => [Some("a,b"), Some("")]
            {NULL,"NULL",nul} => [None, Some("NULL"), Some("nul")]
            {a\,b,\ c\ } => [Some("a,b"), Some(" c ")]
            {\"x} => [Some("\"x")]
        "#]],
    );
}

#[test]
fn malformed_literals_say_why() {
    check(
        &[
            "",
            "1,2",
            "{1",
            "{1}x",
            "{,}",
            "{1,}",
            "{\"a\"b}",
            "{a\"b\"}",
            "{a{b}",
            "{{1}}",
            "[1:1]={1}",
        ],
        expect![[r#"
             => 22P02 Array value must start with "{" or dimension information.
            1,2 => 22P02 Array value must start with "{" or dimension information.
            {1 => 22P02 Unexpected end of input.
            {1}x => 22P02 Junk after closing right brace.
            {,} => 22P02 Unexpected "," character.
            {1,} => 22P02 Unexpected "}" character.
            {"a"b} => 22P02 Unexpected array element.
            {a"b"} => 22P02 Unexpected array element.
            {a{b} => 22P02 Unexpected "{" character.
            {{1}} => 0A000 an array of more than one dimension is not supported
            [1:1]={1} => 0A000 an array literal with bounds is not supported
        "#]],
    );
}

#[test]
fn elements_are_quoted_where_they_must_be() {
    let mut out = Vec::new();
    for text in ["a", "", "null", "a b", "a,b", "{", "\"", "\\", "é"] {
        write_element(&mut out, text.as_bytes());
        out.push(b'|');
    }
    expect![[r#"a|""|"null"|"a b"|"a,b"|"{"|"\""|"\\"|é|"#]]
        .assert_eq(&String::from_utf8(out).unwrap());
}
