//! Functions of `pg_catalog` that statements call in FROM, where arguments do not
//! matter: lists of the server, and walks over what Gotgan lacks.

use super::identifier::keywords;
use super::rows::cells;
use super::{Definition, pg_settings, pg_timezone_names};

/// name, columns
type Row = (&'static str, &'static str);

/// Functions that never return a row.
const EMPTY: &[Row] = &[
    (
        "pg_available_extension_versions",
        "name:name version:text superuser:bool trusted:bool relocatable:bool schema:name \
         requires:name[] comment:text",
    ),
    (
        "pg_available_extensions",
        "name:name default_version:text comment:text",
    ),
    ("pg_options_to_table", "option_name:text option_value:text"),
    ("pg_partition_ancestors", "relid:regclass"),
    (
        "pg_partition_tree",
        "relid:regclass parentrelid:regclass isleaf:bool level:int4",
    ),
];

const PG_GET_KEYWORDS: Definition = Definition {
    name: "pg_get_keywords",
    columns: "word:text catcode:char barelabel:bool catdesc:text baredesc:text",
    fixed: |rows| {
        for (word, category, is_bare) in keywords() {
            let description = match category {
                'U' => "unreserved",
                'C' => "unreserved (cannot be function or type name)",
                'T' => "reserved (can be function or type name)",
                _ => "reserved",
            };
            let label = if is_bare {
                "can be bare label"
            } else {
                "requires AS"
            };
            rows.push(cells![word, category, is_bare, description, label]);
        }
    },
    ..Definition::VIEW
};

/// All of them.
pub(super) fn definitions() -> impl Iterator<Item = Definition> {
    let filled = [
        PG_GET_KEYWORDS,
        pg_settings::PG_SHOW_ALL_SETTINGS,
        pg_timezone_names::FUNCTION,
    ];
    let empty = EMPTY.iter();
    filled
        .into_iter()
        .chain(empty.map(|&(name, columns)| Definition {
            name,
            columns,
            ..Definition::VIEW
        }))
}
