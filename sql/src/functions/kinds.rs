//! The Arrow types that kernels read and write, each as one marker or value.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryViewArray, BinaryViewBuilder, BooleanArray,
    BooleanBuilder, Date32Array, Decimal128Array, FixedSizeBinaryBuilder, Float32Array,
    Float64Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray,
    PrimitiveBuilder, StringViewArray, StringViewBuilder, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType,
};

use super::call::{Kind, Output};
use crate::error::SqlError;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident($array:ty) = $item:ty;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub(super) enum $name {}

            impl Kind for $name {
                type Array = $array;
                type Item<'a> = $item;

                fn item(array: &$array, index: usize) -> $item {
                    array.value(index)
                }
            }
        )+
    };
}

kinds! {
    /// boolean
    Bool(BooleanArray) = bool;
    /// smallint
    Int2(Int16Array) = i16;
    /// integer
    Int4(Int32Array) = i32;
    /// bigint, and OIDs
    Int8(Int64Array) = i64;
    /// real
    Float4(Float32Array) = f32;
    /// double precision
    Float8(Float64Array) = f64;
    /// date, in days since 1970
    Date(Date32Array) = i32;
    /// time, in microseconds
    Time(Time64MicrosecondArray) = i64;
    /// timestamp and timestamptz, in microseconds since 1970
    Timestamp(TimestampMicrosecondArray) = i64;
    /// interval
    Interval(IntervalMonthDayNanoArray) = IntervalMonthDayNano;
    /// any array: the elements of one value
    List(ListArray) = ArrayRef;
}

/// Text of any kind.
#[derive(Debug)]
pub(super) enum Text {}

impl Kind for Text {
    type Array = StringViewArray;
    type Item<'a> = &'a str;

    fn item(array: &StringViewArray, index: usize) -> &str {
        array.value(index)
    }
}

/// bytea
#[derive(Debug)]
pub(super) enum Bytea {}

impl Kind for Bytea {
    type Array = BinaryViewArray;
    type Item<'a> = &'a [u8];

    fn item(array: &BinaryViewArray, index: usize) -> &[u8] {
        array.value(index)
    }
}

/// numeric
#[derive(Debug)]
pub(super) enum Numeric {}

/// A numeric value: `unscaled / 10^scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) unscaled: i128,
    pub(super) scale: i8,
}

impl Kind for Numeric {
    type Array = Decimal128Array;
    type Item<'a> = Decimal;

    fn item(array: &Decimal128Array, index: usize) -> Decimal {
        Decimal {
            unscaled: array.value(index),
            scale: array.scale(),
        }
    }
}

/// Gives an array of plain numbers the wanted type of equal width.
fn retype(array: ArrayRef, data_type: &DataType) -> Result<ArrayRef, SqlError> {
    if array.data_type() == data_type {
        return Ok(array);
    }
    let data = array
        .to_data()
        .into_builder()
        .data_type(data_type.clone())
        .build()?;
    Ok(arrow::array::make_array(data))
}

macro_rules! primitive_outputs {
    ($($value:ty => $arrow:ty;)+) => {
        $(
            impl Output for $value {
                type Builder = PrimitiveBuilder<$arrow>;

                fn builder(rows: usize) -> Self::Builder {
                    PrimitiveBuilder::with_capacity(rows)
                }

                fn append(self, builder: &mut Self::Builder) {
                    builder.append_value(self);
                }

                fn append_null(builder: &mut Self::Builder) {
                    builder.append_null();
                }

                fn finish(
                    mut builder: Self::Builder,
                    data_type: &DataType,
                ) -> Result<ArrayRef, SqlError> {
                    retype(Arc::new(builder.finish()), data_type)
                }
            }
        )+
    };
}

primitive_outputs! {
    i16 => Int16Type;
    i32 => Int32Type;
    i64 => Int64Type;
    f32 => Float32Type;
    f64 => Float64Type;
    IntervalMonthDayNano => IntervalMonthDayNanoType;
}

/// Numeric values are written unscaled, at the scale of the result type.
impl Output for i128 {
    type Builder = PrimitiveBuilder<Decimal128Type>;

    fn builder(rows: usize) -> Self::Builder {
        PrimitiveBuilder::with_capacity(rows)
    }

    fn append(self, builder: &mut Self::Builder) {
        builder.append_value(self);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(mut builder: Self::Builder, data_type: &DataType) -> Result<ArrayRef, SqlError> {
        let DataType::Decimal128(precision, scale) = *data_type else {
            return Err(SqlError::internal("a numeric result has another type"));
        };
        let array = builder
            .finish()
            .with_precision_and_scale(precision, scale)?;
        if array.validate_decimal_precision(precision).is_err() {
            return Err(SqlError::numeric_field_overflow(precision, scale));
        }
        Ok(Arc::new(array))
    }
}

impl Output for bool {
    type Builder = BooleanBuilder;

    fn builder(rows: usize) -> Self::Builder {
        BooleanBuilder::with_capacity(rows)
    }

    fn append(self, builder: &mut Self::Builder) {
        builder.append_value(self);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(mut builder: Self::Builder, _: &DataType) -> Result<ArrayRef, SqlError> {
        Ok(Arc::new(builder.finish()))
    }
}

macro_rules! text_outputs {
    ($($value:ty;)+) => {
        $(
            impl Output for $value {
                type Builder = StringViewBuilder;

                fn builder(rows: usize) -> Self::Builder {
                    StringViewBuilder::with_capacity(rows)
                }

                fn append(self, builder: &mut Self::Builder) {
                    let text: &str = &self;
                    builder.append_value(text);
                }

                fn append_null(builder: &mut Self::Builder) {
                    builder.append_null();
                }

                fn finish(mut builder: Self::Builder, _: &DataType) -> Result<ArrayRef, SqlError> {
                    Ok(Arc::new(builder.finish()))
                }
            }
        )+
    };
}

text_outputs! {
    String;
    &str;
    Cow<'_, str>;
}

impl Output for Vec<u8> {
    type Builder = BinaryViewBuilder;

    fn builder(rows: usize) -> Self::Builder {
        BinaryViewBuilder::with_capacity(rows)
    }

    fn append(self, builder: &mut Self::Builder) {
        builder.append_value(self);
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(mut builder: Self::Builder, _: &DataType) -> Result<ArrayRef, SqlError> {
        Ok(Arc::new(builder.finish()))
    }
}

/// A uuid.
impl Output for [u8; 16] {
    type Builder = FixedSizeBinaryBuilder;

    fn builder(rows: usize) -> Self::Builder {
        FixedSizeBinaryBuilder::with_capacity(rows, 16)
    }

    fn append(self, builder: &mut Self::Builder) {
        builder
            .append_value(self)
            .expect("a uuid has sixteen bytes");
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(mut builder: Self::Builder, _: &DataType) -> Result<ArrayRef, SqlError> {
        Ok(Arc::new(builder.finish()))
    }
}

/// An array value; elements may be NULL if `T` is an `Option`.
#[derive(Debug)]
pub(super) struct Items<T>(pub(super) Vec<T>);

/// Builds lists out of the builder of their elements.
#[derive(Debug)]
pub(super) struct ItemsBuilder<B> {
    items: B,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl<T: Output> Output for Items<T> {
    type Builder = ItemsBuilder<T::Builder>;

    fn builder(rows: usize) -> Self::Builder {
        ItemsBuilder {
            items: T::builder(rows),
            lengths: Vec::with_capacity(rows),
            valid: Vec::with_capacity(rows),
        }
    }

    fn append(self, builder: &mut Self::Builder) {
        builder.lengths.push(self.0.len());
        builder.valid.push(true);
        for item in self.0 {
            item.append(&mut builder.items);
        }
    }

    fn append_null(builder: &mut Self::Builder) {
        builder.lengths.push(0);
        builder.valid.push(false);
    }

    fn finish(builder: Self::Builder, data_type: &DataType) -> Result<ArrayRef, SqlError> {
        let DataType::List(element) = data_type else {
            return Err(SqlError::internal("an array result has another type"));
        };
        let items = T::finish(builder.items, element.data_type())?;
        let list = ListArray::try_new(
            Arc::clone(element),
            OffsetBuffer::from_lengths(builder.lengths),
            items,
            Some(NullBuffer::from(builder.valid)),
        )?;
        Ok(Arc::new(list))
    }
}

/// The values of a primitive array, for kernels over whole columns.
pub(super) fn primitive<T: ArrowPrimitiveType>(
    array: &dyn Array,
) -> Result<&arrow::array::PrimitiveArray<T>, SqlError> {
    array
        .as_any()
        .downcast_ref()
        .ok_or_else(|| SqlError::internal(format!("an array is {}", array.data_type())))
}
