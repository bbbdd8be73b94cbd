//! What the catalog counts of a table's rows, and the outer bounds of its columns.
//!
//! Read under the commit lock, and kept in memory for the next commit: reading the five
//! tables again is most of what a small commit would cost.
//!
//! Invariant: kept counters are those of the table's last change, which every commit that
//! touches the table moves.

use std::collections::{BTreeMap, HashMap};

use crate::catalog::{CommitTransaction, Condition, Selection, Write, decode};
use crate::error::{Error, ErrorKind};
use crate::spec::rows::{InlinedTableRow, SchemaVersionRow, TableColumnStatsRow, TableStatsRow};
use crate::spec::side::EndedRow;
use crate::spec::table::{Row, Value};
use crate::spec::{SnapshotId, TableId};
use crate::transaction::render::Batch;

/// Most tables whose counters are kept.
const TABLE_COUNT_MAX: usize = 4096;

/// The state of a table's rows.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    pub(super) stats: TableStatsRow,
    pub(super) has_stats: bool,
    pub(super) ended: EndedRow,
    has_ended: bool,
    /// By column.
    pub(super) bounds: BTreeMap<i64, TableColumnStatsRow>,
    /// The schema version at which the table's shape began.
    pub(super) shape: Option<i64>,
    /// Whether rows of that shape have a table in the catalog.
    pub(super) has_inlined: bool,
}

impl Counters {
    /// Reads them. Cost: 5 statements.
    pub(super) async fn load(
        catalog: &mut dyn CommitTransaction,
        table: TableId,
    ) -> Result<Self, Error> {
        let id = table.0;
        let stats: Vec<TableStatsRow> = of_table(catalog, id).await?;
        let ended: Vec<EndedRow> = of_table(catalog, id).await?;
        let bounds: Vec<TableColumnStatsRow> = of_table(catalog, id).await?;
        let shapes: Vec<SchemaVersionRow> = of_table(catalog, id).await?;
        let inlined: Vec<InlinedTableRow> = of_table(catalog, id).await?;
        let shape = shapes.iter().map(|row| row.schema_version).max();
        Ok(Self {
            has_stats: !stats.is_empty(),
            has_ended: !ended.is_empty(),
            bounds: bounds.into_iter().map(|row| (row.column_id, row)).collect(),
            shape,
            has_inlined: inlined.iter().any(|row| Some(row.schema_version) == shape),
            ..Self::none(
                table,
                stats.into_iter().next_back(),
                ended.into_iter().next_back(),
            )
        })
    }

    /// Those of a table that this commit makes.
    pub(super) fn of_new(table: TableId) -> Self {
        Self::none(table, None, None)
    }

    fn none(table: TableId, stats: Option<TableStatsRow>, ended: Option<EndedRow>) -> Self {
        let table_id = table.0;
        Self {
            stats: stats.unwrap_or(TableStatsRow {
                table_id,
                record_count: 0,
                next_row_id: 0,
                file_size_bytes: 0,
            }),
            has_stats: false,
            ended: ended.unwrap_or(EndedRow {
                table_id,
                ended_row_count: 0,
                ended_bytes: 0,
            }),
            has_ended: false,
            bounds: BTreeMap::new(),
            shape: None,
            has_inlined: false,
        }
    }

    /// The table of inlined rows of the present shape.
    ///
    /// Errors: `Corrupt` if the catalog does not know when that began.
    pub(super) fn inlined_table(&self) -> Result<(String, i64), Error> {
        let Some(shape) = self.shape else {
            let text = "the catalog has a table of an unknown schema version";
            return Err(Error::new(ErrorKind::Corrupt, text));
        };
        let id = self.stats.table_id;
        Ok((format!("ducklake_inlined_data_{id}_{shape}"), shape))
    }

    /// The table gets another shape by this commit.
    pub(super) fn reshape(&mut self, batch: &Batch) {
        if batch.reshaped.contains(&TableId(self.stats.table_id)) {
            self.shape = Some(batch.schema_version);
            self.has_inlined = false;
        }
    }

    pub(super) fn store_stats(&mut self, batch: &mut Batch) {
        let stats = &self.stats;
        if !std::mem::replace(&mut self.has_stats, true) {
            batch
                .writes
                .push(Write::insert(std::slice::from_ref(stats)));
            return;
        }
        batch.writes.push(Write::Update {
            table: TableStatsRow::TABLE,
            set: vec![
                ("record_count", Value::Integer(stats.record_count)),
                ("next_row_id", Value::Integer(stats.next_row_id)),
                ("file_size_bytes", Value::Integer(stats.file_size_bytes)),
            ],
            conditions: vec![Condition::Equals("table_id", stats.table_id)],
        });
    }

    pub(super) fn store_ended(&mut self, batch: &mut Batch) {
        let ended = &self.ended;
        if !std::mem::replace(&mut self.has_ended, true) {
            batch
                .writes
                .push(Write::insert(std::slice::from_ref(ended)));
            return;
        }
        batch.writes.push(Write::Update {
            table: EndedRow::TABLE,
            set: vec![
                ("ended_row_count", Value::Integer(ended.ended_row_count)),
                ("ended_bytes", Value::Integer(ended.ended_bytes)),
            ],
            conditions: vec![Condition::Equals("table_id", ended.table_id)],
        });
    }
}

async fn of_table<R: Row>(
    catalog: &mut dyn CommitTransaction,
    table_id: i64,
) -> Result<Vec<R>, Error> {
    let conditions = vec![Condition::Equals("table_id", table_id)];
    decode(catalog.select(&Selection::of::<R>(conditions)).await?)
}

/// Counters of tables as this process's last commits left them.
#[derive(Debug, Default)]
pub(crate) struct CountersCache {
    tables: HashMap<TableId, (SnapshotId, Counters)>,
}

impl CountersCache {
    /// Those of a table whose last change was this one.
    pub(crate) fn find(&self, table: TableId, last_change: SnapshotId) -> Option<&Counters> {
        let (at, counters) = self.tables.get(&table)?;
        (*at == last_change).then_some(counters)
    }

    pub(crate) fn put(&mut self, table: TableId, at: SnapshotId, counters: Counters) {
        if self.tables.len() >= TABLE_COUNT_MAX {
            self.clear();
        }
        self.tables.insert(table, (at, counters));
    }

    pub(crate) fn clear(&mut self) {
        self.tables.clear();
    }
}
