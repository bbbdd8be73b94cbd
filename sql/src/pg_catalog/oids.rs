//! OIDs of catalog objects: fixed ones of PostgreSQL, and those made from catalog ids.
//!
//! An object's OID is 16384 + its catalog id, so it is the same after a restart and
//! on every node. What belongs to an object but has no id of its own (the index of
//! a key, the rule and the row type of a relation, a column's default) gets a range
//! of its own, counted by the id of its owner.
//!
//! Not guaranteed: OIDs of objects that are not committed yet, whose ids are
//! negative, change at commit.
//!
//! Source: PostgreSQL 15, `src/include/catalog/*.dat` (numbers below 16384).

use gotgan_storage::{ColumnId, SchemaId, SequenceId, TableId, ViewId};

#[allow(missing_docs, reason = "each constant is the relation of its name")]
pub(crate) mod class {
    pub(crate) const ATTRDEF: u32 = 2604;
    pub(crate) const CLASS: u32 = 1259;
    pub(crate) const CONSTRAINT: u32 = 2606;
    pub(crate) const NAMESPACE: u32 = 2615;
    pub(crate) const POLICY: u32 = 3256;
    pub(crate) const REWRITE: u32 = 2618;
}

/// The database `gotgan`.
pub(crate) const DATABASE: u32 = 5;
/// The superuser `gotgan`, as PostgreSQL's bootstrap superuser.
pub(crate) const SUPERUSER: u32 = 10;
/// Schema `pg_catalog`.
pub(crate) const PG_CATALOG: u32 = 11;
/// Schema `pg_toast`, which is always empty.
pub(crate) const PG_TOAST: u32 = 99;
/// Schema `information_schema`.
pub(crate) const INFORMATION_SCHEMA: u32 = 13_207;
/// Schema `gotgan` of our own views, which PostgreSQL lacks; its relations come next.
pub(crate) const GOTGAN: u32 = 15_000;
/// Access method `heap`, of every table.
pub(crate) const HEAP: u32 = 2;
/// Access method `btree`, of every index.
pub(crate) const BTREE: u32 = 403;
/// Collation `default`.
pub(crate) const DEFAULT_COLLATION: u32 = 100;
/// Collation `C`.
pub(crate) const C_COLLATION: u32 = 950;
/// Tablespace `pg_default`.
pub(crate) const PG_DEFAULT: u32 = 1663;
/// Encoding UTF8, as `pg_encoding_to_char` numbers it.
pub(crate) const UTF8: i32 = 6;

/// Where a kind of OID starts, for committed ids and for those of an open transaction.
struct Range {
    start: u32,
    uncommitted: u32,
}

const OBJECT: Range = Range {
    start: 16_384,
    uncommitted: 4_000_000_000,
};
const KEY_INDEX: Range = Range {
    start: 1_000_000_000,
    uncommitted: 4_050_000_000,
};
const RULE: Range = Range {
    start: 1_500_000_000,
    uncommitted: 4_100_000_000,
};
const ROW_TYPE: Range = Range {
    start: 2_000_000_000,
    uncommitted: 4_150_000_000,
};
const DEFAULT: Range = Range {
    start: 2_500_000_000,
    uncommitted: 4_200_000_000,
};

/// Most column ids per table that get a distinct OID for their default.
const DEFAULTS_PER_TABLE: i64 = 1600;

impl Range {
    /// An id too large for the range wraps within it, which no real lake reaches.
    fn oid(&self, id: i64) -> u32 {
        let (start, size) = match id {
            0.. => (self.start, self.size()),
            _ => (self.uncommitted, 50_000_000),
        };
        start + u32::try_from(id.unsigned_abs() % size).unwrap_or(0)
    }

    fn id(&self, oid: u32) -> Option<i64> {
        let from = |start: u32| i64::from(oid) - i64::from(start);
        let committed = u64::try_from(from(self.start)).is_ok_and(|id| id < self.size());
        if committed {
            return Some(from(self.start));
        }
        (1..50_000_000)
            .contains(&from(self.uncommitted))
            .then(|| -from(self.uncommitted))
    }

    fn size(&self) -> u64 {
        match self.start {
            16_384 => 900_000_000,
            2_500_000_000 => 1_500_000_000,
            _ => 500_000_000,
        }
    }
}

/// OID of any object that has a catalog id of its own.
pub fn object(id: i64) -> u32 {
    OBJECT.oid(id)
}

/// The catalog id behind an OID of [`object`].
pub fn object_id(oid: u32) -> Option<i64> {
    OBJECT.id(oid)
}

/// `pg_namespace.oid`.
pub fn schema(id: SchemaId) -> u32 {
    object(id.0)
}

/// `pg_class.oid` of a table.
pub fn table(id: TableId) -> u32 {
    object(id.0)
}

/// `pg_class.oid` of a view.
pub fn view(id: ViewId) -> u32 {
    object(id.0)
}

/// `pg_class.oid` of a sequence.
pub fn sequence(id: SequenceId) -> u32 {
    object(id.0)
}

/// `pg_class.oid` of the index that stands for a primary or unique key.
pub fn key_index(constraint_id: i64) -> u32 {
    KEY_INDEX.oid(constraint_id)
}

/// `pg_rewrite.oid` of a view's rule.
pub fn rule(id: ViewId) -> u32 {
    RULE.oid(id.0)
}

/// The view behind an OID of [`rule`].
pub fn rule_view(oid: u32) -> Option<ViewId> {
    RULE.id(oid).map(ViewId)
}

/// `pg_type.oid` of a table's or view's row type.
pub fn row_type(relation_id: i64) -> u32 {
    ROW_TYPE.oid(relation_id)
}

/// The catalog id of the relation behind an OID of [`row_type`].
pub fn row_type_relation(oid: u32) -> Option<i64> {
    ROW_TYPE.id(oid)
}

/// `pg_attrdef.oid` of a column's default.
pub fn default(table: TableId, column: ColumnId) -> u32 {
    let id = table.0.abs() * DEFAULTS_PER_TABLE + column.0.abs() % DEFAULTS_PER_TABLE;
    DEFAULT.oid(if table.0 < 0 { -id } else { id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oids_of_objects_lead_back_to_their_ids() {
        for id in [0, 1, 77, 899_999_999, -1, -30_000] {
            assert_eq!(object_id(object(id)), Some(id));
            assert_eq!(rule_view(rule(ViewId(id % 1000))), Some(ViewId(id % 1000)));
            assert_eq!(row_type_relation(row_type(id % 1000)), Some(id % 1000));
        }
        assert_eq!(object_id(1259), None);
        assert_eq!(object_id(key_index(1)), None);
    }

    #[test]
    fn ranges_do_not_meet() {
        let oids = [object(5), key_index(5), rule(ViewId(5)), row_type(5)];
        let more = [
            default(TableId(5), ColumnId(1)),
            object(-5),
            key_index(-5),
            row_type(-5),
        ];
        let mut all: Vec<u32> = oids.into_iter().chain(more).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 8);
    }
}
