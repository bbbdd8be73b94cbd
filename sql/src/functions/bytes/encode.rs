//! `encode` and `decode`: hexadecimal, base64 and PostgreSQL's escapes.
//!
//! Source: PostgreSQL manual, section 9.5; RFC 2045 section 6.8.

use crate::error::SqlError;

const DIGITS: &[u8; 16] = b"0123456789abcdef";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Characters of a line of base64.
const LINE_LENGTH: usize = 76;

/// A text form of bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    Hex,
    Base64,
    Escape,
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

impl Format {
    /// Errors: `22023`.
    pub(super) fn parse(name: &str) -> Result<Self, SqlError> {
        match name.to_ascii_lowercase().as_str() {
            "hex" => Ok(Self::Hex),
            "base64" => Ok(Self::Base64),
            "escape" => Ok(Self::Escape),
            _ => Err(SqlError::invalid_parameter(format!(
                "unrecognized encoding: \"{name}\""
            ))),
        }
    }

    pub(super) fn encode(self, bytes: &[u8]) -> Result<String, SqlError> {
        Ok(match self {
            Self::Hex => hex(bytes),
            Self::Base64 => base64(bytes),
            Self::Escape => escape(bytes),
        })
    }

    /// Errors: `22023`, and `22P02` for escapes.
    pub(super) fn decode(self, text: &str) -> Result<Vec<u8>, SqlError> {
        match self {
            Self::Hex => from_hex(text),
            Self::Base64 => from_base64(text),
            Self::Escape => from_escape(text),
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + 4);
    let mut line = 0;
    for chunk in bytes.chunks(3) {
        if line == LINE_LENGTH {
            out.push('\n');
            line = 0;
        }
        let group = chunk
            .iter()
            .fold(0_u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for position in 0..4 {
            if position > chunk.len() {
                out.push('=');
            } else {
                // Six bits are less than 64.
                out.push(char::from(
                    BASE64[(group >> (18 - 6 * position) & 63) as usize],
                ));
            }
        }
        line += 4;
    }
    out
}

fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            0 | 0x80..=0xff => out.push_str(&format!("\\{byte:03o}")),
            b'\\' => out.push_str("\\\\"),
            other => out.push(char::from(*other)),
        }
    }
    out
}

fn from_hex(text: &str) -> Result<Vec<u8>, SqlError> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high: Option<u32> = None;
    for c in text
        .chars()
        .filter(|c| !matches!(c, ' ' | '\n' | '\t' | '\r'))
    {
        let digit = c.to_digit(16).ok_or_else(|| {
            SqlError::invalid_parameter(format!("invalid hexadecimal digit: \"{c}\""))
        })?;
        match high.take() {
            None => high = Some(digit),
            // Two digits are a byte.
            Some(first) => bytes.push((first * 16 + digit) as u8),
        }
    }
    if high.is_some() {
        return Err(SqlError::invalid_parameter(
            "invalid hexadecimal data: odd number of digits",
        ));
    }
    Ok(bytes)
}

fn from_base64(text: &str) -> Result<Vec<u8>, SqlError> {
    let invalid_end = || {
        SqlError::invalid_parameter("invalid base64 end sequence")
            .with_hint("Input data is missing padding, is truncated, or is otherwise corrupted.")
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut group = 0_u32;
    let mut count = 0;
    let mut padding = 0;
    for c in text
        .chars()
        .filter(|c| !matches!(c, ' ' | '\n' | '\t' | '\r'))
    {
        let value = if c == '=' {
            if padding == 0 && count < 2 || padding == 2 {
                return Err(SqlError::invalid_parameter(
                    "unexpected \"=\" while decoding base64 sequence",
                ));
            }
            padding += 1;
            0
        } else {
            let found = BASE64.iter().position(|known| char::from(*known) == c);
            let value = found.filter(|_| padding == 0).ok_or_else(|| {
                SqlError::invalid_parameter(format!(
                    "invalid symbol \"{c}\" found while decoding base64 sequence"
                ))
            })?;
            // A position in the alphabet is less than 64.
            value as u32
        };
        group = group << 6 | value;
        count += 1;
        if count == 4 {
            let [_, first, second, third] = group.to_be_bytes();
            bytes.extend_from_slice(&[first, second, third][..3 - padding]);
            (group, count) = (0, 0);
        }
    }
    if count != 0 {
        Err(invalid_end())
    } else {
        Ok(bytes)
    }
}

fn from_escape(text: &str) -> Result<Vec<u8>, SqlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first != b'\\' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        match tail {
            [b'\\', after @ ..] => {
                bytes.push(b'\\');
                rest = after;
            }
            [
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                after @ ..,
            ] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                return Err(SqlError::invalid_data(
                    "invalid input syntax for type bytea",
                ));
            }
        }
    }
    Ok(bytes)
}
