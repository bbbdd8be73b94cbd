//! `gotgan.table_restores`: the restores that were committed, the newest first, under the
//! names that Redshift's API has for them.
//!
//! A restore is done when it is committed, so there is none in progress or failed. Nothing
//! was copied: the total is what the table's files hold.
//!
//! Source: Amazon Redshift API, `TableRestoreStatus`.

use arrow::array::RecordBatch;
use futures::stream::BoxStream;

use super::{LakeRows, LakeView, one_page, signed};
use crate::error::SqlError;
use crate::pg_catalog::Definition;
use crate::pg_catalog::rows::cells;
use crate::resolve::DATABASE;

/// Most restores that are listed.
const RESTORES_MAX: usize = 10_000;

/// What the API counts in.
const MEGABYTE: u64 = 1 << 20;

pub(super) const TABLE_RESTORES: Definition = Definition {
    name: "table_restores",
    oid: 15_003,
    columns: "table_restore_request_id:text status:text message:text request_time:timestamptz \
              progress_in_mega_bytes:int8 total_data_in_mega_bytes:int8 \
              snapshot_identifier:int8 source_database_name:text source_schema_name:text \
              source_table_name:text target_database_name:text target_schema_name:text \
              new_table_name:text role:text rows:int8 bytes:int8 committed_snapshot:int8",
    lake: Some(LakeView::TableRestores),
    ..Definition::VIEW
};

pub(super) fn pages(source: LakeRows) -> BoxStream<'static, Result<RecordBatch, SqlError>> {
    one_page(async move {
        let mut rows = source.page();
        for restore in source.lake.restores(RESTORES_MAX).await? {
            let megabytes = signed(restore.bytes.div_ceil(MEGABYTE));
            let [source_schema, source_name] = &restore.source_name;
            let [target_schema, target_name] = &restore.target_name;
            rows.push(cells![
                restore.id.as_str(),
                restore.status.as_str(),
                None::<&str>,
                restore.time.timestamp_micros(),
                megabytes,
                megabytes,
                restore.from.0,
                DATABASE,
                source_schema.as_str(),
                source_name.as_str(),
                DATABASE,
                target_schema.as_str(),
                target_name.as_str(),
                restore.role.as_str(),
                signed(restore.row_count),
                signed(restore.bytes),
                restore.committed.0,
            ]);
        }
        Ok(rows)
    })
}
