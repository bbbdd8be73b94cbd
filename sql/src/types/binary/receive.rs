//! Binary values into Arrow columns.

use arrow::array::ArrayRef;

use super::{array, numeric};
use crate::error::SqlError;
use crate::types::column::Column;
use crate::types::datetime::{
    DATE_INFINITY, DATE_MINUS_INFINITY, Interval, MICROS_PER_DAY, POSTGRES_EPOCH_DAYS,
    POSTGRES_EPOCH_MICROS, TIMESTAMP_INFINITY, TIMESTAMP_MINUS_INFINITY, adjust_interval,
    round_micros, round_time,
};
use crate::types::{PgType, json};

/// Version byte before the text of a jsonb.
pub(super) const JSONB_VERSION: u8 = 1;

/// Collects the values of one column from PostgreSQL's binary format.
#[derive(Debug)]
pub struct Builder {
    column: Column,
    target: PgType,
    scratch: String,
}

impl Builder {
    /// A builder with the rules of assignment.
    ///
    /// Errors: `0A000` for pseudo-types such as `record`.
    pub fn new(target: PgType) -> Result<Self, SqlError> {
        Ok(Self {
            column: Column::new(target, false)?,
            target,
            scratch: String::new(),
        })
    }

    /// Reads one value.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), SqlError> {
        append(&mut self.column, self.target, bytes, &mut self.scratch)
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
    bytes: &[u8],
    scratch: &mut String,
) -> Result<(), SqlError> {
    match column {
        Column::Boolean(builder) => builder.append_value(fixed::<1>(bytes)? != [0]),
        Column::Int16(builder) => builder.append_value(i16::from_be_bytes(fixed(bytes)?)),
        Column::Int32(builder) => builder.append_value(i32::from_be_bytes(fixed(bytes)?)),
        Column::Int64(builder) => builder.append_value(i64::from_be_bytes(fixed(bytes)?)),
        Column::Oid(builder) => {
            builder.append_value(i64::from(u32::from_be_bytes(fixed(bytes)?)));
        }
        Column::Float32(builder) => builder.append_value(f32::from_be_bytes(fixed(bytes)?)),
        Column::Float64(builder) => builder.append_value(f64::from_be_bytes(fixed(bytes)?)),
        Column::Numeric(builder, precision, scale) => {
            builder.append_value(numeric::receive(bytes, *precision, *scale)?);
        }
        Column::Text(builder, rule) => builder.append_value(rule.apply(text(bytes)?)?),
        Column::Json(builder) => {
            let text = text(bytes)?;
            json::validate(text)?;
            builder.append_value(text);
        }
        Column::Jsonb(builder) => {
            let [JSONB_VERSION, rest @ ..] = bytes else {
                return Err(SqlError::invalid_binary("unsupported jsonb version number"));
            };
            scratch.clear();
            json::normalize_into(scratch, text(rest)?)?;
            builder.append_value(&*scratch);
        }
        Column::Bytea(builder) => builder.append_value(bytes),
        Column::Date(builder) => builder.append_value(date(fixed(bytes)?)?),
        Column::Time(builder) => {
            let micros = i64::from_be_bytes(fixed(bytes)?);
            if !(0..=MICROS_PER_DAY).contains(&micros) {
                return Err(SqlError::received_out_of_range("time"));
            }
            builder.append_value(round_time(micros, target.typmod));
        }
        Column::Timestamp(builder) | Column::TimestampTz(builder) => {
            builder.append_value(round_micros(timestamp(fixed(bytes)?)?, target.typmod));
        }
        Column::Interval(builder) => {
            let value = interval(fixed(bytes)?).to_arrow();
            let value = value.ok_or_else(|| SqlError::received_out_of_range("interval"))?;
            builder.append_value(adjust_interval(value, target.typmod));
        }
        Column::Uuid(builder) => builder.append_value(fixed::<16>(bytes)?)?,
        Column::List(list) => {
            let element_type = list.element_type;
            array::read(bytes, element_type.oid, |element| match element {
                Some(bytes) => append(&mut list.elements, element_type, bytes, scratch),
                None => {
                    list.elements.append_null();
                    Ok(())
                }
            })?;
            list.end_row()?;
        }
    }
    Ok(())
}

/// Takes a value whose type has one length.
fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], SqlError> {
    bytes.try_into().map_err(|_| {
        if bytes.len() < N {
            SqlError::invalid_binary("insufficient data left in message")
        } else {
            SqlError::invalid_binary("incorrect binary data format")
        }
    })
}

fn text(bytes: &[u8]) -> Result<&str, SqlError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| SqlError::invalid_encoding(&bytes[error.valid_up_to()..]))?;
    if bytes.contains(&0) {
        Err(SqlError::invalid_encoding(&[0]))
    } else {
        Ok(text)
    }
}

fn date(bytes: [u8; 4]) -> Result<i32, SqlError> {
    match i32::from_be_bytes(bytes) {
        infinite @ (DATE_INFINITY | DATE_MINUS_INFINITY) => Ok(infinite),
        days => days
            .checked_add(POSTGRES_EPOCH_DAYS)
            .ok_or_else(|| SqlError::received_out_of_range("date")),
    }
}

fn timestamp(bytes: [u8; 8]) -> Result<i64, SqlError> {
    match i64::from_be_bytes(bytes) {
        infinite @ (TIMESTAMP_INFINITY | TIMESTAMP_MINUS_INFINITY) => Ok(infinite),
        micros => micros
            .checked_add(POSTGRES_EPOCH_MICROS)
            .ok_or_else(|| SqlError::received_out_of_range("timestamp")),
    }
}

/// Microseconds, days and months, in this order.
fn interval(bytes: [u8; 16]) -> Interval {
    let whole = u128::from_be_bytes(bytes);
    Interval {
        micros: (whole >> 64) as i64,
        days: (whole >> 32) as i32,
        months: whole as i32,
    }
}
