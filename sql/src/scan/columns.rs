//! A table's columns, and the alignment of a file's columns with them.
//!
//! DataFusion finds the columns of a file by name, everywhere: types, statistics, page
//! index, Bloom filters. Names change, field ids do not. So the columns of a file that
//! was written under other names are renamed in its footer, in memory, before
//! DataFusion sees it: each gets the name that the table has for its field id, and one
//! that the table lacks gets a name that no table can have. Nested fields of structs
//! likewise; list elements and map entries keep their places.
//!
//! The file's statistics of columns with a NaN are dropped on the way: they leave NaN
//! out, which sorts above all numbers, so they would prune rows that match.
//!
//! Errors: `Corrupt` as XX001 when a footer's schema cannot be built again.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::table_schema::TableSchema;
use gotgan_storage::{Column, ColumnId, NameMapping};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, RowNumber};
use parquet::basic::{ConvertedType, LogicalType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    FileMetaData, ParquetMetaData, ParquetMetaDataBuilder, RowGroupMetaData,
};
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use super::file::ScanFile;
use crate::types::column_field;

/// Name of the column that says in which data file a row is; no table can have it.
pub(crate) const FILE_COLUMN: &str = "\0file";

/// Name of the column with a row's position in that file, from 0.
pub(crate) const POSITION_COLUMN: &str = "\0position";

/// What [`FILE_COLUMN`] holds for an inlined row; its position is its row id.
pub(crate) const INLINED_FILE: i64 = i64::MIN;

/// The columns of a table, as a scan needs them.
#[derive(Debug)]
pub(crate) struct TableColumns {
    columns: Vec<Column>,
    schema: TableSchema,
    index_by_name: HashMap<String, usize>,
}

impl TableColumns {
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        let fields = columns
            .iter()
            .map(|column| column_field(&column.name, &column.column_type, column.nullable));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let schema = TableSchema::from(schema);
        let named = |(index, column): (usize, &Column)| (column.name.clone(), index);
        let index_by_name = columns.iter().enumerate().map(named).collect();
        Self {
            columns,
            schema,
            index_by_name,
        }
    }

    /// The same columns, followed by [`FILE_COLUMN`] and [`POSITION_COLUMN`].
    pub(crate) fn with_positions(self) -> Self {
        let file = Field::new(FILE_COLUMN, DataType::Int64, false);
        let position =
            Field::new(POSITION_COLUMN, DataType::Int64, false).with_extension_type(RowNumber);
        let schema = TableSchema::builder(Arc::clone(self.schema.file_schema()))
            .with_table_partition_cols(vec![Arc::new(file)])
            .with_virtual_columns(vec![Arc::new(position)])
            .build();
        Self { schema, ..self }
    }

    /// Whether the places of rows are among the columns.
    pub(crate) fn has_positions(&self) -> bool {
        !self.schema.virtual_columns().is_empty()
    }

    /// What the scan gives out, in column order.
    pub(crate) fn schema(&self) -> &SchemaRef {
        self.schema.table_schema()
    }

    /// As [`Self::schema`], and which of the columns are in the files.
    pub(crate) fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    pub(crate) fn all(&self) -> &[Column] {
        &self.columns
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Column> {
        self.index_by_name
            .get(name)
            .and_then(|index| self.columns.get(*index))
    }
}

/// The footer of `file` with the table's names, without statistics that mislead.
///
/// Cost: nothing but a look at the schema for a file that was written as the table is
/// now and holds no NaN.
pub(crate) fn align_metadata(
    metadata: Arc<ParquetMetaData>,
    columns: &TableColumns,
    file: &ScanFile,
) -> Result<Arc<ParquetMetaData>, ParquetError> {
    let schema = metadata.file_metadata().schema_descr();
    let finder = Finder {
        mapping: file.name_mapping.as_deref(),
    };
    let renamed = rename_group(&schema.root_schema_ptr(), columns.all(), &finder, None)?;
    let nan_leaves = nan_leaves(schema, &file.nan_columns, &finder);
    if renamed.is_none() && nan_leaves.is_empty() {
        return Ok(metadata);
    }
    let mut builder = Arc::unwrap_or_clone(metadata).into_builder();
    let row_groups = builder
        .take_row_groups()
        .into_iter()
        .map(|row_group| without_statistics(row_group, &nan_leaves))
        .collect::<Result<Vec<_>, _>>()?;
    let column_index = builder.take_column_index();
    let offset_index = builder.take_offset_index();
    let old = builder.build();
    let file_metadata = match renamed {
        Some(root) => with_schema(old.file_metadata(), root),
        None => old.file_metadata().clone(),
    };
    let aligned = ParquetMetaDataBuilder::new(file_metadata)
        .set_row_groups(row_groups)
        .set_column_index(column_index.filter(|_| nan_leaves.is_empty()))
        .set_offset_index(offset_index)
        .build();
    Ok(Arc::new(aligned))
}

/// Names that PostgreSQL allows in no table.
fn unknown_name(index: usize) -> String {
    format!("\0{index}")
}

/// Finds the field id of a column of a file.
struct Finder<'a> {
    mapping: Option<&'a NameMapping>,
}

impl Finder<'_> {
    /// The id of `field` inside the mapped field `parent`, and the field's own place in
    /// the mapping.
    fn find(&self, field: &Type, parent: Option<i64>) -> Option<(ColumnId, Option<i64>)> {
        let Some(mapping) = self.mapping else {
            let basic = field.get_basic_info();
            return basic
                .has_id()
                .then(|| (ColumnId(i64::from(basic.id())), None));
        };
        let entry = mapping.entries.iter().find(|entry| {
            entry.parent == parent && !entry.is_partition && entry.source_name == field.name()
        })?;
        Some((entry.target, Some(entry.ordinal)))
    }
}

/// Names the fields of a struct, or of the whole file, after `columns`; nothing if they
/// have those names already.
fn rename_group(
    group: &TypePtr,
    columns: &[Column],
    finder: &Finder<'_>,
    parent: Option<i64>,
) -> Result<Option<TypePtr>, ParquetError> {
    let mut has_changed = false;
    let mut fields = Vec::with_capacity(group.get_fields().len());
    for (index, field) in group.get_fields().iter().enumerate() {
        let found = finder.find(field, parent);
        let column = found.and_then(|(id, _)| columns.iter().find(|column| column.id == id));
        let place = found.and_then(|(_, place)| place);
        let name = column.map_or_else(|| unknown_name(index), |column| column.name.clone());
        let inner = match column {
            Some(column) => rename_nested(field, column, finder, place)?,
            None => None,
        };
        if inner.is_none() && field.name() == name {
            fields.push(Arc::clone(field));
            continue;
        }
        has_changed = true;
        fields.push(Arc::new(rebuild(
            inner.as_ref().unwrap_or(field),
            &name,
            None,
        )?));
    }
    if !has_changed {
        return Ok(None);
    }
    Ok(Some(Arc::new(rebuild(group, group.name(), Some(fields))?)))
}

/// Renames the struct fields inside a column, at any depth.
fn rename_nested(
    field: &TypePtr,
    column: &Column,
    finder: &Finder<'_>,
    place: Option<i64>,
) -> Result<Option<TypePtr>, ParquetError> {
    if field.is_primitive() || column.children.is_empty() {
        return Ok(None);
    }
    if !is_annotated(field) {
        return rename_group(field, &column.children, finder, place);
    }
    // A list or map: one repeated group, whose fields are the column's children in order.
    let [repeated] = field.get_fields() else {
        return Ok(None);
    };
    if repeated.is_primitive() || repeated.get_fields().len() != column.children.len() {
        return Ok(None);
    }
    let mut has_changed = false;
    let mut fields = Vec::with_capacity(column.children.len());
    for (inner, child) in repeated.get_fields().iter().zip(&column.children) {
        let renamed = rename_nested(inner, child, finder, place)?;
        has_changed |= renamed.is_some();
        fields.push(renamed.unwrap_or_else(|| Arc::clone(inner)));
    }
    if !has_changed {
        return Ok(None);
    }
    let repeated = Arc::new(rebuild(repeated, repeated.name(), Some(fields))?);
    Ok(Some(Arc::new(rebuild(
        field,
        field.name(),
        Some(vec![repeated]),
    )?)))
}

fn is_annotated(group: &Type) -> bool {
    let basic = group.get_basic_info();
    let is_logical = matches!(
        basic.logical_type_ref(),
        Some(LogicalType::List | LogicalType::Map)
    );
    let converted = basic.converted_type();
    let is_converted = matches!(
        converted,
        ConvertedType::LIST | ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE
    );
    is_logical || is_converted
}

/// The same type under another name, with other fields if `fields` is given.
fn rebuild(field: &Type, name: &str, fields: Option<Vec<TypePtr>>) -> Result<Type, ParquetError> {
    let basic = field.get_basic_info();
    let id = basic.has_id().then(|| basic.id());
    let logical_type = basic.logical_type_ref().cloned();
    match field {
        Type::PrimitiveType {
            physical_type,
            type_length,
            scale,
            precision,
            ..
        } => Type::primitive_type_builder(name, *physical_type)
            .with_repetition(basic.repetition())
            .with_converted_type(basic.converted_type())
            .with_logical_type(logical_type)
            .with_length(*type_length)
            .with_precision(*precision)
            .with_scale(*scale)
            .with_id(id)
            .build(),
        Type::GroupType { fields: old, .. } => {
            let mut builder = Type::group_type_builder(name)
                .with_converted_type(basic.converted_type())
                .with_logical_type(logical_type)
                .with_fields(fields.unwrap_or_else(|| old.clone()))
                .with_id(id);
            if basic.has_repetition() {
                builder = builder.with_repetition(basic.repetition());
            }
            builder.build()
        }
    }
}

fn with_schema(old: &FileMetaData, root: TypePtr) -> FileMetaData {
    // The embedded Arrow schema has the old names; what it says, the types say too.
    let key_values = old.key_value_metadata().map(|entries| {
        entries
            .iter()
            .filter(|entry| entry.key != ARROW_SCHEMA_META_KEY)
            .cloned()
            .collect()
    });
    FileMetaData::new(
        old.version(),
        old.num_rows(),
        old.created_by().map(str::to_owned),
        key_values,
        Arc::new(SchemaDescriptor::new(root)),
        old.column_orders().cloned(),
    )
}

/// Indexes of the leaves that are top-level columns with a NaN.
fn nan_leaves(schema: &SchemaDescriptor, columns: &[i64], finder: &Finder<'_>) -> Vec<usize> {
    if columns.is_empty() {
        return Vec::new();
    }
    let has_nan = |leaf: &usize| {
        let root = schema.get_column_root(*leaf);
        let found = finder.find(root, None);
        root.is_primitive() && found.is_some_and(|(id, _)| columns.contains(&id.0))
    };
    (0..schema.num_columns()).filter(has_nan).collect()
}

fn without_statistics(
    row_group: RowGroupMetaData,
    leaves: &[usize],
) -> Result<RowGroupMetaData, ParquetError> {
    if leaves.is_empty() {
        return Ok(row_group);
    }
    let mut builder = row_group.into_builder();
    let mut chunks = builder.take_columns();
    for leaf in leaves {
        let Some(chunk) = chunks.get_mut(*leaf) else {
            continue;
        };
        *chunk = chunk
            .clone()
            .into_builder()
            .clear_statistics()
            .set_column_index_offset(None)
            .set_column_index_length(None)
            .build()?;
    }
    builder.set_column_metadata(chunks).build()
}
