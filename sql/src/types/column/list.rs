//! Lists under construction: the elements of all rows, and where rows end.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, NullBufferBuilder};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::FieldRef;

use super::Column;
use crate::error::SqlError;
use crate::types::{ELEMENT, PgType};

/// Collects lists.
#[derive(Debug)]
pub(in crate::types) struct ListColumn {
    /// Takes the elements of the row that is open.
    pub(in crate::types) elements: Column,
    /// What the elements are.
    pub(in crate::types) element_type: PgType,
    field: FieldRef,
    /// Elements in all closed rows.
    count: i32,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl ListColumn {
    /// Lists over `elements`.
    pub(super) fn new(elements: Column, element_type: PgType) -> Self {
        Self {
            elements,
            element_type,
            field: Arc::new(element_type.field(ELEMENT, true)),
            count: 0,
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
        }
    }

    /// Closes a row over the elements that were added since the one before.
    ///
    /// Errors: `54000` past 2^31 elements.
    pub(in crate::types) fn end_row(&mut self) -> Result<(), SqlError> {
        self.count =
            i32::try_from(self.elements.len()).map_err(|_| SqlError::too_many_elements())?;
        self.offsets.push(self.count);
        self.nulls.append_non_null();
        Ok(())
    }

    /// Adds a NULL.
    pub(super) fn append_null(&mut self) {
        self.offsets.push(self.count);
        self.nulls.append_null();
    }

    /// Rows so far.
    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The rows so far.
    pub(super) fn finish(&mut self) -> ArrayRef {
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        self.count = 0;
        Arc::new(ListArray::new(
            FieldRef::clone(&self.field),
            OffsetBuffer::new(ScalarBuffer::from(offsets)),
            self.elements.finish(),
            self.nulls.finish(),
        ))
    }
}
