//! `pg_type`: the built-in types of `types.rs`, and the row type of each table and view.
//!
//! Source: PostgreSQL 15, `pg_type.dat` (storage and input and output functions).

use std::collections::HashMap;
use std::sync::LazyLock;

use super::objects::{self, Relation};
use super::rows::{NULL, Rows, cells};
use super::{Definition, oids};
use crate::types::{self, PgType, TypeEntry};

/// `array_in`, `array_out`, `array_recv`, `array_send`, no typmod functions.
const ARRAY_FUNCTIONS: [u32; 6] = [750, 751, 2400, 2401, 0, 0];
const ARRAY_SUBSCRIPT: u32 = 6179;
const ARRAY_ANALYZE: u32 = 3816;
/// `record_in`, `record_out`, `record_recv`, `record_send`.
const RECORD_FUNCTIONS: [u32; 6] = [2290, 2291, 2402, 2403, 0, 0];

/// How PostgreSQL stores a type, which drivers read though nothing here is stored so.
#[derive(Clone, Copy)]
pub(super) struct Physical {
    pub(super) by_value: bool,
    pub(super) align: char,
    pub(super) storage: char,
    is_preferred: bool,
    /// input, output, receive, send, typmod in, typmod out
    functions: [u32; 6],
}

/// oid, by value, align, storage, preferred, functions as in [`Physical`]
type Row = (u32, bool, char, char, bool, [u32; 6]);

#[rustfmt::skip]
const PHYSICAL: &[Row] = &[
    (16, true, 'c', 'p', true, [1242, 1243, 2436, 2437, 0, 0]),
    (17, false, 'i', 'x', false, [1244, 31, 2412, 2413, 0, 0]),
    (18, true, 'c', 'p', false, [1245, 33, 2434, 2435, 0, 0]),
    (19, false, 'c', 'p', false, [34, 35, 2422, 2423, 0, 0]),
    (20, true, 'd', 'p', false, [460, 461, 2408, 2409, 0, 0]),
    (21, true, 's', 'p', false, [38, 39, 2404, 2405, 0, 0]),
    (22, false, 'i', 'p', false, [40, 41, 2410, 2411, 0, 0]),
    (23, true, 'i', 'p', false, [42, 43, 2406, 2407, 0, 0]),
    (24, true, 'i', 'p', false, [44, 45, 2444, 2445, 0, 0]),
    (25, false, 'i', 'x', true, [46, 47, 2414, 2415, 0, 0]),
    (26, true, 'i', 'p', true, [1798, 1799, 2418, 2419, 0, 0]),
    (27, false, 's', 'p', false, [48, 49, 2438, 2439, 0, 0]),
    (28, true, 'i', 'p', false, [50, 51, 2440, 2441, 0, 0]),
    (29, true, 'i', 'p', false, [52, 53, 2442, 2443, 0, 0]),
    (30, false, 'i', 'p', false, [54, 55, 2420, 2421, 0, 0]),
    (114, false, 'i', 'x', false, [321, 322, 323, 324, 0, 0]),
    (142, false, 'i', 'x', false, [2893, 2894, 2898, 2899, 0, 0]),
    (194, false, 'i', 'x', false, [195, 196, 197, 198, 0, 0]),
    (650, false, 'i', 'm', false, [1267, 1427, 2498, 2499, 0, 0]),
    (700, true, 'i', 'p', false, [200, 201, 2424, 2425, 0, 0]),
    (701, true, 'd', 'p', true, [214, 215, 2426, 2427, 0, 0]),
    (705, false, 'c', 'p', false, [109, 110, 2416, 2417, 0, 0]),
    (790, true, 'd', 'p', false, [886, 887, 2492, 2493, 0, 0]),
    (829, false, 'i', 'p', false, [436, 437, 2494, 2495, 0, 0]),
    (869, false, 'i', 'm', true, [910, 911, 2496, 2497, 0, 0]),
    (1033, false, 'i', 'p', false, [1031, 1032, 0, 0, 0, 0]),
    (1042, false, 'i', 'x', false, [1044, 1045, 2430, 2431, 2913, 2914]),
    (1043, false, 'i', 'x', false, [1046, 1047, 2432, 2433, 2915, 2916]),
    (1082, true, 'i', 'p', false, [1084, 1085, 2468, 2469, 0, 0]),
    (1083, true, 'd', 'p', false, [1143, 1144, 2470, 2471, 2909, 2910]),
    (1114, true, 'd', 'p', false, [1312, 1313, 2474, 2475, 2905, 2906]),
    (1184, true, 'd', 'p', true, [1150, 1151, 2476, 2477, 2907, 2908]),
    (1186, false, 'd', 'p', true, [1160, 1161, 2478, 2479, 2903, 2904]),
    (1266, false, 'd', 'p', false, [1350, 1351, 2472, 2473, 2911, 2912]),
    (1560, false, 'i', 'x', false, [1564, 1565, 2456, 2457, 2919, 2920]),
    (1562, false, 'i', 'x', true, [1579, 1580, 2458, 2459, 2902, 2921]),
    (1700, false, 'i', 'm', false, [1701, 1702, 2460, 2461, 2917, 2918]),
    (1790, false, 'i', 'x', false, [46, 47, 2414, 2415, 0, 0]),
    (2202, true, 'i', 'p', false, [2212, 2213, 2446, 2447, 0, 0]),
    (2203, true, 'i', 'p', false, [2214, 2215, 2448, 2449, 0, 0]),
    (2204, true, 'i', 'p', false, [2216, 2217, 2450, 2451, 0, 0]),
    (2205, true, 'i', 'p', false, [2218, 2219, 2452, 2453, 0, 0]),
    (2206, true, 'i', 'p', false, [2220, 2221, 2454, 2455, 0, 0]),
    (2249, false, 'd', 'x', false, [2290, 2291, 2402, 2403, 0, 0]),
    (2275, false, 'c', 'p', false, [2292, 2293, 2500, 2501, 0, 0]),
    (2276, true, 'i', 'p', false, [2294, 2295, 0, 0, 0, 0]),
    (2277, false, 'd', 'x', false, [2296, 2297, 2502, 2503, 0, 0]),
    (2278, true, 'i', 'p', false, [2298, 2299, 3120, 3121, 0, 0]),
    (2279, true, 'i', 'p', false, [2300, 2301, 0, 0, 0, 0]),
    (2283, true, 'i', 'p', false, [2312, 2313, 0, 0, 0, 0]),
    (2950, false, 'c', 'p', false, [2952, 2953, 2961, 2962, 0, 0]),
    (3802, false, 'i', 'x', false, [3806, 3804, 3805, 3803, 0, 0]),
    (4089, true, 'i', 'p', false, [4084, 4085, 4087, 4088, 0, 0]),
    (4096, true, 'i', 'p', false, [4098, 4092, 4094, 4095, 0, 0]),
    (4191, true, 'i', 'p', false, [4193, 4194, 4196, 4197, 0, 0]),
];

static BY_OID: LazyLock<HashMap<u32, Physical>> = LazyLock::new(|| {
    PHYSICAL
        .iter()
        .map(
            |&(oid, by_value, align, storage, is_preferred, functions)| {
                (
                    oid,
                    Physical {
                        by_value,
                        align,
                        storage,
                        is_preferred,
                        functions,
                    },
                )
            },
        )
        .collect()
});

pub(super) const PG_TYPE: Definition = Definition {
    name: "pg_type",
    oid: 1247,
    columns: "oid:oid typname:name typnamespace:oid typowner:oid typlen:int2 typbyval:bool \
              typtype:char typcategory:char typispreferred:bool typisdefined:bool typdelim:char \
              typrelid:oid typsubscript:regproc typelem:oid typarray:oid typinput:regproc \
              typoutput:regproc typreceive:regproc typsend:regproc typmodin:regproc \
              typmodout:regproc typanalyze:regproc typalign:char typstorage:char \
              typnotnull:bool typbasetype:oid typtypmod:int4 typndims:int4 typcollation:oid \
              typdefaultbin:pg_node_tree typdefault:text typacl:aclitem[]",
    fixed: |rows| {
        for entry in types::entries() {
            push(rows, &Type::of_entry(entry));
        }
    },
    current: |context, rows| {
        for relation in Relation::all(&context.snapshot) {
            push(rows, &Type::of_relation(relation));
        }
    },
    ..Definition::TABLE
};

/// The storage of a type; an array's follows from its element.
pub(super) fn physical(entry: &TypeEntry) -> Physical {
    if let Some(known) = BY_OID.get(&entry.oid) {
        return *known;
    }
    let align = match BY_OID.get(&entry.element) {
        Some(element) if element.align == 'd' => 'd',
        _ => 'i',
    };
    Physical {
        by_value: false,
        align,
        storage: 'x',
        is_preferred: false,
        functions: ARRAY_FUNCTIONS,
    }
}

struct Type<'a> {
    oid: u32,
    name: &'a str,
    schema: u32,
    owner: i64,
    bytes: i16,
    kind: char,
    category: char,
    relation: u32,
    element: u32,
    array: u32,
    collation: u32,
    physical: Physical,
}

impl<'a> Type<'a> {
    fn of_entry(entry: &'a TypeEntry) -> Self {
        Type {
            oid: entry.oid,
            name: entry.name,
            schema: oids::PG_CATALOG,
            owner: i64::from(oids::SUPERUSER),
            bytes: entry.bytes,
            kind: entry.kind,
            category: entry.category,
            relation: 0,
            element: entry.element,
            array: entry.array,
            collation: objects::collation(PgType::new(entry.oid)),
            physical: physical(entry),
        }
    }

    fn of_relation(relation: Relation<'a>) -> Self {
        Type {
            oid: oids::row_type(relation.id()),
            name: relation.name(),
            schema: oids::schema(relation.schema_id()),
            owner: relation.owner_id(),
            bytes: -1,
            kind: 'c',
            category: 'C',
            relation: relation.oid(),
            element: 0,
            array: 0,
            collation: 0,
            physical: Physical {
                by_value: false,
                align: 'd',
                storage: 'x',
                is_preferred: false,
                functions: RECORD_FUNCTIONS,
            },
        }
    }
}

fn push(rows: &mut Rows, row: &Type<'_>) {
    let physical = row.physical;
    let is_array = physical.functions == ARRAY_FUNCTIONS;
    let [input, output, receive, send, typmod_in, typmod_out] = physical.functions;
    rows.push(cells![
        row.oid,
        row.name,
        row.schema,
        row.owner,
        row.bytes,
        physical.by_value,
        row.kind,
        row.category,
        physical.is_preferred,
        true,
        ',',
        row.relation,
        if is_array { ARRAY_SUBSCRIPT } else { 0 },
        row.element,
        row.array,
        input,
        output,
        receive,
        send,
        typmod_in,
        typmod_out,
        if is_array { ARRAY_ANALYZE } else { 0 },
        physical.align,
        physical.storage,
        false,
        0,
        -1,
        0,
        row.collation,
        NULL,
        NULL,
        NULL,
    ]);
}
