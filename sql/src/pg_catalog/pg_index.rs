//! `pg_index`: the index that stands for each key, and those of CREATE INDEX. None
//! of them exists as a file: drivers find primary keys here.

use super::objects::{self, IndexEntry, attribute_numbers};
use super::rows::{NULL, Rows, cells};
use super::{Definition, oids, pg_opclass};
use crate::types::PgType;

pub(super) const PG_INDEX: Definition = Definition {
    name: "pg_index",
    oid: 2610,
    columns: "indexrelid:oid indrelid:oid indnatts:int2 indnkeyatts:int2 indisunique:bool \
              indnullsnotdistinct:bool indisprimary:bool indisexclusion:bool indimmediate:bool \
              indisclustered:bool indisvalid:bool indcheckxmin:bool indisready:bool \
              indislive:bool indisreplident:bool indkey:int2vector indcollation:oidvector \
              indclass:oidvector indoption:int2vector indexprs:pg_node_tree \
              indpred:pg_node_tree",
    current: |context, rows| {
        for index in objects::all_indexes(&context.snapshot) {
            push(rows, &index);
        }
    },
    ..Definition::TABLE
};

fn push(rows: &mut Rows, index: &IndexEntry<'_>) {
    let mut numbers = attribute_numbers(index.table, index.columns);
    if numbers.is_empty() {
        // An expression is indexed, which 0 stands for.
        numbers.push(0);
    }
    let types: Vec<PgType> = index
        .columns
        .iter()
        .filter_map(|id| index.table.columns.iter().find(|column| column.id == *id))
        .map(|column| PgType::of_column(&column.column_type))
        .collect();
    let collations: Vec<i64> = types
        .iter()
        .map(|t| i64::from(objects::collation(*t)))
        .collect();
    let classes: Vec<i64> = types
        .iter()
        .map(|t| i64::from(pg_opclass::of_type(t.oid)))
        .collect();
    let options: Vec<i64> = numbers.iter().map(|_| 0).collect();
    let count = i64::try_from(numbers.len()).unwrap_or(0);
    rows.push(cells![
        index.oid,
        oids::table(index.table.id),
        count,
        count,
        index.is_unique,
        false,
        index.is_primary,
        false,
        true,
        false,
        true,
        false,
        true,
        true,
        false,
        numbers,
        collations,
        classes,
        options,
        NULL,
        NULL,
    ]);
}
