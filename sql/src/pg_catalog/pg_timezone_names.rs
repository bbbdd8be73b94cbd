//! `pg_timezone_names`: the zones that SET TIME ZONE takes.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::OffsetComponents;

use super::Definition;
use super::rows::{Rows, cells};
use crate::context::StatementContext;

pub(super) const PG_TIMEZONE_NAMES: Definition = Definition {
    name: "pg_timezone_names",
    oid: 12126,
    columns: "name:text abbrev:text utc_offset:interval is_dst:bool",
    current: push_zones,
    ..Definition::VIEW
};

/// `pg_timezone_names()`, which has the same columns.
pub(super) const FUNCTION: Definition = Definition {
    ..PG_TIMEZONE_NAMES
};

fn push_zones(context: &StatementContext, rows: &mut Rows) {
    let now = DateTime::from_timestamp_micros(context.statement_start).unwrap_or_default();
    for zone in chrono_tz::TZ_VARIANTS {
        let offset = zone.offset_from_utc_datetime(&now.naive_utc());
        let seconds = i64::from(offset.fix().local_minus_utc());
        let is_daylight = !offset.dst_offset().is_zero();
        rows.push(cells![
            zone.name(),
            offset.to_string(),
            seconds * 1_000_000,
            is_daylight
        ]);
    }
}
