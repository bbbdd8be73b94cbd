//! `gotgan.retention`: how long the history of each table is kept, and what says so.

use std::collections::HashMap;
use std::time::Duration;

use arrow::array::RecordBatch;
use futures::stream::BoxStream;
use gotgan_storage::{RetentionOrigin, TableHistory, TableId};

use super::{LakeRows, LakeView, one_page, signed};
use crate::error::SqlError;
use crate::pg_catalog::Definition;
use crate::pg_catalog::objects::schema_name;
use crate::pg_catalog::rows::cells;

pub(super) const RETENTION: Definition = Definition {
    name: "retention",
    oid: 15_006,
    columns: "schema_name:text table_name:text table_id:int8 retention:interval set_at:text \
              oldest_restorable_at:timestamptz history_bytes:int8",
    lake: Some(LakeView::Retention),
    ..Definition::VIEW
};

pub(super) fn pages(source: LakeRows) -> BoxStream<'static, Result<RecordBatch, SqlError>> {
    one_page(async move {
        let mut rows = source.page();
        let histories = source.lake.table_histories().await?;
        let histories: HashMap<TableId, TableHistory> = histories
            .into_iter()
            .map(|history| (history.table, history))
            .collect();
        let picture = source.lake.head().await?;
        for table in picture.tables() {
            let retention = source.lake.retention_of(&picture, table);
            let history = histories.get(&table.id);
            let oldest = history.and_then(|history| history.oldest);
            rows.push(cells![
                schema_name(&picture, table.schema_id),
                table.name.as_str(),
                table.id.0,
                micros(retention.duration),
                origin(retention.origin),
                oldest.map(|oldest| oldest.time.timestamp_micros()),
                history.map(|history| signed(history.history_bytes)),
            ]);
        }
        Ok(rows)
    })
}

pub(super) fn origin(origin: RetentionOrigin) -> &'static str {
    match origin {
        RetentionOrigin::Table => "table",
        RetentionOrigin::Schema => "schema",
        RetentionOrigin::Lake => "system",
        RetentionOrigin::Config => "configuration",
    }
}

/// A length of time as cells have it.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
