//! Text to bytea and UUID.

use crate::error::SqlError;

/// Reads bytea, hex or escaped, into `out`.
pub(super) fn parse_bytea(text: &str, out: &mut Vec<u8>) -> Result<(), SqlError> {
    match text.strip_prefix("\\x") {
        Some(hex) => parse_hex(hex, out),
        None => parse_escaped(text.as_bytes(), out),
    }
}

fn parse_hex(text: &str, out: &mut Vec<u8>) -> Result<(), SqlError> {
    let mut characters = text.chars();
    while let Some(first) = characters.next() {
        if matches!(first, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let high = hex_digit(first)?;
        let second = characters.next().ok_or_else(|| {
            SqlError::invalid_parameter("invalid hexadecimal data: odd number of digits")
        })?;
        out.push(high << 4 | hex_digit(second)?);
    }
    Ok(())
}

fn hex_digit(character: char) -> Result<u8, SqlError> {
    character
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
        .ok_or_else(|| {
            SqlError::invalid_parameter(format!("invalid hexadecimal digit: \"{character}\""))
        })
}

fn parse_escaped(mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), SqlError> {
    while let Some((&first, rest)) = bytes.split_first() {
        if first != b'\\' {
            out.push(first);
            bytes = rest;
            continue;
        }
        match rest {
            [b'\\', rest @ ..] => {
                out.push(b'\\');
                bytes = rest;
            }
            [
                high @ b'0'..=b'3',
                middle @ b'0'..=b'7',
                low @ b'0'..=b'7',
                rest @ ..,
            ] => {
                out.push((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'));
                bytes = rest;
            }
            _ => return Err(SqlError::invalid_bytea()),
        }
    }
    Ok(())
}

/// Reads a UUID: 32 hex digits, a hyphen after any group of four, braces around.
pub(super) fn parse_uuid(text: &str) -> Result<[u8; 16], SqlError> {
    read_uuid(text.as_bytes()).ok_or_else(|| SqlError::invalid_text("uuid", text))
}

fn read_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let mut rest = match text {
        [b'{', inner @ .., b'}'] => inner,
        plain => plain,
    };
    let mut uuid = [0; 16];
    for (index, place) in uuid.iter_mut().enumerate() {
        let [high, low, after @ ..] = rest else {
            return None;
        };
        let high = char::from(*high).to_digit(16)?;
        let low = char::from(*low).to_digit(16)?;
        *place = u8::try_from(high << 4 | low).ok()?;
        let may_have_hyphen = index % 2 == 1 && index < 15;
        rest = match after {
            [b'-', after @ ..] if may_have_hyphen => after,
            after => after,
        };
    }
    rest.is_empty().then_some(uuid)
}
