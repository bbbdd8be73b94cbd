//! Cuts the text of a date, time or interval into fields, without allocating.
//!
//! The rules are PostgreSQL's: what a field starts with, and the character
//! after its first run of digits or letters, decide its kind.

use super::words;

/// Longest text that is looked at; a longer one is no date. Bytes.
const TEXT_BYTES_MAX: usize = 128;

/// Most fields of one text.
const FIELD_COUNT_MAX: usize = 25;

/// What a field looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `2024-01-05`, `5.1.2024`, `jan-05`, `america/new_york`.
    Date,
    /// `10:00:00.5`
    Time,
    /// `+09`, `-05:30`, and any signed number.
    Zone,
    /// `2024`, `1.5`
    Number,
    /// `jan`, `pm`, `est`
    Word,
    /// `-infinity`
    Special,
}

/// One field of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
}

/// The fields of one text, in order.
pub(super) struct Fields<'a> {
    items: [Field<'a>; FIELD_COUNT_MAX],
    count: usize,
}

impl<'a> Fields<'a> {
    /// All fields.
    pub(super) fn as_slice(&self) -> &[Field<'a>] {
        &self.items[..self.count]
    }

    fn push(&mut self, field: Field<'a>) -> Option<()> {
        *self.items.get_mut(self.count)? = field;
        self.count += 1;
        Some(())
    }
}

/// A lower-case copy of a text, on the stack.
pub(super) struct Lowered {
    bytes: [u8; TEXT_BYTES_MAX],
    length: usize,
}

impl Lowered {
    /// Copies `text`; a space between a sign and what it belongs to is dropped.
    /// `None` if it is too long.
    pub(super) fn new(text: &str) -> Option<Self> {
        let mut lowered = Self {
            bytes: [0; TEXT_BYTES_MAX],
            length: 0,
        };
        let mut is_after_sign = false;
        let mut previous = b' ';
        for byte in text.bytes() {
            if is_after_sign && is_space(byte) {
                continue;
            }
            is_after_sign = matches!(byte, b'+' | b'-') && !previous.is_ascii_alphanumeric();
            *lowered.bytes.get_mut(lowered.length)? = byte.to_ascii_lowercase();
            lowered.length += 1;
            previous = byte;
        }
        Some(lowered)
    }

    /// The copy.
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

/// Whether `byte` separates fields.
pub(super) fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Cuts lower-case text into fields; `None` if it cannot be a date or interval.
pub(super) fn split(text: &str) -> Option<Fields<'_>> {
    let empty = Field {
        kind: Kind::Word,
        text: "",
    };
    let mut fields = Fields {
        items: [empty; FIELD_COUNT_MAX],
        count: 0,
    };
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let kind = match byte {
            _ if is_space(byte) => {
                at += 1;
                continue;
            }
            b'0'..=b'9' => number(bytes, &mut at),
            b'.' => {
                at += 1;
                take(bytes, &mut at, |b| b.is_ascii_digit());
                Kind::Number
            }
            b'a'..=b'z' => letters(text, &mut at),
            b'+' | b'-' => signed(bytes, &mut at)?,
            _ if byte.is_ascii_punctuation() => {
                at += 1;
                continue;
            }
            _ => return None,
        };
        fields.push(Field {
            kind,
            text: &text[start..at],
        })?;
    }
    Some(fields)
}

fn take(bytes: &[u8], at: &mut usize, accepts: impl Fn(u8) -> bool) {
    while bytes.get(*at).is_some_and(|byte| accepts(*byte)) {
        *at += 1;
    }
}

fn number(bytes: &[u8], at: &mut usize) -> Kind {
    take(bytes, at, |b| b.is_ascii_digit());
    let delimiter = match bytes.get(*at) {
        Some(b':') => {
            take(bytes, at, |b| {
                b.is_ascii_digit() || matches!(b, b':' | b'.')
            });
            return Kind::Time;
        }
        Some(&found @ (b'-' | b'/' | b'.')) => found,
        _ => return Kind::Number,
    };
    *at += 1;
    if !bytes.get(*at).is_some_and(u8::is_ascii_digit) {
        take(bytes, at, |b| b.is_ascii_alphanumeric() || b == delimiter);
        return Kind::Date;
    }
    take(bytes, at, |b| b.is_ascii_digit());
    if bytes.get(*at) == Some(&delimiter) {
        take(bytes, at, |b| b.is_ascii_digit() || b == delimiter);
        return Kind::Date;
    }
    if delimiter == b'.' {
        Kind::Number
    } else {
        Kind::Date
    }
}

fn letters(text: &str, at: &mut usize) -> Kind {
    let bytes = text.as_bytes();
    let start = *at;
    take(bytes, at, |b| b.is_ascii_lowercase());
    // A zone's name may hold digits and signs; a word of ours ends before them.
    let is_joined = match bytes.get(*at) {
        Some(b'-' | b'/' | b'.') => true,
        Some(b'+' | b'0'..=b'9') => {
            let word = &text[start..*at];
            words::word(word).is_none() && words::unit(word).is_none()
        }
        _ => false,
    };
    if !is_joined {
        return Kind::Word;
    }
    take(bytes, at, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'/' | b'_' | b'.' | b':')
    });
    Kind::Date
}

fn signed(bytes: &[u8], at: &mut usize) -> Option<Kind> {
    *at += 1;
    let first = *bytes.get(*at)?;
    if first.is_ascii_digit() {
        take(bytes, at, |b| {
            b.is_ascii_digit() || matches!(b, b':' | b'.' | b'-')
        });
        return Some(Kind::Zone);
    }
    if first.is_ascii_lowercase() {
        take(bytes, at, |b| b.is_ascii_lowercase());
        return Some(Kind::Special);
    }
    None
}
