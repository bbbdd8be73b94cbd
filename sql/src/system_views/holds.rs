//! `gotgan.holds`: the snapshots that have a name.

use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::stream::BoxStream;

use super::{LakeRows, LakeView, one_page};
use crate::error::SqlError;
use crate::pg_catalog::Definition;
use crate::pg_catalog::rows::cells;

pub(super) const HOLDS: Definition = Definition {
    name: "holds",
    oid: 15_005,
    columns: "name:text snapshot_id:int8 owner:text created_at:timestamptz \
              retained_until:timestamptz is_over:bool comment:text",
    lake: Some(LakeView::Holds),
    ..Definition::VIEW
};

pub(super) fn pages(source: LakeRows) -> BoxStream<'static, Result<RecordBatch, SqlError>> {
    one_page(async move {
        let mut rows = source.page();
        let now = Arc::clone(source.lake.clock()).now();
        for hold in source.lake.holds().await? {
            rows.push(cells![
                hold.name.as_str(),
                hold.snapshot.0,
                hold.owner.as_str(),
                hold.created.timestamp_micros(),
                hold.until.map(|until| until.timestamp_micros()),
                hold.until.is_some_and(|until| until <= now),
                hold.comment.as_deref(),
            ]);
        }
        Ok(rows)
    })
}
