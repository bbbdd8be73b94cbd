//! Rows of a batch as the catalog's tables of inlined rows hold them.
//!
//! Booleans and integers are numbers, bytea is bytes, all else is text; a dialect may
//! have types of its own for them. The reverse is the parent's `literal_of`.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
};

use crate::error::Error;
use crate::file::stats::value_text;
use crate::snapshot::Column;
use crate::spec::table::{Value, Values};

/// Names of the columns that every table of inlined rows begins with.
pub(crate) const INLINED_SYSTEM_COLUMNS: [&str; 3] = ["row_id", "begin_snapshot", "end_snapshot"];

/// Columns that PostgreSQL gives every table; no other may have such a name there.
const POSTGRES_SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// Most bytes of a name that PostgreSQL keeps.
const NAME_BYTES_MAX: usize = 63;

/// Most columns that are inlined: a row of more would not fit a page of PostgreSQL's.
const COLUMN_COUNT_MAX: usize = 400;

/// Whether rows of these columns may stay in the catalog, whichever database that is.
///
/// Names there are without case, and stand beside those of the system columns.
pub(crate) fn can_inline(columns: &[Column]) -> bool {
    if columns.len() > COLUMN_COUNT_MAX {
        return false;
    }
    let mut names: Vec<String> = INLINED_SYSTEM_COLUMNS.map(str::to_owned).to_vec();
    names.extend(POSTGRES_SYSTEM_COLUMNS.map(str::to_owned));
    names.extend(columns.iter().map(|column| column.name.to_lowercase()));
    let name_count = names.len();
    names.sort_unstable();
    names.dedup();
    names.len() == name_count
        && columns.iter().all(|column| {
            column.name.len() <= NAME_BYTES_MAX && column.column_type.can_be_inlined()
        })
}

/// The values of each row, column by column.
///
/// `stored`: one array for each column, of its stored type.
pub(crate) fn inlined_values(
    columns: &[Column],
    stored: &[ArrayRef],
    row_count: usize,
) -> Result<Vec<Values>, Error> {
    let mut rows = Vec::with_capacity(row_count);
    for row in 0..row_count {
        let mut values = Vec::with_capacity(columns.len());
        for (column, array) in columns.iter().zip(stored) {
            values.push(value(column, array, row)?);
        }
        rows.push(values);
    }
    Ok(rows)
}

fn value(column: &Column, stored: &ArrayRef, row: usize) -> Result<Value, Error> {
    if stored.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match stored.data_type() {
        DataType::Boolean => Value::Flag(stored.as_boolean().value(row)),
        DataType::Int8 => Value::Integer(stored.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Value::Integer(stored.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Value::Integer(stored.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Value::Integer(stored.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => Value::Integer(stored.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Value::Integer(stored.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Value::Integer(stored.as_primitive::<UInt32Type>().value(row).into()),
        DataType::BinaryView => Value::Bytes(stored.as_binary_view().value(row).to_vec()),
        _ => value_text(&column.column_type, stored, row)?.map_or(Value::Null, Value::Text),
    })
}
