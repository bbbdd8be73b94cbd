//! Runs a plan of projected rows into a table.

use std::sync::Arc;

use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, stream};
use gotgan_storage::Table;

use crate::command::query;
use crate::error::SqlError;
use crate::execute;
use crate::modify::{RowWriter, Sink};
use crate::physical::{self, Joins};
use crate::plan::Planner;
use crate::session::Session;

/// Runs a plan of projected rows into a table; returns how many.
pub(crate) async fn insert_plan(
    session: &mut Session,
    planner: &Planner,
    table: &Arc<Table>,
    plan: &LogicalPlan,
) -> Result<u64, SqlError> {
    planner.require_access()?;
    if let Some(rows) = physical::constant_rows(plan)? {
        let schema = rows.schema();
        let rows = stream::iter([Ok(rows)]);
        let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
        let tasks = planner.physical.tasks(&planner.ctx.meter)?;
        return insert_rows(session, planner, table, &tasks, rows).await;
    }
    let physical = query::physical(session, planner, plan, Joins::Hash).await?;
    match run_into(session, planner, table, &physical).await {
        Err(error) if error.is_out_of_memory() && query::has_hash_join(&physical)? => {
            let merging = query::physical(session, planner, plan, Joins::Merge).await?;
            run_into(session, planner, table, &merging).await
        }
        other => other,
    }
}

async fn run_into(
    session: &mut Session,
    planner: &Planner,
    table: &Arc<Table>,
    physical: &Arc<dyn ExecutionPlan>,
) -> Result<u64, SqlError> {
    let tasks = planner.physical.tasks(&planner.ctx.meter)?;
    let rows = execute::start(physical, &tasks)?;
    insert_rows(session, planner, table, &tasks, rows).await
}

/// `tasks`: what the rows are computed in, which sorts them, too.
async fn insert_rows(
    session: &mut Session,
    planner: &Planner,
    table: &Arc<Table>,
    tasks: &Arc<TaskContext>,
    mut batches: SendableRecordBatchStream,
) -> Result<u64, SqlError> {
    let storage = session.transaction().await?.storage()?;
    let writer = RowWriter::open(storage, table.id, tasks).await?;
    let mut sink = Sink::new(writer, Arc::clone(table)).of_author(planner.writer(table));
    while let Some(batch) = batches.next().await {
        let written = match batch {
            Ok(batch) => sink.write(&batch).await,
            Err(error) => Err(SqlError::from(error)),
        };
        if let Err(error) = written {
            sink.abort().await;
            return Err(error);
        }
    }
    let (rows, count) = sink.finish().await?;
    let storage = session.transaction().await?.storage()?;
    rows.add_to(storage, table.id).await?;
    Ok(count)
}
