//! Nested text of inlined rows, tested from outside.

use expect_test::{Expect, expect};

use super::*;

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&format!("{:?}", Literal::parse(text)));
}

#[test]
fn nested_values_as_duckdb_writes_them() {
    check(
        "[1, 2, NULL]",
        expect![[r#"Some(List([Text("1"), Text("2"), Null]))"#]],
    );
    check("[]", expect!["Some(List([]))"]);
    check(
        "{'x': 1, 'y': 'it''s, ok'}",
        expect![[r#"Some(Struct([("x", Text("1")), ("y", Text("it's, ok"))]))"#]],
    );
    check(
        "[[a b], []]",
        expect![[r#"Some(List([List([Text("a b")]), List([])]))"#]],
    );
}

#[test]
fn what_is_ambiguous_is_refused() {
    for text in ["[it's]", "{k=v}", "[1", "[1] 2", "", "{x: 1}"] {
        assert_eq!(Literal::parse(text), None, "{text}");
    }
    assert_eq!(Literal::parse(&"[".repeat(1000)), None);
}
