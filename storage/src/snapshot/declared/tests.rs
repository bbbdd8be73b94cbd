//! Declared column types, tested from outside.

use super::*;

#[test]
fn only_plain_literals_are_given_to_ducklake() {
    assert_eq!(literal_value("42").as_deref(), Some("42"));
    assert_eq!(literal_value(" -1.50 ").as_deref(), Some("-1.50"));
    assert_eq!(literal_value("TRUE").as_deref(), Some("true"));
    assert_eq!(literal_value("'it''s'").as_deref(), Some("it's"));
    for expression in [
        "now()",
        "1 + 1",
        "'a' || 'b'",
        "'a'::text",
        "'NULL'",
        "NULL",
        "1.2.3",
        "",
    ] {
        assert_eq!(literal_value(expression), None, "{expression}");
    }
}

#[test]
fn a_default_of_duckdb_becomes_an_expression() {
    assert_eq!(foreign_default(Some("NULL"), Some("literal")), None);
    assert_eq!(
        foreign_default(Some("it's"), Some("literal")).as_deref(),
        Some("'it''s'")
    );
    assert_eq!(
        foreign_default(Some("now()"), Some("expression")).as_deref(),
        Some("now()")
    );
    assert_eq!(foreign_default(None, None), None);
}

#[test]
fn view_columns_come_back() {
    let columns = vec![
        ViewColumn {
            name: "a".to_owned(),
            column_type: ColumnType::Int32,
            comment: None,
        },
        ViewColumn {
            name: "b".to_owned(),
            column_type: ColumnType::List(Box::new(ColumnType::Varchar(Some(5)))),
            comment: Some("c".to_owned()),
        },
        ViewColumn {
            name: "i".to_owned(),
            column_type: ColumnType::Interval,
            comment: None,
        },
    ];
    let text = view_columns_text(&columns);
    assert_eq!(parse_view_columns(&text).expect("our own text"), columns);
}
