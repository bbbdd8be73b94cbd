//! Sizes of tables and of the database, in bytes of live data files.

use arrow::array::ArrayRef;
use gotgan_storage::Snapshot;

use super::super::Registry;
use super::super::call::{Call, map1};
use super::super::kinds::{Int8, Numeric, Text};
use super::{Reference, oid, references};
use crate::error::SqlError;
use crate::pg_catalog::objects::{Relation, all_indexes};
use crate::pg_catalog::{lookup, oids, relation_by_oid};

/// Units of `pg_size_pretty`: name, limit to stay in it, whether it is rounded, bits.
const UNITS: [(&str, u128, bool, u32); 6] = [
    ("bytes", 10 * 1024, false, 0),
    ("kB", 20 * 1024 - 1, true, 10),
    ("MB", 20 * 1024 - 1, true, 20),
    ("GB", 20 * 1024 - 1, true, 30),
    ("TB", 20 * 1024 - 1, true, 40),
    ("PB", 20 * 1024 - 1, true, 50),
];

pub(super) fn register(registry: &mut Registry) {
    for signature in [
        "pg_relation_size(any) -> int8",
        "pg_relation_size(any, text) -> int8",
        "pg_table_size(any) -> int8",
        "pg_total_relation_size(any) -> int8",
    ] {
        registry
            .add(signature, |call| relation_size(call, table_bytes))
            .stable();
    }
    registry
        .add("pg_indexes_size(any) -> int8", |call| {
            relation_size(call, |_| 0)
        })
        .stable();
    registry
        .add("pg_database_size(any) -> int8", database_size)
        .stable();
    registry
        .add("pg_tablespace_size(any) -> int8", tablespace_size)
        .stable();
    registry.add("pg_size_pretty(int8) -> text", |call| {
        map1::<Int8, _>(call, |size| Ok(pretty(i128::from(size))))
    });
    registry.add("pg_size_pretty(numeric) -> text", |call| {
        map1::<Numeric, _>(call, |size| {
            let scale = u32::try_from(size.scale).unwrap_or(0);
            Ok(pretty(size.unscaled / 10_i128.pow(scale)))
        })
    });
    registry.add("pg_size_bytes(text) -> int8", |call| {
        map1::<Text, _>(call, |text| {
            size_bytes(text).ok_or_else(|| SqlError::invalid_size(text))
        })
    });
}

fn table_bytes(relation: Relation<'_>) -> u64 {
    match relation {
        Relation::Table(table) => table.bytes,
        Relation::View(_) => 0,
    }
}

fn relation_size(call: &Call<'_>, bytes: fn(Relation<'_>) -> u64) -> Result<ArrayRef, SqlError> {
    let relations = references(call, 0)?;
    call.rows(|row| {
        let found = match relations.value(row) {
            None => return Ok(None),
            Some(Reference::Oid(value)) => oid(value),
            Some(Reference::Name(name)) => oid(lookup::regclass_in(call.context, name)?),
        };
        let snapshot = &call.context.snapshot;
        if let Some(relation) = lookup::user_relation(snapshot, found) {
            return Ok(Some(i64::try_from(bytes(relation)).unwrap_or(i64::MAX)));
        }
        let is_other =
            relation_by_oid(found).is_some() || all_indexes(snapshot).any(|i| i.oid == found);
        Ok(is_other.then_some(0))
    })
}

fn all_bytes(snapshot: &Snapshot) -> i64 {
    let sum = snapshot
        .tables()
        .fold(0_u64, |sum, table| sum.saturating_add(table.bytes));
    i64::try_from(sum).unwrap_or(i64::MAX)
}

fn database_size(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let databases = references(call, 0)?;
    call.rows(|row| match databases.value(row) {
        None => Ok(None),
        Some(Reference::Oid(value)) => {
            let is_ours = value == i64::from(oids::DATABASE);
            Ok(is_ours.then(|| all_bytes(&call.context.snapshot)))
        }
        Some(Reference::Name(name)) if name == call.context.database => {
            Ok(Some(all_bytes(&call.context.snapshot)))
        }
        Some(Reference::Name(name)) => Err(SqlError::undefined_database(name)),
    })
}

fn tablespace_size(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let spaces = references(call, 0)?;
    call.rows(|row| match spaces.value(row) {
        None => Ok(None),
        Some(Reference::Oid(value)) => {
            let is_ours = value == i64::from(oids::PG_DEFAULT);
            Ok(is_ours.then(|| all_bytes(&call.context.snapshot)))
        }
        Some(Reference::Name("pg_default")) => Ok(Some(all_bytes(&call.context.snapshot))),
        Some(Reference::Name(name)) => Err(SqlError::undefined_object("tablespace", name)),
    })
}

/// `1234 bytes`, `12 kB`: halves are rounded away from zero.
fn pretty(bytes: i128) -> String {
    let mut size = bytes;
    for (index, &(name, limit, is_rounded, bits)) in UNITS.iter().enumerate() {
        let next = UNITS.get(index + 1);
        if size.unsigned_abs() < limit || next.is_none() {
            let shown = if is_rounded {
                (size + size.signum()) / 2
            } else {
                size
            };
            return format!("{shown} {name}");
        }
        if let Some(&(_, _, next_is_rounded, next_bits)) = next {
            let shift = next_bits - bits - u32::from(next_is_rounded) + u32::from(is_rounded);
            size /= 1 << shift;
        }
    }
    format!("{bytes} bytes")
}

/// Reads `10 GB`; `None` if that is no size.
fn size_bytes(text: &str) -> Option<i64> {
    let trimmed = text.trim();
    let end = trimmed
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'e' | 'E')))
        .unwrap_or(trimmed.len());
    let number: f64 = trimmed[..end].parse().ok()?;
    let unit = trimmed[end..].trim().to_lowercase();
    let bits = match unit.as_str() {
        "" | "b" | "bytes" => 0,
        "kb" => 10,
        "mb" => 20,
        "gb" => 30,
        "tb" => 40,
        "pb" => 50,
        _ => return None,
    };
    #[allow(clippy::cast_precision_loss, reason = "powers of two are exact")]
    let bytes = (number * (1_u64 << bits) as f64).round();
    #[allow(clippy::cast_possible_truncation, reason = "checked against the range")]
    (bytes.abs() < 9.2e18).then_some(bytes as i64)
}

#[cfg(test)]
mod tests {
    use super::{pretty, size_bytes};

    #[test]
    fn sizes_are_shown_as_postgres_shows_them() {
        for (bytes, shown) in [
            (0, "0 bytes"),
            (10_239, "10239 bytes"),
            (10_240, "10 kB"),
            (-10_240, "-10 kB"),
            (10_485_247, "10239 kB"),
            (10_485_248, "10 MB"),
            (1_073_741_824, "1024 MB"),
            (123_456_789_012, "115 GB"),
        ] {
            assert_eq!(pretty(bytes), shown);
        }
    }

    #[test]
    fn sizes_are_read_back() {
        assert_eq!(size_bytes("1 kB"), Some(1024));
        assert_eq!(size_bytes("1.5 MB"), Some(1_572_864));
        assert_eq!(size_bytes("7"), Some(7));
        assert_eq!(size_bytes("1 furlong"), None);
    }
}
