//! The bounds of values that are being written: typed while they run, text at the end.
//!
//! Cost: one pass of Arrow's own minimum and maximum over each batch; nothing is
//! allocated for a value that is inside the bounds.

use arrow::array::{Array, AsArray};
use arrow::compute::{
    max, max_binary, max_binary_view, max_boolean, max_fixed_size_binary, max_string,
    max_string_view, min, min_binary, min_binary_view, min_boolean, min_fixed_size_binary,
    min_string, min_string_view,
};
use arrow::datatypes::{
    ArrowNumericType, ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::error::{Error, ErrorKind};
use crate::file::stats::{BOUND_BYTES_MAX, calendar};
use crate::types::{ColumnType, NUMERIC_UNBOUNDED};

/// Numbers outside of these are written with an exponent, to keep them short.
const PLAIN_FLOATS: std::ops::Range<f64> = 1e-5..1e16;

/// What is known of the values of one leaf column so far.
#[derive(Debug)]
pub(crate) struct RunningBounds {
    column_type: ColumnType,
    /// Inside a list or struct: only NaN is looked for.
    is_nested: bool,
    state: State,
    has_nan: bool,
}

#[derive(Debug)]
enum State {
    Empty,
    Integer(i128, i128),
    Float(f64, f64),
    Bytes(Prefix, Prefix),
}

/// The first `BOUND_BYTES_MAX` bytes of a value.
#[derive(Clone, Debug)]
struct Prefix {
    bytes: Vec<u8>,
    is_cut: bool,
}

/// The texts for the catalog.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct BoundTexts {
    pub(crate) min: Option<String>,
    pub(crate) max: Option<String>,
    /// Always known for floats, and for nothing else.
    pub(crate) contains_nan: Option<bool>,
}

impl RunningBounds {
    pub(crate) fn new(column_type: ColumnType, is_nested: bool) -> Self {
        Self {
            column_type,
            is_nested,
            state: State::Empty,
            has_nan: false,
        }
    }

    /// Takes in the values of `array`, of the column's stored type.
    ///
    /// Errors: `Internal` for a decimal with more digits than the column has: the caller
    /// promised to have checked that, and the encoder would silently cut it.
    pub(crate) fn update(&mut self, array: &dyn Array) -> Result<(), Error> {
        match array.data_type() {
            DataType::Float32 => self.update_floats::<Float32Type>(array),
            DataType::Float64 => self.update_floats::<Float64Type>(array),
            DataType::Decimal128(precision, _) => self.update_decimals(array, *precision)?,
            _ if self.is_nested || !self.column_type.has_bounds() => {}
            DataType::Boolean => {
                let values = array.as_boolean();
                self.widen_integers(min_boolean(values), max_boolean(values));
            }
            DataType::Int8 => self.update_integers::<Int8Type>(array),
            DataType::Int16 => self.update_integers::<Int16Type>(array),
            DataType::Int32 => self.update_integers::<Int32Type>(array),
            DataType::Int64 => self.update_integers::<Int64Type>(array),
            DataType::UInt8 => self.update_integers::<UInt8Type>(array),
            DataType::UInt16 => self.update_integers::<UInt16Type>(array),
            DataType::UInt32 => self.update_integers::<UInt32Type>(array),
            DataType::UInt64 => self.update_integers::<UInt64Type>(array),
            DataType::Date32 => self.update_integers::<Date32Type>(array),
            DataType::Time64(_) => self.update_integers::<Time64MicrosecondType>(array),
            DataType::Timestamp(..) => self.update_integers::<TimestampMicrosecondType>(array),
            _ => self.update_bytes(array),
        }
        Ok(())
    }

    /// The texts for the catalog, of all values so far.
    pub(crate) fn finish(self) -> BoundTexts {
        let is_float = matches!(self.column_type, ColumnType::Float32 | ColumnType::Float64);
        let contains_nan = is_float.then_some(self.has_nan);
        if self.is_nested || !self.column_type.has_bounds() {
            return BoundTexts {
                contains_nan,
                ..BoundTexts::default()
            };
        }
        let (min, max) = match self.state {
            State::Empty => (None, None),
            State::Integer(min, max) => {
                let text = |value| format_integer(&self.column_type, value);
                (text(min), text(max))
            }
            State::Float(min, max) => {
                let is_real = self.column_type == ColumnType::Float32;
                (
                    Some(format_float(min, is_real)),
                    Some(format_float(max, is_real)),
                )
            }
            State::Bytes(min, max) => {
                let text = |bytes| format_bytes(&self.column_type, bytes);
                (
                    text(min.bytes),
                    max.raised(&self.column_type).and_then(text),
                )
            }
        };
        BoundTexts {
            min,
            max,
            contains_nan,
        }
    }

    fn update_integers<T>(&mut self, array: &dyn Array)
    where
        T: ArrowNumericType,
        T::Native: Into<i128>,
    {
        let values = array.as_primitive::<T>();
        self.widen_integers(min(values), max(values));
    }

    fn update_decimals(&mut self, array: &dyn Array, precision: u8) -> Result<(), Error> {
        let values = array.as_primitive::<Decimal128Type>();
        let (low, high) = (min(values), max(values));
        let limit = 10i128.pow(u32::from(precision.min(38)));
        let is_outside = |value: i128| value <= -limit || value >= limit;
        if low.is_some_and(is_outside) || high.is_some_and(is_outside) {
            let message = format!("a value does not fit {}", self.column_type.declared_name());
            return Err(Error::new(ErrorKind::Internal, message));
        }
        self.widen_integers(low, high);
        Ok(())
    }

    fn widen_integers<N: Into<i128>>(&mut self, low: Option<N>, high: Option<N>) {
        let (Some(low), Some(high)) = (low.map(Into::into), high.map(Into::into)) else {
            return;
        };
        self.state = match self.state {
            State::Integer(min, max) => State::Integer(min.min(low), max.max(high)),
            _ => State::Integer(low, high),
        };
    }

    fn update_floats<T: ArrowPrimitiveType>(&mut self, array: &dyn Array)
    where
        T::Native: Into<f64> + PartialOrd + Copy,
    {
        let values = array.as_primitive::<T>();
        let mut range: Option<(T::Native, T::Native)> = None;
        let mut has_nan = false;
        let mut take = |value: T::Native| {
            // A NaN is not even comparable with itself.
            if value.partial_cmp(&value).is_none() {
                has_nan = true;
                return;
            }
            range = Some(match range {
                Some((low, high)) => (
                    if value < low { value } else { low },
                    if value > high { value } else { high },
                ),
                None => (value, value),
            });
        };
        match values.nulls() {
            Some(nulls) => nulls
                .valid_indices()
                .for_each(|index| take(values.value(index))),
            None => values.values().iter().for_each(|value| take(*value)),
        }
        self.has_nan |= has_nan;
        if let Some((low, high)) = range {
            let (low, high) = (low.into(), high.into());
            self.state = match self.state {
                State::Float(min, max) => State::Float(min.min(low), max.max(high)),
                _ => State::Float(low, high),
            };
        }
    }

    fn update_bytes(&mut self, array: &dyn Array) {
        let text = |low: Option<&str>, high: Option<&str>| {
            low.zip(high)
                .map(|(low, high)| (low.as_bytes().to_vec(), high.as_bytes().to_vec()))
        };
        let binary = |low: Option<&[u8]>, high: Option<&[u8]>| {
            low.zip(high)
                .map(|(low, high)| (low.to_vec(), high.to_vec()))
        };
        let range = match array.data_type() {
            DataType::Utf8View => {
                let values = array.as_string_view();
                text(min_string_view(values), max_string_view(values))
            }
            DataType::Utf8 => {
                let values = array.as_string::<i32>();
                text(min_string(values), max_string(values))
            }
            DataType::LargeUtf8 => {
                let values = array.as_string::<i64>();
                text(min_string(values), max_string(values))
            }
            DataType::BinaryView => {
                let values = array.as_binary_view();
                binary(min_binary_view(values), max_binary_view(values))
            }
            DataType::Binary => {
                let values = array.as_binary::<i32>();
                binary(min_binary(values), max_binary(values))
            }
            DataType::LargeBinary => {
                let values = array.as_binary::<i64>();
                binary(min_binary(values), max_binary(values))
            }
            DataType::FixedSizeBinary(_) => {
                let values = array.as_fixed_size_binary();
                binary(min_fixed_size_binary(values), max_fixed_size_binary(values))
            }
            _ => None,
        };
        let Some((low, high)) = range else {
            return;
        };
        match &mut self.state {
            State::Bytes(min, max) => {
                if low < min.bytes {
                    *min = Prefix::of(&low, &self.column_type);
                }
                // A value that equals a cut prefix and goes on is not above it: the
                // prefix is raised at the end, which covers both.
                if high > max.bytes {
                    *max = Prefix::of(&high, &self.column_type);
                }
            }
            state => {
                let min = Prefix::of(&low, &self.column_type);
                *state = State::Bytes(min, Prefix::of(&high, &self.column_type));
            }
        }
    }
}

impl Prefix {
    fn of(value: &[u8], column_type: &ColumnType) -> Self {
        if value.len() <= BOUND_BYTES_MAX {
            return Self {
                bytes: value.to_vec(),
                is_cut: false,
            };
        }
        let mut end = BOUND_BYTES_MAX;
        if *column_type != ColumnType::Bytea {
            // Back to the first byte of a character.
            while end > 0 && value[end] & 0b1100_0000 == 0b1000_0000 {
                end -= 1;
            }
        }
        Self {
            bytes: value[..end].to_vec(),
            is_cut: true,
        }
    }

    /// The smallest easily found value above all that begin with the prefix; the value
    /// itself if nothing was cut. `None` if there is none.
    fn raised(self, column_type: &ColumnType) -> Option<Vec<u8>> {
        if !self.is_cut {
            return Some(self.bytes);
        }
        if *column_type == ColumnType::Bytea {
            let mut bytes = self.bytes;
            while let Some(last) = bytes.pop() {
                if let Some(next) = last.checked_add(1) {
                    bytes.push(next);
                    return Some(bytes);
                }
            }
            return None;
        }
        let mut text = String::from_utf8(self.bytes).ok()?;
        while let Some(last) = text.pop() {
            if let Some(next) = next_char(last) {
                text.push(next);
                return Some(text.into_bytes());
            }
        }
        None
    }
}

/// The character after `char` in the order of code points, which is that of UTF-8.
fn next_char(char: char) -> Option<char> {
    match char {
        // Surrogates are no characters.
        '\u{d7ff}' => Some('\u{e000}'),
        _ => char::from_u32(u32::from(char) + 1),
    }
}

pub(super) fn format_integer(column_type: &ColumnType, value: i128) -> Option<String> {
    match column_type.plain() {
        ColumnType::Numeric { scale, .. } => format_decimal(value, *scale),
        ColumnType::NumericUnbounded => format_decimal(value, NUMERIC_UNBOUNDED.1),
        ColumnType::Date => calendar::format_date(value.try_into().ok()?),
        ColumnType::Time => calendar::format_time(value.try_into().ok()?),
        ColumnType::Timestamp => calendar::format_timestamp(value.try_into().ok()?),
        ColumnType::TimestampTz => calendar::format_timestamp_tz(value.try_into().ok()?),
        _ => Some(value.to_string()),
    }
}

fn format_decimal(value: i128, scale: i8) -> Option<String> {
    let scale = usize::try_from(scale).ok()?;
    if scale == 0 {
        return Some(value.to_string());
    }
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    Some(format!("{sign}{whole}.{fraction}"))
}

/// The shortest text that reads back as the same number.
pub(super) fn format_float(value: f64, is_real: bool) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let is_plain = value == 0.0 || PLAIN_FLOATS.contains(&value.abs());
    match (is_real, is_plain) {
        (true, true) => format!("{:?}", value as f32),
        (true, false) => format!("{:e}", value as f32),
        (false, true) => format!("{value:?}"),
        (false, false) => format!("{value:e}"),
    }
}

fn format_bytes(column_type: &ColumnType, bytes: Vec<u8>) -> Option<String> {
    match column_type.plain() {
        ColumnType::Bytea => Some(bytes.iter().map(|byte| format!("{byte:02X}")).collect()),
        ColumnType::Uuid => Some(uuid::Uuid::from_slice(&bytes).ok()?.to_string()),
        // The catalog databases cannot hold a NUL in text.
        _ if bytes.contains(&0) => None,
        _ => String::from_utf8(bytes).ok(),
    }
}
