//! `tables`: one row for each table and view, system relations included.

use super::visible::Reader;
use crate::pg_catalog::objects::{Relation, schema_name};
use crate::pg_catalog::rows::{NULL, Rows, cells};
use crate::pg_catalog::{Definition, relations};

pub(super) const TABLES: Definition = Definition {
    name: "tables",
    oid: 13425,
    columns: "table_catalog:name table_schema:name table_name:name table_type:varchar \
              self_referencing_column_name:name reference_generation:varchar \
              user_defined_type_catalog:name user_defined_type_schema:name \
              user_defined_type_name:name is_insertable_into:varchar/7 is_typed:varchar/7 \
              commit_action:varchar",
    current: |context, rows| {
        let database = context.database.as_str();
        for relation in relations() {
            push(
                rows,
                database,
                relation.schema,
                relation.name,
                kind(relation.kind == 'r'),
            );
        }
        let reader = Reader::of(context);
        for relation in Relation::all(&context.snapshot).filter(|own| reader.sees(*own)) {
            let schema = schema_name(&context.snapshot, relation.schema_id());
            let is_table = matches!(relation, Relation::Table(_));
            let kind = match context.snapshot.is_temporary(relation.schema_id()) {
                true => TEMPORARY,
                false => kind(is_table),
            };
            push(rows, database, schema, relation.name(), kind);
        }
    },
    ..Definition::VIEW
};

const TEMPORARY: &str = "LOCAL TEMPORARY";

fn kind(is_table: bool) -> &'static str {
    if is_table { "BASE TABLE" } else { "VIEW" }
}

fn push(rows: &mut Rows, database: &str, schema: &str, name: &str, kind: &str) {
    let insertable = if kind == "VIEW" { "NO" } else { "YES" };
    rows.push(cells![
        database, schema, name, kind, NULL, NULL, NULL, NULL, NULL, insertable, "NO", NULL,
    ]);
}
