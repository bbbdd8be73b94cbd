//! Rows that the catalog database holds itself, as a batch.
//!
//! Each change of a table's columns starts a new data table; a row stays in the one it
//! was written to. Columns are found by id: the names are those of the schema version
//! that the data table was made for. DuckDB writes these, too; all scalars and its
//! literal syntax of lists and structs are read, and what cannot be read is an error.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float32Array, Float64Array, ListArray, StringViewArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;

use crate::catalog::{CatalogStore, Condition, Selection, decode};
use crate::error::{Error, ErrorKind};
use crate::file::stats::{Bound, blob_bytes, bounds_array};
use crate::snapshot::load_files::Wanted;
use crate::snapshot::{Column, InlinedRows, Table};
use crate::spec::rows::{ColumnRow, InlinedTableRow, SchemaVersionRow};
use crate::spec::table::Value;
use crate::types::ColumnType;

mod encode;
mod literal;

pub(crate) use encode::{INLINED_SYSTEM_COLUMNS, can_inline, inlined_values};
use literal::Literal;

/// Loads the inlined rows that are visible; nothing if there are none.
pub(crate) async fn load_inlined(
    store: &dyn CatalogStore,
    wanted: &Wanted<'_>,
    data_tables: &[InlinedTableRow],
) -> Result<Option<InlinedRows>, Error> {
    let mut columns: Vec<Vec<Option<Literal>>> = vec![Vec::new(); wanted.table.columns.len()];
    let mut row_ids = Vec::new();
    for data_table in data_tables {
        let names = column_names(store, data_table).await?;
        let known: Vec<(usize, String)> = wanted
            .table
            .columns
            .iter()
            .enumerate()
            .filter_map(|(index, column)| Some((index, names.get(&column.id.0)?.clone())))
            .collect();
        let wanted_names: Vec<String> = known.iter().map(|(_, name)| name.clone()).collect();
        let mut rows = store
            .inlined_rows(&data_table.table_name, &wanted_names, wanted.at.0)
            .await?;
        for row in &mut rows {
            let id = match row.remove(0) {
                Value::Integer(id) => id,
                _ => return Err(Error::new(ErrorKind::Corrupt, "an inlined row has no id")),
            };
            row_ids.push(id);
        }
        for (index, column) in wanted.table.columns.iter().enumerate() {
            let position = known.iter().position(|(other, _)| *other == index);
            for row in &rows {
                let value = match position {
                    Some(position) => literal_of(column, &row[position])?,
                    None => initial_literal(column)?,
                };
                columns[index].push(value);
            }
        }
    }
    if row_ids.is_empty() {
        return Ok(None);
    }
    batch(wanted.table, columns, row_ids).map(Some)
}

/// Names by column id, as they were when the data table was made.
async fn column_names(
    store: &dyn CatalogStore,
    data_table: &InlinedTableRow,
) -> Result<HashMap<i64, String>, Error> {
    let of_table = Condition::Equals("table_id", data_table.table_id);
    let version = Condition::Equals("schema_version", data_table.schema_version);
    let selection = Selection::of::<SchemaVersionRow>(vec![of_table.clone(), version]);
    let rows = store.select(&[selection]).await?.pop().unwrap_or_default();
    let versions: Vec<SchemaVersionRow> = decode(rows)?;
    let Some(version) = versions.first() else {
        let text = "the catalog has inlined rows of an unknown schema version";
        return Err(Error::new(ErrorKind::Corrupt, text));
    };
    let conditions = vec![of_table, Condition::VisibleAt(version.begin_snapshot)];
    let selection = Selection::of::<ColumnRow>(conditions);
    let rows = store.select(&[selection]).await?.pop().unwrap_or_default();
    let columns: Vec<ColumnRow> = decode(rows)?;
    let top = columns
        .into_iter()
        .filter(|column| column.parent_column.is_none());
    Ok(top
        .map(|column| (column.column_id, column.column_name))
        .collect())
}

/// The value of rows that are older than the column.
fn initial_literal(column: &Column) -> Result<Option<Literal>, Error> {
    let Some(text) = column.initial_default.as_deref() else {
        return Ok(None);
    };
    match column.column_type {
        ColumnType::Bytea => {
            let bytes = blob_bytes(text).ok_or_else(|| unreadable(&column.name))?;
            Ok(Some(Literal::Text(hexadecimal(&bytes))))
        }
        _ if !column.children.is_empty() => Err(unreadable(&column.name)),
        _ => Ok(Some(Literal::text(text))),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// A stored value as text or as its parsed parts.
fn literal_of(column: &Column, value: &Value) -> Result<Option<Literal>, Error> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Flag(flag) => i64::from(*flag).to_string(),
        Value::Text(text) => text.clone(),
        Value::Time(time) => crate::spec::time::encode(*time),
        Value::Bytes(bytes) => match column.column_type {
            ColumnType::Bytea => hexadecimal(bytes),
            _ => String::from_utf8(bytes.clone()).map_err(|_| unreadable(&column.name))?,
        },
    };
    if column.children.is_empty() {
        return Ok(Some(Literal::Text(text)));
    }
    Literal::parse(&text)
        .map(Some)
        .ok_or_else(|| unreadable(&column.name))
}

fn unreadable(column: &str) -> Error {
    let text = format!("column \"{column}\" has inlined values that are not supported");
    Error::new(ErrorKind::Unsupported, text)
}

fn batch(
    table: &Table,
    columns: Vec<Vec<Option<Literal>>>,
    row_ids: Vec<i64>,
) -> Result<InlinedRows, Error> {
    let mut arrays = Vec::with_capacity(columns.len());
    for (column, values) in table.columns.iter().zip(columns) {
        let array = array(&column.column_type, &values).ok_or_else(|| unreadable(&column.name))?;
        arrays.push(array);
    }
    InlinedRows::of_arrays(&table.columns, arrays, row_ids.into())
}

/// The values in the Arrow type of the column; nothing if any cannot be read.
fn array(column_type: &ColumnType, values: &[Option<Literal>]) -> Option<ArrayRef> {
    match column_type.plain() {
        ColumnType::List(element) => list_array(column_type, element, values),
        ColumnType::Struct(fields) => struct_array(column_type, fields, values),
        ColumnType::Map(..) | ColumnType::Interval | ColumnType::Unsupported(_) => None,
        _ => scalar_array(column_type, values),
    }
}

fn scalar_array(column_type: &ColumnType, values: &[Option<Literal>]) -> Option<ArrayRef> {
    let mut texts: Vec<Option<&str>> = Vec::with_capacity(values.len());
    for value in values {
        texts.push(match value {
            None | Some(Literal::Null) => None,
            Some(Literal::Text(text)) => Some(text),
            Some(_) => return None,
        });
    }
    let array: ArrayRef = match (column_type, column_type.arrow_type()) {
        // Bounds leave out what a row may hold: texts of any length, and NaN.
        (_, DataType::Utf8View) => Arc::new(StringViewArray::from_iter(texts.iter().copied())),
        (ColumnType::Float32, _) => Arc::new(floats::<Float32Array, f32>(&texts)?),
        (ColumnType::Float64, _) => Arc::new(floats::<Float64Array, f64>(&texts)?),
        // A value's text is exact, so either end gives the value itself.
        _ => bounds_array(column_type, Bound::Min, texts.iter().copied()),
    };
    let null_count = texts.iter().filter(|text| text.is_none()).count();
    (array.null_count() == null_count).then_some(array)
}

fn floats<A: FromIterator<Option<F>>, F: std::str::FromStr>(texts: &[Option<&str>]) -> Option<A> {
    let parse = |text: &Option<&str>| match text {
        None => Some(None),
        Some(text) => text.parse().ok().map(Some),
    };
    texts.iter().map(parse).collect()
}

fn list_array(
    column_type: &ColumnType,
    element: &ColumnType,
    values: &[Option<Literal>],
) -> Option<ArrayRef> {
    let DataType::List(field) = column_type.arrow_type() else {
        return None;
    };
    let mut elements = Vec::new();
    let mut lengths = Vec::with_capacity(values.len());
    for value in values {
        match value {
            None | Some(Literal::Null) => lengths.push(0),
            Some(Literal::List(items)) => {
                lengths.push(items.len());
                elements.extend(items.iter().cloned().map(Some));
            }
            Some(_) => return None,
        }
    }
    let inner = array(element, &elements)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let list = ListArray::try_new(field, offsets, inner, Some(validity(values))).ok()?;
    Some(Arc::new(list))
}

fn struct_array(
    column_type: &ColumnType,
    fields: &[(String, ColumnType)],
    values: &[Option<Literal>],
) -> Option<ArrayRef> {
    let DataType::Struct(arrow_fields) = column_type.arrow_type() else {
        return None;
    };
    let mut arrays = Vec::with_capacity(fields.len());
    for (name, field_type) in fields {
        let mut parts = Vec::with_capacity(values.len());
        for value in values {
            parts.push(match value {
                None | Some(Literal::Null) => None,
                Some(Literal::Struct(entries)) => entries
                    .iter()
                    .find(|(other, _)| other == name)
                    .map(|(_, part)| part.clone()),
                Some(_) => return None,
            });
        }
        arrays.push(array(field_type, &parts)?);
    }
    let array = StructArray::try_new(arrow_fields, arrays, Some(validity(values))).ok()?;
    Some(Arc::new(array))
}

fn validity(values: &[Option<Literal>]) -> NullBuffer {
    values
        .iter()
        .map(|value| !matches!(value, None | Some(Literal::Null)))
        .collect()
}
