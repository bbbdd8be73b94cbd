//! Arrays in binary: dimensions, flags, element OID, then elements with lengths.

use crate::error::SqlError;

/// Most dimensions that PostgreSQL has.
const DIMENSION_COUNT_MAX: i32 = 6;

/// Writes the header of an array with `count` elements.
///
/// `lower_bound`: 1, or 0 for the catalog's vectors.
pub(super) fn write_header(
    out: &mut Vec<u8>,
    element_oid: u32,
    count: usize,
    has_nulls: bool,
    lower_bound: i32,
) {
    let is_empty = count == 0 && lower_bound == 1;
    let dimensions: i32 = if is_empty { 0 } else { 1 };
    out.extend_from_slice(&dimensions.to_be_bytes());
    out.extend_from_slice(&i32::from(has_nulls).to_be_bytes());
    out.extend_from_slice(&element_oid.to_be_bytes());
    if !is_empty {
        out.extend_from_slice(&i32::try_from(count).unwrap_or(i32::MAX).to_be_bytes());
        out.extend_from_slice(&lower_bound.to_be_bytes());
    }
}

/// Writes the header of an array by its dimensions; none for an empty one.
pub(super) fn write_dimensions(
    out: &mut Vec<u8>,
    element_oid: u32,
    dimensions: &[usize],
    has_nulls: bool,
) {
    let narrow = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    out.extend_from_slice(&narrow(dimensions.len()).to_be_bytes());
    out.extend_from_slice(&i32::from(has_nulls).to_be_bytes());
    out.extend_from_slice(&element_oid.to_be_bytes());
    for count in dimensions {
        out.extend_from_slice(&narrow(*count).to_be_bytes());
        out.extend_from_slice(&1_i32.to_be_bytes());
    }
}

/// Writes an element with its length; `None` is NULL.
pub(super) fn write_element(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        Some(bytes) => {
            let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(bytes);
        }
    }
}

/// Calls `element` for each element of an array, with `None` for NULL.
pub(super) fn read(
    bytes: &[u8],
    element_oid: u32,
    mut element: impl FnMut(Option<&[u8]>) -> Result<(), SqlError>,
) -> Result<(), SqlError> {
    let mut reader = Reader { bytes };
    let dimensions = reader.int()?;
    if !(0..=DIMENSION_COUNT_MAX).contains(&dimensions) {
        return Err(SqlError::invalid_binary(format!(
            "invalid number of dimensions: {dimensions}"
        )));
    }
    let flags = reader.int()?;
    if flags != 0 && flags != 1 {
        return Err(SqlError::invalid_binary("invalid array flags"));
    }
    let found = reader.int()?.cast_unsigned();
    if found != element_oid {
        return Err(SqlError::datatype_mismatch("wrong element type"));
    }
    match dimensions {
        0 => return reader.end(),
        1 => {}
        _ => {
            return Err(SqlError::not_supported(
                "an array of more than one dimension",
            ));
        }
    }
    let count = reader.int()?;
    let _lower_bound = reader.int()?;
    for _ in 0..count.max(0) {
        match reader.int()? {
            -1 => element(None)?,
            length => element(Some(reader.take(length)?))?,
        }
    }
    reader.end()
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: i32) -> Result<&'a [u8], SqlError> {
        let (taken, rest) = usize::try_from(length)
            .ok()
            .and_then(|length| self.bytes.split_at_checked(length))
            .ok_or_else(|| SqlError::invalid_binary("insufficient data left in message"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn int(&mut self) -> Result<i32, SqlError> {
        let bytes = self.take(4)?;
        Ok(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn end(&self) -> Result<(), SqlError> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(SqlError::invalid_binary("incorrect binary data format"))
        }
    }
}
