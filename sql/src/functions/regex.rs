//! Functions of regular expressions, and SIMILAR TO.

use arrow::array::ArrayRef;
use fancy_regex::{Captures, Regex};

use super::Registry;
use super::call::{Call, Reader, map2};
use super::kinds::{Int4, Items, Text};
use super::pattern::{Options, run_error};
use crate::error::SqlError;

mod replace;
mod search;
mod similar;

/// Adds the functions of this folder.
pub(super) fn register(registry: &mut Registry) {
    operators(registry);
    matches(registry);
    splits(registry);
    replace::register(registry);
    search::register(registry);
    similar::register(registry);
}

/// `~`, `~*` and their negations, by PostgreSQL's names.
fn operators(registry: &mut Registry) {
    let operators = [
        ("textregexeq", Options::NONE, true),
        ("texticregexeq", Options::NONE.ignoring_case(), true),
        ("textregexne", Options::NONE, false),
        ("texticregexne", Options::NONE.ignoring_case(), false),
    ];
    for (name, options, wanted) in operators {
        registry.add(&format!("{name}(text, text) -> bool"), move |call| {
            map2::<Text, Text, _>(call, |text, pattern| {
                let regex = call.patterns.regex(pattern, options)?;
                Ok(regex.is_match(text).map_err(run_error)? == wanted)
            })
        });
    }
}

/// Text, pattern and flags of a call.
struct Inputs<'a> {
    texts: Reader<'a, Text>,
    patterns: Reader<'a, Text>,
    flags: Option<Reader<'a, Text>>,
}

impl<'a> Inputs<'a> {
    /// `flags`: index of the flags, if the call has that many arguments.
    fn open(call: &'a Call<'_>, flags: usize) -> Result<Self, SqlError> {
        Ok(Self {
            texts: call.reader(0)?,
            patterns: call.reader(1)?,
            flags: call.optional(flags)?,
        })
    }

    /// Text, pattern and options of a row; `None` if one of them is NULL.
    fn row(&self, row: usize) -> Result<Option<(&'a str, &'a str, Options)>, SqlError> {
        let options = match &self.flags {
            None => Options::NONE,
            Some(flags) => match flags.value(row) {
                Some(flags) => Options::parse(flags)?,
                None => return Ok(None),
            },
        };
        match (self.texts.value(row), self.patterns.value(row)) {
            (Some(text), Some(pattern)) => Ok(Some((text, pattern, options))),
            _ => Ok(None),
        }
    }
}

/// Refuses `g` where a function finds one match or all by its nature.
fn refuse_global(call: &Call<'_>, options: Options) -> Result<(), SqlError> {
    if options.is_global {
        return Err(SqlError::invalid_parameter(format!(
            "{}() does not support the \"global\" option",
            call.name
        )));
    }
    Ok(())
}

/// Calls `found` for each match from byte `start` on, until it returns false.
fn each_match(
    regex: &Regex,
    text: &str,
    start: usize,
    mut found: impl FnMut(&Captures<'_>) -> bool,
) -> Result<(), SqlError> {
    let mut at = start;
    while at <= text.len() {
        let Some(captures) = regex.captures_from_pos(text, at).map_err(run_error)? else {
            break;
        };
        let (from, to) = span(&captures, 0).unwrap_or((at, at));
        if !found(&captures) {
            break;
        }
        // An empty match moves on by one character.
        let step = if to > from {
            0
        } else {
            text[to..].chars().next().map_or(1, char::len_utf8)
        };
        at = to + step;
    }
    Ok(())
}

/// Byte range of a group; `None` if it took no part.
fn span(captures: &Captures<'_>, group: usize) -> Option<(usize, usize)> {
    captures
        .get(group)
        .map(|found| (found.start(), found.end()))
}

/// The groups of a match, or the whole match if the pattern has none.
fn groups(captures: &Captures<'_>) -> Items<Option<String>> {
    let first = usize::from(captures.len() > 1);
    let group = |index| captures.get(index).map(|found| found.as_str().to_owned());
    Items((first..captures.len()).map(group).collect())
}

fn matches(registry: &mut Registry) {
    for parameters in ["text, text", "text, text, text"] {
        registry.add(&format!("regexp_match({parameters}) -> _text"), |call| {
            first_match(call, true)
        });
        registry.add(&format!("regexp_matches({parameters}) -> _text"), |call| {
            first_match(call, false)
        });
        registry
            .add(
                &format!("regexp_matches_array({parameters}) -> _text"),
                all_matches,
            )
            .listed();
        registry.add(&format!("regexp_like({parameters}) -> bool"), |call| {
            let inputs = Inputs::open(call, 2)?;
            call.rows(|row| {
                let Some((text, pattern, options)) = inputs.row(row)? else {
                    return Ok(None);
                };
                refuse_global(call, options)?;
                let regex = call.patterns.regex(pattern, options)?;
                regex.is_match(text).map(Some).map_err(run_error)
            })
        });
    }
}

fn first_match(call: &Call<'_>, refuses_global: bool) -> Result<ArrayRef, SqlError> {
    let inputs = Inputs::open(call, 2)?;
    call.rows(|row| {
        let Some((text, pattern, options)) = inputs.row(row)? else {
            return Ok(None);
        };
        if refuses_global {
            refuse_global(call, options)?;
        }
        let regex = call.patterns.regex(pattern, options)?;
        Ok(regex
            .captures(text)
            .map_err(run_error)?
            .map(|captures| groups(&captures)))
    })
}

/// Every match as an array, in an array that the planner unnests.
fn all_matches(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let inputs = Inputs::open(call, 2)?;
    call.rows(|row| {
        let Some((text, pattern, options)) = inputs.row(row)? else {
            return Ok(None);
        };
        let regex = call.patterns.regex(pattern, options)?;
        let mut all = Vec::new();
        each_match(&regex, text, 0, |captures| {
            all.push(groups(captures));
            options.is_global
        })?;
        Ok(Some(Items(all)))
    })
}

fn splits(registry: &mut Registry) {
    for name in ["regexp_split_to_array", "regexp_split_to_table_array"] {
        for parameters in ["text, text", "text, text, text"] {
            registry.add(&format!("{name}({parameters}) -> _text"), |call| {
                let inputs = Inputs::open(call, 2)?;
                call.rows(|row| {
                    let Some((text, pattern, options)) = inputs.row(row)? else {
                        return Ok(None);
                    };
                    refuse_global(call, options)?;
                    split(&*call.patterns.regex(pattern, options)?, text).map(Some)
                })
            });
        }
    }
}

/// Splits at matches; empty ones at the ends and next to another are ignored.
fn split(regex: &Regex, text: &str) -> Result<Items<String>, SqlError> {
    let mut parts = Vec::new();
    let mut begin = 0;
    each_match(regex, text, 0, |captures| {
        if let Some((from, to)) = span(captures, 0) {
            let is_empty = from == to;
            let is_ignored = is_empty && (from == text.len() || from == begin);
            if !is_ignored {
                parts.push(text[begin..from].to_owned());
                begin = to;
            }
        }
        true
    })?;
    parts.push(text[begin..].to_owned());
    Ok(Items(parts))
}

/// A position argument: from 1, in characters.
fn start_byte(text: &str, start: i32) -> Result<Option<usize>, SqlError> {
    if start < 1 {
        return Err(SqlError::invalid_parameter(format!(
            "invalid value for parameter \"start\": {start}"
        )));
    }
    let index = usize::try_from(start - 1).unwrap_or(0);
    let count = super::text::characters(text);
    Ok((index <= count).then(|| {
        text.char_indices()
            .nth(index)
            .map_or(text.len(), |(byte, _)| byte)
    }))
}

/// A number that may be left out; `None` if it is NULL.
fn number(reader: &Option<Reader<'_, Int4>>, row: usize, default: i32) -> Option<i32> {
    reader
        .as_ref()
        .map_or(Some(default), |reader| reader.value(row))
}
