//! `pg_settings`: every setting as the session has it.

use super::Definition;
use super::rows::{NULL, Rows, cells};
use crate::context::StatementContext;

pub(super) const PG_SETTINGS: Definition = Definition {
    name: "pg_settings",
    oid: 12104,
    columns: "name:text setting:text unit:text category:text short_desc:text extra_desc:text \
              context:text vartype:text source:text min_val:text max_val:text enumvals:text[] \
              boot_val:text reset_val:text sourcefile:text sourceline:int4 pending_restart:bool",
    current: push_settings,
    ..Definition::VIEW
};

/// `pg_show_all_settings()`, which has the same columns.
pub(super) const PG_SHOW_ALL_SETTINGS: Definition = Definition {
    name: "pg_show_all_settings",
    ..PG_SETTINGS
};

fn push_settings(context: &StatementContext, rows: &mut Rows) {
    for (name, value) in context.settings.iter() {
        let category = if name.contains('.') {
            "Customized Options"
        } else {
            "Client Connection"
        };
        rows.push(cells![
            name.as_str(),
            value.as_str(),
            NULL,
            category,
            "",
            NULL,
            "user",
            kind(value),
            "default",
            NULL,
            NULL,
            NULL,
            value.as_str(),
            value.as_str(),
            NULL,
            NULL,
            false,
        ]);
    }
}

/// `vartype`, told by the value.
fn kind(value: &str) -> &'static str {
    match value {
        "on" | "off" => "bool",
        number if number.parse::<i64>().is_ok() => "integer",
        number if number.parse::<f64>().is_ok() => "real",
        _ => "string",
    }
}
