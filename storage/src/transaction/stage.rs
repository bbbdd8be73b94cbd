//! Writes the delete files of a transaction, before it asks for the commit lock.
//!
//! A delete file holds every deleted position of its data file, those of earlier
//! snapshots too: the row that names it replaces the one before. A data file of which no
//! row is left gets none; it is ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;

use crate::error::{Error, ErrorKind};
use crate::file::delete::{WrittenDeletes, write_delete_file};
use crate::lake::Lake;
use crate::spec::SnapshotId;
use crate::transaction::commit::Request;
use crate::transaction::moved::follow_moved;
use crate::transaction::overlay::Overlay;

/// Delete files that are on their way to the store at a time.
const UPLOAD_COUNT_MAX: usize = 8;

/// A delete file that is in the store, for a data file.
#[derive(Clone, Debug)]
pub(super) struct StagedDeletes {
    /// Relative to the table's path.
    pub(super) file_name: String,
    pub(super) location: Path,
    pub(super) written: WrittenDeletes,
}

/// Staged delete files by the data file's id, as the overlay has it.
pub(super) type StagedDeleteFiles = BTreeMap<i64, StagedDeletes>;

/// What is done before the lock: deletes follow rows that moved, and are written.
pub(super) struct Staged {
    /// As the transaction left it.
    original: Overlay,
    /// Rows that moved until then are followed.
    at: SnapshotId,
}

impl Staged {
    pub(super) async fn make(lake: &Lake, request: &mut Request) -> Result<Self, Error> {
        let original = request.overlay.clone();
        let at = lake.head().await?.id();
        follow_moved(lake, &request.base, &mut request.overlay).await?;
        request.deletes = stage_deletes(lake, &request.overlay, &mut request.uploads).await?;
        Ok(Self { original, at })
    }

    /// Follows rows that moved since; in the commit's turn, so in this process none do any
    /// more. Whether any had moved.
    pub(super) async fn check(
        &mut self,
        lake: &Lake,
        request: &mut Request,
    ) -> Result<bool, Error> {
        let at = lake.head().await?.id();
        if at == self.at {
            return Ok(false);
        }
        self.at = at;
        let mut overlay = self.original.clone();
        let has_moved = follow_moved(lake, &request.base, &mut overlay).await?;
        if has_moved {
            request.overlay = overlay;
            request.deletes = stage_deletes(lake, &request.overlay, &mut request.uploads).await?;
        }
        Ok(has_moved)
    }
}

/// Writes a delete file for each data file that loses some of its rows.
///
/// `uploads`: what must be deleted if the transaction fails; names are added before
/// anything is sent. Cost: 1 put for each file.
async fn stage_deletes(
    lake: &Lake,
    overlay: &Overlay,
    uploads: &mut Vec<Path>,
) -> Result<StagedDeleteFiles, Error> {
    let mut planned = Vec::new();
    for (table, changes) in &*overlay.files {
        let partly = changes.deleted.values().filter(|rows| !rows.is_whole());
        for deletes in partly {
            let table = overlay.picture.table(*table).ok_or_else(gone)?;
            let schema = overlay.picture.schema(table.schema_id).ok_or_else(gone)?;
            let file_name = format!("{}-delete.parquet", lake.ids().uuid());
            let location = lake.place().table(schema, table)?.join(file_name.as_str());
            uploads.push(location.clone());
            planned.push((Arc::clone(deletes), file_name, location));
        }
    }
    let writes = planned.into_iter().map(|(deletes, file_name, location)| {
        let store = lake.object_store();
        async move {
            let data_file = &deletes.data_file;
            let positions = Arc::clone(&deletes.all);
            let written =
                write_delete_file(store, &location, &data_file.location, positions).await?;
            let staged = StagedDeletes {
                file_name,
                location,
                written,
            };
            Ok::<_, Error>((data_file.id, staged))
        }
    });
    futures::stream::iter(writes)
        .buffer_unordered(UPLOAD_COUNT_MAX)
        .try_collect()
        .await
}

fn gone() -> Error {
    let text = "rows are deleted from a table that is not there";
    Error::new(ErrorKind::Internal, text)
}
