//! Which rows of the catalog show in no snapshot any more.
//!
//! A row is dead if no survivor lies between its begin and its end. Survivors are all
//! snapshots from a floor on, and some before it; so dead rows lie whole in a gap between
//! two survivors. Tables that are kept longer or shorter than the others have survivors of
//! their own.

use std::collections::BTreeMap;

use crate::catalog::Sql;
use crate::spec::rows::{ColumnRow, SchemaRow};
use crate::spec::side::{CommentRow, OptionRow};
use crate::spec::table::{Row, TableSpec};

/// Whose rows are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Those of everything but these tables.
    Others(Vec<i64>),
    /// Those of these tables.
    Tables(Vec<i64>),
}

/// Tables that have the same survivors.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) whose: Whose,
    /// Every snapshot from this one on survives.
    pub(super) floor: i64,
    /// The survivors before it, rising.
    pub(super) earlier: Vec<i64>,
}

/// Between two survivors: the one before, and the one after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    after: i64,
    until: i64,
}

/// The scopes of tables with a floor of their own, and of all others.
///
/// `earlier`: survivors before the floor of the others.
pub(super) fn of_floors(own: &BTreeMap<i64, i64>, floor: i64, earlier: &[i64]) -> Vec<Scope> {
    let mut scopes = vec![Scope {
        whose: Whose::Others(own.keys().copied().collect()),
        floor,
        earlier: earlier.to_vec(),
    }];
    let mut by_floor: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (table, floor) in own {
        by_floor.entry(*floor).or_default().push(*table);
    }
    scopes.extend(by_floor.into_iter().map(|(floor, tables)| Scope {
        whose: Whose::Tables(tables),
        floor,
        earlier: earlier.to_vec(),
    }));
    scopes
}

impl Scope {
    /// Every gap that a row may lie in.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut after = -1;
        let below = self.earlier.iter().filter(|id| **id < self.floor);
        for until in below.chain([&self.floor]) {
            if until - after > 1 {
                gaps.push(Gap {
                    after,
                    until: *until,
                });
            }
            after = *until;
        }
        gaps
    }

    /// The condition of dead rows of a versioned table in a gap; nothing if the table has
    /// no rows in this scope.
    pub(super) fn dead(&self, table: &TableSpec, gap: Gap) -> Option<Sql> {
        let of_scope = self.of_scope(table)?;
        let dead = in_gap("", gap);
        Some(dead.sql(&of_scope).sql(&still_used(table)))
    }

    /// Whether the scope has a table's rows, of a data table of its own.
    pub(super) fn has(&self, table_id: i64) -> bool {
        match &self.whose {
            Whose::Others(excepted) => !excepted.contains(&table_id),
            Whose::Tables(tables) => tables.contains(&table_id),
        }
    }

    fn of_scope(&self, table: &TableSpec) -> Option<Sql> {
        let (tables, is_negated) = match &self.whose {
            Whose::Others(excepted) if excepted.is_empty() => return Some(Sql::default()),
            Whose::Others(excepted) => (excepted, true),
            Whose::Tables(tables) => (tables, false),
        };
        let Some(key) = key_of(table) else {
            return is_negated.then(Sql::default);
        };
        let list = Sql::default().integers(tables);
        let of_tables = Sql::default().name(key).text(" IN ").sql(&list);
        let of_tables = of_tables.sql(&of_parts(table, &list));
        Some(match is_negated {
            // A row that belongs to no table has none of these.
            true => Sql::new(" AND (")
                .name(key)
                .text(" IS NULL OR NOT (")
                .sql(&of_tables)
                .text("))"),
            false => Sql::new(" AND (").sql(&of_tables).text(")"),
        })
    }
}

/// The condition that a row of a file shows nowhere, in any of the scopes.
pub(super) fn dead_file(alias: &str, scopes: &[Scope]) -> Sql {
    let mut any = Sql::new("(1 = 0");
    for scope in scopes {
        let (tables, is_in) = match &scope.whose {
            Whose::Others(excepted) => (excepted, " NOT IN "),
            Whose::Tables(tables) => (tables, " IN "),
        };
        any = any
            .text(" OR (")
            .text(alias)
            .text(".\"table_id\"")
            .text(is_in)
            .integers(tables)
            .text(" AND ")
            .text(alias)
            .text(".\"end_snapshot\" <= ")
            .integer(scope.floor)
            .text(" AND NOT EXISTS (SELECT 1 FROM \"ducklake_snapshot\" s WHERE s.\"snapshot_id\" IN ")
            .integers(&scope.earlier)
            .text(" AND s.\"snapshot_id\" >= ")
            .text(alias)
            .text(".\"begin_snapshot\" AND s.\"snapshot_id\" < ")
            .text(alias)
            .text(".\"end_snapshot\"))");
    }
    any.text(")")
}

/// The condition that a row lies in a gap. `alias`: of its table with a dot, or nothing.
pub(super) fn in_gap(alias: &str, gap: Gap) -> Sql {
    Sql::new(alias)
        .text("\"end_snapshot\" > ")
        .integer(gap.after)
        .text(" AND ")
        .text(alias)
        .text("\"end_snapshot\" <= ")
        .integer(gap.until)
        .text(" AND ")
        .text(alias)
        .text("\"begin_snapshot\" > ")
        .integer(gap.after)
}

/// The same for an inlined data table, which is one table's.
pub(super) fn dead_inlined(gap: Gap) -> Sql {
    in_gap("", gap)
}

/// The column that says which table a row belongs to.
fn key_of(table: &TableSpec) -> Option<&'static str> {
    ["table_id", "object_id", "owner_table"]
        .into_iter()
        .find(|key| table.has_column(key))
}

/// Comments are also by the id of a constraint or an index of a table.
fn of_parts(table: &TableSpec, tables: &Sql) -> Sql {
    if table.name != CommentRow::TABLE.name {
        return Sql::default();
    }
    let part = |key: &str, of: &str| {
        Sql::new(" OR \"object_id\" IN (SELECT ")
            .name(key)
            .text(" FROM ")
            .name(of)
            .text(" WHERE \"table_id\" IN ")
            .sql(tables)
            .text(")")
    };
    part("constraint_id", "gotgan_constraint").sql(&part("index_id", "gotgan_index"))
}

/// What else a dead row must not be needed for.
fn still_used(table: &TableSpec) -> Sql {
    if table.name == ColumnRow::TABLE.name {
        return unused_column();
    }
    // The table of a schema may be kept longer, and takes path and retention from it.
    if table.name == SchemaRow::TABLE.name {
        return Sql::new(
            " AND NOT EXISTS (SELECT 1 FROM \"ducklake_table\" t \
             WHERE t.\"schema_id\" = \"ducklake_schema\".\"schema_id\")",
        );
    }
    if table.name == OptionRow::TABLE.name {
        return Sql::new(
            " AND NOT EXISTS (SELECT 1 FROM \"ducklake_table\" t \
             WHERE t.\"schema_id\" = \"gotgan_option\".\"object_id\")",
        );
    }
    Sql::default()
}

/// Two needs of a dead column's row: nobody may use its id again while files may hold its
/// values, which the newest id prevents; and inlined rows are read by the names of columns
/// as they were when their data table was made.
fn unused_column() -> Sql {
    Sql::new(
        " AND EXISTS (SELECT 1 FROM \"ducklake_column\" o \
         WHERE o.\"table_id\" = \"ducklake_column\".\"table_id\" \
         AND (o.\"column_id\" > \"ducklake_column\".\"column_id\" \
         OR (o.\"column_id\" = \"ducklake_column\".\"column_id\" \
         AND o.\"begin_snapshot\" > \"ducklake_column\".\"begin_snapshot\"))) \
         AND \"begin_snapshot\" < \"end_snapshot\" \
         AND NOT EXISTS (SELECT 1 FROM \"ducklake_inlined_data_tables\" d \
         JOIN \"ducklake_schema_versions\" v ON v.\"table_id\" = d.\"table_id\" \
         AND v.\"schema_version\" = d.\"schema_version\" \
         WHERE d.\"table_id\" = \"ducklake_column\".\"table_id\" \
         AND v.\"begin_snapshot\" >= \"ducklake_column\".\"begin_snapshot\" \
         AND v.\"begin_snapshot\" < \"ducklake_column\".\"end_snapshot\")",
    )
}
