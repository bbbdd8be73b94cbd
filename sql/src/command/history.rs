//! RESTORE, UNDROP, snapshots that are held, expiry and retention: as statements, and as
//! the functions of schema `gotgan` that stand for them.
//!
//! ```text
//! action ──▶ Report: tag, notices, rows ──▶ statement: the tag, or the rows where it asks
//!                                       ├─▶ SELECT gotgan.f(): its one value
//!                                       └─▶ FROM gotgan.f(): a relation of the query
//! ```
//!
//! Source of the words of errors: PostgreSQL's for tables and schemas.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::datasource::MemTable;

use super::{Description, constant_with, query};
use crate::error::SqlError;
use crate::execute::{RowStream, Tag};
use crate::parse::history::{Action, Answer, FUNCTION_RELATION, HistoryStatement, NameArgument};
use crate::pg_catalog::parse_columns;
use crate::pg_catalog::rows::Rows;
use crate::plan::{ColumnDescription, LocalRelation};
use crate::session::{Outcome, Parameter, Session};
use crate::sqlstate;
use crate::types::{PgType, oid};

use arguments::Arguments;

mod arguments;
mod expire;
mod files;
mod hold;
mod preview;
mod restore;
mod retention;
mod rights;
mod schema;
mod undrop;

/// What an action answers.
struct Report {
    tag: &'static str,
    rows: RecordBatch,
}

/// The columns of an action's answer, and whether a statement shows them.
struct Shape {
    /// As a system relation's: see `pg_catalog`.
    columns: &'static str,
    is_shown: bool,
    /// Whether there is one row, whose first column is the value of the function.
    is_one: bool,
}

impl Shape {
    const fn one(columns: &'static str) -> Self {
        Self {
            columns,
            is_shown: false,
            is_one: true,
        }
    }

    fn of(action: &Action) -> Self {
        match action {
            Action::Restore(_) => Self::one("restored:text kept_as:text"),
            Action::Undrop(_) => Self::one("restored:text"),
            Action::Hold(_) => Self::one("snapshot_id:int8 retained_until:timestamptz"),
            Action::DropHold { .. } => Self::one("dropped:text"),
            Action::Retention(_) => Self::one("retention:interval"),
            Action::Preview(_) => Self {
                columns: "source:text target:text snapshot_id:int8 rows:int8 bytes:int8 \
                          files:int8 rows_now:int8 bytes_now:int8 columns_added:text[] \
                          columns_removed:text[] columns_changed:text[] dependent_views:text[]",
                is_shown: true,
                is_one: false,
            },
            Action::Expire { is_dry_run, .. } => Self {
                columns: "schema_name:text table_name:text table_id:int8 snapshots:int8 \
                          files:int8 bytes:int8",
                is_shown: *is_dry_run,
                is_one: false,
            },
            Action::RemoveOrphans { is_dry_run } => Self {
                columns: "objects:int8 bytes:int8 locations:text[]",
                is_shown: *is_dry_run,
                is_one: true,
            },
            Action::AdoptData => Self::one("lake_id:text"),
            Action::FileHistory { .. } => Self {
                columns: "path:text kind:text rows:int8 bytes:int8 since_snapshot:int8 \
                          since:timestamptz until_snapshot:int8 until:timestamptz \
                          kept_by_snapshots:int8 held_by:text[] shared_with:int8 \
                          bytes_freed:int8",
                is_shown: true,
                is_one: false,
            },
        }
    }

    fn fields(&self) -> SchemaRef {
        Arc::new(parse_columns(self.columns))
    }

    fn rows(&self) -> Rows {
        Rows::new(self.fields())
    }
}

/// Errors: those of the action.
pub(crate) async fn run(
    session: &mut Session,
    statement: &HistoryStatement,
    parameters: &[Parameter],
) -> Result<Outcome, SqlError> {
    let shape = Shape::of(&statement.action);
    match &statement.answer {
        Answer::Statement => {}
        Answer::Value(name) => require_one(&shape, name)?,
        // A mistake in the query is found before anything is done.
        Answer::Rows(outer) => {
            relate(session, shape.rows().finish()?)?;
            let planner = session.planner().await;
            session.relations.clear();
            query::plan(&planner?, outer, parameters).await?;
        }
    }
    let report = perform(session, &statement.action, parameters).await?;
    match &statement.answer {
        Answer::Statement if shape.is_shown => {
            Ok(rows(session, report.rows, Tag::Word(report.tag)))
        }
        Answer::Statement => Ok(Outcome::Command(report.tag.to_owned())),
        Answer::Value(name) => {
            let value = report.rows.project(&[0])?;
            let fields = value_field(&shape, name);
            let value = RecordBatch::try_new(fields, value.columns().to_vec())?;
            Ok(rows(session, value, Tag::Select))
        }
        Answer::Rows(outer) => {
            relate(session, report.rows)?;
            let outcome = Box::pin(query::run(session, outer, parameters)).await;
            session.relations.clear();
            outcome
        }
    }
}

/// What a client is told before the action runs.
pub(crate) async fn describe(
    session: &mut Session,
    statement: &HistoryStatement,
    known: &[Option<PgType>],
) -> Result<Description, SqlError> {
    let shape = Shape::of(&statement.action);
    let mut types = known.to_vec();
    arguments::add_types(&statement.action, &mut types);
    let columns = match &statement.answer {
        Answer::Statement => shape.is_shown.then(|| described(&shape.fields())),
        Answer::Value(name) => {
            require_one(&shape, name)?;
            Some(described(&value_field(&shape, name)))
        }
        Answer::Rows(outer) => {
            relate(session, shape.rows().finish()?)?;
            let outcome = Box::pin(query::describe(session, outer, &types)).await;
            session.relations.clear();
            return outcome;
        }
    };
    let text = PgType::new(oid::TEXT);
    let types = types.into_iter().map(|given| given.unwrap_or(text));
    Ok((types.collect(), columns))
}

async fn perform(
    session: &mut Session,
    action: &Action,
    parameters: &[Parameter],
) -> Result<Report, SqlError> {
    let arguments = Arguments { parameters };
    let shape = Shape::of(action);
    match action {
        Action::Restore(order) => restore::run(session, order, &shape, arguments).await,
        Action::Preview(order) => preview::run(session, order, &shape, arguments).await,
        Action::Undrop(undrop) => undrop::run(session, undrop, &shape, arguments).await,
        Action::Expire {
            older_than,
            is_dry_run,
        } => expire::expire(session, older_than.as_ref(), *is_dry_run, &shape, arguments).await,
        Action::RemoveOrphans { is_dry_run } => {
            expire::remove_orphans(session, *is_dry_run, &shape).await
        }
        Action::AdoptData => expire::adopt_data(session, &shape).await,
        Action::Hold(new) => hold::create(session, new, &shape, arguments).await,
        Action::DropHold { if_exists, names } => {
            hold::drop(session, names, *if_exists, &shape, arguments).await
        }
        Action::Retention(change) => retention::run(session, change, &shape, arguments).await,
        Action::FileHistory { table } => files::run(session, table, &shape, arguments).await,
    }
}

/// Refuses a statement that takes effect at once where it would seem to be undone.
///
/// Errors: `25001` in a transaction block; `25006`.
fn require_alone(session: &mut Session, statement: &str) -> Result<(), SqlError> {
    // What was only read in an implicit transaction is done.
    if session.is_in_block() || !session.begins_alone() {
        return Err(SqlError::with_code(
            sqlstate::ACTIVE_SQL_TRANSACTION,
            format!("{statement} cannot run inside a transaction block"),
        ));
    }
    session.require_write(statement)
}

/// Makes the rows a relation of the query around the function.
fn relate(session: &mut Session, rows: RecordBatch) -> Result<(), SqlError> {
    let table = MemTable::try_new(rows.schema(), vec![vec![rows]])?;
    let relation = LocalRelation::Rows(Arc::new(table));
    session.relations = vec![(FUNCTION_RELATION.to_owned(), relation)];
    Ok(())
}

fn rows(session: &Session, batch: RecordBatch, tag: Tag) -> Outcome {
    let columns = described(&batch.schema());
    let limits = session.limits().clone();
    Outcome::Rows(RowStream::of_batch(batch, columns, limits, tag))
}

fn described(fields: &SchemaRef) -> Arc<[ColumnDescription]> {
    let fields = fields.fields().iter();
    fields
        .map(|field| ColumnDescription::of_field(field))
        .collect()
}

/// The first column under the name that the select list gives it.
fn value_field(shape: &Shape, name: &str) -> SchemaRef {
    let fields = shape.fields();
    let first: Vec<Field> = fields
        .fields()
        .iter()
        .take(1)
        .map(|f| f.as_ref().clone())
        .collect();
    let renamed = first.into_iter().map(|field| field.with_name(name));
    Arc::new(Schema::new(renamed.collect::<Vec<_>>()))
}

/// Errors: `0A000` for a function that gives several rows.
fn require_one(shape: &Shape, name: &str) -> Result<(), SqlError> {
    match shape.is_one {
        true => Ok(()),
        false => Err(
            SqlError::not_supported(format!("gotgan.{name}() outside of FROM"))
                .with_hint(format!("Write SELECT * FROM gotgan.{name}(...).")),
        ),
    }
}
