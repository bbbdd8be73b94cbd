//! Runs aggregates through the engine, over one and over several partitions.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::error::SqlError;
use crate::functions::tests::context;
use crate::types::PgType;
use crate::types::output::to_text_array;

const NAMES: &[&str] = &[
    "single_value",
    "string_agg",
    "listagg",
    "array_agg",
    "mode",
    "median",
    "percentile_disc",
    "json_agg",
    "jsonb_agg",
    "json_object_agg",
    "every",
];

/// Groups and values; `k` is 1 for the first half.
const ROWS: &str = "(VALUES (1, 'b', 3.5), (1, 'a', 1.0), (1, NULL, 2.0), (2, 'c', 7.0), \
                    (2, 'c', 8.0), (2, 'd', 7.0)) AS t(k, s, x)";

async fn answer(sql: &str, partitions: usize) -> Result<String, SqlError> {
    let mut config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_batch_size(2);
    config.options_mut().sql_parser.parse_float_as_decimal = true;
    let engine = SessionContext::new_with_config(config);
    let context = context();
    for name in NAMES {
        let aggregate = super::aggregate(name, &context).unwrap();
        engine.register_udaf(aggregate.as_ref().clone());
    }
    let frame = engine.sql(sql).await?;
    let batches = frame.collect().await?;
    let mut shown = Vec::new();
    for batch in &batches {
        let field = batch.schema().field(0).clone();
        let pg_type = PgType::of_field(&field);
        let texts = to_text_array(batch.column(0), pg_type, &context.style)?;
        let texts: &dyn Array = &texts;
        let texts = texts.as_string_view();
        shown.extend(texts.iter().map(|text| text.unwrap_or("NULL").to_owned()));
    }
    Ok(shown.join(" | "))
}

fn check(expression: &str, expected: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let all = format!("SELECT {expression} AS v FROM {ROWS}");
    let grouped =
        format!("SELECT v FROM (SELECT k, {expression} AS v FROM {ROWS} GROUP BY k) ORDER BY k");
    for partitions in [1, 3] {
        let answers: Vec<String> = [&all, &grouped]
            .into_iter()
            .map(|sql| match runtime.block_on(answer(sql, partitions)) {
                Ok(text) => text,
                Err(error) => format!("ERROR {}: {error}", error.code),
            })
            .collect();
        assert_eq!(
            answers.join(" / "),
            expected,
            "{expression} over {partitions} partitions"
        );
    }
}

#[test]
fn texts_are_joined_in_the_order_asked_for() {
    check("string_agg(s, ',' ORDER BY s)", "a,b,c,c,d / a,b | c,c,d");
    check(
        "string_agg(s, ',' ORDER BY s DESC)",
        "d,c,c,b,a / b,a | d,c,c",
    );
    check(
        "string_agg(DISTINCT s, ',' ORDER BY s)",
        "a,b,c,d / a,b | c,d",
    );
    check("listagg(s ORDER BY x, s)", "abcdc / ab | cdc");
    check(
        "string_agg(s, '-' ORDER BY x, s) FILTER (WHERE k > 2)",
        "NULL / NULL | NULL",
    );
}

#[test]
fn arrays_keep_nulls() {
    check(
        "array_agg(s ORDER BY x, s)",
        "{a,NULL,b,c,d,c} / {a,NULL,b} | {c,d,c}",
    );
    check(
        "array_agg(k ORDER BY k) FILTER (WHERE s IS NULL)",
        "{1} / {1} | NULL",
    );
}

#[test]
fn ordered_sets_pick_values() {
    check("mode() WITHIN GROUP (ORDER BY s)", "c / a | c");
    check(
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY x)",
        "3.5 / 2.0 | 7.0",
    );
    check(
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY x DESC)",
        "7.0 / 2.0 | 7.0",
    );
    check("median(x)", "5.25 / 2 | 7");
}

#[test]
fn documents_are_built() {
    check(
        "json_agg(s ORDER BY x, s)",
        "[\"a\", null, \"b\", \"c\", \"d\", \"c\"] / \
        [\"a\", null, \"b\"] | [\"c\", \"d\", \"c\"]",
    );
    check(
        "json_object_agg(x, s ORDER BY x, s) FILTER (WHERE k = 1)",
        "{ \"1.0\" : \"a\", \"2.0\" : null, \"3.5\" : \"b\" } / \
         { \"1.0\" : \"a\", \"2.0\" : null, \"3.5\" : \"b\" } | NULL",
    );
}

#[test]
fn a_scalar_subquery_gives_one_row() {
    check(
        "single_value(x) FILTER (WHERE s = 'a' OR s = 'd')",
        "ERROR 21000: more than one row \
        returned by a subquery used as an expression / 1.0 | 7.0",
    );
    check(
        "single_value(s) FILTER (WHERE s IS NULL)",
        "NULL / NULL | NULL",
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let empty = runtime.block_on(answer(
        "SELECT single_value(x) FROM (VALUES (1)) t(x) WHERE x > 1",
        1,
    ));
    assert_eq!(empty.unwrap(), "NULL");
}

/// Clones are what the engine makes of a registered aggregate.
#[test]
fn bound_aggregates_are_equal_within_a_statement() {
    let context = context();
    let first = super::aggregate("array_agg", &context).unwrap();
    let second = super::aggregate("array_agg", &context).unwrap();
    assert_eq!(first, second);
    assert_eq!(Arc::strong_count(&context), 3);
}
