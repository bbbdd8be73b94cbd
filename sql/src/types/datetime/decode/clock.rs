//! Hours, minutes and seconds with colons between.

use super::Fault;

/// Hours, minutes, seconds and microseconds of `10:00`, `10:00:00.5` or `10:00.5`
/// (which is minutes and seconds).
pub(in crate::types::datetime) fn clock(text: &str) -> Result<(i64, u32, u32, i64), Fault> {
    let (whole, fraction) = match text.find('.') {
        Some(point) => (&text[..point], Some(&text[point..])),
        None => (text, None),
    };
    let mut parts = whole.split(':');
    let mut next = || -> Result<Option<i64>, Fault> {
        let Some(part) = parts.next() else {
            return Ok(None);
        };
        if !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::Format);
        }
        // `10:` is read as `10:00`.
        if part.is_empty() {
            Ok(Some(0))
        } else {
            part.parse().map(Some).map_err(|_| Fault::Field)
        }
    };
    let first = next()?.ok_or(Fault::Format)?;
    let second = next()?.ok_or(Fault::Format)?;
    let third = next()?;
    if next()?.is_some() {
        return Err(Fault::Format);
    }
    let micros = fraction.map_or(Ok(0), fraction_micros)?;
    let (hour, minute, seconds) = match (third, fraction) {
        (Some(third), _) => (first, second, third),
        (None, Some(_)) => (0, first, second),
        (None, None) => (first, second, 0),
    };
    if minute > 59 || seconds > 60 {
        return Err(Fault::Field);
    }
    let narrow = |value: i64| u32::try_from(value).map_err(|_| Fault::Field);
    Ok((hour, narrow(minute)?, narrow(seconds)?, micros))
}

/// Microseconds of a fraction such as `.5`, rounded to the nearest.
pub(in crate::types::datetime) fn fraction_micros(text: &str) -> Result<i64, Fault> {
    let digits = &text[1..];
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Format);
    }
    let mut micros = 0;
    let mut scale = 100_000;
    for byte in digits.bytes().take(6) {
        micros += i64::from(byte - b'0') * scale;
        scale /= 10;
    }
    let rounds_up = digits.as_bytes().get(6).is_some_and(|byte| *byte >= b'5');
    Ok(micros + i64::from(rounds_up))
}
