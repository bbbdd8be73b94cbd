//! `regexp_count`, `regexp_instr`, `regexp_substr`, and `substring` by pattern.

use arrow::array::ArrayRef;
use fancy_regex::Captures;

use super::{Inputs, each_match, number, refuse_global, span, start_byte};
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{Call, map2};
use crate::functions::kinds::{Int4, Text};
use crate::functions::pattern::{Options, run_error};
use crate::functions::text::characters;

pub(super) fn register(registry: &mut Registry) {
    let tails = [
        "",
        ", int4",
        ", int4, int4",
        ", int4, int4, text",
        ", int4, int4, text, int4",
    ];
    for tail in tails {
        registry.add(&format!("regexp_substr(text, text{tail}) -> text"), substr);
    }
    let tails = [
        "",
        ", int4",
        ", int4, int4",
        ", int4, int4, int4",
        ", int4, int4, int4, text",
        ", int4, int4, int4, text, int4",
    ];
    for tail in tails {
        registry.add(&format!("regexp_instr(text, text{tail}) -> int4"), instr);
    }
    for tail in ["", ", int4", ", int4, text"] {
        registry.add(&format!("regexp_count(text, text{tail}) -> int4"), count);
    }
    registry.add("substring(text, text) -> text", |call| {
        map2::<Text, Text, _>(call, |text, pattern| {
            let regex = call.patterns.regex(pattern, Options::NONE)?;
            let captures = regex.captures(text).map_err(run_error)?;
            Ok(captures.and_then(|captures| {
                let group = usize::from(captures.len() > 1);
                captures.get(group).map(|found| found.as_str().to_owned())
            }))
        })
    });
    registry.alias("textregexsubstr", "substring");
}

fn invalid(parameter: &str, value: i32) -> SqlError {
    SqlError::invalid_parameter(format!(
        "invalid value for parameter \"{parameter}\": {value}"
    ))
}

/// Finds match number `nth` from `start` on and reads something off it.
fn nth_match<T>(
    call: &Call<'_>,
    (text, pattern, options): (&str, &str, Options),
    start: i32,
    nth: i32,
    mut read: impl FnMut(&Captures<'_>) -> Option<T>,
) -> Result<Option<T>, SqlError> {
    refuse_global(call, options)?;
    if nth < 1 {
        return Err(invalid("n", nth));
    }
    let Some(start) = start_byte(text, start)? else {
        return Ok(None);
    };
    let regex = call.patterns.regex(pattern, options)?;
    let mut found = None;
    let mut count = 0;
    each_match(&regex, text, start, |captures| {
        count += 1;
        if count == nth {
            found = read(captures);
        }
        count < nth
    })?;
    Ok(found)
}

/// The group that `subexpr` asks for: 0 is the whole match.
fn group(subexpr: i32) -> Result<usize, SqlError> {
    usize::try_from(subexpr).map_err(|_| invalid("subexpr", subexpr))
}

fn substr(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let inputs = Inputs::open(call, 4)?;
    let (starts, numbers) = (call.optional::<Int4>(2)?, call.optional::<Int4>(3)?);
    let groups = call.optional::<Int4>(5)?;
    call.rows(|row| {
        let (Some(input), Some(start), Some(nth), Some(subexpr)) = (
            inputs.row(row)?,
            number(&starts, row, 1),
            number(&numbers, row, 1),
            number(&groups, row, 0),
        ) else {
            return Ok(None);
        };
        let group = group(subexpr)?;
        nth_match(call, input, start, nth, |captures| {
            captures.get(group).map(|found| found.as_str().to_owned())
        })
    })
}

fn instr(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let inputs = Inputs::open(call, 5)?;
    let (starts, numbers) = (call.optional::<Int4>(2)?, call.optional::<Int4>(3)?);
    let (ends, groups) = (call.optional::<Int4>(4)?, call.optional::<Int4>(6)?);
    call.rows(|row| {
        let (Some(input), Some(start), Some(nth), Some(end), Some(subexpr)) = (
            inputs.row(row)?,
            number(&starts, row, 1),
            number(&numbers, row, 1),
            number(&ends, row, 0),
            number(&groups, row, 0),
        ) else {
            return Ok(None);
        };
        if !(0..=1).contains(&end) {
            return Err(invalid("endoption", end));
        }
        let group = group(subexpr)?;
        let byte = nth_match(call, input, start, nth, |captures| {
            span(captures, group).map(|(from, to)| if end == 0 { from } else { to })
        })?;
        let position = byte.map_or(0, |byte| characters(&input.0[..byte]) + 1);
        i32::try_from(position)
            .map(Some)
            .map_err(|_| SqlError::out_of_range("integer"))
    })
}

fn count(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let inputs = Inputs::open(call, 3)?;
    let starts = call.optional::<Int4>(2)?;
    call.rows(|row| {
        let (Some((text, pattern, options)), Some(start)) =
            (inputs.row(row)?, number(&starts, row, 1))
        else {
            return Ok(None);
        };
        refuse_global(call, options)?;
        let mut count = 0_i32;
        if let Some(start) = start_byte(text, start)? {
            let regex = call.patterns.regex(pattern, options)?;
            each_match(&regex, text, start, |_| {
                count += 1;
                true
            })?;
        }
        Ok(Some(count))
    })
}
