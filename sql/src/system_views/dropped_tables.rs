//! `gotgan.dropped_tables`: what the current role can bring back with UNDROP TABLE, the
//! newest first.

use arrow::array::RecordBatch;
use futures::stream::BoxStream;

use super::{LakeRows, LakeView, one_page, signed};
use crate::access::actor::Actor;
use crate::error::SqlError;
use crate::pg_catalog::Definition;
use crate::pg_catalog::rows::cells;

pub(super) const DROPPED_TABLES: Definition = Definition {
    name: "dropped_tables",
    oid: 15_004,
    columns: "table_id:int8 schema_name:text table_name:text owner:text dropped_at:timestamptz \
              dropped_by:text dropped_in_snapshot:int8 last_snapshot:int8 \
              undroppable_until:timestamptz rows:int8 bytes:int8",
    lake: Some(LakeView::DroppedTables),
    ..Definition::VIEW
};

pub(super) fn pages(source: LakeRows) -> BoxStream<'static, Result<RecordBatch, SqlError>> {
    one_page(async move {
        let mut rows = source.page();
        let actor = Actor::of(&source.ctx);
        let all = source.lake.dropped_tables().await?;
        for table in all.iter().filter(|table| actor.acts_for(table.owner_id)) {
            let dropped_at = table.dropped_at.map(|time| time.timestamp_micros());
            rows.push(cells![
                table.id.0,
                table.schema.as_str(),
                table.name.as_str(),
                table.owner.as_str(),
                dropped_at,
                table.dropped_by.as_deref(),
                table.dropped_in.0,
                table.last.0,
                table.until.map(|until| until.timestamp_micros()),
                signed(table.row_count),
                signed(table.bytes),
            ]);
        }
        Ok(rows)
    })
}
