//! `pg_description`: every comment.

use gotgan_storage::Table;

use super::objects::{self, Relation, schemas};
use super::rows::{Rows, cells};
use super::{Definition, oids};

pub(super) const PG_DESCRIPTION: Definition = Definition {
    name: "pg_description",
    oid: 2609,
    columns: "objoid:oid classoid:oid objsubid:int4 description:text",
    current: |context, rows| {
        for schema in schemas(&context.snapshot) {
            if let Some(comment) = &schema.comment {
                let oid = oids::schema(schema.id);
                rows.push(cells![oid, oids::class::NAMESPACE, 0, comment.as_str()]);
            }
        }
        for relation in Relation::all(&context.snapshot) {
            let oid = relation.oid();
            if let Some(comment) = relation.comment() {
                rows.push(cells![oid, oids::class::CLASS, 0, comment]);
            }
            for (index, attribute) in relation.attributes().iter().enumerate() {
                if let Some(comment) = attribute.comment {
                    let number = i64::try_from(index + 1).unwrap_or(0);
                    rows.push(cells![oid, oids::class::CLASS, number, comment]);
                }
            }
        }
        for sequence in context.snapshot.sequences() {
            if let Some(comment) = &sequence.comment {
                let oid = oids::sequence(sequence.id);
                rows.push(cells![oid, oids::class::CLASS, 0, comment.as_str()]);
            }
        }
        for table in context.snapshot.tables() {
            push_parts(rows, table);
        }
    },
    ..Definition::TABLE
};

/// Comments on what a table owns: constraints, policies and indexes. That of a key belongs
/// to the constraint alone.
fn push_parts(rows: &mut Rows, table: &Table) {
    for entry in &table.constraints {
        if let Some(comment) = &entry.comment {
            let oid = oids::object(entry.id);
            rows.push(cells![oid, oids::class::CONSTRAINT, 0, comment.as_str()]);
        }
    }
    for policy in &table.access.policies {
        if let Some(comment) = &policy.comment {
            let oid = oids::object(policy.id);
            rows.push(cells![oid, oids::class::POLICY, 0, comment.as_str()]);
        }
    }
    for index in objects::indexes(table).filter(|index| index.constraint.is_none()) {
        if let Some(comment) = index.comment {
            rows.push(cells![index.oid, oids::class::CLASS, 0, comment]);
        }
    }
}
