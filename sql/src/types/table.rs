//! Built-in types: one row each, as `pg_type` shows them.

use std::collections::HashMap;
use std::sync::LazyLock;

/// One row of the type table.
#[derive(Clone, Copy, Debug)]
pub struct TypeEntry {
    /// `pg_type.oid`.
    pub oid: u32,
    /// `pg_type.typname`.
    pub name: &'static str,
    /// What `format_type` shows without a modifier.
    pub display: &'static str,
    /// `typlen`: bytes, or -1 for variable and -2 for C strings.
    pub bytes: i16,
    /// `typcategory`.
    pub category: char,
    /// OID of the array type over this one; 0 if none.
    pub array: u32,
    /// OID of the element type if this is an array (or a fixed-length vector); 0 if none.
    pub element: u32,
    /// `typtype`: b base, p pseudo.
    pub kind: char,
}

/// oid, name, display, bytes, category, array oid, kind
type Row = (u32, &'static str, &'static str, i16, char, u32, char);

#[rustfmt::skip]
const BASE: &[Row] = &[
    (16, "bool", "boolean", 1, 'B', 1000, 'b'),
    (17, "bytea", "bytea", -1, 'U', 1001, 'b'),
    (18, "char", "\"char\"", 1, 'Z', 1002, 'b'),
    (19, "name", "name", 64, 'S', 1003, 'b'),
    (20, "int8", "bigint", 8, 'N', 1016, 'b'),
    (21, "int2", "smallint", 2, 'N', 1005, 'b'),
    (23, "int4", "integer", 4, 'N', 1007, 'b'),
    (24, "regproc", "regproc", 4, 'N', 1008, 'b'),
    (25, "text", "text", -1, 'S', 1009, 'b'),
    (26, "oid", "oid", 4, 'N', 1028, 'b'),
    (27, "tid", "tid", 6, 'U', 1010, 'b'),
    (28, "xid", "xid", 4, 'U', 1011, 'b'),
    (29, "cid", "cid", 4, 'U', 1012, 'b'),
    (114, "json", "json", -1, 'U', 199, 'b'),
    (142, "xml", "xml", -1, 'U', 143, 'b'),
    (194, "pg_node_tree", "pg_node_tree", -1, 'Z', 0, 'b'),
    (650, "cidr", "cidr", -1, 'I', 651, 'b'),
    (700, "float4", "real", 4, 'N', 1021, 'b'),
    (701, "float8", "double precision", 8, 'N', 1022, 'b'),
    (705, "unknown", "unknown", -2, 'X', 0, 'p'),
    (790, "money", "money", 8, 'N', 791, 'b'),
    (829, "macaddr", "macaddr", 6, 'U', 1040, 'b'),
    (869, "inet", "inet", -1, 'I', 1041, 'b'),
    (1033, "aclitem", "aclitem", 12, 'U', 1034, 'b'),
    (1042, "bpchar", "character", -1, 'S', 1014, 'b'),
    (1043, "varchar", "character varying", -1, 'S', 1015, 'b'),
    (1082, "date", "date", 4, 'D', 1182, 'b'),
    (1083, "time", "time without time zone", 8, 'D', 1183, 'b'),
    (1114, "timestamp", "timestamp without time zone", 8, 'D', 1115, 'b'),
    (1184, "timestamptz", "timestamp with time zone", 8, 'D', 1185, 'b'),
    (1186, "interval", "interval", 16, 'T', 1187, 'b'),
    (1266, "timetz", "time with time zone", 12, 'D', 1270, 'b'),
    (1560, "bit", "bit", -1, 'V', 1561, 'b'),
    (1562, "varbit", "bit varying", -1, 'V', 1563, 'b'),
    (1700, "numeric", "numeric", -1, 'N', 1231, 'b'),
    (1790, "refcursor", "refcursor", -1, 'U', 2201, 'b'),
    (2202, "regprocedure", "regprocedure", 4, 'N', 2207, 'b'),
    (2203, "regoper", "regoper", 4, 'N', 2208, 'b'),
    (2204, "regoperator", "regoperator", 4, 'N', 2209, 'b'),
    (2205, "regclass", "regclass", 4, 'N', 2210, 'b'),
    (2206, "regtype", "regtype", 4, 'N', 2211, 'b'),
    (2249, "record", "record", -1, 'P', 2287, 'p'),
    (2275, "cstring", "cstring", -2, 'P', 1263, 'p'),
    (2276, "any", "\"any\"", 4, 'P', 0, 'p'),
    (2277, "anyarray", "anyarray", -1, 'P', 0, 'p'),
    (2278, "void", "void", 4, 'P', 0, 'p'),
    (2279, "trigger", "trigger", 4, 'P', 0, 'p'),
    (2283, "anyelement", "anyelement", 4, 'P', 0, 'p'),
    (2950, "uuid", "uuid", 16, 'U', 2951, 'b'),
    (3802, "jsonb", "jsonb", -1, 'U', 3807, 'b'),
    (4089, "regnamespace", "regnamespace", 4, 'N', 4090, 'b'),
    (4096, "regrole", "regrole", 4, 'N', 4097, 'b'),
    (4191, "regcollation", "regcollation", 4, 'N', 4192, 'b'),
];

/// Vectors of the system catalog: oid, name, array oid, element oid.
const VECTORS: &[(u32, &str, u32, u32)] =
    &[(22, "int2vector", 1006, 21), (30, "oidvector", 1013, 26)];

static ENTRIES: LazyLock<Vec<TypeEntry>> = LazyLock::new(build);
static BY_OID: LazyLock<HashMap<u32, usize>> = LazyLock::new(|| {
    ENTRIES
        .iter()
        .enumerate()
        .map(|(index, e)| (e.oid, index))
        .collect()
});
static BY_NAME: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
    ENTRIES
        .iter()
        .enumerate()
        .map(|(index, e)| (e.name, index))
        .collect()
});

fn build() -> Vec<TypeEntry> {
    let mut all = Vec::new();
    for &(oid, name, display, bytes, category, array, kind) in BASE {
        all.push(TypeEntry {
            oid,
            name,
            display,
            bytes,
            category,
            array,
            element: 0,
            kind,
        });
        if array != 0 {
            all.push(array_entry(
                array,
                name,
                oid,
                if kind == 'p' { 'p' } else { 'b' },
            ));
        }
    }
    for &(oid, name, array, element) in VECTORS {
        all.push(TypeEntry {
            oid,
            name,
            display: name,
            bytes: -1,
            category: 'A',
            array,
            element,
            kind: 'b',
        });
        all.push(array_entry(array, name, oid, 'b'));
    }
    all.sort_by_key(|entry| entry.oid);
    all
}

/// Names live as long as the process: the table is built once.
fn array_entry(oid: u32, element_name: &str, element: u32, kind: char) -> TypeEntry {
    let name: &'static str = Box::leak(format!("_{element_name}").into_boxed_str());
    TypeEntry {
        oid,
        name,
        display: name,
        bytes: -1,
        category: 'A',
        array: 0,
        element,
        kind,
    }
}

/// All built-in types, ordered by OID.
#[must_use]
pub fn entries() -> &'static [TypeEntry] {
    &ENTRIES
}

/// The type with this OID.
#[must_use]
pub fn by_oid(oid: u32) -> Option<&'static TypeEntry> {
    BY_OID.get(&oid).map(|&index| &ENTRIES[index])
}

/// The type with this `typname`.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static TypeEntry> {
    BY_NAME.get(name).map(|&index| &ENTRIES[index])
}
