//! Values of any type as JSON, as `to_json` writes them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, StringViewArray, StructArray};
use arrow::datatypes::DataType;

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::functions::coerce::canonical;
use crate::types::datetime::{DateFormat, DateStyle};
use crate::types::output::{self, OutputStyle};
use crate::types::{PgType, json, oid};

/// A column whose values are written as JSON.
pub(in crate::functions) struct Encoder {
    form: Form,
}

enum Form {
    /// Text that is JSON already: numbers, json and jsonb.
    Bare(StringViewArray),
    /// Text in quotes.
    Quoted(StringViewArray),
    /// Quoted where it is no number, such as NaN.
    Float(StringViewArray),
    Boolean(arrow::array::BooleanArray),
    List(ListArray, Box<Encoder>),
    Record(StructArray, Vec<(String, Encoder)>),
    Null,
}

impl Encoder {
    /// `pg_type`: the type of the values in `array`.
    pub(in crate::functions) fn open(
        array: &ArrayRef,
        pg_type: PgType,
        context: &Arc<StatementContext>,
    ) -> Result<Self, SqlError> {
        let array = canonical(Arc::clone(array))?;
        Self::with_style(&array, pg_type, &context.style)
    }

    fn with_style(
        array: &ArrayRef,
        pg_type: PgType,
        style: &OutputStyle,
    ) -> Result<Self, SqlError> {
        if array.data_type().is_null() {
            return Ok(Self { form: Form::Null });
        }
        if let Some(lists) = array.as_any().downcast_ref::<ListArray>() {
            let element = match lists.data_type() {
                DataType::List(field) => PgType::of_field(field),
                _ => PgType::new(oid::TEXT),
            };
            let values = canonical(Arc::clone(lists.values()))?;
            let inner = Self::with_style(&values, element, style)?;
            return Ok(Self {
                form: Form::List(lists.clone(), Box::new(inner)),
            });
        }
        if let Some(records) = array.as_any().downcast_ref::<StructArray>() {
            let mut members = Vec::new();
            for (field, column) in records.fields().iter().zip(records.columns()) {
                let column = canonical(Arc::clone(column))?;
                let inner = Self::with_style(&column, PgType::of_field(field), style)?;
                members.push((field.name().clone(), inner));
            }
            return Ok(Self {
                form: Form::Record(records.clone(), members),
            });
        }
        if let Some(booleans) = array.as_any().downcast_ref::<arrow::array::BooleanArray>() {
            return Ok(Self {
                form: Form::Boolean(booleans.clone()),
            });
        }
        let iso = OutputStyle {
            date_style: DateStyle {
                format: DateFormat::Iso,
                ..style.date_style
            },
            ..*style
        };
        let texts = match array.as_any().downcast_ref::<StringViewArray>() {
            Some(texts) => texts.clone(),
            None => output::to_text_array(array, pg_type, &iso)?,
        };
        let form = match pg_type.oid {
            oid::INT2 | oid::INT4 | oid::INT8 | oid::NUMERIC | oid::JSON | oid::JSONB => {
                Form::Bare(texts)
            }
            oid::FLOAT4 | oid::FLOAT8 => Form::Float(texts),
            oid::TIMESTAMP | oid::TIMESTAMPTZ => {
                let with_zone = pg_type.oid == oid::TIMESTAMPTZ;
                let moments = texts
                    .iter()
                    .map(|text| text.map(|text| moment(text, with_zone)));
                Form::Quoted(moments.collect())
            }
            _ => Form::Quoted(texts),
        };
        Ok(Self { form })
    }

    /// Appends the value of a row.
    pub(in crate::functions) fn write(&self, out: &mut String, row: usize) -> Result<(), SqlError> {
        match &self.form {
            Form::Null => out.push_str("null"),
            Form::Bare(texts) if texts.is_valid(row) => out.push_str(texts.value(row)),
            Form::Quoted(texts) if texts.is_valid(row) => {
                json::write_string(out, texts.value(row));
            }
            Form::Float(texts) if texts.is_valid(row) => {
                let text = texts.value(row);
                if text.ends_with(|last: char| last.is_ascii_digit()) {
                    out.push_str(text);
                } else {
                    json::write_string(out, text);
                }
            }
            Form::Boolean(values) if values.is_valid(row) => {
                out.push_str(if values.value(row) { "true" } else { "false" });
            }
            Form::List(lists, inner) if lists.is_valid(row) => {
                let offsets = lists.value_offsets();
                out.push('[');
                for (position, index) in (offsets[row]..offsets[row + 1]).enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    // Offsets are never negative.
                    inner.write(out, index as usize)?;
                }
                out.push(']');
            }
            Form::Record(records, members) if records.is_valid(row) => {
                out.push('{');
                for (position, (name, inner)) in members.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    json::write_string(out, name);
                    out.push(':');
                    inner.write(out, row)?;
                }
                out.push('}');
            }
            _ => out.push_str("null"),
        }
        Ok(())
    }

    /// Appends the value of a row as the key of an object.
    ///
    /// Errors: `22023` for NULL and for values with parts.
    pub(in crate::functions) fn write_key(
        &self,
        out: &mut String,
        row: usize,
    ) -> Result<(), SqlError> {
        let key = match &self.form {
            Form::Bare(texts) | Form::Quoted(texts) | Form::Float(texts) => {
                texts.is_valid(row).then(|| texts.value(row))
            }
            Form::Boolean(values) => values
                .is_valid(row)
                .then(|| if values.value(row) { "true" } else { "false" }),
            Form::Null => None,
            Form::List(_, _) | Form::Record(_, _) => {
                return Err(SqlError::invalid_parameter(
                    "key value must be scalar, not array, composite, or json",
                ));
            }
        };
        let key = key.ok_or_else(|| SqlError::invalid_parameter("field name must not be null"))?;
        json::write_string(out, key);
        Ok(())
    }
}

/// `2024-01-05 10:00:00+00` as ISO 8601 writes it.
fn moment(text: &str, with_zone: bool) -> String {
    let (body, era) = match text.strip_suffix(" BC") {
        Some(body) => (body, " BC"),
        None => (text, ""),
    };
    let mut shown = body.replacen(' ', "T", 1);
    let has_short_zone = with_zone
        && shown.len() > 3
        && shown
            .get(shown.len() - 3..)
            .is_some_and(|tail| tail.starts_with(['+', '-']));
    if has_short_zone {
        shown.push_str(":00");
    }
    shown + era
}
