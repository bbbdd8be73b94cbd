//! A batch to the lines of `COPY ... TO STDOUT`, each a CopyData message.
//!
//! Values are encoded as for rows; here they are escaped and joined.
//!
//! Source: PostgreSQL 15 manual, COPY, "File Formats".

use arrow::array::RecordBatch;
use bytes::{BufMut, BytesMut};
use gotgan_sql::copy::{CopyFormat, Header, Kind};
use gotgan_sql::types::output::{OutputStyle, TextColumn};
use gotgan_sql::types::{PgType, binary, oid, output};
use gotgan_sql::{ColumnDescription, SqlError};

use crate::wire::rows::column_type;

/// What every binary file begins with: signature, flags, length of extensions.
const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What every binary file ends with: a row of -1 columns.
const BINARY_TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// What an ordinary CSV reader would take for the end of the data.
const END_OF_DATA: &[u8] = b"\\.";

/// How lines are made.
pub(crate) struct Lines {
    format: CopyFormat,
    columns: Vec<LineColumn>,
    /// Bytes that belong in front of the next line, in the same message.
    prefix: &'static [u8],
}

struct LineColumn {
    name: String,
    kind: PgType,
    /// Text of this type never holds a character that must be escaped.
    is_plain: bool,
    is_quoted: bool,
}

/// A batch whose values are encoded, and how many of its rows were taken.
pub(crate) struct EncodedLines {
    columns: Vec<TextColumn>,
    row_count: usize,
    row_next: usize,
}

impl Lines {
    /// Lines of the given columns; `columns` is what is written, in order.
    pub(crate) fn new(format: CopyFormat, columns: &[ColumnDescription]) -> Self {
        let specials = [format.delimiter, format.quote, format.escape];
        let is_usual = !specials
            .iter()
            .any(|byte| b"+-.:0123456789 eE".contains(byte));
        let columns = columns.iter().map(|column| {
            let kind = column_type(column);
            LineColumn {
                name: column.name.clone(),
                kind,
                is_plain: is_usual && is_numeric(kind),
                is_quoted: format.force_quote.contains(&column.name),
            }
        });
        let columns = columns.collect();
        let prefix = if format.kind == Kind::Binary {
            BINARY_HEADER
        } else {
            b""
        };
        Self {
            format,
            columns,
            prefix,
        }
    }

    /// Appends the line with the columns' names, if there is to be one.
    pub(crate) fn append_header(&self, output: &mut BytesMut) {
        if self.format.header == Header::Absent || self.format.kind == Kind::Binary {
            return;
        }
        let message = Message::begin(output);
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                message.output.put_u8(self.format.delimiter);
            }
            let name = column.name.as_bytes();
            match self.format.kind {
                Kind::Csv => self.append_csv(message.output, name, false, false),
                Kind::Text | Kind::Binary => self.append_text(message.output, name),
            }
        }
        message.output.put_u8(b'\n');
        message.end();
    }

    /// Appends what comes after the last line.
    pub(crate) fn append_trailer(&mut self, output: &mut BytesMut) {
        if self.format.kind != Kind::Binary {
            return;
        }
        let message = Message::begin(output);
        message.output.put_slice(std::mem::take(&mut self.prefix));
        message.output.put_slice(&BINARY_TRAILER);
        message.end();
    }

    /// Encodes the values of a batch that has these columns.
    pub(crate) fn encode(
        &self,
        batch: &RecordBatch,
        style: &OutputStyle,
    ) -> Result<EncodedLines, SqlError> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (array, column) in batch.columns().iter().zip(&self.columns) {
            columns.push(match self.format.kind {
                Kind::Binary => binary::encode_binary(array.as_ref(), column.kind)?,
                Kind::Text | Kind::Csv => output::encode(array.as_ref(), column.kind, style)?,
            });
        }
        Ok(EncodedLines {
            columns,
            row_count: batch.num_rows(),
            row_next: 0,
        })
    }

    /// Appends lines until the batch ends or `output` has `bytes` bytes;
    /// returns how many lines that were.
    pub(crate) fn append(
        &mut self,
        lines: &mut EncodedLines,
        output: &mut BytesMut,
        bytes: usize,
    ) -> u64 {
        let row_first = lines.row_next;
        while lines.row_next < lines.row_count && output.len() < bytes {
            let message = Message::begin(output);
            message.output.put_slice(std::mem::take(&mut self.prefix));
            match self.format.kind {
                Kind::Text => self.append_text_line(message.output, lines),
                Kind::Csv => self.append_csv_line(message.output, lines),
                Kind::Binary => append_binary_line(message.output, lines),
            }
            message.end();
            lines.row_next += 1;
        }
        (lines.row_next - row_first) as u64
    }

    fn append_text_line(&self, output: &mut BytesMut, lines: &EncodedLines) {
        for (index, (values, column)) in lines.columns.iter().zip(&self.columns).enumerate() {
            if index > 0 {
                output.put_u8(self.format.delimiter);
            }
            match values.value(lines.row_next) {
                None => output.put_slice(self.format.null.as_bytes()),
                Some(value) if column.is_plain => output.put_slice(value),
                Some(value) => self.append_text(output, value),
            }
        }
        output.put_u8(b'\n');
    }

    fn append_csv_line(&self, output: &mut BytesMut, lines: &EncodedLines) {
        let is_single = self.columns.len() == 1;
        for (index, (values, column)) in lines.columns.iter().zip(&self.columns).enumerate() {
            if index > 0 {
                output.put_u8(self.format.delimiter);
            }
            match values.value(lines.row_next) {
                None => output.put_slice(self.format.null.as_bytes()),
                Some(value) => self.append_csv(output, value, column.is_quoted, is_single),
            }
        }
        output.put_u8(b'\n');
    }

    /// A value with a backslash before what has a meaning.
    fn append_text(&self, output: &mut BytesMut, value: &[u8]) {
        let mut start = 0;
        for (index, byte) in value.iter().enumerate() {
            let escaped = match byte {
                b'\\' => b'\\',
                0x08 => b'b',
                0x0c => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                0x0b => b'v',
                byte if *byte == self.format.delimiter => *byte,
                _ => continue,
            };
            output.put_slice(&value[start..index]);
            output.put_slice(&[b'\\', escaped]);
            start = index + 1;
        }
        output.put_slice(&value[start..]);
    }

    /// A value with quotes around it where it needs them.
    fn append_csv(&self, output: &mut BytesMut, value: &[u8], is_quoted: bool, is_single: bool) {
        let CopyFormat {
            delimiter,
            quote,
            escape,
            ..
        } = self.format;
        let needs_quotes = is_quoted
            || value == self.format.null.as_bytes()
            || (is_single && value == END_OF_DATA)
            || value
                .iter()
                .any(|byte| *byte == delimiter || *byte == quote || b"\r\n".contains(byte));
        if !needs_quotes {
            output.put_slice(value);
            return;
        }
        output.put_u8(quote);
        for byte in value {
            if *byte == quote || *byte == escape {
                output.put_u8(escape);
            }
            output.put_u8(*byte);
        }
        output.put_u8(quote);
    }
}

impl EncodedLines {
    /// Whether every row was taken.
    pub(crate) fn is_end(&self) -> bool {
        self.row_next == self.row_count
    }
}

fn append_binary_line(output: &mut BytesMut, lines: &EncodedLines) {
    // Results have at most 1664 columns.
    output.put_u16(lines.columns.len() as u16);
    for values in &lines.columns {
        match values.value(lines.row_next) {
            None => output.put_i32(-1),
            Some(value) => {
                output.put_u32(value.len() as u32);
                output.put_slice(value);
            }
        }
    }
}

/// A CopyData message whose length is filled in at the end.
struct Message<'a> {
    output: &'a mut BytesMut,
    start: usize,
}

impl<'a> Message<'a> {
    fn begin(output: &'a mut BytesMut) -> Self {
        let start = output.len();
        output.put_slice(b"d\0\0\0\0");
        Self { output, start }
    }

    fn end(self) {
        let length = (self.output.len() - self.start - 1) as u32;
        self.output[self.start + 1..self.start + 5].copy_from_slice(&length.to_be_bytes());
    }
}

fn is_numeric(kind: PgType) -> bool {
    matches!(
        kind.oid,
        oid::INT2 | oid::INT4 | oid::INT8 | oid::FLOAT4 | oid::FLOAT8 | oid::NUMERIC | oid::DATE
    )
}

#[cfg(test)]
mod tests;
