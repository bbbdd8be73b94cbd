//! The value of a column in rows that were written before the column was added.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryViewArray, Float32Array, Float64Array};
use arrow::array::{StringViewArray, new_null_array};

use crate::error::{Error, ErrorKind};
use crate::file::stats::{Bound, blob_bytes, bounds_array, value_text};
use crate::snapshot::Column;
use crate::types::ColumnType;

impl Column {
    /// The value of older rows, once, in the column's `arrow_type`; NULL without one.
    ///
    /// Errors: `Corrupt` when the catalog's text is no value of the type; `Unsupported`
    /// for nested types, whose text has no single reading.
    pub fn initial_value(&self) -> Result<ArrayRef, Error> {
        let Some(text) = self.initial_default.as_deref() else {
            return Ok(new_null_array(&self.column_type.arrow_type(), 1));
        };
        if !self.children.is_empty() {
            let text = format!(
                "reading a column of type {} that was added with a default is not supported",
                self.column_type.declared_name()
            );
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let array: Option<ArrayRef> = match self.column_type.plain() {
            ColumnType::Text
            | ColumnType::Varchar(_)
            | ColumnType::Char(_)
            | ColumnType::Json
            | ColumnType::Jsonb => Some(Arc::new(StringViewArray::from(vec![text]))),
            ColumnType::Bytea => blob_bytes(text)
                .map(|bytes| Arc::new(BinaryViewArray::from_iter_values([bytes])) as ArrayRef),
            ColumnType::Float32 => text
                .parse()
                .ok()
                .map(|value| Arc::new(Float32Array::from(vec![Some(value)])) as ArrayRef),
            ColumnType::Float64 => text
                .parse()
                .ok()
                .map(|value| Arc::new(Float64Array::from(vec![Some(value)])) as ArrayRef),
            // A value's text is exact, so either end gives the value itself.
            _ => Some(bounds_array(&self.column_type, Bound::Min, [Some(text)])),
        };
        array
            .filter(|array| array.null_count() == 0)
            .ok_or_else(|| {
                let text = format!(
                    "the initial value of column \"{}\" cannot be read",
                    self.name
                );
                Error::new(ErrorKind::Corrupt, text)
            })
    }
}

/// The catalog's text of the value that older rows get; nothing for NULL.
///
/// `value`: one row of the column's `arrow_type`.
/// Errors: `Unsupported` for nested types: those rows must be written again.
pub(crate) fn initial_text(
    column_type: &ColumnType,
    value: &ArrayRef,
) -> Result<Option<String>, Error> {
    if value.len() != 1 {
        let text = "an initial value is one value";
        return Err(Error::new(ErrorKind::Internal, text));
    }
    if value.is_null(0) {
        return Ok(None);
    }
    if !column_type.has_initial_value() {
        let text = format!(
            "adding a column of type {} with a default is not supported",
            column_type.declared_name()
        );
        return Err(Error::new(ErrorKind::Unsupported, text));
    }
    value_text(column_type, &column_type.to_stored(value)?, 0)
}

#[cfg(test)]
mod tests;
