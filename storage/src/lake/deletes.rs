//! What storage itself reads of data files and their deletes.

use std::sync::Arc;

use object_store::ObjectStore;

use crate::error::Error;
use crate::file::delete::{FileRef, read_delete_file, read_later_positions, read_row_ids};
use crate::lake::Lake;
use crate::object::ReadMeter;
use crate::snapshot::{DataFile, DeletedPositions};

impl Lake {
    /// The rows of a file that are deleted or not yet visible; nothing if all are there.
    ///
    /// Cost: reads the delete file once; then it is kept with the file.
    pub async fn deleted_positions(
        &self,
        file: &DataFile,
    ) -> Result<Option<Arc<DeletedPositions>>, Error> {
        self.deleted(file, self.object_store()).await
    }

    /// As [`Self::deleted_positions`], with the bytes counted for a statement.
    pub async fn deleted_positions_metered(
        &self,
        file: &DataFile,
        reads: &ReadMeter,
    ) -> Result<Option<Arc<DeletedPositions>>, Error> {
        if file.deleted.get().is_some() {
            let cached = file.delete_file.as_ref();
            reads.count_cached(cached.map_or(0, |cached| cached.bytes));
        }
        let store = reads.metered(self.object_store());
        self.deleted(file, store).await
    }

    async fn deleted(
        &self,
        file: &DataFile,
        store: Arc<dyn ObjectStore>,
    ) -> Result<Option<Arc<DeletedPositions>>, Error> {
        if !file.has_deletes {
            return Ok(None);
        }
        let positions = file
            .deleted
            .get_or_try_init(|| read_deleted(file, store))
            .await?;
        Ok(Some(Arc::clone(positions)))
    }

    /// The row ids that a file holds itself.
    pub(crate) async fn read_row_ids(&self, file: &DataFile) -> Result<Vec<i64>, Error> {
        read_row_ids(self.object_store(), &place_of(file)).await
    }
}

async fn read_deleted(
    file: &DataFile,
    store: Arc<dyn ObjectStore>,
) -> Result<Arc<DeletedPositions>, Error> {
    let mut positions = file.inlined_deletes.clone();
    if let Some(delete_file) = &file.delete_file {
        let place = FileRef {
            location: delete_file.location.clone(),
            bytes: delete_file.bytes,
        };
        let limit = delete_file.up_to_snapshot;
        let found = read_delete_file(Arc::clone(&store), &place, "parquet", limit).await?;
        positions.extend(found);
    }
    if let Some(limit) = file.partial_max {
        positions.extend(read_later_positions(store, &place_of(file), limit).await?);
    }
    positions.sort_unstable();
    positions.dedup();
    Ok(Arc::new(DeletedPositions { positions }))
}

fn place_of(file: &DataFile) -> FileRef {
    FileRef {
        location: file.location.clone(),
        bytes: file.bytes,
    }
}
