//! Builds the batch of a system relation row by row.
//!
//! A row is an array of cells in the order of the relation's columns. A cell that
//! does not fit its column is a fault of ours: it is kept as the first error and
//! [`Rows::finish`] answers it, so that filling code stays straight.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float32Builder, Float64Builder, Int16Builder,
    Int32Builder, Int64Builder, IntervalMonthDayNanoBuilder, ListBuilder, RecordBatch,
    RecordBatchOptions, StringViewBuilder, TimestampMicrosecondBuilder, new_null_array,
};
use arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit, SchemaRef, TimeUnit};

use crate::error::SqlError;
use crate::types::datetime::MICROS_PER_DAY;

/// One value of a row.
#[derive(Clone, Debug)]
pub(crate) enum Cell<'a> {
    /// NULL of any type.
    Null,
    /// boolean
    Bool(bool),
    /// Any integer, OID, a timestamp or interval in microseconds, or a date in days.
    Int(i64),
    /// real, double precision
    Float(f64),
    /// Any type that is held as text.
    Text(&'a str),
    /// As [`Cell::Text`].
    Owned(String),
    /// An array or vector of integers or OIDs.
    Ints(Vec<i64>),
    /// An array of texts.
    Texts(Vec<String>),
}

impl From<bool> for Cell<'_> {
    fn from(value: bool) -> Self {
        Cell::Bool(value)
    }
}

impl From<i32> for Cell<'_> {
    fn from(value: i32) -> Self {
        Cell::Int(i64::from(value))
    }
}

impl From<i16> for Cell<'_> {
    fn from(value: i16) -> Self {
        Cell::Int(i64::from(value))
    }
}

impl From<u32> for Cell<'_> {
    fn from(value: u32) -> Self {
        Cell::Int(i64::from(value))
    }
}

impl From<i64> for Cell<'_> {
    fn from(value: i64) -> Self {
        Cell::Int(value)
    }
}

impl From<f64> for Cell<'_> {
    fn from(value: f64) -> Self {
        Cell::Float(value)
    }
}

impl From<char> for Cell<'_> {
    fn from(value: char) -> Self {
        Cell::Owned(value.to_string())
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(value: &'a str) -> Self {
        Cell::Text(value)
    }
}

impl From<String> for Cell<'_> {
    fn from(value: String) -> Self {
        Cell::Owned(value)
    }
}

impl From<Vec<i64>> for Cell<'_> {
    fn from(value: Vec<i64>) -> Self {
        Cell::Ints(value)
    }
}

impl From<Vec<String>> for Cell<'_> {
    fn from(value: Vec<String>) -> Self {
        Cell::Texts(value)
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Null, Into::into)
    }
}

/// Makes an array of cells out of values of different types.
macro_rules! cells {
    ($($value:expr),* $(,)?) => {
        [$($crate::pg_catalog::rows::Cell::from($value)),*]
    };
}
pub(crate) use cells;

/// NULL, for use in `cells!`.
pub(crate) const NULL: Cell<'static> = Cell::Null;

/// The rows of one relation under construction.
pub(crate) struct Rows {
    schema: SchemaRef,
    columns: Vec<Column>,
    count: usize,
    error: Option<SqlError>,
}

impl Rows {
    /// No rows yet.
    pub(crate) fn new(schema: SchemaRef) -> Self {
        let columns = schema
            .fields()
            .iter()
            .map(|field| Column::new(field.data_type()))
            .collect();
        Self {
            schema,
            columns,
            count: 0,
            error: None,
        }
    }

    /// Adds a row; `cells`: as many as the relation has columns, in their order.
    pub(crate) fn push<const N: usize>(&mut self, cells: [Cell<'_>; N]) {
        if N != self.columns.len() {
            self.fail(format!(
                "a row of {N} cells for {} columns",
                self.columns.len()
            ));
            return;
        }
        self.count += 1;
        for (index, cell) in cells.into_iter().enumerate() {
            if let Err(problem) = self.columns[index].push(cell) {
                let name = self.schema.field(index).name().clone();
                self.fail(format!("column {name}: {problem}"));
            }
        }
    }

    /// The batch of all rows.
    pub(crate) fn finish(self) -> Result<RecordBatch, SqlError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let arrays: Vec<ArrayRef> = self.columns.into_iter().map(Column::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.count));
        Ok(RecordBatch::try_new_with_options(
            self.schema,
            arrays,
            &options,
        )?)
    }

    fn fail(&mut self, problem: String) {
        let error = || SqlError::internal(format!("a system relation: {problem}"));
        self.error.get_or_insert_with(error);
    }
}

/// A column of one of the Arrow types that system relations have.
pub(crate) enum Column {
    Bool(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Text(StringViewBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    Interval(IntervalMonthDayNanoBuilder),
    Int16List(ListBuilder<Int16Builder>),
    Int32List(ListBuilder<Int32Builder>),
    Int64List(ListBuilder<Int64Builder>),
    TextList(ListBuilder<StringViewBuilder>),
    /// A type that no relation fills yet: only NULL fits.
    Nulls(DataType, usize),
}

impl Column {
    /// An empty column.
    pub(crate) fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Column::Bool(BooleanBuilder::new()),
            DataType::Int16 => Column::Int16(Int16Builder::new()),
            DataType::Int32 => Column::Int32(Int32Builder::new()),
            DataType::Int64 => Column::Int64(Int64Builder::new()),
            DataType::Float32 => Column::Float32(Float32Builder::new()),
            DataType::Float64 => Column::Float64(Float64Builder::new()),
            DataType::Utf8View => Column::Text(StringViewBuilder::new()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Column::Timestamp(
                TimestampMicrosecondBuilder::new().with_data_type(data_type.clone()),
            ),
            DataType::Date32 => Column::Date(Date32Builder::new()),
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                Column::Interval(IntervalMonthDayNanoBuilder::new())
            }
            DataType::List(element) => {
                let field = Arc::clone(element);
                match element.data_type() {
                    DataType::Int16 => {
                        Column::Int16List(ListBuilder::new(Int16Builder::new()).with_field(field))
                    }
                    DataType::Int32 => {
                        Column::Int32List(ListBuilder::new(Int32Builder::new()).with_field(field))
                    }
                    DataType::Int64 => {
                        Column::Int64List(ListBuilder::new(Int64Builder::new()).with_field(field))
                    }
                    DataType::Utf8View => Column::TextList(
                        ListBuilder::new(StringViewBuilder::new()).with_field(field),
                    ),
                    _ => Column::Nulls(data_type.clone(), 0),
                }
            }
            other => Column::Nulls(other.clone(), 0),
        }
    }

    /// Adds one cell; the error says what did not fit.
    pub(crate) fn push(&mut self, cell: Cell<'_>) -> Result<(), String> {
        match (self, cell) {
            (Column::Nulls(_, count), Cell::Null) => *count += 1,
            (column, Cell::Null) => column.push_null(),
            (Column::Bool(builder), Cell::Bool(value)) => builder.append_value(value),
            (Column::Int16(builder), Cell::Int(value)) => builder.append_value(narrow(value)?),
            (Column::Int32(builder), Cell::Int(value)) => builder.append_value(narrow(value)?),
            (Column::Int64(builder), Cell::Int(value)) => builder.append_value(value),
            (Column::Timestamp(builder), Cell::Int(value)) => builder.append_value(value),
            (Column::Date(builder), Cell::Int(value)) => builder.append_value(narrow(value)?),
            (Column::Interval(builder), Cell::Int(value)) => {
                let days = i32::try_from(value / MICROS_PER_DAY).unwrap_or(i32::MAX);
                let rest = value % MICROS_PER_DAY;
                builder.append_value(IntervalMonthDayNano::new(0, days, rest * 1000));
            }
            #[allow(clippy::cast_possible_truncation, reason = "real holds an estimate")]
            (Column::Float32(builder), Cell::Float(value)) => builder.append_value(value as f32),
            (Column::Float64(builder), Cell::Float(value)) => builder.append_value(value),
            (Column::Text(builder), Cell::Text(value)) => builder.append_value(value),
            (Column::Text(builder), Cell::Owned(value)) => builder.append_value(value),
            (Column::Int16List(builder), Cell::Ints(values)) => {
                for value in values {
                    builder.values().append_value(narrow(value)?);
                }
                builder.append(true);
            }
            (Column::Int32List(builder), Cell::Ints(values)) => {
                for value in values {
                    builder.values().append_value(narrow(value)?);
                }
                builder.append(true);
            }
            (Column::Int64List(builder), Cell::Ints(values)) => {
                builder.values().append_slice(&values);
                builder.append(true);
            }
            (Column::TextList(builder), Cell::Texts(values)) => {
                for value in values {
                    builder.values().append_value(value);
                }
                builder.append(true);
            }
            (_, cell) => return Err(format!("{cell:?} does not fit")),
        }
        Ok(())
    }

    fn push_null(&mut self) {
        match self {
            Column::Bool(builder) => builder.append_null(),
            Column::Int16(builder) => builder.append_null(),
            Column::Int32(builder) => builder.append_null(),
            Column::Int64(builder) => builder.append_null(),
            Column::Float32(builder) => builder.append_null(),
            Column::Float64(builder) => builder.append_null(),
            Column::Text(builder) => builder.append_null(),
            Column::Timestamp(builder) => builder.append_null(),
            Column::Date(builder) => builder.append_null(),
            Column::Interval(builder) => builder.append_null(),
            Column::Int16List(builder) => builder.append_null(),
            Column::Int32List(builder) => builder.append_null(),
            Column::Int64List(builder) => builder.append_null(),
            Column::TextList(builder) => builder.append_null(),
            Column::Nulls(_, count) => *count += 1,
        }
    }

    /// The array of all cells.
    pub(crate) fn finish(self) -> ArrayRef {
        match self {
            Column::Bool(mut builder) => Arc::new(builder.finish()),
            Column::Int16(mut builder) => Arc::new(builder.finish()),
            Column::Int32(mut builder) => Arc::new(builder.finish()),
            Column::Int64(mut builder) => Arc::new(builder.finish()),
            Column::Float32(mut builder) => Arc::new(builder.finish()),
            Column::Float64(mut builder) => Arc::new(builder.finish()),
            Column::Text(mut builder) => Arc::new(builder.finish()),
            Column::Timestamp(mut builder) => Arc::new(builder.finish()),
            Column::Date(mut builder) => Arc::new(builder.finish()),
            Column::Interval(mut builder) => Arc::new(builder.finish()),
            Column::Int16List(mut builder) => Arc::new(builder.finish()),
            Column::Int32List(mut builder) => Arc::new(builder.finish()),
            Column::Int64List(mut builder) => Arc::new(builder.finish()),
            Column::TextList(mut builder) => Arc::new(builder.finish()),
            Column::Nulls(data_type, count) => new_null_array(&data_type, count),
        }
    }
}

fn narrow<T: TryFrom<i64>>(value: i64) -> Result<T, String> {
    T::try_from(value).map_err(|_| format!("{value} is out of range"))
}
