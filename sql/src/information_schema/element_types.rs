//! `element_types`: one row for each array column.

use super::columns::Facets;
use super::visible::Reader;
use crate::pg_catalog::objects::{Attribute, Relation, schema_name};
use crate::pg_catalog::rows::{NULL, Rows, cells};
use crate::pg_catalog::{self, Definition, relations};

pub(super) const ELEMENT_TYPES: Definition = Definition {
    name: "element_types",
    oid: 13493,
    columns: "object_catalog:name object_schema:name object_name:name object_type:varchar \
              collection_type_identifier:name data_type:varchar character_maximum_length:int4 \
              character_octet_length:int4 character_set_catalog:name character_set_schema:name \
              character_set_name:name collation_catalog:name collation_schema:name \
              collation_name:name numeric_precision:int4 numeric_precision_radix:int4 \
              numeric_scale:int4 datetime_precision:int4 interval_type:varchar \
              interval_precision:int4 domain_default:varchar udt_catalog:name udt_schema:name \
              udt_name:name scope_catalog:name scope_schema:name scope_name:name \
              maximum_cardinality:int4 dtd_identifier:name",
    current: |context, rows| {
        let database = context.database.as_str();
        for relation in relations() {
            for (index, field) in relation.fields.fields().iter().enumerate() {
                let names = [database, relation.schema, relation.name];
                push(rows, names, index + 1, &Attribute::of_field(field));
            }
        }
        let reader = Reader::of(context);
        for relation in Relation::all(&context.snapshot) {
            let schema = schema_name(&context.snapshot, relation.schema_id());
            for (index, attribute) in relation.attributes().iter().enumerate() {
                if reader.sees_column(relation, index) {
                    let names = [database, schema, relation.name()];
                    push(rows, names, index + 1, attribute);
                }
            }
        }
    },
    ..Definition::VIEW
};

/// `names`: of the database, the schema and the relation.
fn push(rows: &mut Rows, names: [&str; 3], number: usize, attribute: &Attribute<'_>) {
    let [database, schema, name] = names;
    let pg_type = attribute.pg_type;
    let Some(element) = pg_type.element().filter(|_| !pg_type.is_vector()) else {
        return;
    };
    // As in PostgreSQL, the element has no modifier here.
    let element = crate::types::PgType::new(element.oid);
    let facets = Facets::of(element);
    rows.push(cells![
        database,
        schema,
        name,
        "TABLE",
        number.to_string(),
        facets.data_type,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        database,
        pg_catalog::SCHEMA,
        element.entry().name,
        NULL,
        NULL,
        NULL,
        NULL,
        format!("a{number}"),
    ]);
}
