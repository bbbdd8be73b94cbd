//! Cuts a stream of bytes into records, whatever chunks it comes in.
//!
//! In text a record is a line, in which a backslash keeps a newline in the data; in
//! CSV a newline within quotes belongs to the field.

use super::format::{CopyFormat, Kind};

/// A record may not be longer; PostgreSQL's own limit is 1 GiB.
pub(super) const RECORD_BYTES_MAX: usize = 1 << 30;

/// Bytes not yet taken as records.
#[derive(Debug)]
pub(super) struct Records {
    buffer: Vec<u8>,
    /// Where the next record starts.
    start: usize,
    /// How far the search for its end has come.
    scanned: usize,
    in_quotes: bool,
    is_csv: bool,
    quote: u8,
    escape: u8,
}

impl Records {
    pub(super) fn new(format: &CopyFormat) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            in_quotes: false,
            is_csv: format.kind == Kind::Csv,
            quote: format.quote,
            escape: format.escape,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes of the record that is not complete.
    pub(super) fn pending(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// The range of the next complete record, without its newline.
    pub(super) fn next(&mut self) -> Option<std::ops::Range<usize>> {
        let end = if self.is_csv {
            self.csv_end()?
        } else {
            self.text_end()?
        };
        let range = self.start..self.without_return(end);
        self.start = end + 1;
        self.scanned = self.start;
        Some(range)
    }

    /// What stands after the last newline, once the stream has ended.
    pub(super) fn rest(&mut self) -> Option<std::ops::Range<usize>> {
        if self.start >= self.buffer.len() {
            return None;
        }
        let range = self.start..self.without_return(self.buffer.len());
        self.start = self.buffer.len();
        self.scanned = self.start;
        Some(range)
    }

    /// Whether the stream ended within quotes.
    pub(super) fn is_open(&self) -> bool {
        self.in_quotes
    }

    pub(super) fn bytes(&self, range: std::ops::Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    fn without_return(&self, end: usize) -> usize {
        if end > self.start && self.buffer[end - 1] == b'\r' {
            end - 1
        } else {
            end
        }
    }

    fn text_end(&mut self) -> Option<usize> {
        loop {
            let found = memchr::memchr(b'\n', &self.buffer[self.scanned..]);
            let Some(offset) = found else {
                self.scanned = self.buffer.len();
                return None;
            };
            let end = self.scanned + offset;
            let before = &self.buffer[self.start..end];
            let backslashes = before
                .iter()
                .rev()
                .take_while(|byte| **byte == b'\\')
                .count();
            if backslashes % 2 == 0 {
                return Some(end);
            }
            self.scanned = end + 1;
        }
    }

    fn csv_end(&mut self) -> Option<usize> {
        loop {
            let rest = &self.buffer[self.scanned..];
            if self.in_quotes {
                let found = if self.escape == self.quote {
                    memchr::memchr(self.quote, rest)
                } else {
                    memchr::memchr2(self.quote, self.escape, rest)
                };
                let Some(offset) = found else {
                    self.scanned = self.buffer.len();
                    return None;
                };
                let at = self.scanned + offset;
                if self.escape != self.quote && self.buffer[at] == self.escape {
                    // What is escaped must be here before it can be passed over.
                    if at + 1 >= self.buffer.len() {
                        self.scanned = at;
                        return None;
                    }
                    self.scanned = at + 2;
                    continue;
                }
                self.in_quotes = false;
                self.scanned = at + 1;
                continue;
            }
            let Some(offset) = memchr::memchr2(b'\n', self.quote, rest) else {
                self.scanned = self.buffer.len();
                return None;
            };
            let at = self.scanned + offset;
            if self.buffer[at] == b'\n' {
                return Some(at);
            }
            self.in_quotes = true;
            self.scanned = at + 1;
        }
    }
}
