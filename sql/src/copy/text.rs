//! Text and CSV records to columns.

use arrow::array::ArrayRef;

use super::format::{CopyFormat, Header, Kind};
use super::records::{RECORD_BYTES_MAX, Records};
use crate::error::SqlError;
use crate::sqlstate;
use crate::types::PgType;
use crate::types::input::{Builder, InputStyle};

/// Longest piece of a value that an error shows, in characters.
const SHOWN_CHARS: usize = 100;

/// Columns under construction.
pub(super) struct Decoder {
    table: String,
    names: Vec<String>,
    format: CopyFormat,
    style: InputStyle,
    records: Records,
    builders: Vec<Builder>,
    force_null: Vec<bool>,
    force_not_null: Vec<bool>,
    /// 1-based number of the record that is being read.
    line: u64,
    header_is_due: bool,
    has_ended: bool,
    /// Bytes of records since the last batch.
    bytes: usize,
    /// A field whose escapes have been resolved.
    field: Vec<u8>,
}

/// Whether more batches may follow at once, and a batch.
type Decoded = (bool, Option<Vec<ArrayRef>>);

impl Decoder {
    pub(super) fn new(
        table: &str,
        names: &[String],
        types: &[PgType],
        format: CopyFormat,
        style: InputStyle,
    ) -> Result<Self, SqlError> {
        let builders: Result<Vec<Builder>, SqlError> =
            types.iter().map(|pg_type| Builder::new(*pg_type)).collect();
        Ok(Self {
            table: table.to_owned(),
            names: names.to_vec(),
            style,
            records: Records::new(&format),
            builders: builders?,
            force_null: names
                .iter()
                .map(|name| format.force_null.contains(name))
                .collect(),
            force_not_null: names
                .iter()
                .map(|name| format.force_not_null.contains(name))
                .collect(),
            line: 0,
            header_is_due: format.header != Header::Absent,
            has_ended: false,
            bytes: 0,
            field: Vec::new(),
            format,
        })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), SqlError> {
        if self.has_ended {
            return Ok(());
        }
        self.records.push(bytes);
        if self.records.pending() > RECORD_BYTES_MAX {
            return Err(SqlError::with_code(
                sqlstate::PROGRAM_LIMIT_EXCEEDED,
                "a line of COPY is too long",
            ));
        }
        Ok(())
    }

    /// Parses complete records until a batch is full or none is left.
    pub(super) fn decode(
        &mut self,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<Decoded, SqlError> {
        while !self.has_ended {
            let Some(range) = self.records.next() else {
                break;
            };
            self.bytes += range.len();
            self.record(range)?;
            if self.rows() >= rows_max || self.bytes >= bytes_max {
                return Ok((true, Some(self.take())));
            }
        }
        Ok((false, None))
    }

    /// The last batch; what stands after the last newline is a record too.
    pub(super) fn finish(&mut self) -> Result<Option<Vec<ArrayRef>>, SqlError> {
        if !self.has_ended {
            if self.records.is_open() {
                self.line += 1;
                let rest = self.records.rest();
                return Err(self.bad_record("unterminated CSV quoted field", rest));
            }
            if let Some(range) = self.records.rest() {
                self.record(range)?;
            }
        }
        Ok((self.rows() > 0).then(|| self.take()))
    }

    fn rows(&self) -> usize {
        self.builders.first().map_or(0, Builder::len)
    }

    fn take(&mut self) -> Vec<ArrayRef> {
        self.bytes = 0;
        self.builders.iter_mut().map(Builder::finish).collect()
    }

    fn record(&mut self, range: std::ops::Range<usize>) -> Result<(), SqlError> {
        self.line += 1;
        let bytes = self.records.bytes(range.clone());
        if bytes == b"\\." {
            self.has_ended = true;
            return Ok(());
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            let bad = bytes.get(error.valid_up_to()).copied().unwrap_or(0);
            return Err(SqlError::with_code(
                sqlstate::CHARACTER_NOT_IN_REPERTOIRE,
                format!("invalid byte sequence for encoding \"UTF8\": 0x{bad:02x}"),
            )
            .with_context(format!("COPY {}, line {}", self.table, self.line)));
        }
        if self.header_is_due {
            self.header_is_due = false;
            return if self.format.header == Header::Match {
                self.header(range)
            } else {
                Ok(())
            };
        }
        match self.format.kind {
            Kind::Csv => self.csv_record(range),
            _ => self.text_record(range),
        }
    }

    fn text_record(&mut self, range: std::ops::Range<usize>) -> Result<(), SqlError> {
        let mut at = range.start;
        for index in 0..self.builders.len() {
            if at > range.end {
                return Err(self.missing(index, range));
            }
            let bytes = self.records.bytes(at..range.end);
            let end = text_field_end(bytes, self.format.delimiter);
            let raw = &bytes[..end];
            let is_null = raw == self.format.null.as_bytes();
            let next = at + end + 1;
            if is_null {
                self.builders[index].append_null();
            } else if memchr::memchr(b'\\', raw).is_some() {
                self.field.clear();
                unescape(raw, &mut self.field);
                let text = std::str::from_utf8(&self.field).map_err(|_| self.invalid_utf8())?;
                let result = self.builders[index].append_text(text, &self.style);
                if let Err(error) = result {
                    let text = text.to_owned();
                    return Err(self.bad_value(error, index, &text));
                }
            } else {
                let text = std::str::from_utf8(raw).map_err(|_| self.invalid_utf8())?;
                let result = self.builders[index].append_text(text, &self.style);
                if let Err(error) = result {
                    let text = text.to_owned();
                    return Err(self.bad_value(error, index, &text));
                }
            }
            at = next;
        }
        if at <= range.end && !self.builders.is_empty() {
            return Err(self.extra(range));
        }
        Ok(())
    }

    fn csv_record(&mut self, range: std::ops::Range<usize>) -> Result<(), SqlError> {
        let mut at = range.start;
        for index in 0..self.builders.len() {
            if at > range.end {
                return Err(self.missing(index, range));
            }
            let bytes = self.records.bytes(at..range.end);
            let mut field = std::mem::take(&mut self.field);
            field.clear();
            let parsed = csv_field(bytes, &self.format, &mut field);
            self.field = field;
            let (length, was_quoted) = parsed;
            let is_null_text = self.field == self.format.null.as_bytes();
            let is_null = is_null_text
                && if was_quoted {
                    self.force_null[index]
                } else {
                    !self.force_not_null[index]
                };
            if is_null {
                self.builders[index].append_null();
            } else {
                let text = std::str::from_utf8(&self.field).map_err(|_| self.invalid_utf8())?;
                let result = self.builders[index].append_text(text, &self.style);
                if let Err(error) = result {
                    let text = text.to_owned();
                    return Err(self.bad_value(error, index, &text));
                }
            }
            at += length + 1;
        }
        if at <= range.end && !self.builders.is_empty() {
            return Err(self.extra(range));
        }
        Ok(())
    }

    /// HEADER MATCH: the names must be the columns' in their order.
    fn header(&mut self, range: std::ops::Range<usize>) -> Result<(), SqlError> {
        let bytes = self.records.bytes(range).to_vec();
        let mut names = Vec::new();
        let mut at = 0;
        while at <= bytes.len() {
            let mut field = Vec::new();
            let length = if self.format.kind == Kind::Csv {
                csv_field(&bytes[at..], &self.format, &mut field).0
            } else {
                let end = text_field_end(&bytes[at..], self.format.delimiter);
                unescape(&bytes[at..at + end], &mut field);
                end
            };
            names.push(String::from_utf8_lossy(&field).into_owned());
            at += length + 1;
        }
        if names.len() != self.names.len() {
            return Err(self.bad_record(
                &format!(
                    "wrong number of fields in header line: got {}, expected {}",
                    names.len(),
                    self.names.len()
                ),
                None,
            ));
        }
        for (index, (given, wanted)) in names.iter().zip(&self.names).enumerate() {
            if given != wanted {
                let text = format!(
                    "column name mismatch in header line field {}: got \"{given}\", expected \
                     \"{wanted}\"",
                    index + 1
                );
                return Err(self.bad_record(&text, None));
            }
        }
        Ok(())
    }

    fn bad_value(&self, error: SqlError, index: usize, text: &str) -> SqlError {
        error.with_context(format!(
            "COPY {}, line {}, column {}: \"{}\"",
            self.table,
            self.line,
            self.names[index],
            shown(text)
        ))
    }

    fn missing(&self, index: usize, range: std::ops::Range<usize>) -> SqlError {
        let text = format!("missing data for column \"{}\"", self.names[index]);
        self.bad_record(&text, Some(range))
    }

    fn extra(&self, range: std::ops::Range<usize>) -> SqlError {
        self.bad_record("extra data after last expected column", Some(range))
    }

    fn bad_record(&self, message: &str, range: Option<std::ops::Range<usize>>) -> SqlError {
        let mut context = format!("COPY {}, line {}", self.table, self.line.max(1));
        if let Some(range) = range {
            let line = String::from_utf8_lossy(self.records.bytes(range));
            context = format!("{context}: \"{}\"", shown(&line));
        }
        SqlError::with_code(sqlstate::BAD_COPY_FILE_FORMAT, message).with_context(context)
    }

    fn invalid_utf8(&self) -> SqlError {
        SqlError::with_code(
            sqlstate::CHARACTER_NOT_IN_REPERTOIRE,
            "invalid byte sequence for encoding \"UTF8\"",
        )
        .with_context(format!("COPY {}, line {}", self.table, self.line))
    }
}

fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

/// The length of the first field: up to a delimiter that no backslash precedes.
fn text_field_end(bytes: &[u8], delimiter: u8) -> usize {
    let mut at = 0;
    loop {
        match memchr::memchr2(delimiter, b'\\', &bytes[at..]) {
            None => return bytes.len(),
            Some(offset) if bytes[at + offset] == delimiter => return at + offset,
            Some(offset) => at = (at + offset + 2).min(bytes.len()),
        }
    }
}

/// Resolves backslash escapes: `\t`, `\101`, `\x41`, `\\`.
fn unescape(bytes: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        at += 1;
        if byte != b'\\' || at >= bytes.len() {
            out.push(byte);
            continue;
        }
        let escaped = bytes[at];
        at += 1;
        match escaped {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'v' => out.push(11),
            b'0'..=b'7' => {
                let mut value = u32::from(escaped - b'0');
                for _ in 0..2 {
                    match bytes.get(at) {
                        Some(digit @ b'0'..=b'7') => {
                            value = value * 8 + u32::from(digit - b'0');
                            at += 1;
                        }
                        _ => break,
                    }
                }
                out.push((value & 0xff) as u8);
            }
            b'x' if bytes.get(at).is_some_and(u8::is_ascii_hexdigit) => {
                let mut value = 0;
                for _ in 0..2 {
                    let digit = bytes
                        .get(at)
                        .and_then(|byte| char::from(*byte).to_digit(16));
                    let Some(digit) = digit else { break };
                    value = value * 16 + digit;
                    at += 1;
                }
                out.push((value & 0xff) as u8);
            }
            other => out.push(other),
        }
    }
}

/// Reads one CSV field into `out`; its length in `bytes`, and whether any part of it
/// was quoted.
fn csv_field(bytes: &[u8], format: &CopyFormat, out: &mut Vec<u8>) -> (usize, bool) {
    let mut at = 0;
    let mut was_quoted = false;
    loop {
        let rest = &bytes[at..];
        let Some(offset) = memchr::memchr2(format.delimiter, format.quote, rest) else {
            out.extend_from_slice(rest);
            return (bytes.len(), was_quoted);
        };
        out.extend_from_slice(&rest[..offset]);
        at += offset;
        if bytes[at] == format.delimiter {
            return (at, was_quoted);
        }
        was_quoted = true;
        at += 1;
        at = quoted_part(bytes, at, format, out);
    }
}

/// From after an opening quote to after its closing one.
fn quoted_part(bytes: &[u8], mut at: usize, format: &CopyFormat, out: &mut Vec<u8>) -> usize {
    while at < bytes.len() {
        let rest = &bytes[at..];
        let Some(offset) = memchr::memchr2(format.quote, format.escape, rest) else {
            out.extend_from_slice(rest);
            return bytes.len();
        };
        out.extend_from_slice(&rest[..offset]);
        at += offset;
        let next = bytes.get(at + 1).copied();
        let escapes = bytes[at] == format.escape
            && next.is_some_and(|byte| byte == format.quote || byte == format.escape);
        if escapes {
            out.extend(next);
            at += 2;
        } else if bytes[at] == format.quote {
            return at + 1;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    at
}
