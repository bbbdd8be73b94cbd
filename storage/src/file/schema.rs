//! The Parquet schema of a table's files.
//!
//! Invariants:
//! - Every field carries its column id as field id: readers match by it and never by
//!   name. The repeated group inside a list has none.
//! - Every field is OPTIONAL, also where the column is NOT NULL: that may change, the
//!   file may not.
//! - Lists have three levels: `<name>` (LIST), `list`, `element`.
//!
//! Source: Parquet format, LogicalTypes.md; DuckLake 1.0; the physical types are those
//! that DuckDB 1.5.5 writes.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use parquet::schema::types::{GroupTypeBuilder, PrimitiveTypeBuilder, Type, TypePtr};

use crate::error::{Error, ErrorKind};
use crate::file::parquet_error;
use crate::snapshot::Column;
use crate::spec::ColumnId;
use crate::types::{ColumnType, ELEMENT_NAME};

/// Field id of the system column that holds the id of a row that moved.
pub(crate) const ROW_ID_FIELD: i32 = 2_147_483_540;
/// Name of the system column that holds the id of a row that moved.
pub(crate) const ROW_ID_NAME: &str = "_ducklake_internal_row_id";
/// Field id of the system column that holds the snapshot that wrote a row.
pub(crate) const SNAPSHOT_ID_FIELD: i32 = 2_147_483_539;
/// Name of the system column that holds the snapshot that wrote a row.
pub(crate) const SNAPSHOT_ID_NAME: &str = "_ducklake_internal_snapshot_id";

/// A column of the Parquet file: a table's column or a leaf inside it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) id: ColumnId,
    pub(crate) column_type: ColumnType,
    /// Below a list or struct.
    pub(crate) is_nested: bool,
}

/// The Arrow schema of what is handed to the encoder: stored types, with field ids on
/// the columns.
pub(crate) fn stored_schema(columns: &[Column]) -> Result<SchemaRef, Error> {
    let mut fields = Vec::with_capacity(columns.len());
    for column in columns {
        let id = field_id(column)?;
        let field = Field::new(&column.name, column.column_type.stored_type(), true);
        let metadata = [(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())];
        fields.push(field.with_metadata(metadata.into()));
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// The Parquet schema for the same columns.
pub(crate) fn parquet_schema(columns: &[Column]) -> Result<TypePtr, Error> {
    let fields = columns
        .iter()
        .map(|column| parquet_type(column, &column.name));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    let root = Type::group_type_builder("schema")
        .with_fields(fields)
        .build();
    Ok(Arc::new(root.map_err(|error| {
        parquet_error("lay out the file", error)
    })?))
}

/// The leaves of one column, in the order of the Parquet file.
pub(crate) fn leaves(column: &Column) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    collect_leaves(column, false, &mut leaves);
    leaves
}

fn collect_leaves(column: &Column, is_nested: bool, leaves: &mut Vec<Leaf>) {
    if column.children.is_empty() {
        let column_type = column.column_type.clone();
        leaves.push(Leaf {
            id: column.id,
            column_type,
            is_nested,
        });
    }
    for child in &column.children {
        collect_leaves(child, true, leaves);
    }
}

fn field_id(column: &Column) -> Result<i32, Error> {
    i32::try_from(column.id.0).map_err(|error| {
        Error::new(ErrorKind::Exhausted, "the table has had too many columns").with_source(error)
    })
}

/// `name`: the column's name, or what the enclosing type calls this field.
fn parquet_type(column: &Column, name: &str) -> Result<TypePtr, Error> {
    let id = Some(field_id(column)?);
    let expected = column.column_type.children();
    if expected.len() != column.children.len() {
        let message = format!("column \"{}\" lacks its nested fields", column.name);
        return Err(Error::new(ErrorKind::Internal, message));
    }
    let optional = |builder: GroupTypeBuilder<'_>| {
        builder
            .with_repetition(Repetition::OPTIONAL)
            .with_id(id)
            .build()
    };
    let built = match column.column_type.plain() {
        ColumnType::List(_) => {
            let element = parquet_type(&column.children[0], ELEMENT_NAME)?;
            let list = Type::group_type_builder("list")
                .with_repetition(Repetition::REPEATED)
                .with_fields(vec![element])
                .build()
                .map_err(|error| parquet_error("lay out the file", error))?;
            optional(
                Type::group_type_builder(name)
                    .with_converted_type(ConvertedType::LIST)
                    .with_logical_type(Some(LogicalType::List))
                    .with_fields(vec![Arc::new(list)]),
            )
        }
        ColumnType::Struct(_) | ColumnType::Interval => {
            let mut fields = Vec::with_capacity(expected.len());
            for ((field_name, _), child) in expected.iter().zip(&column.children) {
                fields.push(parquet_type(child, field_name)?);
            }
            optional(Type::group_type_builder(name).with_fields(fields))
        }
        leaf => leaf_type(name, leaf)?.with_id(id).build(),
    };
    built
        .map(Arc::new)
        .map_err(|error| parquet_error("lay out the file", error))
}

fn leaf_type<'a>(
    name: &'a str,
    column_type: &ColumnType,
) -> Result<PrimitiveTypeBuilder<'a>, Error> {
    let (physical, logical) = match column_type.plain() {
        ColumnType::Boolean => (PhysicalType::BOOLEAN, None),
        ColumnType::Int8 => (PhysicalType::INT32, Some(LogicalType::integer(8, true))),
        ColumnType::Int16 => (PhysicalType::INT32, Some(LogicalType::integer(16, true))),
        ColumnType::Int32 => (PhysicalType::INT32, Some(LogicalType::integer(32, true))),
        ColumnType::Int64 => (PhysicalType::INT64, Some(LogicalType::integer(64, true))),
        ColumnType::UInt8 => (PhysicalType::INT32, Some(LogicalType::integer(8, false))),
        ColumnType::UInt16 => (PhysicalType::INT32, Some(LogicalType::integer(16, false))),
        ColumnType::UInt32 => (PhysicalType::INT32, Some(LogicalType::integer(32, false))),
        ColumnType::UInt64 => (PhysicalType::INT64, Some(LogicalType::integer(64, false))),
        ColumnType::Float32 => (PhysicalType::FLOAT, None),
        ColumnType::Float64 => (PhysicalType::DOUBLE, None),
        ColumnType::Text | ColumnType::Varchar(_) | ColumnType::Char(_) => {
            (PhysicalType::BYTE_ARRAY, Some(LogicalType::String))
        }
        ColumnType::Json | ColumnType::Jsonb => (PhysicalType::BYTE_ARRAY, Some(LogicalType::Json)),
        ColumnType::Bytea => (PhysicalType::BYTE_ARRAY, None),
        ColumnType::Date => (PhysicalType::INT32, Some(LogicalType::Date)),
        ColumnType::Time => (
            PhysicalType::INT64,
            Some(LogicalType::time(false, TimeUnit::MICROS)),
        ),
        ColumnType::Timestamp => (
            PhysicalType::INT64,
            Some(LogicalType::timestamp(false, TimeUnit::MICROS)),
        ),
        ColumnType::TimestampTz => (
            PhysicalType::INT64,
            Some(LogicalType::timestamp(true, TimeUnit::MICROS)),
        ),
        ColumnType::Uuid => {
            let uuid = PhysicalType::FIXED_LEN_BYTE_ARRAY;
            return Ok(builder(name, uuid, Some(LogicalType::Uuid)).with_length(16));
        }
        ColumnType::Numeric { .. } | ColumnType::NumericUnbounded => {
            return decimal_type(name, column_type);
        }
        ColumnType::HugeInt
        | ColumnType::Map(..)
        | ColumnType::Unsupported(_)
        | ColumnType::Refined(_)
        | ColumnType::List(_)
        | ColumnType::Struct(_)
        | ColumnType::Interval => {
            let message = format!(
                "columns of type {} cannot be written",
                column_type.declared_name()
            );
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    };
    Ok(builder(name, physical, logical))
}

/// Decimals as small as their digits allow, as DuckDB writes them.
fn decimal_type<'a>(
    name: &'a str,
    column_type: &ColumnType,
) -> Result<PrimitiveTypeBuilder<'a>, Error> {
    let DataType::Decimal128(precision, scale) = column_type.stored_type() else {
        return Err(Error::new(
            ErrorKind::Internal,
            "a decimal that is stored as another type",
        ));
    };
    let physical = match precision {
        0..=9 => PhysicalType::INT32,
        10..=18 => PhysicalType::INT64,
        _ => PhysicalType::FIXED_LEN_BYTE_ARRAY,
    };
    let logical = LogicalType::decimal(i32::from(scale), i32::from(precision));
    let sized = builder(name, physical, Some(logical))
        .with_precision(i32::from(precision))
        .with_scale(i32::from(scale));
    Ok(match physical {
        PhysicalType::FIXED_LEN_BYTE_ARRAY => sized.with_length(decimal_bytes(precision)),
        _ => sized,
    })
}

/// Fewest bytes that hold a signed number of `precision` digits.
fn decimal_bytes(precision: u8) -> i32 {
    let limit = 10i128.pow(u32::from(precision.min(38)));
    let bits = 128 - limit.leading_zeros() + 1;
    bits.div_ceil(8) as i32
}

fn builder(
    name: &str,
    physical: PhysicalType,
    logical: Option<LogicalType>,
) -> PrimitiveTypeBuilder<'_> {
    Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
}
