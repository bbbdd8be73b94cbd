//! What an expiry removed, or would.

use std::collections::BTreeMap;

use crate::retention::files::Scheduled;
use crate::spec::TableId;

/// What expires, and what it frees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpireReport {
    /// Snapshots that go.
    pub snapshots: u64,
    /// Objects that nothing names any more then.
    pub files: u64,
    /// Bytes of these objects.
    pub bytes: u64,
    /// The same for each table that has any, by its id.
    pub tables: Vec<ExpiredTable>,
}

impl ExpireReport {
    pub(super) fn of(snapshots: u64, tables: Vec<ExpiredTable>) -> Self {
        Self {
            snapshots,
            files: tables.iter().map(|table| table.files).sum(),
            bytes: tables.iter().map(|table| table.bytes).sum(),
            tables,
        }
    }
}

/// What the expiry of snapshots frees of one table, which may be dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiredTable {
    /// The table.
    pub id: TableId,
    /// Name of its schema, one that it had.
    pub schema: String,
    /// Its name, one that it had.
    pub name: String,
    /// Objects that nothing names any more.
    pub files: u64,
    /// Bytes of these objects.
    pub bytes: u64,
}

/// Gathers a report.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) snapshots: u64,
    pub(super) tables: BTreeMap<i64, ExpiredTable>,
}

impl Tally {
    pub(super) fn add(&mut self, scheduled: Vec<Scheduled>) {
        for one in scheduled {
            let empty = || ExpiredTable {
                id: TableId(one.table_id),
                schema: one.schema_name.clone(),
                name: one.table_name.clone(),
                files: 0,
                bytes: 0,
            };
            let table = self.tables.entry(one.table_id).or_insert_with(empty);
            table.files += 1;
            table.bytes += u64::try_from(one.bytes).unwrap_or(0);
        }
    }

    pub(super) fn report(self) -> ExpireReport {
        ExpireReport::of(self.snapshots, self.tables.into_values().collect())
    }
}
