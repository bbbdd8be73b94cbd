//! `pg_am`, `pg_opclass`, `pg_opfamily`: how keys would be ordered.
//!
//! Source: PostgreSQL 15, `pg_opclass.dat`: the default btree classes.

use std::collections::BTreeSet;

use super::rows::cells;
use super::{Definition, oids};
use crate::types::{PgType, oid};

/// `array_ops`, for every array type.
const ARRAY_CLASS: u32 = 397;

/// input type, class, its name, family, its name
type Row = (u32, u32, &'static str, u32, &'static str);

#[rustfmt::skip]
const CLASSES: &[Row] = &[
    (16, 10003, "bool_ops", 424, "bool_ops"),
    (17, 10006, "bytea_ops", 428, "bytea_ops"),
    (18, 10007, "char_ops", 429, "char_ops"),
    (19, 10028, "name_ops", 1994, "text_ops"),
    (20, 3124, "int8_ops", 1976, "integer_ops"),
    (21, 1979, "int2_ops", 1976, "integer_ops"),
    (23, 1978, "int4_ops", 1976, "integer_ops"),
    (25, 3126, "text_ops", 1994, "text_ops"),
    (26, 1981, "oid_ops", 1989, "oid_ops"),
    (27, 10050, "tid_ops", 2789, "tid_ops"),
    (30, 10032, "oidvector_ops", 1991, "oidvector_ops"),
    (700, 10012, "float4_ops", 1970, "float_ops"),
    (701, 3123, "float8_ops", 1970, "float_ops"),
    (790, 10047, "money_ops", 2099, "money_ops"),
    (829, 10024, "macaddr_ops", 1984, "macaddr_ops"),
    (869, 10015, "inet_ops", 1974, "network_ops"),
    (1042, 10004, "bpchar_ops", 426, "bpchar_ops"),
    (1082, 3122, "date_ops", 434, "datetime_ops"),
    (1083, 10038, "time_ops", 1996, "time_ops"),
    (1114, 3128, "timestamp_ops", 434, "datetime_ops"),
    (1184, 3127, "timestamptz_ops", 434, "datetime_ops"),
    (1186, 10022, "interval_ops", 1982, "interval_ops"),
    (1266, 10041, "timetz_ops", 2000, "timetz_ops"),
    (1560, 10002, "bit_ops", 423, "bit_ops"),
    (1562, 10043, "varbit_ops", 2002, "varbit_ops"),
    (1700, 3125, "numeric_ops", 1988, "numeric_ops"),
    (2249, 10034, "record_ops", 2994, "record_ops"),
    (2277, 10000, "array_ops", 397, "array_ops"),
    (2950, 10065, "uuid_ops", 2968, "uuid_ops"),
    (3802, 10088, "jsonb_ops", 4033, "jsonb_ops"),
];

pub(super) const PG_AM: Definition = Definition {
    name: "pg_am",
    oid: 2601,
    columns: "oid:oid amname:name amhandler:regproc amtype:char",
    fixed: |rows| {
        rows.push(cells![oids::HEAP, "heap", 3, 't']);
        rows.push(cells![oids::BTREE, "btree", 330, 'i']);
    },
    ..Definition::TABLE
};

pub(super) const PG_OPCLASS: Definition = Definition {
    name: "pg_opclass",
    oid: 2616,
    columns: "oid:oid opcmethod:oid opcname:name opcnamespace:oid opcowner:oid opcfamily:oid \
              opcintype:oid opcdefault:bool opckeytype:oid",
    fixed: |rows| {
        for &(input, class, name, family, _) in CLASSES {
            rows.push(cells![
                class,
                oids::BTREE,
                name,
                oids::PG_CATALOG,
                oids::SUPERUSER,
                family,
                input,
                true,
                0,
            ]);
        }
    },
    ..Definition::TABLE
};

pub(super) const PG_OPFAMILY: Definition = Definition {
    name: "pg_opfamily",
    oid: 2753,
    columns: "oid:oid opfmethod:oid opfname:name opfnamespace:oid opfowner:oid",
    fixed: |rows| {
        let families: BTreeSet<(u32, &str)> = CLASSES
            .iter()
            .map(|&(_, _, _, family, name)| (family, name))
            .collect();
        for (family, name) in families {
            let (schema, owner) = (oids::PG_CATALOG, oids::SUPERUSER);
            rows.push(cells![family, oids::BTREE, name, schema, owner]);
        }
    },
    ..Definition::TABLE
};

/// The default btree class of a type; 0 if its values have no order.
pub(super) fn of_type(type_oid: u32) -> u32 {
    let pg_type = PgType::new(type_oid);
    if pg_type.element().is_some() && !pg_type.is_vector() {
        return ARRAY_CLASS;
    }
    // varchar and regclass are ordered as text and oid are.
    let ordered_as = match type_oid {
        oid::VARCHAR => oid::TEXT,
        oid::REGCLASS | oid::REGTYPE | oid::REGPROC | oid::REGNAMESPACE | oid::REGROLE => oid::OID,
        other => other,
    };
    CLASSES
        .iter()
        .find(|row| row.0 == ordered_as)
        .map_or(0, |row| row.1)
}
