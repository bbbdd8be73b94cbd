//! The text form of changes, tested from outside.

use expect_test::{Expect, expect};

use super::*;

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&format!("{:?}", parse(text)));
}

#[test]
fn tokens_keep_commas_and_quotes_in_names() {
    let changes = vec![
        Change::CreatedSchema("a,b".to_owned()),
        Change::CreatedTable("s\"x".to_owned(), "t.u".to_owned()),
        Change::Object(ObjectChange::InsertedIntoTable, 7),
    ];
    let text = encode(&changes);
    expect![[r#"created_schema:"a,b",created_table:"s""x"."t.u",inserted_into_table:7"#]]
        .assert_eq(&text);
    assert_eq!(parse(&text), Some(changes));
}

#[test]
fn old_spellings_foreign_tokens_and_malformed_ones() {
    check(
        "flushed_inlined:3",
        expect!["Some([Object(InlineFlush, 3)])"],
    );
    check(
        r#"created_scalar_macro:"m"."f""#,
        expect![[r#"Some([Foreign("created_scalar_macro:\"m\".\"f\"")])"#]],
    );
    check("", expect!["Some([])"]);
    check("dropped_table:x", expect!["None"]);
    check(r#"created_table:"s""#, expect!["None"]);
    check("nonsense", expect!["None"]);
}
