//! SELECT, VALUES, WITH, TABLE.

use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;
use futures::{FutureExt, StreamExt};
use sqlparser::ast;

use super::Description;
use crate::error::SqlError;
use crate::execute::{self, RowStream, Tag};
use crate::physical::numbering;
use crate::physical::{self, Joins};
use crate::plan::{Planned, Planner};
use crate::scan;
use crate::session::{Outcome, Session};
use crate::types::{PgType, TYPE_KEY, oid};

pub(crate) use crate::session::Parameter;

pub(crate) async fn run(
    session: &mut Session,
    query: &ast::Query,
    parameters: &[Parameter],
) -> Result<Outcome, SqlError> {
    let planner = session.planner().await?;
    let plan = plan(&planner, query, parameters).await?;
    let plan = with_shown_names(plan, &planner)?;
    let columns = execute::describe(&plan);
    if let Some(row) = physical::constant_row(&plan)? {
        planner.ctx.meter.begin_run(planner.ctx.clock.instant());
        let limits = session.limits().clone();
        let rows = RowStream::of_batch(row, columns, limits, Tag::Select);
        return Ok(Outcome::Rows(rows));
    }
    let physical = physical(session, &planner, &plan, Joins::Hash).await?;
    let meter = Arc::clone(&planner.ctx.meter);
    let stream = execute::start(&physical, &planner.physical.tasks(&meter)?)?;
    let limits = session.limits().clone();
    let rows = RowStream::new(stream, columns, limits.clone(), Tag::Select);
    let rows = rows.metered(Arc::clone(&meter));
    if !has_hash_join(&physical)? {
        return Ok(Outcome::Rows(rows));
    }
    // The files of its tables are loaded, so the plan needs no session any more.
    let physical = Arc::clone(&planner.physical);
    let again = move || {
        async move {
            let merging = physical.plan(&plan, Joins::Merge, &limits).await?;
            execute::start(&merging, &physical.tasks(&meter)?)
        }
        .boxed()
    };
    Ok(Outcome::Rows(rows.or_again(Box::new(again))))
}

/// Whether a plan may fit the memory if its joins were made by sorting.
pub(crate) fn has_hash_join(plan: &Arc<dyn ExecutionPlan>) -> Result<bool, SqlError> {
    Ok(plan.exists(|node| Ok(node.is::<HashJoinExec>()))?)
}

/// Parameters' types and the output columns.
pub(crate) async fn describe(
    session: &mut Session,
    query: &ast::Query,
    known: &[Option<PgType>],
) -> Result<Description, SqlError> {
    let planner = session.planner().await?;
    let Planned { plan, parameters } = planner.plan_cancellable(query, known).await?;
    let plan = with_shown_names(plan, &planner)?;
    Ok((parameters, Some(execute::describe(&plan))))
}

/// The plan of a query with its parameters' values in place.
pub(crate) async fn plan(
    planner: &Planner,
    query: &ast::Query,
    parameters: &[Parameter],
) -> Result<LogicalPlan, SqlError> {
    let known: Vec<Option<PgType>> = parameters.iter().map(|p| Some(p.pg_type)).collect();
    let planned = planner.plan_cancellable(query, &known).await?;
    let values = parameters
        .iter()
        .map(|p| (p.pg_type, p.value.clone()))
        .collect();
    Planner::bind(planned.plan, values)
}

/// The physical plan, with the files that this transaction sees.
pub(crate) async fn physical(
    session: &mut Session,
    planner: &Planner,
    plan: &LogicalPlan,
    joins: Joins,
) -> Result<Arc<dyn ExecutionPlan>, SqlError> {
    planner.require_access()?;
    let active = session.transaction().await?;
    let read = std::sync::Mutex::new(Vec::new());
    scan::load_files(plan, async |table| {
        read.lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(table);
        active.files(table).await
    })
    .await?;
    active.record_reads(
        read.into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner),
    )?;
    let plan = &numbering::settle_values(plan, planner).await?;
    planner.plan_physical(plan, joins, session.limits()).await
}

/// Names of objects instead of their OIDs, where a column's type shows them so.
fn with_shown_names(plan: LogicalPlan, planner: &Planner) -> Result<LogicalPlan, SqlError> {
    use datafusion::logical_expr::expr::FieldMetadata;
    use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
    let is_name = |field: &Field| {
        let shown = PgType::of_field(field);
        let one = shown.element().unwrap_or(shown);
        matches!(
            one.oid,
            oid::REGCLASS | oid::REGTYPE | oid::REGPROC | oid::REGNAMESPACE | oid::REGROLE
        )
    };
    if !plan.schema().fields().iter().any(|field| is_name(field)) {
        return Ok(plan);
    }
    let columns: Vec<Expr> = plan
        .schema()
        .iter()
        .map(|(qualifier, field)| {
            let column = Expr::Column((qualifier, field).into());
            if !is_name(field) {
                return column.alias(field.name().as_str());
            }
            let own = PgType::of_field(field);
            let text = PgType::new(oid::TEXT);
            let text = match own.element() {
                Some(_) => text.array().unwrap_or(text),
                None => text,
            };
            let shown = crate::plan::operators::cast_expr(column, text, &planner.ctx);
            // The elements are text now, so the array itself must tell its type.
            let named = (TYPE_KEY.to_owned(), format!("{}/-1", own.entry().name));
            let metadata = FieldMetadata::from(std::collections::HashMap::from([named]));
            shown.alias_with_metadata(field.name().as_str(), Some(metadata))
        })
        .collect();
    Ok(LogicalPlanBuilder::from(plan).project(columns)?.build()?)
}

/// Runs a plan to its end and hands every batch on.
pub(crate) async fn for_each_batch<F>(
    physical: &Arc<dyn ExecutionPlan>,
    planner: &Planner,
    mut consume: impl FnMut(arrow::array::RecordBatch) -> F,
) -> Result<(), SqlError>
where
    F: Future<Output = Result<(), SqlError>>,
{
    let tasks = planner.physical.tasks(&planner.ctx.meter)?;
    let mut stream = execute::start(physical, &tasks)?;
    while let Some(batch) = stream.next().await {
        consume(batch?).await?;
    }
    Ok(())
}
