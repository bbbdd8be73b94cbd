//! What a restore would bring, without doing it.

use std::collections::BTreeSet;

use crate::error::{Error, ErrorKind};
use crate::lake::Lake;
use crate::snapshot::{Column, FileList, Snapshot, Table};
use crate::spec::{TableId, ViewId};

/// What a restored table would hold, and how it differs from one of today.
#[derive(Clone, Debug, PartialEq)]
pub struct RestorePreview {
    /// Rows, exactly.
    pub row_count: u64,
    /// Bytes of its data files.
    pub bytes: u64,
    /// Its data files.
    pub file_count: u64,
    /// Rows of the present table, exactly; nothing if there is none.
    pub row_count_now: Option<u64>,
    /// Bytes of the present table's files.
    pub bytes_now: Option<u64>,
    /// Columns that are not the same in both, the present table's last.
    pub columns: Vec<ColumnDifference>,
    /// Views that read the present table.
    pub views: Vec<ViewId>,
}

/// A column that differs between a snapshot and today.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDifference {
    /// As it was; nothing if it came later.
    pub then: Option<Column>,
    /// As it is; nothing if it is gone.
    pub now: Option<Column>,
}

impl Lake {
    /// What restoring a table of a snapshot would bring.
    ///
    /// `now`: the newest picture and a table there to compare with; it may have another
    /// id. Columns are the same if their ids are, or if it is another table, their names.
    /// Cost: as `files`, and reads each delete file that is not known yet.
    /// Errors: `NotFound` if the snapshot does not show the table.
    pub async fn preview_restore(
        &self,
        from: &Snapshot,
        table: TableId,
        now: Option<(&Snapshot, TableId)>,
    ) -> Result<RestorePreview, Error> {
        let source = known(from, table)?;
        let list = self.files(from, table).await?;
        let mut preview = RestorePreview {
            row_count: self.live_count(&list).await?,
            bytes: list.bytes(),
            file_count: list.files.len() as u64,
            row_count_now: None,
            bytes_now: None,
            columns: Vec::new(),
            views: Vec::new(),
        };
        let Some((picture, id)) = now else {
            return Ok(preview);
        };
        let present = known(picture, id)?;
        let list = self.files(picture, id).await?;
        preview.row_count_now = Some(self.live_count(&list).await?);
        preview.bytes_now = Some(list.bytes());
        preview.columns = differences(source, present);
        preview.views = picture.dependents(id.0);
        Ok(preview)
    }

    /// The rows that a list of files shows, exactly.
    async fn live_count(&self, list: &FileList) -> Result<u64, Error> {
        let mut count = list.row_count();
        for file in &list.files {
            let deleted = self.deleted_positions(file).await?;
            count -= deleted.map_or(0, |rows| rows.positions.len() as u64);
        }
        Ok(count)
    }
}

fn known(picture: &Snapshot, table: TableId) -> Result<&Table, Error> {
    let found = picture.table(table).map(|table| &**table);
    found.ok_or_else(|| {
        let text = format!(
            "snapshot {} does not show a table with id {table}",
            picture.id()
        );
        Error::new(ErrorKind::NotFound, text)
    })
}

fn differences(then: &Table, now: &Table) -> Vec<ColumnDifference> {
    let is_same_table = then.id == now.id;
    let is_it = |one: &Column, two: &Column| match is_same_table {
        true => one.id == two.id,
        false => one.name == two.name,
    };
    let mut seen = BTreeSet::new();
    let mut differences = Vec::new();
    for column in &then.columns {
        let other = now.columns.iter().find(|other| is_it(column, other));
        if let Some(other) = other {
            seen.insert(other.id);
            if is_alike(column, other) {
                continue;
            }
        }
        differences.push(ColumnDifference {
            then: Some(column.clone()),
            now: other.cloned(),
        });
    }
    let added = now
        .columns
        .iter()
        .filter(|column| !seen.contains(&column.id));
    differences.extend(added.map(|column| ColumnDifference {
        then: None,
        now: Some(column.clone()),
    }));
    differences
}

/// Whether users see the same column.
fn is_alike(one: &Column, two: &Column) -> bool {
    one.name == two.name
        && one.column_type == two.column_type
        && one.nullable == two.nullable
        && one.default == two.default
}
