//! A column under construction, whatever its type: what text and binary input share.
//!
//! Invariants:
//! - A finished array has the type's [`PgType::arrow_type`].

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryViewBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
    FixedSizeBinaryBuilder, Float32Builder, Float64Builder, Int16Builder, Int32Builder,
    Int64Builder, IntervalMonthDayNanoBuilder, StringViewBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder,
};

use super::{NUMERIC_PRECISION, NUMERIC_SCALE, PgType, UTC, oid};
use crate::error::SqlError;

mod list;
mod text;

pub(super) use list::ListColumn;
pub(super) use text::TextRule;

/// Collects the values of one column.
#[derive(Debug)]
pub(super) enum Column {
    Boolean(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Oid(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    /// With precision and scale.
    Numeric(Decimal128Builder, u8, i8),
    Text(StringViewBuilder, TextRule),
    Json(StringViewBuilder),
    Jsonb(StringViewBuilder),
    Bytea(BinaryViewBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    TimestampTz(TimestampMicrosecondBuilder),
    Interval(IntervalMonthDayNanoBuilder),
    Uuid(FixedSizeBinaryBuilder),
    List(Box<ListColumn>),
}

impl Column {
    /// An empty column. `is_explicit`: the cast to it was written, so text that is
    /// too long is cut instead of refused.
    ///
    /// Errors: `0A000` for pseudo-types such as `record`.
    pub(super) fn new(target: PgType, is_explicit: bool) -> Result<Self, SqlError> {
        if let Some(element) = target.element() {
            let elements = Self::new(element, is_explicit)?;
            return Ok(Self::List(Box::new(ListColumn::new(elements, element))));
        }
        let column = match target.oid {
            oid::BOOL => Self::Boolean(BooleanBuilder::new()),
            oid::INT2 => Self::Int16(Int16Builder::new()),
            oid::INT4 => Self::Int32(Int32Builder::new()),
            oid::INT8 => Self::Int64(Int64Builder::new()),
            oid::FLOAT4 => Self::Float32(Float32Builder::new()),
            oid::FLOAT8 => Self::Float64(Float64Builder::new()),
            oid::NUMERIC => {
                let (precision, scale) = target
                    .precision_scale()
                    .unwrap_or((NUMERIC_PRECISION, NUMERIC_SCALE));
                let builder =
                    Decimal128Builder::new().with_precision_and_scale(precision, scale)?;
                Self::Numeric(builder, precision, scale)
            }
            oid::JSON => Self::Json(StringViewBuilder::new()),
            oid::JSONB => Self::Jsonb(StringViewBuilder::new()),
            oid::BYTEA => Self::Bytea(BinaryViewBuilder::new()),
            oid::DATE => Self::Date(Date32Builder::new()),
            oid::TIME => Self::Time(Time64MicrosecondBuilder::new()),
            oid::TIMESTAMP => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            oid::TIMESTAMPTZ => {
                Self::TimestampTz(TimestampMicrosecondBuilder::new().with_timezone(UTC))
            }
            oid::INTERVAL => Self::Interval(IntervalMonthDayNanoBuilder::new()),
            oid::UUID => Self::Uuid(FixedSizeBinaryBuilder::new(16)),
            _ if target.is_oid_like() => Self::Oid(Int64Builder::new()),
            oid::UNKNOWN => Self::Text(StringViewBuilder::new(), TextRule::Any),
            _ if target.entry().kind == 'p' => {
                let name = target.display();
                return Err(SqlError::not_supported(format!(
                    "input of a value of type {name}"
                )));
            }
            _ => Self::Text(StringViewBuilder::new(), TextRule::new(target, is_explicit)),
        };
        Ok(column)
    }

    /// Adds a NULL.
    pub(super) fn append_null(&mut self) {
        match self {
            Self::Boolean(builder) => builder.append_null(),
            Self::Int16(builder) => builder.append_null(),
            Self::Int32(builder) => builder.append_null(),
            Self::Int64(builder) | Self::Oid(builder) => builder.append_null(),
            Self::Float32(builder) => builder.append_null(),
            Self::Float64(builder) => builder.append_null(),
            Self::Numeric(builder, _, _) => builder.append_null(),
            Self::Text(builder, _) | Self::Json(builder) | Self::Jsonb(builder) => {
                builder.append_null();
            }
            Self::Bytea(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Timestamp(builder) | Self::TimestampTz(builder) => builder.append_null(),
            Self::Interval(builder) => builder.append_null(),
            Self::Uuid(builder) => builder.append_null(),
            Self::List(list) => list.append_null(),
        }
    }

    /// How many values it holds.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Boolean(builder) => builder.len(),
            Self::Int16(builder) => builder.len(),
            Self::Int32(builder) => builder.len(),
            Self::Int64(builder) | Self::Oid(builder) => builder.len(),
            Self::Float32(builder) => builder.len(),
            Self::Float64(builder) => builder.len(),
            Self::Numeric(builder, _, _) => builder.len(),
            Self::Text(builder, _) | Self::Json(builder) | Self::Jsonb(builder) => builder.len(),
            Self::Bytea(builder) => builder.len(),
            Self::Date(builder) => builder.len(),
            Self::Time(builder) => builder.len(),
            Self::Timestamp(builder) | Self::TimestampTz(builder) => builder.len(),
            Self::Interval(builder) => builder.len(),
            Self::Uuid(builder) => builder.len(),
            Self::List(list) => list.len(),
        }
    }

    /// The values so far; the column is empty then and can go on.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Int16(builder) => Arc::new(builder.finish()),
            Self::Int32(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) | Self::Oid(builder) => Arc::new(builder.finish()),
            Self::Float32(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Numeric(builder, _, _) => Arc::new(builder.finish()),
            Self::Text(builder, _) | Self::Json(builder) | Self::Jsonb(builder) => {
                Arc::new(builder.finish())
            }
            Self::Bytea(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) | Self::TimestampTz(builder) => Arc::new(builder.finish()),
            Self::Interval(builder) => Arc::new(builder.finish()),
            Self::Uuid(builder) => Arc::new(builder.finish()),
            Self::List(list) => list.finish(),
        }
    }
}
