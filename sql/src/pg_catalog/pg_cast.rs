//! `pg_cast`: the casts between the types that columns have.
//!
//! Source: PostgreSQL 15, `pg_cast.dat`.

use super::Definition;
use super::rows::{Rows, cells};

/// The OID of the first cast; they are numbered in the order below.
const FIRST_OID: i64 = 10_100;

/// `source target function context method`, the first three as OIDs.
#[rustfmt::skip]
const CASTS: &str = "\
    20 21 714 a f; 20 23 480 a f; 20 700 652 i f; 20 701 482 i f; 20 1700 1781 i f;\
    21 20 754 i f; 21 23 313 i f; 21 700 236 i f; 21 701 235 i f; 21 1700 1782 i f;\
    23 20 481 i f; 23 21 314 a f; 23 700 318 i f; 23 701 316 i f; 23 1700 1740 i f;\
    700 20 653 a f; 700 21 238 a f; 700 23 319 a f; 700 701 311 i f; 700 1700 1742 a f;\
    701 20 483 a f; 701 21 237 a f; 701 23 317 a f; 701 700 312 a f; 701 1700 1743 a f;\
    1700 20 1779 a f; 1700 21 1783 a f; 1700 23 1744 a f; 1700 700 1745 i f; 1700 701 1746 i f;\
    23 16 2557 e f; 16 23 2558 e f; 20 26 1287 i f; 21 26 313 i f; 23 26 0 i b; 26 20 1288 a f;\
    26 23 0 a b; 26 24 0 i b; 24 26 0 i b; 20 24 1287 i f; 21 24 313 i f; 23 24 0 i b;\
    24 20 1288 a f; 24 23 0 a b; 26 2205 0 i b; 2205 26 0 i b; 20 2205 1287 i f; 21 2205 313 i f;\
    23 2205 0 i b; 2205 20 1288 a f; 2205 23 0 a b; 26 2206 0 i b; 2206 26 0 i b;\
    20 2206 1287 i f; 21 2206 313 i f; 23 2206 0 i b; 2206 20 1288 a f; 2206 23 0 a b;\
    25 2205 1079 i f; 1043 2205 1079 i f; 26 4096 0 i b; 4096 26 0 i b; 20 4096 1287 i f;\
    21 4096 313 i f; 23 4096 0 i b; 4096 20 1288 a f; 4096 23 0 a b; 26 4089 0 i b;\
    4089 26 0 i b; 20 4089 1287 i f; 21 4089 313 i f; 23 4089 0 i b; 4089 20 1288 a f;\
    4089 23 0 a b; 25 1042 0 i b; 25 1043 0 i b; 1042 25 401 i f; 1042 1043 401 i f;\
    1043 25 0 i b; 1043 1042 0 i b; 18 25 946 i f; 18 1042 860 a f; 18 1043 946 a f;\
    19 25 406 i f; 19 1042 408 a f; 19 1043 1401 a f; 25 18 944 a f; 1042 18 944 a f;\
    1043 18 944 a f; 25 19 407 i f; 1042 19 409 i f; 1043 19 1400 i f; 18 23 77 e f;\
    23 18 78 e f; 1082 1114 2024 i f; 1082 1184 1174 i f; 1083 1186 1370 i f; 1114 1082 2029 a f;\
    1114 1083 1316 a f; 1114 1184 2028 i f; 1184 1082 1178 a f; 1184 1083 2019 a f;\
    1184 1114 2027 a f; 1186 1083 1419 a f; 16 25 2971 a f; 16 1043 2971 a f; 16 1042 2971 a f;\
    1042 1042 668 i f; 1043 1043 669 i f; 1083 1083 1968 i f; 1114 1114 1961 i f;\
    1184 1184 1967 i f; 1186 1186 1200 i f; 1700 1700 1703 i f; 114 3802 0 a i; 3802 114 0 a i;\
    3802 16 3556 e f; 3802 1700 3449 e f; 3802 21 3450 e f; 3802 23 3451 e f; 3802 20 3452 e f;\
    3802 700 3453 e f; 3802 701 2580 e f";

pub(super) const PG_CAST: Definition = Definition {
    name: "pg_cast",
    oid: 2605,
    columns: "oid:oid castsource:oid casttarget:oid castfunc:oid castcontext:char \
              castmethod:char",
    fixed: |rows| {
        for (oid, entry) in (FIRST_OID..).zip(CASTS.split(';')) {
            push(rows, oid, entry.trim());
        }
    },
    ..Definition::TABLE
};

fn push(rows: &mut Rows, oid: i64, entry: &'static str) {
    let parts: Vec<&str> = entry.split(' ').collect();
    let number = |index: usize| parts.get(index).and_then(|part| part.parse::<i64>().ok());
    let text = |index: usize| parts.get(index).copied();
    rows.push(cells![
        oid,
        number(0),
        number(1),
        number(2),
        text(3),
        text(4)
    ]);
}
