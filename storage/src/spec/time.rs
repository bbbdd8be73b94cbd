//! Timestamps as DuckLake writes them where the database has no such type:
//! `YYYY-MM-DD HH:MM:SS[.ffffff]+00`.

use chrono::{DateTime, Utc};

/// Encodes a time, in microseconds, UTC.
pub(crate) fn encode(time: DateTime<Utc>) -> String {
    let text = time.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
    let trimmed = match text.strip_suffix(".000000") {
        Some(whole) => whole,
        None => text.trim_end_matches('0'),
    };
    format!("{trimmed}+00")
}

/// Decodes what [`encode`] or DuckDB wrote; nothing if it is no such text.
pub(crate) fn decode(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z")
        .map(|time| time.with_timezone(&Utc))
        .ok()
}
