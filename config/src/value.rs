//! How durations, sizes and absent values are written.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer};

use crate::memory;

const DURATION_UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const BYTE_UNITS: [(&str, u64); 5] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads `"30s"`.
pub(crate) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text, &DURATION_UNITS)
        .map(Duration::from_millis)
        .ok_or_else(|| {
            D::Error::custom(expected(
                &text,
                "a duration such as \"30s\"",
                &DURATION_UNITS,
            ))
        })
}

/// Reads `"256MiB"`.
pub(crate) fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text, &BYTE_UNITS)
        .ok_or_else(|| D::Error::custom(expected(&text, "a size such as \"256MiB\"", &BYTE_UNITS)))
}

/// Reads `"2GiB"` or `"40%"`, a share of the machine's memory.
pub(crate) fn memory_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let text = String::deserialize(from)?;
    let Some(share) = text.strip_suffix('%') else {
        return parse(&text, &BYTE_UNITS).ok_or_else(|| {
            D::Error::custom(expected(
                &text,
                "a size such as \"2GiB\" or \"40%\"",
                &BYTE_UNITS,
            ))
        });
    };
    match share.trim().parse::<u64>() {
        Ok(percent) if (1..=100).contains(&percent) => Ok(memory::machine_bytes() / 100 * percent),
        _ => Err(D::Error::custom(format!(
            "\"{text}\" is not a share from 1% to 100%"
        ))),
    }
}

/// Reads a text where `""` means that nothing is set.
pub(crate) fn optional<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: From<String>,
{
    let text = String::deserialize(from)?;
    Ok((!text.is_empty()).then(|| T::from(text)))
}

/// Reads one of a few words where `""` means that nothing is set.
pub(crate) fn optional_word<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let text = String::deserialize(from)?;
    if text.is_empty() {
        return Ok(None);
    }
    T::deserialize(text.into_deserializer()).map(Some)
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = trimmed.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn expected(text: &str, what: &str, units: &[(&str, u64)]) -> String {
    let names: Vec<_> = units.iter().map(|(name, _)| *name).collect();
    format!("\"{text}\" is not {what} (units: {})", names.join(", "))
}
