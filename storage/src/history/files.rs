//! The files of one table over all of its kept history: the rows of `gotgan.file_history`.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use crate::catalog::{Condition, Selection, Sql, decode};
use crate::error::{Error, ErrorKind};
use crate::lake::Lake;
use crate::spec::rows::{DataFileRow, DeleteFileRow, SnapshotRow};
use crate::spec::table::Value;
use crate::spec::{SnapshotId, TableId};

/// Ids or paths that are asked for at a time.
const PAGE_COUNT: usize = 5000;

/// A file of a table, as long as the catalog knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHistory {
    /// As the catalog has it: mostly relative to the table's folder.
    pub path: String,
    /// Whether it names deleted rows instead of holding rows.
    pub is_delete_file: bool,
    /// Rows that it holds, or that it deletes.
    pub row_count: u64,
    /// Size of the object.
    pub bytes: u64,
    /// The first snapshot that shows it.
    pub begin: SnapshotId,
    /// When that was, if it is kept.
    pub begin_time: Option<DateTime<Utc>>,
    /// The first snapshot that does not show it any more.
    pub end: Option<SnapshotId>,
    /// When that was, if it is kept.
    pub end_time: Option<DateTime<Utc>>,
    /// How many kept snapshots show it.
    pub kept_by: u64,
    /// Names of the holds among these.
    pub held_by: Vec<String>,
    /// Rows of other tables that name the same object.
    pub shared_with: u64,
}

impl FileHistory {
    /// Bytes that are freed when older snapshots are gone: those of a file that no table
    /// shows now.
    pub fn freed_bytes(&self) -> u64 {
        match self.end.is_some() && self.shared_with == 0 {
            true => self.bytes,
            false => 0,
        }
    }
}

impl Lake {
    /// The data and delete files of a table, also a dropped one, in the order of their
    /// making.
    ///
    /// Cost: by the number of the table's files and of kept snapshots, 8 bytes of memory
    /// for each of these.
    pub async fn file_history(&self, table: TableId) -> Result<Vec<FileHistory>, Error> {
        let of_table = vec![Condition::Equals("table_id", table.0)];
        let selections = [
            Selection::of::<DataFileRow>(of_table.clone()),
            Selection::of::<DeleteFileRow>(of_table),
        ];
        let mut results = self.catalog().select(&selections).await?.into_iter();
        let mut next = move || results.next().unwrap_or_default();
        let data: Vec<DataFileRow> = decode(next())?;
        let deletes: Vec<DeleteFileRow> = decode(next())?;
        let mut files: Vec<FileHistory> = data.into_iter().map(data_file).collect();
        files.extend(deletes.into_iter().map(delete_file));
        files.sort_by(|one, two| (one.begin, &one.path).cmp(&(two.begin, &two.path)));
        let Some(first) = files.first().map(|file| file.begin) else {
            return Ok(files);
        };
        let kept = self.kept_since(first).await?;
        let times = self.times_of(&files).await?;
        let shared = self.shared_paths(table, &files).await?;
        let now = self.clock().now();
        let mut holds = self.holds().await?;
        holds.retain(|hold| hold.until.is_none_or(|until| until > now));
        for file in &mut files {
            let end = file.end.map_or(i64::MAX, |end| end.0);
            let below = |limit: i64| kept.partition_point(|id| *id < limit) as u64;
            file.kept_by = below(end) - below(file.begin.0);
            let held = holds
                .iter()
                .filter(|hold| (file.begin.0..end).contains(&hold.snapshot.0));
            file.held_by = held.map(|hold| hold.name.clone()).collect();
            file.begin_time = times.get(&file.begin.0).copied();
            file.end_time = file.end.and_then(|end| times.get(&end.0).copied());
            file.shared_with = shared.get(&file.path).copied().unwrap_or(0);
        }
        Ok(files)
    }

    /// Ids of the kept snapshots from one on, ascending.
    async fn kept_since(&self, first: SnapshotId) -> Result<Vec<i64>, Error> {
        let mut ids = Vec::new();
        let mut next = first.0;
        loop {
            let sql = Sql::new(
                "SELECT \"snapshot_id\" FROM \"ducklake_snapshot\" WHERE \"snapshot_id\" >= ",
            )
            .integer(next)
            .text(" ORDER BY \"snapshot_id\" LIMIT ")
            .integer(i64::try_from(PAGE_COUNT).unwrap_or(i64::MAX));
            let rows = self.catalog().query(&sql).await?;
            let count = rows.len();
            for row in rows {
                ids.push(integer(row.first())?);
            }
            match ids.last() {
                Some(last) if count == PAGE_COUNT => next = last + 1,
                _ => return Ok(ids),
            }
        }
    }

    /// When the snapshots were made that begin and end files.
    async fn times_of(&self, files: &[FileHistory]) -> Result<HashMap<i64, DateTime<Utc>>, Error> {
        let ids = files.iter().flat_map(|file| {
            let end = file.end.map(|end| end.0);
            [Some(file.begin.0), end].into_iter().flatten()
        });
        let ids: Vec<i64> = ids.collect::<BTreeSet<i64>>().into_iter().collect();
        let mut times = HashMap::new();
        for ids in ids.chunks(PAGE_COUNT) {
            let page = vec![Condition::In("snapshot_id", ids.to_vec())];
            let selection = Selection::of::<SnapshotRow>(page);
            let rows = self.catalog().select(&[selection]).await?.pop();
            let rows: Vec<SnapshotRow> = decode(rows.unwrap_or_default())?;
            times.extend(rows.iter().map(|row| (row.snapshot_id, row.snapshot_time)));
        }
        Ok(times)
    }

    /// How many rows of other tables name each path. A restored table has the folder of
    /// its source, and no two files are called alike.
    async fn shared_paths(
        &self,
        table: TableId,
        files: &[FileHistory],
    ) -> Result<HashMap<String, u64>, Error> {
        let mut shared: HashMap<String, u64> = HashMap::new();
        for (kind, name) in [
            (false, "ducklake_data_file"),
            (true, "ducklake_delete_file"),
        ] {
            let paths: Vec<&FileHistory> = files
                .iter()
                .filter(|file| file.is_delete_file == kind)
                .collect();
            for page in paths.chunks(PAGE_COUNT) {
                let texts = page.iter().map(|file| file.path.clone());
                let sql = Sql::new("SELECT \"path\", count(*) FROM ")
                    .name(name)
                    .text(" WHERE \"table_id\" <> ")
                    .integer(table.0)
                    .text(" AND \"path\" IN ")
                    .texts(texts.collect())
                    .text(" GROUP BY \"path\"");
                for row in self.catalog().query(&sql).await? {
                    if let [Value::Text(path), Value::Integer(count)] = &row[..] {
                        shared.insert(path.clone(), u64::try_from(*count).unwrap_or(0));
                    }
                }
            }
        }
        Ok(shared)
    }
}

fn integer(value: Option<&Value>) -> Result<i64, Error> {
    match value {
        Some(Value::Integer(number)) => Ok(*number),
        _ => Err(Error::new(
            ErrorKind::Corrupt,
            "the catalog has a bad snapshot id",
        )),
    }
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn data_file(row: DataFileRow) -> FileHistory {
    FileHistory {
        path: row.path,
        is_delete_file: false,
        row_count: unsigned(row.record_count),
        bytes: unsigned(row.file_size_bytes),
        begin: SnapshotId(row.begin_snapshot),
        begin_time: None,
        end: row.end_snapshot.map(SnapshotId),
        end_time: None,
        kept_by: 0,
        held_by: Vec::new(),
        shared_with: 0,
    }
}

fn delete_file(row: DeleteFileRow) -> FileHistory {
    FileHistory {
        path: row.path,
        is_delete_file: true,
        row_count: unsigned(row.delete_count),
        bytes: unsigned(row.file_size_bytes),
        begin: SnapshotId(row.begin_snapshot),
        begin_time: None,
        end: row.end_snapshot.map(SnapshotId),
        end_time: None,
        kept_by: 0,
        held_by: Vec::new(),
        shared_with: 0,
    }
}
