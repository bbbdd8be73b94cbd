//! `obj_description` and its kin: comments by OID.

use super::super::Registry;
use super::super::call::{map1, map2};
use super::super::kinds::{Int4, Int8, Text};
use super::oid;
use gotgan_storage::Snapshot;

use crate::pg_catalog::{lookup, objects, oids};

pub(super) fn register(registry: &mut Registry) {
    registry
        .add("obj_description(oid, name) -> text", |call| {
            map2::<Int8, Text, _>(call, |value, class| {
                Ok(description(&call.context.snapshot, oid(value), class))
            })
        })
        .stable();
    registry
        .add("obj_description(oid) -> text", |call| {
            map1::<Int8, _>(call, |value| {
                let snapshot = &call.context.snapshot;
                let classes = ["pg_class", "pg_namespace", "pg_constraint", "pg_policy"];
                Ok(classes
                    .iter()
                    .find_map(|class| description(snapshot, oid(value), class)))
            })
        })
        .stable();
    registry
        .add("col_description(oid, int4) -> text", |call| {
            map2::<Int8, Int4, _>(call, |value, number| {
                Ok(column_description(
                    &call.context.snapshot,
                    oid(value),
                    number,
                ))
            })
        })
        .stable();
    registry
        .add("shobj_description(oid, name) -> text", |call| {
            map2::<Int8, Text, _>(call, |value, class| {
                let role = call.context.rights.role(value);
                let comment = role.and_then(|role| role.comment.as_deref());
                Ok(comment.filter(|_| class == "pg_authid"))
            })
        })
        .stable();
}

/// The comment on an object of this catalog.
fn description<'a>(snapshot: &'a Snapshot, oid: u32, class: &str) -> Option<&'a str> {
    match class {
        "pg_class" => match lookup::user_relation(snapshot, oid) {
            Some(relation) => relation.comment(),
            None if lookup::sequence(snapshot, oid).is_some() => {
                lookup::sequence(snapshot, oid).and_then(|sequence| sequence.comment.as_deref())
            }
            None => objects::all_indexes(snapshot)
                .find(|index| index.oid == oid && index.constraint.is_none())
                .and_then(|index| index.comment),
        },
        "pg_namespace" => objects::schemas(snapshot)
            .find(|schema| oids::schema(schema.id) == oid)
            .and_then(|schema| schema.comment.as_deref()),
        "pg_constraint" => snapshot
            .tables()
            .flat_map(|table| &table.constraints)
            .find(|entry| oids::object(entry.id) == oid)
            .and_then(|entry| entry.comment.as_deref()),
        "pg_policy" => snapshot
            .tables()
            .flat_map(|table| &table.access.policies)
            .find(|policy| oids::object(policy.id) == oid)
            .and_then(|policy| policy.comment.as_deref()),
        _ => None,
    }
}

fn column_description(snapshot: &Snapshot, relation: u32, number: i32) -> Option<&str> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    let attributes = lookup::user_relation(snapshot, relation)?.attributes();
    attributes
        .get(index)
        .and_then(|attribute| attribute.comment)
}
