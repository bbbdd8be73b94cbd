//! `pg_collation`: text is compared byte by byte, under each of these names.

use super::rows::{Cell, NULL, cells};
use super::{Definition, oids};

/// Name, provider and `collcollate` of each collation.
const COLLATIONS: [(u32, &str, char, Option<&str>); 3] = [
    (oids::DEFAULT_COLLATION, "default", 'd', None),
    (oids::C_COLLATION, "C", 'c', Some("C")),
    (951, "POSIX", 'c', Some("POSIX")),
];

pub(super) const PG_COLLATION: Definition = Definition {
    name: "pg_collation",
    oid: 3456,
    columns: "oid:oid collname:name collnamespace:oid collowner:oid collprovider:char \
              collisdeterministic:bool collencoding:int4 collcollate:text collctype:text \
              colliculocale:text collversion:text",
    fixed: |rows| {
        for (oid, name, provider, locale) in COLLATIONS {
            rows.push(cells![
                oid,
                name,
                oids::PG_CATALOG,
                oids::SUPERUSER,
                provider,
                true,
                -1,
                Cell::from(locale),
                Cell::from(locale),
                NULL,
                NULL,
            ]);
        }
    },
    ..Definition::TABLE
};

/// Name of the collation with this OID.
pub(crate) fn name(oid: u32) -> Option<&'static str> {
    COLLATIONS.iter().find(|row| row.0 == oid).map(|row| row.1)
}
