//! `pg_..._is_visible`: whether the search path finds an object by its bare name.

use super::super::Registry;
use super::super::call::{Call, map1};
use super::super::kinds::Int8;
use super::oid;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::pg_catalog::{self, lookup, pg_collation, pg_proc};

/// Kinds of objects that Gotgan has none of.
const ABSENT: [&str; 8] = [
    "pg_conversion_is_visible",
    "pg_operator_is_visible",
    "pg_statistics_obj_is_visible",
    "pg_ts_config_is_visible",
    "pg_ts_dict_is_visible",
    "pg_ts_parser_is_visible",
    "pg_ts_template_is_visible",
    "pg_opfamily_is_visible",
];

type Visible = fn(&StatementContext, u32) -> Option<bool>;

pub(super) fn register(registry: &mut Registry) {
    add(registry, "pg_table_is_visible", lookup::is_class_visible);
    add(registry, "pg_type_is_visible", lookup::is_type_visible);
    add(registry, "pg_function_is_visible", |context, oid| {
        pg_proc::by_oid(oid).map(|_| is_catalog_on_path(context))
    });
    add(registry, "pg_collation_is_visible", |context, oid| {
        pg_collation::name(oid).map(|_| is_catalog_on_path(context))
    });
    add(registry, "pg_opclass_is_visible", |context, _| {
        Some(is_catalog_on_path(context))
    });
    for name in ABSENT {
        add(registry, name, |_, _| None);
    }
}

fn add(registry: &mut Registry, name: &str, visible: Visible) {
    let signature = format!("{name}(oid) -> bool");
    registry
        .add(&signature, move |call: &Call<'_>| -> Result<_, SqlError> {
            map1::<Int8, _>(call, |value| Ok(visible(call.context, oid(value))))
        })
        .stable();
}

fn is_catalog_on_path(context: &StatementContext) -> bool {
    context
        .search_path
        .iter()
        .any(|schema| schema == pg_catalog::SCHEMA)
}
