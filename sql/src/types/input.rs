//! Text to Arrow columns, as PostgreSQL's input functions read it.
//!
//! A [`Builder`] takes one value after the other; it is what COPY, parameters
//! and casts share. Plain numbers, dates and timestamps take short ways and
//! nothing is allocated for a value.
//!
//! How values are held: `char(n)` without its trailing spaces (they are written
//! again on the way out), `jsonb` in its normal form, `name` cut to 63 bytes.
//!
//! Invariants:
//! - After an error the builder holds no part of the value, except in arrays;
//!   whoever goes on after one must start a new builder.
//!
//! Errors: `22P02`, `22007`, `22008`, `22003`, `22001` with PostgreSQL's text.
//!
//! Source: PostgreSQL 15 manual, chapter 8.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::column::Column;
use super::datetime::{self, Zone};
use super::{PgType, array as literal, json, numeric, oid};
use crate::error::SqlError;

mod bytes;
mod number;

pub use super::datetime::DateOrder;

#[cfg(test)]
mod tests;

/// The settings of a session that decide what text means, and its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputStyle {
    /// `TimeZone`: the zone of a timestamptz that names none.
    pub zone: Zone,
    /// The second word of `DateStyle`.
    pub date_order: DateOrder,
    /// What `now` means: microseconds since 1970-01-01 UTC.
    pub now_micros: i64,
}

/// Collects the values of one column from their text.
#[derive(Debug)]
pub struct Builder {
    column: Column,
    target: PgType,
    scratch: Scratch,
}

/// Room for values that change on the way in.
#[derive(Debug, Default)]
struct Scratch {
    text: String,
    bytes: Vec<u8>,
}

impl Builder {
    /// A builder with the rules of assignment: text that is too long is an error.
    ///
    /// Errors: `0A000` for pseudo-types such as `record`.
    pub fn new(target: PgType) -> Result<Self, SqlError> {
        Self::with_cast(target, false)
    }

    fn with_cast(target: PgType, is_explicit: bool) -> Result<Self, SqlError> {
        let column = Column::new(target, is_explicit)?;
        Ok(Self {
            column,
            target,
            scratch: Scratch::default(),
        })
    }

    /// Reads one value.
    pub fn append_text(&mut self, text: &str, style: &InputStyle) -> Result<(), SqlError> {
        append(
            &mut self.column,
            self.target,
            text,
            style,
            &mut self.scratch,
        )
    }

    /// Adds a NULL.
    pub fn append_null(&mut self) {
        self.column.append_null();
    }

    /// How many values it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.column.len()
    }

    /// Whether it holds no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values so far, as an array of the type's [`PgType::arrow_type`]; the
    /// builder is empty then and can go on.
    pub fn finish(&mut self) -> ArrayRef {
        self.column.finish()
    }
}

fn append(
    column: &mut Column,
    target: PgType,
    text: &str,
    style: &InputStyle,
    scratch: &mut Scratch,
) -> Result<(), SqlError> {
    let typmod = target.typmod;
    match column {
        Column::Boolean(builder) => builder.append_value(number::parse_bool(text)?),
        Column::Int16(builder) => builder.append_value(number::parse_int(text, "smallint")?),
        Column::Int32(builder) => builder.append_value(number::parse_int(text, "integer")?),
        Column::Int64(builder) => builder.append_value(number::parse_int(text, "bigint")?),
        Column::Oid(builder) => builder.append_value(number::parse_oid(text, target)?),
        Column::Float32(builder) => builder.append_value(number::parse_single(text)?),
        Column::Float64(builder) => builder.append_value(number::parse_double(text)?),
        Column::Numeric(builder, precision, scale) => {
            builder.append_value(numeric::parse(text, *precision, *scale)?);
        }
        Column::Text(builder, rule) => builder.append_value(rule.apply(text)?),
        Column::Json(builder) => {
            json::validate(text)?;
            builder.append_value(text);
        }
        Column::Jsonb(builder) => {
            scratch.text.clear();
            json::normalize_into(&mut scratch.text, text)?;
            builder.append_value(&scratch.text);
        }
        Column::Bytea(builder) => {
            scratch.bytes.clear();
            bytes::parse_bytea(text, &mut scratch.bytes)?;
            builder.append_value(&scratch.bytes);
        }
        Column::Date(builder) => builder.append_value(datetime::parse_date(text, style)?),
        Column::Time(builder) => builder.append_value(datetime::parse_time(text, typmod, style)?),
        Column::Timestamp(builder) => {
            builder.append_value(datetime::parse_timestamp(text, typmod, style)?);
        }
        Column::TimestampTz(builder) => {
            builder.append_value(datetime::parse_timestamptz(text, typmod, style)?);
        }
        Column::Interval(builder) => {
            let value = datetime::parse_interval(text)?;
            builder.append_value(datetime::adjust_interval(value, typmod));
        }
        Column::Uuid(builder) => builder.append_value(bytes::parse_uuid(text)?)?,
        Column::List(list) => {
            let element_type = list.element_type;
            if target.is_vector() {
                for part in text.split_ascii_whitespace() {
                    append(&mut list.elements, element_type, part, style, scratch)?;
                }
            } else {
                literal::parse(text, |element| match element {
                    Some(text) => append(&mut list.elements, element_type, text, style, scratch),
                    None => {
                        list.elements.append_null();
                        Ok(())
                    }
                })?;
            }
            list.end_row()?;
        }
    }
    Ok(())
}

/// Casts a column of text.
///
/// `array`: Utf8, LargeUtf8, Utf8View, or a dictionary of one. `explicit`: the
/// cast was written, so `varchar(n)` cuts; else too long a text is `22001`.
pub fn cast_text(
    array: &ArrayRef,
    to: PgType,
    style: &InputStyle,
    explicit: bool,
) -> Result<ArrayRef, SqlError> {
    let is_plain = matches!(
        array.data_type(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    );
    if !is_plain {
        let text = cast(array, &DataType::Utf8View)?;
        return cast_text(&text, to, style, explicit);
    }
    let is_same = matches!(to.oid, oid::TEXT | oid::UNKNOWN)
        || (to.oid == oid::VARCHAR && to.character_length().is_none());
    if is_same {
        return Ok(cast(array, &DataType::Utf8View)?);
    }
    let mut builder = Builder::with_cast(to, explicit)?;
    match array.data_type() {
        DataType::Utf8 => read(array.as_string::<i32>().iter(), &mut builder, style)?,
        DataType::LargeUtf8 => read(array.as_string::<i64>().iter(), &mut builder, style)?,
        _ => read(array.as_string_view().iter(), &mut builder, style)?,
    }
    Ok(builder.finish())
}

fn read<'a>(
    values: impl Iterator<Item = Option<&'a str>>,
    builder: &mut Builder,
    style: &InputStyle,
) -> Result<(), SqlError> {
    for value in values {
        match value {
            Some(text) => builder.append_text(text, style)?,
            None => builder.append_null(),
        }
    }
    Ok(())
}
