//! `gotgan.replicas`: the replicas that told of themselves lately, and how far behind they
//! are.
//!
//! One that was killed stays for an hour, with the time when it was seen last.

use arrow::array::RecordBatch;
use futures::stream::BoxStream;
use gotgan_storage::LakeRole;

use super::{LakeRows, LakeView, one_page};
use crate::error::SqlError;
use crate::pg_catalog::Definition;
use crate::pg_catalog::rows::cells;

pub(super) const REPLICAS: Definition = Definition {
    name: "replicas",
    oid: 15_011,
    columns: "node:text role:text address:text snapshot_id:int8 lag:interval \
              last_seen:timestamptz sessions:int8 version:text started_at:timestamptz is_up:bool",
    lake: Some(LakeView::Replicas),
    ..Definition::VIEW
};

pub(super) fn pages(source: LakeRows) -> BoxStream<'static, Result<RecordBatch, SqlError>> {
    one_page(async move {
        let mut rows = source.page();
        for node in source.lake.nodes().await? {
            if node.role == LakeRole::Primary {
                continue;
            }
            rows.push(cells![
                node.id.as_str(),
                "replica",
                node.address.as_str(),
                node.snapshot.0,
                super::micros(node.lag.to_std().unwrap_or_default()),
                node.seen_at.timestamp_micros(),
                node.sessions,
                node.version.as_str(),
                node.started_at.timestamp_micros(),
                node.is_up,
            ]);
        }
        Ok(rows)
    })
}
