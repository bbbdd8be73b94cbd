//! `pg_attrdef`: one row for each column default. `adbin` is the expression's text.

use super::rows::cells;
use super::{Definition, oids};
use crate::sequence::shown;

pub(super) const PG_ATTRDEF: Definition = Definition {
    name: "pg_attrdef",
    oid: 2604,
    columns: "oid:oid adrelid:oid adnum:int2 adbin:pg_node_tree",
    current: |context, rows| {
        for table in context.snapshot.tables() {
            for (index, column) in table.columns.iter().enumerate() {
                if let Some(default) = &column.default {
                    rows.push(cells![
                        oids::default(table.id, column.id),
                        oids::table(table.id),
                        i64::try_from(index + 1).unwrap_or(0),
                        shown(context, default),
                    ]);
                }
            }
        }
    },
    ..Definition::TABLE
};
