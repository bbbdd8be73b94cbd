//! Rows into tables: what every way of inserting shares.
//!
//! Source rows are projected to the table's columns (assignment casts, defaults),
//! followed by one boolean for each CHECK; the [`Sink`] tests NOT NULL and those
//! booleans, and writes the rest. Nothing of a failed statement is kept.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder};
use gotgan_storage::Column as StoredColumn;
use gotgan_storage::{Constraint, Table};
use sqlparser::ast;

use crate::access::check::{Shown, Writer};
use crate::cast::{CastKind, udf};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::plan::{Place, Planner, refuse_in};
use crate::sequence;
use crate::types::output::{self, OutputStyle};
use crate::types::{PgType, column_field, oid};

mod new_rows;
mod sorter;

pub(crate) use new_rows::{NewRows, RowWriter};
pub(crate) use sorter::Sorter;

/// The table's columns as a schema without qualifiers.
pub(crate) fn table_schema(table: &Table) -> Result<DFSchema, SqlError> {
    Ok(DFSchema::try_from(arrow_schema(table).as_ref().clone())?)
}

pub(crate) fn arrow_schema(table: &Table) -> SchemaRef {
    let fields: Vec<_> = table
        .columns
        .iter()
        .map(|column| column_field(&column.name, &column.column_type, true))
        .collect();
    Arc::new(Schema::new(fields))
}

/// A value for each column of the table, in order: `given` by column, else the
/// default, else NULL.
pub(crate) fn target_values(
    planner: &Planner,
    table: &Table,
    given: &[(usize, Expr)],
    source: &DFSchema,
) -> Result<Vec<Expr>, SqlError> {
    let mut values = Vec::with_capacity(table.columns.len());
    for (index, column) in table.columns.iter().enumerate() {
        let target = PgType::of_column(&column.column_type);
        let value = match given.iter().find(|(position, _)| *position == index) {
            Some((_, expr)) => assign(expr.clone(), &column.name, target, source, &planner.ctx)?,
            None => column_default(planner, table, column)?,
        };
        values.push(value.alias(column.name.as_str()));
    }
    Ok(values)
}

/// What a column gets where no value is given, as its type.
pub(crate) fn column_default(
    planner: &Planner,
    table: &Table,
    column: &StoredColumn,
) -> Result<Expr, SqlError> {
    let target = PgType::of_column(&column.column_type);
    let default = sequence::column_default(&planner.ctx.snapshot, table, column)?;
    default_expression(planner, default.as_ref(), target)
}

/// A column's default, or NULL, as its type.
pub(crate) fn default_value(
    planner: &Planner,
    default: Option<&str>,
    target: PgType,
) -> Result<Expr, SqlError> {
    let default = default.map(crate::parse::parse_expression).transpose()?;
    default_expression(planner, default.as_ref(), target)
}

fn default_expression(
    planner: &Planner,
    default: Option<&ast::Expr>,
    target: PgType,
) -> Result<Expr, SqlError> {
    let schema = DFSchema::empty();
    let expr = match default {
        Some(default) => planner.plan_expression(default, &schema)?,
        None => datafusion::logical_expr::lit(datafusion::common::ScalarValue::Null),
    };
    Ok(udf::function(target, CastKind::Assignment, &planner.ctx).call(vec![expr]))
}

/// Whether an expression can be a column's default.
///
/// Errors: `0A000`, `42803` and `42P20` for what has no place in it; `42804` if it cannot
/// be assigned to the column; those of a literal's conversion.
pub(crate) fn require_default(
    planner: &Planner,
    value: &ast::Expr,
    column: &str,
    target: PgType,
) -> Result<(), SqlError> {
    refuse_in(value, Place::Default, &planner.ctx)?;
    let schema = DFSchema::empty();
    let expr = planner.plan_expression(value, &schema)?;
    let (_, field) = expr.to_field(&schema)?;
    let from = PgType::of_field(&field);
    let is_untyped = field.data_type().is_null() || is_untyped_literal(&expr, &field);
    if !is_untyped && !is_assignable(from, target) {
        return Err(SqlError::datatype_mismatch(format!(
            "column \"{column}\" is of type {} but default expression is of type {}",
            PgType::new(target.oid).display(),
            PgType::new(from.oid).display()
        ))
        .with_hint("You will need to rewrite or cast the expression."));
    }
    let target = PgType::new(target.oid);
    planner.require_castable_expr(
        &udf::function(target, CastKind::Assignment, &planner.ctx).call(vec![expr]),
    )
}

/// Whether an expression is a string literal that nothing gave a type.
fn is_untyped_literal(expr: &Expr, field: &Field) -> bool {
    let is_text = matches!(field.data_type(), DataType::Utf8 | DataType::Utf8View);
    is_text && field.metadata().is_empty() && expr.as_literal().is_some()
}

/// An assignment cast.
///
/// Errors: `42804` if PostgreSQL has no assignment cast between the types.
pub(crate) fn assign(
    expr: Expr,
    column: &str,
    target: PgType,
    source: &DFSchema,
    ctx: &Arc<StatementContext>,
) -> Result<Expr, SqlError> {
    let (_, field) = expr.to_field(source)?;
    let from = PgType::of_field(&field);
    let is_literal = is_untyped_literal(&expr, &field);
    if !field.data_type().is_null() && !is_literal {
        check_assignable(from, target, column)?;
    }
    Ok(udf::function(target, CastKind::Assignment, ctx).call(vec![expr]))
}

/// Errors: `42804` if there is no assignment cast.
pub(crate) fn check_assignable(from: PgType, to: PgType, column: &str) -> Result<(), SqlError> {
    if is_assignable(from, to) {
        return Ok(());
    }
    Err(SqlError::datatype_mismatch(format!(
        "column \"{column}\" is of type {} but expression is of type {}",
        PgType::new(to.oid).display(),
        PgType::new(from.oid).display()
    ))
    .with_hint("You will need to rewrite or cast the expression."))
}

pub(crate) fn is_assignable(from: PgType, to: PgType) -> bool {
    if from.oid == to.oid {
        return true;
    }
    if let (Some(from), Some(to)) = (from.element(), to.element()) {
        return is_assignable(from, to);
    }
    let is_number = |t: PgType| t.entry().category == 'N';
    let is_text = |t: PgType| matches!(t.entry().category, 'S') || t.oid == oid::CHAR;
    let is_instant = |t: PgType| matches!(t.oid, oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ);
    if is_text(to) {
        return true;
    }
    (is_number(from) && is_number(to))
        || (is_instant(from) && is_instant(to))
        || (is_instant(from) && to.oid == oid::TIME)
        || (from.oid == oid::TIME && to.oid == oid::INTERVAL)
        || (from.oid == oid::INTERVAL && to.oid == oid::TIME)
        || matches!(
            (from.oid, to.oid),
            (oid::JSON, oid::JSONB) | (oid::JSONB, oid::JSON)
        )
}

/// The plan of `values` over `source`, with a boolean for each CHECK at the end.
pub(crate) fn with_checks(
    planner: &Planner,
    table: &Table,
    source: LogicalPlan,
    values: Vec<Expr>,
) -> Result<LogicalPlan, SqlError> {
    let plan = LogicalPlanBuilder::from(source).project(values)?.build()?;
    let checks = check_expressions(planner, table)?;
    if checks.is_empty() {
        return Ok(plan);
    }
    let mut columns: Vec<Expr> = table
        .columns
        .iter()
        .map(|column| Expr::Column(Column::new_unqualified(column.name.as_str())))
        .collect();
    columns.extend(
        checks
            .into_iter()
            .map(|(name, expr)| expr.alias(format!("\u{1}check {name}"))),
    );
    Ok(LogicalPlanBuilder::from(plan).project(columns)?.build()?)
}

/// The table's CHECK constraints by name.
pub(crate) fn check_expressions(
    planner: &Planner,
    table: &Table,
) -> Result<Vec<(String, Expr)>, SqlError> {
    let schema = table_schema(table)?;
    let mut checks = Vec::new();
    for entry in &table.constraints {
        if let Constraint::Check { expression } = &entry.constraint {
            let parsed = crate::parse::parse_expression(expression)?;
            checks.push((
                entry.name.clone(),
                planner.plan_expression(&parsed, &schema)?,
            ));
        }
    }
    Ok(checks)
}

/// Takes projected batches into a table.
pub(crate) struct Sink {
    writer: RowWriter,
    table: Arc<Table>,
    schema: SchemaRef,
    checks: Vec<String>,
    rows: u64,
    /// Whether the rows are those that the table had before.
    is_rewrite: bool,
    /// Who may be told of a row that fails.
    author: Option<Writer>,
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink")
            .field("table", &self.table.name)
            .finish_non_exhaustive()
    }
}

impl Sink {
    pub(crate) fn new(writer: RowWriter, table: Arc<Table>) -> Self {
        let checks = table
            .constraints
            .iter()
            .filter(|entry| matches!(entry.constraint, Constraint::Check { .. }))
            .map(|entry| entry.name.clone())
            .collect();
        Self {
            writer,
            schema: arrow_schema(&table),
            table,
            checks,
            rows: 0,
            is_rewrite: false,
            author: None,
        }
    }

    /// The same sink, whose errors tell of rows only what their writer may know.
    pub(crate) fn of_author(mut self, author: Option<Writer>) -> Self {
        self.author = author;
        self
    }

    /// As [`Self::new`], for rows that the table had before: errors say so.
    pub(crate) fn of_rewrite(writer: RowWriter, table: Arc<Table>) -> Self {
        Self {
            is_rewrite: true,
            ..Self::new(writer, table)
        }
    }

    /// `batch`: the table's columns in order, then a boolean for each CHECK.
    ///
    /// Errors: `23502`, `23514`, and those of storage.
    pub(crate) async fn write(&mut self, batch: &RecordBatch) -> Result<(), SqlError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let rows = self.checked(batch)?;
        self.rows += u64::try_from(rows.num_rows()).unwrap_or(0);
        self.writer.write(rows).await?;
        Ok(())
    }

    /// Tests NOT NULL and the CHECKs of rows that are not written; `batch` as for
    /// [`Self::write`].
    ///
    /// Errors: `23502`, `23514`.
    pub(crate) fn require_valid(&self, batch: &RecordBatch) -> Result<(), SqlError> {
        let count = self.table.columns.len();
        for (column, array) in self.table.columns.iter().zip(batch.columns()) {
            if column.nullable || array.logical_null_count() == 0 {
                continue;
            }
            let nulls = arrow::compute::is_null(array)?;
            let row = (0..nulls.len()).find(|row| nulls.value(*row)).unwrap_or(0);
            return Err(self.null_violation(&column.name, batch, row)?);
        }
        for (name, array) in self.checks.iter().zip(&batch.columns()[count..]) {
            let truths = array.as_boolean();
            let failing =
                (0..truths.len()).find(|row| truths.is_valid(*row) && !truths.value(*row));
            if let Some(row) = failing {
                return Err(self.check_violation(name, batch, row)?);
            }
        }
        Ok(())
    }

    fn checked(&self, batch: &RecordBatch) -> Result<RecordBatch, SqlError> {
        self.require_valid(batch)?;
        let arrays: Result<Vec<ArrayRef>, SqlError> = self
            .schema
            .fields()
            .iter()
            .zip(batch.columns())
            .map(|(field, array)| {
                if array.data_type() == field.data_type() {
                    return Ok(Arc::clone(array));
                }
                // A default of a type that is only read, such as DuckDB's STRUCT.
                if array.logical_null_count() == array.len() {
                    return Ok(new_null_array(field.data_type(), array.len()));
                }
                if !can_cast_types(array.data_type(), field.data_type()) {
                    return Err(SqlError::not_supported(format!(
                        "a value for column \"{}\" of this type",
                        field.name()
                    )));
                }
                let strict = CastOptions {
                    safe: false,
                    ..CastOptions::default()
                };
                Ok(cast_with_options(array, field.data_type(), &strict)?)
            })
            .collect();
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), arrays?)?)
    }

    fn null_violation(
        &self,
        column: &str,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<SqlError, SqlError> {
        if self.is_rewrite {
            return Ok(SqlError::column_contains_nulls(column, &self.table.name));
        }
        let error = SqlError::not_null_violation(column, &self.table.name);
        self.with_failing_row(error, batch, row)
    }

    fn check_violation(
        &self,
        name: &str,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<SqlError, SqlError> {
        if self.is_rewrite {
            return Ok(SqlError::check_violated_by_rows(name, &self.table.name));
        }
        let error = SqlError::check_violation(&self.table.name, name);
        self.with_failing_row(error, batch, row)
    }

    /// `Failing row contains (1, null).`, or `(a, b) = (1, null)` where only these may be
    /// told.
    fn with_failing_row(
        &self,
        error: SqlError,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<SqlError, SqlError> {
        let shown = match &self.author {
            Some(author) => author.shown(&self.table),
            None => Shown::All,
        };
        let wanted = match shown {
            Shown::All => None,
            Shown::Columns(wanted) => Some(wanted),
            Shown::Nothing => return Ok(error),
        };
        let style = OutputStyle::default();
        let mut names = Vec::new();
        let mut values = Vec::new();
        let fields = self.schema.fields().iter().zip(batch.columns());
        for ((field, array), column) in fields.zip(&self.table.columns) {
            if wanted
                .as_ref()
                .is_some_and(|wanted| !wanted.contains(&column.id.0))
            {
                continue;
            }
            names.push(column.name.as_str());
            let text = output::encode(&array.slice(row, 1), PgType::of_field(field), &style)?;
            values.push(match text.value(0) {
                Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                None => "null".to_owned(),
            });
        }
        let values = values.join(", ");
        Ok(match wanted {
            None => error.with_detail(format!("Failing row contains ({values}).")),
            Some(_) if names.is_empty() => error,
            Some(_) => {
                let names = names.join(", ");
                error.with_detail(format!("Failing row contains ({names}) = ({values})."))
            }
        })
    }

    /// The rows with their count; nothing is visible until they are added.
    pub(crate) async fn finish(self) -> Result<(NewRows, u64), SqlError> {
        let rows = self.rows;
        Ok((self.writer.finish().await?, rows))
    }

    /// Deletes what was written.
    pub(crate) async fn abort(self) {
        if let Err(error) = self.writer.abort().await {
            tracing::warn!(%error, "files of a failed statement were not deleted");
        }
    }
}
