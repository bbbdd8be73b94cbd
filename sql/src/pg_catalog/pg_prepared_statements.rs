//! `pg_prepared_statements`: those of the session that asks.

use super::Definition;
use super::rows::{Rows, cells};
use crate::context::StatementContext;

pub(super) const PG_PREPARED_STATEMENTS: Definition = Definition {
    name: "pg_prepared_statements",
    oid: 12095,
    columns: "name:text statement:text prepare_time:timestamptz parameter_types:regtype[] \
              from_sql:bool generic_plans:int8 custom_plans:int8",
    current: push_statements,
    ..Definition::VIEW
};

/// Every execution is planned with its values, which is PostgreSQL's custom plan; how
/// often is not counted.
fn push_statements(context: &StatementContext, rows: &mut Rows) {
    for prepared in &context.prepared {
        let types: Vec<i64> = prepared
            .parameters
            .iter()
            .map(|parameter| i64::from(parameter.oid))
            .collect();
        rows.push(cells![
            prepared.name.as_str(),
            prepared.text.as_ref(),
            prepared.prepared_at,
            types,
            prepared.is_from_sql,
            0_i64,
            0_i64,
        ]);
    }
}
