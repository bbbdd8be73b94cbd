//! What commits did that did not note it: told by the rows that began or ended with them.
//!
//! Not guaranteed: the numbers of DuckDB's deletes and merges, because it rewrites rows of
//! the catalog in place.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::catalog::{CatalogStore, Condition, Selection, Sql, decode};
use crate::error::Error;
use crate::spec::change::{self, Change, CommitCounts, ObjectChange};
use crate::spec::rows::{DataFileRow, DeleteFileRow, InlinedTableRow, SchemaRow, TableRow};
use crate::spec::table::Value;

/// What one commit did.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) tables: Vec<[String; 2]>,
    pub(super) counts: CommitCounts,
}

/// Tells what some commits did. `commits`: numbers and lists of changes, ascending.
///
/// Cost: 2 reads of the catalog, and 1 more for each table of inlined rows.
pub(super) async fn tell(
    store: &dyn CatalogStore,
    commits: &[(i64, &str)],
) -> Result<HashMap<i64, Told>, Error> {
    let (Some((first, _)), Some((last, _))) = (commits.first(), commits.last()) else {
        return Ok(HashMap::new());
    };
    let changes: BTreeMap<i64, Vec<Change>> = commits
        .iter()
        .map(|(id, text)| (*id, change::parse(text).unwrap_or_default()))
        .collect();
    let touched: BTreeSet<i64> = changes.values().flatten().filter_map(table_of).collect();
    let names = Names::load(store, &touched, (*first, *last)).await?;
    let mut tables: BTreeSet<i64> = names.rows.iter().map(|row| row.table_id).collect();
    tables.extend(touched);
    let counts = count(store, &tables, (*first, *last)).await?;
    let told = changes.iter().map(|(id, changes)| {
        let is_move = changes.iter().all(moves_rows);
        let mut told = Told {
            tables: names.of(*id, changes),
            counts: counts.get(id).copied().unwrap_or_default(),
        };
        if is_move {
            told.counts.rows_added = 0;
            told.counts.rows_removed = 0;
        }
        (*id, told)
    });
    Ok(told.collect())
}

fn table_of(change: &Change) -> Option<i64> {
    use ObjectChange::{AlteredView, DroppedSchema, DroppedView};
    match change {
        Change::Object(DroppedSchema | DroppedView | AlteredView, _) => None,
        Change::Object(_, id) => Some(*id),
        _ => None,
    }
}

fn moves_rows(change: &Change) -> bool {
    use ObjectChange::{InlineFlush, MergeAdjacent, RewriteDelete};
    matches!(
        change,
        Change::Object(InlineFlush | MergeAdjacent | RewriteDelete, _)
    )
}

/// Names that tables had.
struct Names {
    rows: Vec<TableRow>,
    schemas: HashMap<i64, String>,
}

impl Names {
    async fn load(
        store: &dyn CatalogStore,
        touched: &BTreeSet<i64>,
        (first, last): (i64, i64),
    ) -> Result<Self, Error> {
        let ids = touched.iter().copied().collect();
        let selections = [
            Selection::of::<TableRow>(vec![Condition::In("table_id", ids)]),
            Selection::of::<TableRow>(vec![
                Condition::MoreThan("begin_snapshot", first - 1),
                Condition::AtMost("begin_snapshot", last),
            ]),
            Selection::of::<SchemaRow>(Vec::new()),
        ];
        let mut results = store.select(&selections).await?.into_iter();
        let mut next = move || results.next().unwrap_or_default();
        let mut rows: Vec<TableRow> = decode(next())?;
        let made: Vec<TableRow> = decode(next())?;
        let schemas: Vec<SchemaRow> = decode(next())?;
        rows.extend(
            made.into_iter()
                .filter(|row| !touched.contains(&row.table_id)),
        );
        Ok(Self {
            rows,
            schemas: schemas
                .into_iter()
                .map(|row| (row.schema_id, row.schema_name))
                .collect(),
        })
    }

    /// The tables of one commit, each once.
    fn of(&self, at: i64, changes: &[Change]) -> Vec<[String; 2]> {
        let mut names = BTreeSet::new();
        for change in changes {
            if let Change::CreatedTable(schema, name) = change {
                names.insert([schema.clone(), name.clone()]);
            }
            names.extend(table_of(change).and_then(|id| self.name(id, at)));
        }
        names.into_iter().collect()
    }

    /// What a table was called after a commit, or before if that dropped it.
    fn name(&self, id: i64, at: i64) -> Option<[String; 2]> {
        let known = || self.rows.iter().filter(|row| row.table_id == id);
        let is_shown = |row: &&TableRow| {
            row.begin_snapshot <= at && row.end_snapshot.is_none_or(|end| end > at)
        };
        let row = known()
            .find(is_shown)
            .or_else(|| known().find(|row| row.end_snapshot == Some(at)))?;
        let schema = self.schemas.get(&row.schema_id)?;
        Some([schema.clone(), row.table_name.clone()])
    }
}

/// Rows and bytes that began and ended with each commit.
async fn count(
    store: &dyn CatalogStore,
    tables: &BTreeSet<i64>,
    (first, last): (i64, i64),
) -> Result<HashMap<i64, CommitCounts>, Error> {
    let ids: Vec<i64> = tables.iter().copied().collect();
    let within = |column| {
        vec![
            Condition::In("table_id", ids.clone()),
            Condition::MoreThan(column, first - 1),
            Condition::AtMost(column, last),
        ]
    };
    let selections = [
        Selection::of::<DataFileRow>(within("begin_snapshot")),
        Selection::of::<DataFileRow>(within("end_snapshot")),
        Selection::of::<DeleteFileRow>(within("begin_snapshot")),
        Selection::of::<DeleteFileRow>(within("end_snapshot")),
        Selection::of::<InlinedTableRow>(vec![Condition::In("table_id", ids.clone())]),
    ];
    let mut results = store.select(&selections).await?.into_iter();
    let mut next = move || results.next().unwrap_or_default();
    let mut counts: HashMap<i64, CommitCounts> = HashMap::new();
    for row in decode::<DataFileRow>(next())? {
        let of = counts.entry(row.begin_snapshot).or_default();
        of.rows_added += row.record_count;
        of.bytes_added += row.file_size_bytes;
    }
    for row in decode::<DataFileRow>(next())? {
        let of = counts.entry(row.end_snapshot.unwrap_or_default());
        let of = of.or_default();
        of.rows_removed += row.record_count;
        of.bytes_removed += row.file_size_bytes;
    }
    for row in decode::<DeleteFileRow>(next())? {
        counts.entry(row.begin_snapshot).or_default().rows_removed += row.delete_count;
    }
    for row in decode::<DeleteFileRow>(next())? {
        let of = counts.entry(row.end_snapshot.unwrap_or_default());
        of.or_default().rows_removed -= row.delete_count;
    }
    let data_tables: Vec<InlinedTableRow> = decode(next())?;
    for data_table in data_tables {
        for (column, is_begin) in [("begin_snapshot", true), ("end_snapshot", false)] {
            let by_commit = inlined(store, &data_table, column, (first, last)).await?;
            for (id, row_count) in by_commit {
                let of = counts.entry(id).or_default();
                match is_begin {
                    true => of.rows_added += row_count,
                    false => of.rows_removed += row_count,
                }
            }
        }
    }
    Ok(counts)
}

/// How many inlined rows began or ended with each commit.
async fn inlined(
    store: &dyn CatalogStore,
    data_table: &InlinedTableRow,
    column: &str,
    (first, last): (i64, i64),
) -> Result<Vec<(i64, i64)>, Error> {
    let sql = Sql::new("SELECT ")
        .name(column)
        .text(", count(*) FROM ")
        .name(&data_table.table_name)
        .text(" WHERE ")
        .name(column)
        .text(" BETWEEN ")
        .integer(first)
        .text(" AND ")
        .integer(last)
        .text(" GROUP BY ")
        .name(column);
    let rows = store.query(&sql).await?;
    let pair = |row: Vec<Value>| match row[..] {
        [Value::Integer(id), Value::Integer(count)] => Some((id, count)),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(pair).collect())
}
