//! EXPLAIN and EXPLAIN ANALYZE: the physical plan as text, with what it did.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringViewArray};
use arrow::datatypes::Schema;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::displayable;
use sqlparser::ast;

use super::query;
use crate::error::SqlError;
use crate::execute::{RowStream, Tag};
use crate::physical::Joins;
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
    let source = match statement {
        ast::Statement::Query(query) => query,
        ast::Statement::Insert(ast::Insert {
            source: Some(source),
            ..
        }) if !ask.analyze => source,
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
    let text = if ask.analyze {
        let clock = Arc::clone(&planner.ctx.clock);
        let begin = clock.instant();
        let mut rows = 0;
        query::for_each_batch(&physical, &planner, |batch| {
            rows += batch.num_rows();
            std::future::ready(Ok(()))
        })
        .await?;
        let elapsed = clock.instant().duration_since(begin);
        let shown = DisplayableExecutionPlan::with_metrics(physical.as_ref());
        format!(
            "{}Rows: {rows}\nExecution Time: {:.3} ms\n",
            shown.indent(ask.verbose),
            elapsed.as_secs_f64() * 1000.0
        )
    } else {
        displayable(physical.as_ref())
            .indent(ask.verbose)
            .to_string()
    };
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
