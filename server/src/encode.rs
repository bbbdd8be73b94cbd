//! A batch to DataRow messages: values column by column, then rows out of them.
//!
//! Values are encoded by `gotgan_sql::types`, a whole column at a time; here
//! they are put together, which costs one copy of each value.
//!
//! Source: PostgreSQL 18 manual, section 54.7 (DataRow).

use arrow::array::RecordBatch;
use bytes::BytesMut;
use gotgan_sql::types::output::{OutputStyle, TextColumn};
use gotgan_sql::types::{PgType, binary, output};
use gotgan_sql::{Format, SqlError, sqlstate};

pub(crate) mod copy;
#[cfg(test)]
mod tests;

/// Longest message that clients accept (1 GiB less 1), as in PostgreSQL.
const ROW_BYTES_MAX: usize = (1 << 30) - 1;

/// The length that stands for NULL.
const NULL_LENGTH: [u8; 4] = (-1_i32).to_be_bytes();

/// How each column of a result is sent.
pub(crate) struct Layout {
    types: Vec<PgType>,
    formats: Vec<Format>,
}

/// A batch whose values are encoded, and how many of its rows were taken.
pub(crate) struct EncodedBatch {
    columns: Vec<TextColumn>,
    row_count: usize,
    row_next: usize,
}

impl Layout {
    /// One type and format a column.
    pub(crate) fn new(columns: Vec<(PgType, Format)>) -> Self {
        let (types, formats) = columns.into_iter().unzip();
        Self { types, formats }
    }

    /// One format a column.
    pub(crate) fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// Encodes the values of `batch`, which has the columns of this layout.
    pub(crate) fn encode(
        &self,
        batch: &RecordBatch,
        style: &OutputStyle,
    ) -> Result<EncodedBatch, SqlError> {
        let mut columns = Vec::with_capacity(self.types.len());
        for (array, (kind, format)) in batch
            .columns()
            .iter()
            .zip(self.types.iter().zip(&self.formats))
        {
            columns.push(match format {
                Format::Text => output::encode(array.as_ref(), *kind, style)?,
                Format::Binary => binary::encode_binary(array.as_ref(), *kind)?,
            });
        }
        Ok(EncodedBatch {
            columns,
            row_count: batch.num_rows(),
            row_next: 0,
        })
    }
}

impl EncodedBatch {
    /// Whether every row was taken.
    pub(crate) fn is_end(&self) -> bool {
        self.row_next == self.row_count
    }

    /// Appends DataRow messages until there are `rows_max` of them or `output`
    /// has `bytes` bytes; returns how many rows that were.
    ///
    /// Errors: `54000` for a row that is too long to be sent.
    pub(crate) fn append_rows(
        &mut self,
        output: &mut BytesMut,
        rows_max: usize,
        bytes: usize,
    ) -> Result<usize, SqlError> {
        let row_first = self.row_next;
        let row_end = self.row_count.min(row_first.saturating_add(rows_max));
        while self.row_next < row_end && output.len() < bytes {
            self.append_row(output)?;
            self.row_next += 1;
        }
        Ok(self.row_next - row_first)
    }

    /// Appends the DataRow of the next row.
    fn append_row(&self, output: &mut BytesMut) -> Result<(), SqlError> {
        let row = self.row_next;
        let body = self
            .columns
            .iter()
            .map(|column| 4 + value_bytes(column, row))
            .sum::<usize>()
            + 6;
        if body > ROW_BYTES_MAX {
            return Err(row_too_long());
        }
        let start = output.len();
        output.resize(start + body + 1, 0);
        let mut writer = Writer {
            to: &mut output[start..],
        };
        writer.put(b"D");
        writer.put(&length(body));
        // Results have at most 1664 columns.
        writer.put(&(self.columns.len() as u16).to_be_bytes());
        for column in &self.columns {
            match column.value(row) {
                Some(value) => {
                    writer.put(&length(value.len()));
                    writer.put(value);
                }
                None => writer.put(&NULL_LENGTH),
            }
        }
        Ok(())
    }
}

/// Fills a slice from front to back.
struct Writer<'a> {
    to: &'a mut [u8],
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let (head, tail) = std::mem::take(&mut self.to).split_at_mut(bytes.len());
        head.copy_from_slice(bytes);
        self.to = tail;
    }
}

fn value_bytes(column: &TextColumn, row: usize) -> usize {
    column.value(row).map_or(0, <[u8]>::len)
}

/// A length as it stands in a message; callers keep it below [`ROW_BYTES_MAX`].
fn length(bytes: usize) -> [u8; 4] {
    (bytes as u32).to_be_bytes()
}

fn row_too_long() -> SqlError {
    SqlError::with_code(
        sqlstate::PROGRAM_LIMIT_EXCEEDED,
        "a row is too long to be sent",
    )
    .with_detail(format!("A row may have up to {ROW_BYTES_MAX} bytes."))
}
