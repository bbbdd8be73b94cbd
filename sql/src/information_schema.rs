//! The relations of `information_schema`, generated like those of `pg_catalog`.
//!
//! As in PostgreSQL, system relations are listed too, and a NOT NULL column counts
//! as a CHECK constraint.
//!
//! Not guaranteed: rows for what Gotgan lacks (domains, routines of users,
//! triggers, foreign tables); those relations exist and are empty.
//!
//! Source: PostgreSQL 15 manual, chapter 37.

use crate::pg_catalog::Definition;

mod columns;
mod constraints;
mod element_types;
mod empty;
mod key_columns;
mod names;
mod privileges;
mod roles;
mod schemata;
mod sequences;
mod tables;
mod views;
mod visible;

/// Name of the schema.
pub const SCHEMA: &str = "information_schema";

/// Every relation that may have rows.
const FILLED: &[Definition] = &[
    columns::COLUMNS,
    constraints::CHECK_CONSTRAINTS,
    constraints::REFERENTIAL_CONSTRAINTS,
    constraints::TABLE_CONSTRAINTS,
    element_types::ELEMENT_TYPES,
    key_columns::CONSTRAINT_COLUMN_USAGE,
    key_columns::CONSTRAINT_TABLE_USAGE,
    key_columns::KEY_COLUMN_USAGE,
    names::CHARACTER_SETS,
    names::COLLATIONS,
    names::COLLATION_CHARACTER_SET_APPLICABILITY,
    names::INFORMATION_SCHEMA_CATALOG_NAME,
    privileges::COLUMN_PRIVILEGES,
    privileges::ROLE_COLUMN_GRANTS,
    privileges::ROLE_ROUTINE_GRANTS,
    privileges::ROLE_TABLE_GRANTS,
    privileges::ROLE_USAGE_GRANTS,
    privileges::ROUTINE_PRIVILEGES,
    privileges::TABLE_PRIVILEGES,
    privileges::USAGE_PRIVILEGES,
    roles::ADMINISTRABLE_ROLE_AUTHORIZATIONS,
    roles::APPLICABLE_ROLES,
    roles::ENABLED_ROLES,
    schemata::SCHEMATA,
    sequences::SEQUENCES,
    tables::TABLES,
    views::VIEWS,
    views::VIEW_TABLE_USAGE,
];

/// Every relation of the schema.
pub(crate) fn definitions() -> impl Iterator<Item = Definition> {
    FILLED.iter().copied().chain(empty::definitions())
}
