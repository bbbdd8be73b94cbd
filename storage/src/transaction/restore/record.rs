//! What a commit notes of the tables that it restores, once it has seen that their
//! snapshots are still kept.

use crate::catalog::{CommitTransaction, Write};
use crate::error::{Error, ErrorKind};
use crate::history::is_kept;
use crate::snapshot::Snapshot;
use crate::spec::TableId;
use crate::spec::side::RestoreRow;
use crate::transaction::overlay::RestoreNote;
use crate::transaction::render::Batch;
use crate::transaction::renumber::Numbers;

/// How a restore ended, as Redshift calls it. One that failed left nothing to note.
const STATUS: &str = "SUCCEEDED";

/// Notes the restored tables that are there in the end.
///
/// Runs under the commit lock. Cost: 1 read for each table.
/// Errors: `NotFound` if a snapshot, or its part of a table, is not kept any more.
pub(in crate::transaction) async fn record(
    catalog: &mut dyn CommitTransaction,
    notes: &[RestoreNote],
    (numbers, merged): (&Numbers, &Snapshot),
    batch: &mut Batch,
) -> Result<(), Error> {
    let mut rows = Vec::new();
    for note in notes {
        let target = numbers.table(note.target);
        let Some([schema, name]) = name_of(merged, target) else {
            continue;
        };
        if !is_kept(catalog, note.at, note.source).await? {
            let text = format!("snapshot {} is not kept any more", note.at);
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        let [source_schema_name, source_table_name] = note.source_name.clone();
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        rows.push(RestoreRow {
            restore_id: note.id.clone(),
            restored_at: batch.time,
            committed_snapshot: batch.snapshot_id,
            source_snapshot: note.at.0,
            source_table: note.source.0,
            source_schema_name,
            source_table_name,
            target_table: target.0,
            target_schema_name: schema,
            target_table_name: name,
            role_name: note.role.clone(),
            status: STATUS.to_owned(),
            row_count: signed(note.row_count),
            bytes: signed(note.bytes),
        });
    }
    if !rows.is_empty() {
        batch.writes.push(Write::insert(&rows));
    }
    Ok(())
}

/// Schema and name of a table.
fn name_of(picture: &Snapshot, table: TableId) -> Option<[String; 2]> {
    let table = picture.table(table)?;
    let schema = picture.schema(table.schema_id)?;
    Some([schema.name.clone(), table.name.clone()])
}
