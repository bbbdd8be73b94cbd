//! `gotgan.maintenance`: the jobs of this node, and how they went.

use arrow::array::RecordBatch;
use futures::stream::BoxStream;

use super::{LakeRows, LakeView, one_page};
use crate::access::roles;
use crate::error::SqlError;
use crate::pg_catalog::Definition;
use crate::pg_catalog::rows::cells;

pub(super) const MAINTENANCE: Definition = Definition {
    name: "maintenance",
    oid: 15_002,
    columns: "job:text runs:int8 is_running:bool started_at:timestamptz \
              finished_at:timestamptz result:text error:text failed_at:timestamptz",
    lake: Some(LakeView::Maintenance),
    ..Definition::VIEW
};

pub(super) fn pages(source: LakeRows) -> BoxStream<'static, Result<RecordBatch, SqlError>> {
    one_page(async move {
        let mut rows = source.page();
        // Errors name places that only those who run the server should know.
        let is_operator = roles::is_operator(&source.ctx.rights, source.ctx.role_id);
        for (job, state) in source.ctx.jobs.states() {
            rows.push(cells![
                job,
                i64::try_from(state.runs).unwrap_or(i64::MAX),
                state.finished_at.is_none(),
                state.started_at,
                state.finished_at,
                state.result.as_deref(),
                state.error.as_deref().filter(|_| is_operator),
                state.failed_at,
            ]);
        }
        Ok(rows)
    })
}
