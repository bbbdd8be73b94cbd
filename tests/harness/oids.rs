//! Names of PostgreSQL's types by OID, as golden files write them.
//! Source: pg_type of PostgreSQL 15.

/// Type names by OID, without the array types.
const NAMES: &[(u32, &str)] = &[
    (16, "bool"),
    (17, "bytea"),
    (18, "char"),
    (19, "name"),
    (20, "int8"),
    (21, "int2"),
    (22, "int2vector"),
    (23, "int4"),
    (24, "regproc"),
    (25, "text"),
    (26, "oid"),
    (27, "tid"),
    (28, "xid"),
    (30, "oidvector"),
    (114, "json"),
    (142, "xml"),
    (194, "pg_node_tree"),
    (700, "float4"),
    (701, "float8"),
    (705, "unknown"),
    (869, "inet"),
    (1033, "aclitem"),
    (1042, "bpchar"),
    (1043, "varchar"),
    (1082, "date"),
    (1083, "time"),
    (1114, "timestamp"),
    (1184, "timestamptz"),
    (1186, "interval"),
    (1266, "timetz"),
    (1700, "numeric"),
    (2202, "regprocedure"),
    (2205, "regclass"),
    (2206, "regtype"),
    (2249, "record"),
    (2278, "void"),
    (2950, "uuid"),
    (3802, "jsonb"),
    (4089, "regnamespace"),
    (4096, "regrole"),
];

/// Element types of the array types, by the OID of the array type.
const ARRAYS: &[(u32, u32)] = &[
    (199, 114),
    (1000, 16),
    (1001, 17),
    (1002, 18),
    (1003, 19),
    (1005, 21),
    (1007, 23),
    (1009, 25),
    (1014, 1042),
    (1015, 1043),
    (1016, 20),
    (1021, 700),
    (1022, 701),
    (1028, 26),
    (1034, 1033),
    (1115, 1114),
    (1182, 1082),
    (1183, 1083),
    (1185, 1184),
    (1187, 1186),
    (1231, 1700),
    (2210, 2205),
    (2211, 2206),
    (2951, 2950),
    (3807, 3802),
];

/// Returns the name of a type: `int4`, `text[]`, or `oid 99999` if unknown.
pub(crate) fn type_name(oid: u32) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(known, _)| *known == oid) {
        return (*name).to_owned();
    }
    match ARRAYS.iter().find(|(array, _)| *array == oid) {
        Some((_, element)) => format!("{}[]", type_name(*element)),
        None => format!("oid {oid}"),
    }
}
