//! `views` and `view_table_usage`.

use super::visible::Reader;
use crate::access::actor::Object;
use crate::pg_catalog::objects::{Relation, schema_name, view_definition};
use crate::pg_catalog::rows::{Cell, NULL, Rows, cells};
use crate::pg_catalog::{Definition, lookup, oids, relations};

pub(super) const VIEWS: Definition = Definition {
    name: "views",
    oid: 13483,
    columns: "table_catalog:name table_schema:name table_name:name view_definition:varchar \
              check_option:varchar is_updatable:varchar/7 is_insertable_into:varchar/7 \
              is_trigger_updatable:varchar/7 is_trigger_deletable:varchar/7 \
              is_trigger_insertable_into:varchar/7",
    current: |context, rows| {
        let database = context.database.as_str();
        for relation in relations().filter(|relation| relation.kind == 'v') {
            push(rows, database, relation.schema, relation.name, NULL);
        }
        let reader = Reader::of(context);
        let views = context.snapshot.views();
        for view in views.filter(|view| reader.sees(Relation::View(view))) {
            let schema = schema_name(&context.snapshot, view.schema_id);
            let definition = match reader.owns(Object::View(view)) {
                true => Cell::Owned(view_definition(view)),
                false => NULL,
            };
            push(rows, database, schema, &view.name, definition);
        }
    },
    ..Definition::VIEW
};

pub(super) const VIEW_TABLE_USAGE: Definition = Definition {
    name: "view_table_usage",
    oid: 13478,
    columns: "view_catalog:name view_schema:name view_name:name table_catalog:name \
              table_schema:name table_name:name",
    current: |context, rows| {
        let database = context.database.as_str();
        let reader = Reader::of(context);
        for view in context.snapshot.views() {
            let schema = schema_name(&context.snapshot, view.schema_id);
            for &dependency in &view.dependencies {
                let oid = oids::object(dependency);
                let used = lookup::user_relation(&context.snapshot, oid);
                let Some(used) = used.filter(|used| reader.owns(used.object())) else {
                    continue;
                };
                rows.push(cells![
                    database,
                    schema,
                    view.name.as_str(),
                    database,
                    schema_name(&context.snapshot, Relation::schema_id(used)),
                    used.name(),
                ]);
            }
        }
    },
    ..Definition::VIEW
};

fn push(rows: &mut Rows, database: &str, schema: &str, name: &str, definition: Cell<'_>) {
    rows.push(cells![
        database, schema, name, definition, "NONE", "NO", "NO", "NO", "NO", "NO",
    ]);
}
