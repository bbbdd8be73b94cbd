//! The SQL database that lists everything in the lake, behind one trait.
//!
//! Callers say what they want as [`Selection`]s and [`Write`]s; only a dialect
//! (`sqlite`, `postgres`) turns them into SQL and maps types.
//!
//! Invariants:
//! - A commit transaction holds the lake's commit lock from `begin_commit` on.
//! - What `select` returns for several selections is one consistent state.
//!
//! Not guaranteed: that a commit which failed did not happen; see `transaction`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::error::Error;
use crate::spec::rows::SnapshotRow;
use crate::spec::table::{Row, TableSpec, Value, Values};
use crate::types::ColumnType;

mod create;
#[cfg(test)]
pub(crate) mod fault;
mod postgres;
mod sql;
mod sqlite;
mod statement;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use create::{
    NewLake, adoption, creation, data_path_write, public_access, public_schema,
};
pub(crate) use postgres::PostgresCatalog;
pub(crate) use sql::Sql;
pub(crate) use sqlite::{SqliteAccess, SqliteCatalog};
pub(crate) use statement::inlined_delete_table;

/// The newest snapshot, and the epoch of what is kept without history.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) snapshot: SnapshotRow,
    pub(crate) epoch: i64,
    /// The database's clock; nothing where that is the machine's own.
    pub(crate) now: Option<DateTime<Utc>>,
}

/// Which rows of a table are meant; conditions are joined by AND.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// Begun at or before the snapshot and not ended by then.
    VisibleAt(i64),
    /// Not ended at all.
    Live,
    Equals(&'static str, i64),
    Is(&'static str, String),
    In(&'static str, Vec<i64>),
    AtMost(&'static str, i64),
    MoreThan(&'static str, i64),
    /// Begun or ended after the snapshot: what changed since.
    ChangedAfter(i64),
    /// The column's value is among the same column's values in a selection.
    Within(&'static str, Box<Selection>),
}

/// Rows of one table, all columns in their order.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) table: &'static TableSpec,
    pub(crate) conditions: Vec<Condition>,
    /// Only so many of them; nothing is all.
    pub(crate) page: Option<Page>,
}

/// The first or last rows of a selection by a column that an index orders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) column: &'static str,
    pub(crate) is_descending: bool,
    pub(crate) count_max: usize,
}

impl Selection {
    pub(crate) fn of<R: Row>(conditions: Vec<Condition>) -> Self {
        Self {
            table: R::TABLE,
            conditions,
            page: None,
        }
    }

    /// Only the rows with the least values of a column, in their order.
    pub(crate) fn first(self, column: &'static str, count_max: usize) -> Self {
        let page = Page {
            column,
            is_descending: false,
            count_max,
        };
        Self {
            page: Some(page),
            ..self
        }
    }

    /// Only the rows with the greatest values of a column, the greatest first.
    pub(crate) fn last(self, column: &'static str, count_max: usize) -> Self {
        let page = Page {
            column,
            is_descending: true,
            count_max,
        };
        Self {
            page: Some(page),
            ..self
        }
    }
}

/// One change of the catalog database.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Insert {
        table: &'static TableSpec,
        rows: Vec<Values>,
    },
    Update {
        table: &'static TableSpec,
        set: Vec<(&'static str, Value)>,
        conditions: Vec<Condition>,
    },
    Delete {
        table: &'static TableSpec,
        conditions: Vec<Condition>,
    },
    /// Ends the inlined rows of a table that the snapshot `base` shows.
    EndInlined {
        data_table: String,
        base: i64,
        at: i64,
    },
    /// Makes a table of inlined rows, if it is not there.
    CreateInlined {
        data_table: String,
        columns: Vec<(String, ColumnType)>,
    },
    /// Adds inlined rows that begin at a snapshot; `columns` as the data table has them.
    InsertInlined {
        data_table: String,
        columns: Vec<(String, ColumnType)>,
        begin: i64,
        rows: Vec<InlinedRow>,
    },
    /// A statement of the catalog's upkeep. It reads no row of the same writes.
    Run(Sql),
    /// Ends the live inlined rows of a table that have these ids.
    EndInlinedRows {
        data_table: String,
        row_ids: Vec<i64>,
        at: i64,
    },
}

/// A row that the catalog is to hold itself.
#[derive(Clone, Debug)]
pub(crate) struct InlinedRow {
    pub(crate) row_id: i64,
    /// The table's columns in order; see `snapshot::inlined`.
    pub(crate) values: Values,
}

impl Write {
    pub(crate) fn insert<R: Row>(rows: &[R]) -> Self {
        Self::Insert {
            table: R::TABLE,
            rows: rows.iter().map(R::values).collect(),
        }
    }

    /// Ends the live rows that the conditions name, at a snapshot.
    pub(crate) fn end<R: Row>(mut conditions: Vec<Condition>, at: i64) -> Self {
        conditions.push(Condition::Live);
        let set = vec![("end_snapshot", Value::Integer(at))];
        Self::Update {
            table: R::TABLE,
            set,
            conditions,
        }
    }
}

/// What a catalog database holds before anything is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// No table at all.
    Nothing,
    /// Tables, but none of a lake's.
    Stranger,
    /// A lake that another program made.
    ForeignLake,
    /// A lake with our side tables.
    Lake,
}

/// A one-time change of the database's tables, done whole or not at all.
#[derive(Debug, Default)]
pub(crate) struct Installation {
    /// Whether the format's own tables are made first.
    pub(crate) has_format_tables: bool,
    /// Rows that are written before the guard triggers exist.
    pub(crate) writes: Vec<Write>,
}

/// The catalog database, opened.
///
/// What a process that may not write gets has no writer, so nothing in it can begin a
/// commit.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) store: Box<dyn CatalogStore>,
    pub(crate) writer: Option<Box<dyn CatalogWriter>>,
}

/// What may be read of the catalog database.
#[async_trait]
pub(crate) trait CatalogStore: std::fmt::Debug + Send + Sync {
    /// Whether other primaries may write to it, too, so that the head must be asked for.
    fn is_shared(&self) -> bool;

    /// What the database holds.
    async fn inspect(&self) -> Result<Found, Error>;

    /// The newest snapshot and the epoch. Cost: 1 statement.
    async fn head(&self) -> Result<Head, Error>;

    /// The rows of each selection, read from one state of the database.
    async fn select(&self, selections: &[Selection]) -> Result<Vec<Vec<Values>>, Error>;

    /// The inlined rows of a data table that are visible at a snapshot, in row id order:
    /// the row id and the wanted columns of each. None if the table is gone, as it is when
    /// nothing in it is shown any more.
    async fn inlined_rows(
        &self,
        data_table: &str,
        columns: &[String],
        at: i64,
    ) -> Result<Vec<Values>, Error>;

    /// How many rows of a data table are live; none if it is gone.
    async fn inlined_count(&self, data_table: &str) -> Result<i64, Error>;

    /// Whether a table exists. Inlined deletes make theirs on first use.
    async fn has_table(&self, name: &str) -> Result<bool, Error>;

    /// Pairs (data file, position) of rows deleted inline at or before a snapshot.
    async fn inlined_deletes(&self, table_id: i64, at: i64) -> Result<Vec<(i64, i64)>, Error>;

    /// The rows of a statement that only reads.
    async fn query(&self, sql: &Sql) -> Result<Vec<Values>, Error>;

    /// Hears of commits of other processes; nothing where the database tells nobody.
    async fn watch(&self) -> Result<Option<Box<dyn CatalogWatch>>, Error>;

    /// Gives every connection back.
    async fn close(&self);
}

/// Hears of commits.
#[async_trait]
pub(crate) trait CatalogWatch: Send {
    /// Returns once something was committed, or may have been.
    ///
    /// Errors: `Unavailable` once nothing is heard any more; then a new one is needed.
    async fn changed(&mut self) -> Result<(), Error>;
}

/// What changes the catalog database. Only primaries have one.
#[async_trait]
pub(crate) trait CatalogWriter: std::fmt::Debug + Send + Sync {
    /// Makes our tables, indexes and triggers, in one transaction.
    ///
    /// Errors: `Conflict` if another process did it meanwhile.
    async fn install(&self, installation: &Installation) -> Result<(), Error>;

    /// Makes those of our tables that an older version lacks, and notes the version.
    async fn upgrade(&self) -> Result<(), Error>;

    /// Takes the commit lock. Waits for others up to the configured bound.
    async fn begin_commit(&self) -> Result<Box<dyn CommitTransaction>, Error>;

    /// Gives every connection back.
    async fn close(&self);
}

/// A transaction of the catalog database that holds the commit lock.
///
/// Dropping it without `commit` rolls it back.
#[async_trait]
pub(crate) trait CommitTransaction: Send {
    /// The head as the transaction found it.
    async fn head(&mut self) -> Result<Head, Error>;

    async fn select(&mut self, selection: &Selection) -> Result<Vec<Values>, Error>;

    async fn has_table(&mut self, name: &str) -> Result<bool, Error>;

    /// How many rows of a table meet the conditions.
    async fn count(&mut self, table: &str, conditions: &[Condition]) -> Result<i64, Error>;

    /// Whether any row of a table has more than this in a column.
    async fn has_any_after(&mut self, table: &str, column: &str, base: i64) -> Result<bool, Error>;

    /// How many inlined rows of the data table are live and visible at a snapshot.
    async fn inlined_live_count(&mut self, data_table: &str, base: i64) -> Result<i64, Error> {
        let conditions = [Condition::Live, Condition::AtMost("begin_snapshot", base)];
        self.count(data_table, &conditions).await
    }

    /// How many of these rows are live in the data table and visible at a snapshot.
    async fn inlined_found_count(
        &mut self,
        data_table: &str,
        row_ids: &[i64],
        base: i64,
    ) -> Result<i64, Error> {
        let conditions = [
            Condition::Live,
            Condition::AtMost("begin_snapshot", base),
            Condition::In("row_id", row_ids.to_vec()),
        ];
        self.count(data_table, &conditions).await
    }

    /// Whether any inlined row of the data table was ended after a snapshot.
    async fn inlined_ended_after(&mut self, data_table: &str, base: i64) -> Result<bool, Error> {
        self.has_any_after(data_table, "end_snapshot", base).await
    }

    /// Whether rows of the table's files were deleted inline after a snapshot.
    async fn inlined_deleted_after(&mut self, table_id: i64, base: i64) -> Result<bool, Error> {
        let name = inlined_delete_table(table_id);
        if !self.has_table(&name).await? {
            return Ok(false);
        }
        self.has_any_after(&name, "begin_snapshot", base).await
    }

    /// The rows of a statement that only reads.
    async fn query(&mut self, sql: &Sql) -> Result<Vec<Values>, Error>;

    /// Carries a statement out; returns how many rows it changed.
    async fn execute(&mut self, sql: &Sql) -> Result<u64, Error>;

    async fn apply(&mut self, writes: &[Write]) -> Result<(), Error>;

    /// Makes everything durable. After an error the outcome is open.
    async fn commit(self: Box<Self>) -> Result<(), Error>;

    /// Undoes everything; once this returns well, nothing happened.
    async fn rollback(self: Box<Self>) -> Result<(), Error>;
}

/// Decodes the rows of one selection.
pub(crate) fn decode<R: Row>(rows: Vec<Values>) -> Result<Vec<R>, Error> {
    rows.into_iter().map(R::from_values).collect()
}
