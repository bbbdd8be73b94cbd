//! PostgreSQL's binary COPY format to columns.
//!
//! Source: PostgreSQL 15 manual, SQL Commands, COPY, "Binary Format".

use arrow::array::ArrayRef;

use crate::error::SqlError;
use crate::sqlstate;
use crate::types::PgType;
use crate::types::binary::Builder;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Flags of which a reader must know the meaning.
const CRITICAL_FLAGS: u32 = 0xffff_0000;

pub(super) struct Decoder {
    table: String,
    names: Vec<String>,
    builders: Vec<Builder>,
    buffer: Vec<u8>,
    start: usize,
    line: u64,
    has_header: bool,
    has_ended: bool,
    bytes: usize,
}

impl Decoder {
    pub(super) fn new(table: &str, names: &[String], types: &[PgType]) -> Result<Self, SqlError> {
        let builders: Result<Vec<Builder>, SqlError> =
            types.iter().map(|pg_type| Builder::new(*pg_type)).collect();
        Ok(Self {
            table: table.to_owned(),
            names: names.to_vec(),
            builders: builders?,
            buffer: Vec::new(),
            start: 0,
            line: 0,
            has_header: false,
            has_ended: false,
            bytes: 0,
        })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), SqlError> {
        if self.has_ended {
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() > super::records::RECORD_BYTES_MAX {
            return Err(SqlError::with_code(
                sqlstate::PROGRAM_LIMIT_EXCEEDED,
                "a row of COPY is too long",
            ));
        }
        Ok(())
    }

    pub(super) fn decode(
        &mut self,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<(bool, Option<Vec<ArrayRef>>), SqlError> {
        while !self.has_ended && self.row()? {
            let rows = self.builders.first().map_or(0, Builder::len);
            if rows >= rows_max || self.bytes >= bytes_max {
                return Ok((true, Some(self.take())));
            }
        }
        Ok((false, None))
    }

    pub(super) fn finish(&mut self) -> Result<Option<Vec<ArrayRef>>, SqlError> {
        if !self.has_ended {
            return Err(self.malformed("unexpected EOF in COPY data"));
        }
        let rows = self.builders.first().map_or(0, Builder::len);
        Ok((rows > 0).then(|| self.take()))
    }

    fn take(&mut self) -> Vec<ArrayRef> {
        self.bytes = 0;
        self.builders.iter_mut().map(Builder::finish).collect()
    }

    /// Reads one row if all of it is there.
    fn row(&mut self) -> Result<bool, SqlError> {
        if !self.has_header && !self.header()? {
            return Ok(false);
        }
        let Some(count) = self.peek_i16(self.start) else {
            return Ok(false);
        };
        if count == -1 {
            self.has_ended = true;
            self.start += 2;
            return Ok(false);
        }
        let Some(end) = self.row_end(count)? else {
            return Ok(false);
        };
        self.line += 1;
        if usize::try_from(count).ok() != Some(self.builders.len()) {
            return Err(self.malformed(&format!(
                "row field count is {count}, expected {}",
                self.builders.len()
            )));
        }
        let mut at = self.start + 2;
        for index in 0..self.builders.len() {
            let length = self.peek_i32(at).unwrap_or(-1);
            at += 4;
            let Ok(length) = usize::try_from(length) else {
                self.builders[index].append_null();
                continue;
            };
            let value = &self.buffer[at..at + length];
            if let Err(error) = self.builders[index].append(value) {
                return Err(error.with_context(format!(
                    "COPY {}, line {}, column {}",
                    self.table, self.line, self.names[index]
                )));
            }
            at += length;
        }
        self.bytes += end - self.start;
        self.start = end;
        Ok(true)
    }

    fn row_end(&self, count: i16) -> Result<Option<usize>, SqlError> {
        let mut at = self.start + 2;
        for _ in 0..count.max(0) {
            let Some(length) = self.peek_i32(at) else {
                return Ok(None);
            };
            if length < -1 {
                return Err(self.malformed("invalid field size"));
            }
            at += 4 + usize::try_from(length).unwrap_or(0);
        }
        Ok((at <= self.buffer.len()).then_some(at))
    }

    fn header(&mut self) -> Result<bool, SqlError> {
        let fixed = SIGNATURE.len() + 8;
        let seen = self.buffer.len().min(SIGNATURE.len());
        if self.buffer[..seen] != SIGNATURE[..seen] {
            return Err(SqlError::with_code(
                sqlstate::BAD_COPY_FILE_FORMAT,
                "COPY file signature not recognized",
            ));
        }
        if self.buffer.len() < fixed {
            return Ok(false);
        }
        let flags = self.peek_i32(SIGNATURE.len()).unwrap_or(0).cast_unsigned();
        if flags & CRITICAL_FLAGS != 0 {
            return Err(SqlError::with_code(
                sqlstate::BAD_COPY_FILE_FORMAT,
                "unrecognized critical flags in COPY file header",
            ));
        }
        let extension = self.peek_i32(SIGNATURE.len() + 4).unwrap_or(0);
        let Ok(extension) = usize::try_from(extension) else {
            return Err(SqlError::with_code(
                sqlstate::BAD_COPY_FILE_FORMAT,
                "invalid COPY file header (missing length)",
            ));
        };
        if self.buffer.len() < fixed + extension {
            return Ok(false);
        }
        self.start = fixed + extension;
        self.has_header = true;
        Ok(true)
    }

    fn peek_i16(&self, at: usize) -> Option<i16> {
        let bytes = self.buffer.get(at..at + 2)?;
        Some(i16::from_be_bytes(bytes.try_into().ok()?))
    }

    fn peek_i32(&self, at: usize) -> Option<i32> {
        let bytes = self.buffer.get(at..at + 4)?;
        Some(i32::from_be_bytes(bytes.try_into().ok()?))
    }

    fn malformed(&self, message: &str) -> SqlError {
        SqlError::with_code(sqlstate::BAD_COPY_FILE_FORMAT, message).with_context(format!(
            "COPY {}, line {}",
            self.table,
            self.line.max(1)
        ))
    }
}
