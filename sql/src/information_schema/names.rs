//! The short lists: the database's name, its character set, collations, roles.

use crate::pg_catalog::rows::{NULL, cells};
use crate::pg_catalog::{self, Definition};

const CHARACTER_SET: &str = "UTF8";
const COLLATION_NAMES: [&str; 3] = ["default", "C", "POSIX"];

pub(super) const INFORMATION_SCHEMA_CATALOG_NAME: Definition = Definition {
    name: "information_schema_catalog_name",
    oid: 13227,
    columns: "catalog_name:name",
    current: |context, rows| rows.push(cells![context.database.as_str()]),
    ..Definition::VIEW
};

pub(super) const CHARACTER_SETS: Definition = Definition {
    name: "character_sets",
    oid: 13250,
    columns: "character_set_catalog:name character_set_schema:name character_set_name:name \
              character_repertoire:name form_of_use:name default_collate_catalog:name \
              default_collate_schema:name default_collate_name:name",
    current: |context, rows| {
        let database = context.database.as_str();
        rows.push(cells![
            NULL,
            NULL,
            CHARACTER_SET,
            "UCS",
            CHARACTER_SET,
            database,
            pg_catalog::SCHEMA,
            "C",
        ]);
    },
    ..Definition::VIEW
};

pub(super) const COLLATIONS: Definition = Definition {
    name: "collations",
    oid: 13265,
    columns: "collation_catalog:name collation_schema:name collation_name:name \
              pad_attribute:varchar",
    current: |context, rows| {
        for name in COLLATION_NAMES {
            rows.push(cells![
                context.database.as_str(),
                pg_catalog::SCHEMA,
                name,
                "NO PAD"
            ]);
        }
    },
    ..Definition::VIEW
};

pub(super) const COLLATION_CHARACTER_SET_APPLICABILITY: Definition = Definition {
    name: "collation_character_set_applicability",
    oid: 13270,
    columns: "collation_catalog:name collation_schema:name collation_name:name \
              character_set_catalog:name character_set_schema:name character_set_name:name",
    current: |context, rows| {
        let database = context.database.as_str();
        for name in COLLATION_NAMES {
            rows.push(cells![
                database,
                pg_catalog::SCHEMA,
                name,
                NULL,
                NULL,
                CHARACTER_SET
            ]);
        }
    },
    ..Definition::VIEW
};
