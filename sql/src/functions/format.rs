//! `to_char`, `to_date`, `to_timestamp` and `to_number` with PostgreSQL's templates.
//!
//! A template is parsed once per run of equal templates, so usually once per batch.
//!
//! Source: PostgreSQL manual, section 9.8.

use std::sync::Arc;

use arrow::array::ArrayRef;

use super::Registry;
use super::call::{Call, Kind};
use super::datetime::{is_moment, to_local, to_utc, zone};
use super::kinds::{self, Float4, Float8, Int4, Int8, Numeric, Text, Timestamp};
use crate::error::SqlError;
use crate::types::datetime::Interval;

mod fields;
mod moment;
mod number;
mod number_read;
mod number_write;
mod read;
mod scan;
mod template;

use fields::Moment;
use number_write::Amount;

/// Adds the functions of this folder.
pub(super) fn register(registry: &mut Registry) {
    moments(registry);
    numbers(registry);
    readers(registry);
}

/// Keeps the last parsed template, since templates are nearly always constant.
struct Parsed<T> {
    last: Option<(String, Arc<T>)>,
    parse: fn(&str) -> Result<T, SqlError>,
}

impl<T> Parsed<T> {
    fn new(parse: fn(&str) -> Result<T, SqlError>) -> Self {
        Self { last: None, parse }
    }

    fn of(&mut self, text: &str) -> Result<Arc<T>, SqlError> {
        if let Some((known, parsed)) = &self.last
            && known == text
        {
            return Ok(Arc::clone(parsed));
        }
        let parsed = Arc::new((self.parse)(text)?);
        self.last = Some((text.to_owned(), Arc::clone(&parsed)));
        Ok(parsed)
    }
}

/// Writes a value per row by a template per row; an empty template gives NULL.
fn write<'a, K: Kind, T>(
    call: &'a Call<'_>,
    parse: fn(&str) -> Result<T, SqlError>,
    write: impl Fn(&T, K::Item<'a>) -> Result<Option<String>, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let (values, templates) = (call.reader::<K>(0)?, call.reader::<Text>(1)?);
    let mut parsed = Parsed::new(parse);
    call.rows(|row| match (values.value(row), templates.value(row)) {
        (Some(value), Some(template)) if !template.is_empty() => {
            write(&*parsed.of(template)?, value)
        }
        _ => Ok(None),
    })
}

fn moments(registry: &mut Registry) {
    registry.add("to_char(timestamp, text) -> text", |call| {
        write::<Timestamp, _>(call, template::parse, |template, local| {
            if !is_moment(local) {
                return Ok(None);
            }
            moment::write(template, &Moment::of_local(local)).map(Some)
        })
    });
    registry
        .add("to_char(timestamptz, text) -> text", |call| {
            let zone = zone(call);
            write::<Timestamp, _>(call, template::parse, |template, utc| {
                if !is_moment(utc) {
                    return Ok(None);
                }
                let mut moment = Moment::of_local(to_local(zone, utc)?);
                moment.offset = Some(zone.offset_at(utc));
                if template.names_zone() {
                    moment.zone_name = zone.abbreviation_at(utc);
                }
                moment::write(template, &moment).map(Some)
            })
        })
        .stable();
    registry.add("to_char(interval, text) -> text", |call| {
        write::<kinds::Interval, _>(call, template::parse, |template, value| {
            moment::write(template, &Moment::of_interval(Interval::from_arrow(value))).map(Some)
        })
    });
}

fn numbers(registry: &mut Registry) {
    registry.add("to_char(int4, text) -> text", |call| {
        write::<Int4, _>(call, number::parse, |template, value| {
            number_write::write(template, &Amount::Exact(value.into(), 0)).map(Some)
        })
    });
    registry.add("to_char(int8, text) -> text", |call| {
        write::<Int8, _>(call, number::parse, |template, value| {
            number_write::write(template, &Amount::Exact(value.into(), 0)).map(Some)
        })
    });
    registry.add("to_char(numeric, text) -> text", |call| {
        write::<Numeric, _>(call, number::parse, |template, value| {
            number_write::write(template, &Amount::Exact(value.unscaled, value.scale)).map(Some)
        })
    });
    registry.add("to_char(float4, text) -> text", |call| {
        write::<Float4, _>(call, number::parse, |template, value| {
            let amount = Amount::Float {
                value: value.into(),
                digits_max: 6,
            };
            number_write::write(template, &amount).map(Some)
        })
    });
    registry.add("to_char(float8, text) -> text", |call| {
        write::<Float8, _>(call, number::parse, |template, value| {
            number_write::write(
                template,
                &Amount::Float {
                    value,
                    digits_max: 15,
                },
            )
            .map(Some)
        })
    });
}

fn readers(registry: &mut Registry) {
    registry.add("to_date(text, text) -> date", |call| {
        let mut parsed = Parsed::new(template::parse);
        let (texts, templates) = (call.reader::<Text>(0)?, call.reader::<Text>(1)?);
        call.rows(|row| match (texts.value(row), templates.value(row)) {
            (Some(text), Some(template)) => {
                scan::read(&*parsed.of(template)?, text)?.date().map(Some)
            }
            _ => Ok(None),
        })
    });
    registry
        .add("to_timestamp(text, text) -> timestamptz", |call| {
            let zone = zone(call);
            let mut parsed = Parsed::new(template::parse);
            let (texts, templates) = (call.reader::<Text>(0)?, call.reader::<Text>(1)?);
            call.rows(|row| match (texts.value(row), templates.value(row)) {
                (Some(text), Some(template)) => {
                    let read = scan::read(&*parsed.of(template)?, text)?;
                    let (local, offset) = read.local()?;
                    match offset {
                        Some(seconds) => Ok(Some(local - i64::from(seconds) * 1_000_000)),
                        None => to_utc(zone, local).map(Some),
                    }
                }
                _ => Ok(None),
            })
        })
        .stable();
    registry.add("to_number(text, text) -> numeric", |call| {
        let mut parsed = Parsed::new(number::parse);
        let (texts, templates) = (call.reader::<Text>(0)?, call.reader::<Text>(1)?);
        call.rows(|row| match (texts.value(row), templates.value(row)) {
            (Some(text), Some(template)) if !template.is_empty() => {
                number_read::read(&*parsed.of(template)?, text).map(Some)
            }
            _ => Ok(None),
        })
    });
}
