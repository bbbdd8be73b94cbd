//! EXPLAIN and EXPLAIN ANALYZE: the physical plan as text, with what it did.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringViewArray};
use arrow::datatypes::Schema;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::displayable;
use sqlparser::ast;

use super::row_change::RowChange;
use super::{insert, query, writing_with};
use crate::change::Change;
use crate::error::SqlError;
use crate::execute::{RowStream, Tag};
use crate::physical::Joins;
use crate::plan::Planner;
use crate::session::{Outcome, Parameter, Session};
use crate::types::{PgType, oid};

/// The name of the output column.
pub(crate) const COLUMN: &str = "QUERY PLAN";

/// What is to be shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    analyze: bool,
    verbose: bool,
}

impl Ask {
    /// Errors: `0A000` for a format other than text.
    pub(crate) fn new(
        analyze: bool,
        verbose: bool,
        options: Option<&[ast::UtilityOption]>,
    ) -> Result<Self, SqlError> {
        let mut ask = Self { analyze, verbose };
        for option in options.unwrap_or_default() {
            let argument = option
                .arg
                .as_ref()
                .map(|arg| arg.to_string().to_lowercase());
            let argument = argument.as_deref().map(|arg| arg.trim_matches('\''));
            let truth = !matches!(argument, Some("false" | "off" | "0"));
            match option.name.value.to_lowercase().as_str() {
                "analyze" => ask.analyze = truth,
                "verbose" => ask.verbose = truth,
                "costs" | "buffers" | "timing" | "summary" | "settings" | "wal" => {}
                "format" if argument == Some("text") => {}
                "format" => {
                    let format = argument.unwrap_or_default();
                    return Err(SqlError::not_supported(format!(
                        "EXPLAIN (FORMAT {format})"
                    )));
                }
                other => {
                    return Err(SqlError::syntax(format!(
                        "unrecognized EXPLAIN option \"{other}\""
                    )));
                }
            }
        }
        Ok(ask)
    }
}

pub(crate) async fn run(
    session: &mut Session,
    statement: &ast::Statement,
    ask: Ask,
    parameters: &[Parameter],
) -> Result<Outcome, SqlError> {
    if let ast::Statement::Query(query) = statement
        && writing_with::changes(query)
    {
        return Err(SqlError::not_supported("EXPLAIN of WITH that changes rows"));
    }
    let known: Vec<Option<PgType>> = parameters.iter().map(|p| Some(p.pg_type)).collect();
    let text = match change(session, statement, &known).await? {
        Some((change, planner)) => of_change(session, change, &planner, ask, parameters).await?,
        None => of_query(session, statement, ask, parameters).await?,
    };
    shown(session, &text)
}

/// The statement as a change of rows, if it is one.
async fn change(
    session: &mut Session,
    statement: &ast::Statement,
    known: &[Option<PgType>],
) -> Result<Option<(Change, Planner)>, SqlError> {
    use ast::Statement as S;
    let planned = match statement {
        S::Insert(insert) => Box::pin(insert::plan(session, insert, known)).await?,
        S::Query(query) if writing_with::is_change(&query.body) => {
            Box::pin(writing_with::plan(session, query, known)).await?
        }
        other => match RowChange::of_statement(other) {
            Some(change) => change.plan(session, known).await?,
            None => return Ok(None),
        },
    };
    Ok(Some(planned))
}

/// With ANALYZE the rows are changed.
async fn of_change(
    session: &mut Session,
    mut change: Change,
    planner: &Planner,
    ask: Ask,
    parameters: &[Parameter],
) -> Result<String, SqlError> {
    change.bind(parameters)?;
    let title = change.title();
    if !ask.analyze {
        let physical = change.physical(session, planner, Joins::Hash).await?;
        let shown = displayable(physical.as_ref());
        return Ok(format!("{title}\n{}", shown.indent(ask.verbose)));
    }
    session.require_write(change.command())?;
    let physical = change.physical(session, planner, Joins::Hash).await?;
    let begin = planner.ctx.clock.instant();
    let pending = change.fill_from(session, planner, &physical).await?;
    let rows = pending.count();
    pending.finish(session).await?;
    let elapsed = planner.ctx.clock.instant().duration_since(begin);
    let measured = measured(&physical, ask, rows, elapsed);
    Ok(format!("{title}\n{measured}"))
}

async fn of_query(
    session: &mut Session,
    statement: &ast::Statement,
    ask: Ask,
    parameters: &[Parameter],
) -> Result<String, SqlError> {
    let source = match statement {
        ast::Statement::Query(query) => query,
        ast::Statement::CreateTable(ast::CreateTable {
            query: Some(query), ..
        }) if !ask.analyze => query,
        other => {
            let text = other.to_string();
            let word = text
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_uppercase();
            let mode = if ask.analyze {
                "EXPLAIN ANALYZE"
            } else {
                "EXPLAIN"
            };
            return Err(SqlError::not_supported(format!("{mode} of {word}")));
        }
    };
    let planner = session.planner().await?;
    let plan = query::plan(&planner, source, parameters).await?;
    let physical = query::physical(session, &planner, &plan, Joins::Hash).await?;
    if !ask.analyze {
        let shown = displayable(physical.as_ref());
        return Ok(shown.indent(ask.verbose).to_string());
    }
    let clock = Arc::clone(&planner.ctx.clock);
    let begin = clock.instant();
    let mut rows = 0;
    query::for_each_batch(&physical, &planner, |batch| {
        rows += batch.num_rows() as u64;
        std::future::ready(Ok(()))
    })
    .await?;
    let elapsed = clock.instant().duration_since(begin);
    Ok(measured(&physical, ask, rows, elapsed))
}

/// A plan that has run, with what it did.
fn measured(
    physical: &Arc<dyn ExecutionPlan>,
    ask: Ask,
    rows: u64,
    elapsed: std::time::Duration,
) -> String {
    let shown = DisplayableExecutionPlan::with_metrics(physical.as_ref());
    format!(
        "{}Rows: {rows}\nExecution Time: {:.3} ms\n",
        shown.indent(ask.verbose),
        elapsed.as_secs_f64() * 1000.0
    )
}

/// The lines of a text as rows.
fn shown(session: &Session, text: &str) -> Result<Outcome, SqlError> {
    // Our own columns have names that no user can type, nor any client take.
    let text = text.replace('\0', "");
    let field = PgType::new(oid::TEXT).field(COLUMN, true);
    let lines: StringViewArray = text.lines().map(Some).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(lines)])?;
    let columns = crate::session::text_column(COLUMN);
    let limits = session.limits().clone();
    Ok(Outcome::Rows(RowStream::of_batch(
        batch,
        columns,
        limits,
        Tag::Word("EXPLAIN"),
    )))
}
