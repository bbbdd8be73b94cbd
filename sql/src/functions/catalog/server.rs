//! What remains: counters, properties and walks over what Gotgan lacks.

use arrow::array::ArrayRef;

use super::super::Registry;
use super::super::call::{Call, map1, map2};
use super::super::kinds::{Int4, Int8, Items, Text};
use super::{Reference, oid, references};
use crate::access::actor::{Actor, Object};
use crate::access::policy::Warden;
use crate::error::SqlError;
use crate::pg_catalog::objects::Relation;
use crate::pg_catalog::pg_sequence::tells_value;
use crate::pg_catalog::{lookup, oids};

/// INSERT, UPDATE and DELETE, as `pg_relation_is_updatable` numbers them.
const UPDATABLE: i32 = 8 + 4 + 16;

/// Counters that are never raised.
const ZEROS: &[&str] = &[
    "pg_stat_get_blocks_fetched",
    "pg_stat_get_blocks_hit",
    "pg_stat_get_dead_tuples",
    "pg_stat_get_mod_since_analyze",
    "pg_stat_get_numscans",
    "pg_stat_get_tuples_deleted",
    "pg_stat_get_tuples_fetched",
    "pg_stat_get_tuples_hot_updated",
    "pg_stat_get_tuples_inserted",
    "pg_stat_get_tuples_returned",
    "pg_stat_get_tuples_updated",
];

/// Times that never come.
const TIMES: &[&str] = &[
    "pg_stat_get_last_analyze_time",
    "pg_stat_get_last_autoanalyze_time",
    "pg_stat_get_last_autovacuum_time",
    "pg_stat_get_last_vacuum_time",
];

pub(super) fn register(registry: &mut Registry) {
    statistics(registry);
    temporary(registry);
    relations(registry);
    indexes(registry);
    registry.add("pg_blocking_pids(int4) -> _int4", |call| {
        map1::<Int4, _>(call, |_| Ok(Items(Vec::<Option<i32>>::new())))
    });
    registry.add("pg_tablespace_location(oid) -> text", |call| {
        map1::<Int8, _>(call, |_| Ok(""))
    });
    registry.add("pg_encoding_max_length(int4) -> int4", |call| {
        map1::<Int4, _>(call, |_| Ok(4_i32))
    });
    registry
        .add("pg_sequence_last_value(any) -> int8", sequence_last_value)
        .volatile();
    // Transactions have no numbers here, so none is older than another.
    registry.add("age(xid) -> int4", |call| {
        map1::<Int8, _>(call, |_| Ok(0_i32))
    });
    registry
        .add("row_security_active(any) -> bool", |call| {
            let actor = Actor::of(call.context);
            with_relation(call, |_, relation| {
                Some(match relation {
                    Relation::Table(table) => Warden::new(&actor, table).is_some(),
                    Relation::View(_) => false,
                })
            })
        })
        .stable();
}

fn statistics(registry: &mut Registry) {
    for name in ZEROS {
        let signature = format!("{name}(oid) -> int8");
        registry
            .add(&signature, |call| map1::<Int8, _>(call, |_| Ok(0_i64)))
            .stable();
    }
    for name in TIMES {
        let signature = format!("{name}(oid) -> timestamptz");
        registry
            .add(&signature, |call| call.constant(None::<i64>))
            .stable();
    }
    registry
        .add("pg_stat_get_live_tuples(oid) -> int8", |call| {
            map1::<Int8, _>(call, |value| {
                let relation = lookup::user_relation(&call.context.snapshot, oid(value));
                Ok(match relation {
                    Some(Relation::Table(table)) => {
                        i64::try_from(table.row_count).unwrap_or(i64::MAX)
                    }
                    _ => 0,
                })
            })
        })
        .stable();
}

fn temporary(registry: &mut Registry) {
    registry
        .add("pg_my_temp_schema() -> oid", |call| {
            let schema = call.context.snapshot.temporary_schema();
            call.constant(schema.map_or(0, |schema| i64::from(oids::schema(schema.id))))
        })
        .stable();
    registry
        .add("pg_is_other_temp_schema(oid) -> bool", |call| {
            map1::<Int8, _>(call, |_| Ok(false))
        })
        .stable();
}

fn relations(registry: &mut Registry) {
    registry
        .add("pg_relation_filenode(any) -> oid", |call| {
            with_relation(call, |found, relation| {
                matches!(relation, Relation::Table(_)).then_some(i64::from(found))
            })
        })
        .stable();
    registry
        .add("pg_relation_filepath(any) -> text", |call| {
            call.constant(None::<String>)
        })
        .stable();
    registry
        .add("pg_relation_is_publishable(any) -> bool", |call| {
            with_relation(call, |_, relation| {
                Some(matches!(relation, Relation::Table(_)))
            })
        })
        .stable();
    registry
        .add("pg_relation_is_updatable(any, bool) -> int4", |call| {
            with_relation(call, |_, relation| {
                Some(if matches!(relation, Relation::Table(_)) {
                    UPDATABLE
                } else {
                    0
                })
            })
        })
        .stable();
    registry
        .add("pg_column_is_updatable(any, int2, bool) -> bool", |call| {
            with_relation(call, |_, relation| {
                Some(matches!(relation, Relation::Table(_)))
            })
        })
        .stable();
}

/// NULL while no value was taken, and for what is no sequence.
///
/// Errors: `42501` for a sequence that the role may neither use nor read.
fn sequence_last_value(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let named = references(call, 0)?;
    call.rows(|row| {
        let found = match named.value(row) {
            None => return Ok(None),
            Some(Reference::Oid(value)) => oid(value),
            Some(Reference::Name(name)) => oid(lookup::regclass_in(call.context, name)?),
        };
        let Some(sequence) = lookup::sequence(&call.context.snapshot, found) else {
            return Ok(None);
        };
        if !tells_value(&Actor::of(call.context), sequence) {
            return Err(Actor::denied(Object::Sequence(sequence)));
        }
        let state = call.context.sequences.state_now(sequence.id)?;
        Ok(state.is_called.then_some(state.last_value))
    })
}

/// Answers for the table or view of the first argument; NULL for anything else.
fn with_relation<O>(
    call: &Call<'_>,
    answer: impl Fn(u32, Relation<'_>) -> Option<O>,
) -> Result<ArrayRef, SqlError>
where
    O: super::super::call::Output,
{
    let named = references(call, 0)?;
    call.rows(|row| {
        let found = match named.value(row) {
            None => return Ok(None),
            Some(Reference::Oid(value)) => oid(value),
            Some(Reference::Name(name)) => oid(lookup::regclass_in(call.context, name)?),
        };
        let relation = lookup::user_relation(&call.context.snapshot, found);
        Ok(relation.and_then(|relation| answer(found, relation)))
    })
}

/// Properties of the one kind of index that is shown, btree.
fn indexes(registry: &mut Registry) {
    registry.add("pg_indexam_has_property(oid, text) -> bool", |call| {
        map2::<Int8, Text, _>(call, |method, property| {
            if oid(method) != oids::BTREE {
                return Ok(None);
            }
            Ok(match property {
                "can_order" | "can_unique" | "can_multi_col" | "can_include" => Some(true),
                "can_exclude" => Some(true),
                _ => None,
            })
        })
    });
    registry.add("pg_index_has_property(any, text) -> bool", |call| {
        let properties = call.reader::<Text>(1)?;
        call.rows(|row| {
            Ok(match properties.value(row) {
                Some("clusterable" | "index_scan" | "bitmap_scan" | "backward_scan") => Some(true),
                _ => None,
            })
        })
    });
    registry.add(
        "pg_index_column_has_property(any, int4, text) -> bool",
        |call| {
            let properties = call.reader::<Text>(2)?;
            call.rows(|row| {
                Ok(match properties.value(row) {
                    Some("asc" | "nulls_last" | "orderable" | "returnable") => Some(true),
                    Some("search_array" | "search_nulls") => Some(true),
                    Some("desc" | "nulls_first" | "distance_orderable") => Some(false),
                    _ => None,
                })
            })
        },
    );
}
