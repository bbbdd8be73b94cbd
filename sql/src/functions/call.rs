//! One call of a function on a batch: arguments cast to the chosen signature,
//! typed readers over them, and the writing of the result.
//!
//! Invariants:
//! - A constant argument is held as one row; readers repeat it.
//! - A kernel returns `Call::rows` rows: one if every argument is constant and
//!   the function is not volatile, else the rows of the batch.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;

use super::pattern::PatternCache;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::PgType;

/// An argument: a column of the batch, or one row that stands for all.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) array: ArrayRef,
    pub(super) is_constant: bool,
}

impl Column {
    /// Index into `array` of a row of the batch.
    pub(super) fn index(&self, row: usize) -> usize {
        if self.is_constant { 0 } else { row }
    }

    /// Whether the argument is NULL in this row.
    pub(super) fn is_null(&self, row: usize) -> bool {
        self.array.is_null(self.index(row))
    }
}

/// What a kernel sees.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// The name as the statement used it, for messages.
    pub(super) name: &'a str,
    pub(super) columns: Vec<Column>,
    pub(super) types: Vec<PgType>,
    pub(super) rows: usize,
    pub(super) result: PgType,
    /// The Arrow type that the result must have.
    pub(super) data_type: DataType,
    pub(super) context: &'a Arc<StatementContext>,
    /// Compiled patterns, kept between the batches of one statement.
    pub(super) patterns: &'a PatternCache,
}

/// A way to read one Arrow array type.
pub(super) trait Kind {
    type Array: Array + 'static;
    type Item<'a>;

    fn item(array: &Self::Array, index: usize) -> Self::Item<'_>;
}

/// Reads one argument row by row.
pub(super) struct Reader<'a, K: Kind> {
    array: &'a K::Array,
    is_constant: bool,
}

impl<'a, K: Kind> Reader<'a, K> {
    /// The value in a row of the batch; `None` for NULL.
    pub(super) fn value(&self, row: usize) -> Option<K::Item<'a>> {
        let index = if self.is_constant { 0 } else { row };
        (!self.array.is_null(index)).then(|| K::item(self.array, index))
    }
}

/// A value that kernels produce.
pub(super) trait Output: Sized {
    type Builder;

    fn builder(rows: usize) -> Self::Builder;
    fn append(self, builder: &mut Self::Builder);
    fn append_null(builder: &mut Self::Builder);
    /// `data_type`: the wanted Arrow type, such as a timestamp for `i64`.
    fn finish(builder: Self::Builder, data_type: &DataType) -> Result<ArrayRef, SqlError>;
}

impl<T: Output> Output for Option<T> {
    type Builder = T::Builder;

    fn builder(rows: usize) -> Self::Builder {
        T::builder(rows)
    }

    fn append(self, builder: &mut Self::Builder) {
        match self {
            Some(value) => value.append(builder),
            None => T::append_null(builder),
        }
    }

    fn append_null(builder: &mut Self::Builder) {
        T::append_null(builder);
    }

    fn finish(builder: Self::Builder, data_type: &DataType) -> Result<ArrayRef, SqlError> {
        T::finish(builder, data_type)
    }
}

impl Call<'_> {
    /// A reader of argument `index`, which the signature made an array of `K`.
    pub(super) fn reader<K: Kind>(&self, index: usize) -> Result<Reader<'_, K>, SqlError> {
        let column = self.column(index)?;
        let array = column
            .array
            .as_any()
            .downcast_ref::<K::Array>()
            .ok_or_else(|| {
                SqlError::internal(format!(
                    "argument {} of {} arrived as {}",
                    index + 1,
                    self.name,
                    column.array.data_type()
                ))
            })?;
        Ok(Reader {
            array,
            is_constant: column.is_constant,
        })
    }

    /// A reader of an argument that may be left out.
    pub(super) fn optional<K: Kind>(
        &self,
        index: usize,
    ) -> Result<Option<Reader<'_, K>>, SqlError> {
        if index < self.columns.len() {
            self.reader(index).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Argument `index` as it came.
    pub(super) fn column(&self, index: usize) -> Result<&Column, SqlError> {
        self.columns
            .get(index)
            .ok_or_else(|| SqlError::internal(format!("{} lacks an argument", self.name)))
    }

    /// Writes one value per row.
    pub(super) fn rows<O: Output>(
        &self,
        mut value: impl FnMut(usize) -> Result<O, SqlError>,
    ) -> Result<ArrayRef, SqlError> {
        let mut builder = O::builder(self.rows);
        for row in 0..self.rows {
            value(row)?.append(&mut builder);
        }
        O::finish(builder, &self.data_type)
    }

    /// The same value in every row.
    pub(super) fn constant<O: Output + Clone>(&self, value: O) -> Result<ArrayRef, SqlError> {
        self.rows(|_| Ok(value.clone()))
    }
}

/// A strict function of one argument.
pub(super) fn map1<'a, A: Kind, O: Output>(
    call: &'a Call<'_>,
    mut value: impl FnMut(A::Item<'a>) -> Result<O, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let first = call.reader::<A>(0)?;
    call.rows(|row| first.value(row).map(&mut value).transpose())
}

/// A strict function of two arguments.
pub(super) fn map2<'a, A: Kind, B: Kind, O: Output>(
    call: &'a Call<'_>,
    mut value: impl FnMut(A::Item<'a>, B::Item<'a>) -> Result<O, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let (first, second) = (call.reader::<A>(0)?, call.reader::<B>(1)?);
    call.rows(|row| match (first.value(row), second.value(row)) {
        (Some(a), Some(b)) => value(a, b).map(Some),
        _ => Ok(None),
    })
}

/// A strict function of three arguments.
pub(super) fn map3<'a, A: Kind, B: Kind, C: Kind, O: Output>(
    call: &'a Call<'_>,
    mut value: impl FnMut(A::Item<'a>, B::Item<'a>, C::Item<'a>) -> Result<O, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let (first, second, third) = (
        call.reader::<A>(0)?,
        call.reader::<B>(1)?,
        call.reader::<C>(2)?,
    );
    call.rows(
        |row| match (first.value(row), second.value(row), third.value(row)) {
            (Some(a), Some(b), Some(c)) => value(a, b, c).map(Some),
            _ => Ok(None),
        },
    )
}
