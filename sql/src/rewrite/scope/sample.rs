//! TABLESAMPLE: a table's rows, each taken by chance.
//!
//! BERNOULLI and SYSTEM both choose row by row: pages, of which SYSTEM takes all rows
//! or none, do not exist here. With REPEATABLE the choice depends on the row's values,
//! on how many equal rows came before it, and on the seed, never on the order in which
//! files are read.
//!
//! Source: PostgreSQL 15 manual, SELECT, TABLESAMPLE.

use sqlparser::ast::{
    Expr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor,
    TableSample, TableSampleKind, TableSampleMethod, Value, WindowType,
};

use super::Walker;
use crate::error::SqlError;
use crate::rewrite::build::{call, take, value};
use crate::sqlstate;

/// Decides by chance.
pub(crate) const RANDOM: &str = "$sample";

/// The number of a row among its equals.
const NUMBER: &str = "\u{1}number";

/// Decides by a seed and the values of a row.
pub(crate) const SEEDED: &str = "$sample_seeded";

/// A sampled table as a query with a condition.
///
/// Errors: `0A000` for a view, a WITH query and other forms of TABLESAMPLE.
pub(super) fn replace(walker: &Walker<'_>, factor: &mut TableFactor) -> Result<(), SqlError> {
    let TableFactor::Table {
        name,
        alias,
        sample,
        ..
    } = factor
    else {
        return Ok(());
    };
    let Some(TableSampleKind::AfterTableAlias(sample) | TableSampleKind::BeforeTableAlias(sample)) =
        sample.take()
    else {
        return Ok(());
    };
    if walker.is_cte(name) || !walker.catalog.is_table(name) {
        return Err(SqlError::with_code(
            sqlstate::FEATURE_NOT_SUPPORTED,
            "TABLESAMPLE clause can only be applied to tables and materialized views",
        ));
    }
    let percentage = percentage(&sample)?;
    let query = match sample.seed {
        None => by_chance(name, percentage)?,
        Some(seed) => {
            let columns = walker.catalog.columns(name).unwrap_or_default();
            by_seed(name, &columns, percentage, Expr::Value(seed.value))?
        }
    };
    let own = crate::parse::name_parts(name).pop().unwrap_or_default();
    let alias = alias.take().unwrap_or_else(|| TableAlias {
        explicit: true,
        name: quoted(&own),
        columns: Vec::new(),
        at: None,
    });
    *factor = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query),
        alias: Some(alias),
        sample: None,
    };
    Ok(())
}

fn by_chance(table: &ObjectName, percentage: Expr) -> Result<Query, SqlError> {
    let mut query = crate::parse::parse_query("SELECT * FROM t")?;
    let random = call("random", Vec::new());
    if let SetExpr::Select(select) = query.body.as_mut() {
        name_table(select, table);
        select.selection = Some(call(RANDOM, vec![percentage, random]));
    }
    Ok(query)
}

/// Equal rows are numbered, so that each is chosen for itself.
fn by_seed(
    table: &ObjectName,
    columns: &[String],
    percentage: Expr,
    seed: Expr,
) -> Result<Query, SqlError> {
    let references = || {
        columns
            .iter()
            .map(|column| Expr::Identifier(quoted(column)))
    };
    let mut inner =
        crate::parse::parse_query("SELECT *, row_number() OVER (PARTITION BY 1) FROM t")?;
    if let SetExpr::Select(select) = inner.body.as_mut() {
        name_table(select, table);
        if let Some(item) = select.projection.last_mut() {
            number(item, references().collect());
        }
    }
    let mut args = vec![percentage, seed, Expr::Identifier(quoted(NUMBER))];
    args.extend(references());
    let mut query = crate::parse::parse_query("SELECT 1 FROM (SELECT 1) AS rows")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = references().map(SelectItem::UnnamedExpr).collect();
        select.selection = Some(call(SEEDED, args));
        if let Some(item) = select.from.first_mut()
            && let TableFactor::Derived { subquery, .. } = &mut item.relation
        {
            **subquery = inner;
        }
    }
    Ok(query)
}

/// The number of a row among its equals, under its name.
fn number(item: &mut SelectItem, mut identity: Vec<Expr>) {
    let SelectItem::UnnamedExpr(expr) = item else {
        return;
    };
    if identity.is_empty() {
        identity.push(value(Value::Boolean(true)));
    }
    let mut numbered = take(expr);
    if let Expr::Function(function) = &mut numbered
        && let Some(WindowType::WindowSpec(spec)) = &mut function.over
    {
        spec.partition_by = identity;
    }
    *item = SelectItem::ExprWithAlias {
        expr: numbered,
        alias: quoted(NUMBER),
    };
}

fn name_table(select: &mut Select, table: &ObjectName) {
    if let Some(item) = select.from.first_mut()
        && let TableFactor::Table { name, .. } = &mut item.relation
    {
        *name = table.clone();
    }
}

fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

/// Errors: `42704` for a method that does not exist, `0A000` for Hive's forms.
fn percentage(sample: &TableSample) -> Result<Expr, SqlError> {
    let is_known = matches!(
        sample.name,
        Some(TableSampleMethod::Bernoulli | TableSampleMethod::System)
    );
    let quantity = sample.quantity.as_ref();
    let (true, Some(quantity), None, None) = (is_known, quantity, &sample.bucket, &sample.offset)
    else {
        return Err(SqlError::not_supported("this form of TABLESAMPLE"));
    };
    if quantity.unit.is_some() {
        return Err(SqlError::not_supported("this form of TABLESAMPLE"));
    }
    Ok(quantity.value.clone())
}
