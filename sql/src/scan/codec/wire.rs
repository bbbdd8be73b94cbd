//! Numbers and texts as bytes: LEB128 numbers, zigzag for signed ones, lengths first.

use crate::SqlError;

/// Appends values.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(crate) fn signed(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    pub(crate) fn count(&mut self, value: usize) {
        self.number(value as u64);
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    pub(crate) fn optional(&mut self, value: Option<u64>) {
        self.flag(value.is_some());
        if let Some(value) = value {
            self.number(value);
        }
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.bytes.extend_from_slice(value);
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }
}

/// Takes values off the front, in the order in which they were written.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn number(&mut self) -> Result<u64, SqlError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(damaged())
    }

    pub(crate) fn signed(&mut self) -> Result<i64, SqlError> {
        let value = self.number()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    pub(crate) fn count(&mut self) -> Result<usize, SqlError> {
        usize::try_from(self.number()?).map_err(|_| damaged())
    }

    pub(crate) fn flag(&mut self) -> Result<bool, SqlError> {
        Ok(self.byte()? != 0)
    }

    pub(crate) fn optional(&mut self) -> Result<Option<u64>, SqlError> {
        if self.flag()? {
            self.number().map(Some)
        } else {
            Ok(None)
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], SqlError> {
        let length = self.count()?;
        let (value, rest) = self.rest.split_at_checked(length).ok_or_else(damaged)?;
        self.rest = rest;
        Ok(value)
    }

    pub(crate) fn text(&mut self) -> Result<String, SqlError> {
        let bytes = self.bytes()?;
        String::from_utf8(bytes.to_vec()).map_err(|_| damaged())
    }

    /// A count, then as many values.
    pub(crate) fn many<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, SqlError>,
    ) -> Result<Vec<T>, SqlError> {
        let count = self.count()?;
        (0..count).map(|_| read(self)).collect()
    }

    fn byte(&mut self) -> Result<u8, SqlError> {
        let (&byte, rest) = self.rest.split_first().ok_or_else(damaged)?;
        self.rest = rest;
        Ok(byte)
    }
}

pub(crate) fn damaged() -> SqlError {
    SqlError::internal("an encoded scan is damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() {
        let numbers = [0, 1, 127, 128, 300, u64::MAX];
        let signed = [0, -1, 1, i64::MIN, i64::MAX];
        let mut writer = Writer::default();
        numbers.iter().for_each(|value| writer.number(*value));
        signed.iter().for_each(|value| writer.signed(*value));
        writer.text("é");
        writer.optional(None);
        writer.optional(Some(7));
        let bytes = writer.finish();
        let mut reader = Reader::new(&bytes);
        for value in numbers {
            assert_eq!(reader.number().unwrap(), value);
        }
        for value in signed {
            assert_eq!(reader.signed().unwrap(), value);
        }
        assert_eq!(reader.text().unwrap(), "é");
        assert_eq!(reader.optional().unwrap(), None);
        assert_eq!(reader.optional().unwrap(), Some(7));
        assert!(reader.number().is_err());
    }
}
