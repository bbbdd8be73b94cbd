//! Options of a sequence as they were written, checked and completed.
//!
//! Source: PostgreSQL 15, `sequence.c`, `init_params`.

use gotgan_storage::{ColumnType, SequenceOptions, SequenceState};
use sqlparser::ast::ObjectName;

use crate::error::SqlError;
use crate::parse::sequence::SequenceOption;
use crate::parse::type_name;
use crate::sqlstate;
use crate::types::{self, PgType, oid};

/// What the options are of; only messages differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sequence,
    Identity,
}

/// What options make of a sequence.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) options: SequenceOptions,
    /// The value to begin again at, if it does.
    pub(crate) restart: Option<i64>,
    /// OWNED BY; none within for NONE.
    pub(crate) owned_by: Option<Option<ObjectName>>,
    /// SEQUENCE NAME.
    pub(crate) name: Option<ObjectName>,
}

/// The options by kind, each at most once.
#[derive(Default)]
struct Given {
    data_type: Option<PgType>,
    increment: Option<i64>,
    min: Option<Option<i64>>,
    max: Option<Option<i64>>,
    start: Option<i64>,
    restart: Option<Option<i64>>,
    cache: Option<i64>,
    cycle: Option<bool>,
    owned_by: Option<Option<ObjectName>>,
    name: Option<ObjectName>,
}

impl Reading {
    /// The options of a new sequence; `of_column` is the type of an identity column.
    ///
    /// Errors: `42601` for an option twice; `22023`, `22003`.
    pub(crate) fn new(
        written: &[SequenceOption],
        kind: Kind,
        of_column: Option<PgType>,
    ) -> Result<Self, SqlError> {
        let given = Given::read(written)?;
        let data_type = of_column.or(given.data_type);
        let data_type = data_type.unwrap_or(PgType::new(oid::INT8));
        check_type(data_type, kind)?;
        let increment = given.increment.unwrap_or(1);
        let range = Range::of(data_type);
        let options = SequenceOptions {
            data_type: types::column_type(data_type)?,
            increment,
            max: given.max.flatten().unwrap_or(range.max_default(increment)),
            min: given.min.flatten().unwrap_or(range.min_default(increment)),
            start: 0,
            cache: given.cache.unwrap_or(1),
            cycle: given.cycle.unwrap_or(false),
        };
        let first = if increment > 0 {
            options.min
        } else {
            options.max
        };
        let start = given.start.unwrap_or(first);
        let options = SequenceOptions { start, ..options };
        check(&options, &range)?;
        Ok(Self {
            options,
            restart: given.restart.map(|value| value.unwrap_or(start)),
            owned_by: given.owned_by,
            name: given.name,
        })
    }

    /// The options of a sequence that is there; `state` is how far it is.
    ///
    /// Errors: as [`Self::new`].
    pub(crate) fn changed(
        written: &[SequenceOption],
        old: &SequenceOptions,
        state: SequenceState,
    ) -> Result<Self, SqlError> {
        let given = Given::read(written)?;
        let old_type = PgType::of_column(&old.data_type);
        let data_type = given.data_type.unwrap_or(old_type);
        check_type(data_type, Kind::Sequence)?;
        let (range, old_range) = (Range::of(data_type), Range::of(old_type));
        let is_retyped = given.data_type.is_some();
        let increment = given.increment.unwrap_or(old.increment);
        // A bound that was that of the type stays that of the type.
        let max = match given.max {
            Some(Some(max)) => max,
            _ if is_retyped && old.max == old_range.max => range.max,
            Some(None) => range.max_default(increment),
            None => old.max,
        };
        let min = match given.min {
            Some(Some(min)) => min,
            _ if is_retyped && old.min == old_range.min => range.min,
            Some(None) => range.min_default(increment),
            None => old.min,
        };
        let options = SequenceOptions {
            data_type: match is_retyped {
                true => types::column_type(data_type)?,
                false => old.data_type.clone(),
            },
            start: given.start.unwrap_or(old.start),
            increment,
            min,
            max,
            cache: given.cache.unwrap_or(old.cache),
            cycle: given.cycle.unwrap_or(old.cycle),
        };
        check(&options, &range)?;
        let restart = given.restart.map(|value| value.unwrap_or(options.start));
        check_within("RESTART", restart.unwrap_or(state.last_value), &options)?;
        Ok(Self {
            options,
            restart,
            owned_by: given.owned_by,
            name: given.name,
        })
    }
}

impl Given {
    fn read(written: &[SequenceOption]) -> Result<Self, SqlError> {
        let mut given = Self::default();
        for option in written {
            match option {
                SequenceOption::Type(data_type) => {
                    let found = type_name::resolve(data_type)?;
                    once(&mut given.data_type, found)?;
                }
                SequenceOption::Increment(text) => once(&mut given.increment, number(text)?)?,
                SequenceOption::Min(text) => once(&mut given.min, optional(text.as_ref())?)?,
                SequenceOption::Max(text) => once(&mut given.max, optional(text.as_ref())?)?,
                SequenceOption::Start(text) => once(&mut given.start, number(text)?)?,
                SequenceOption::Restart(text) => {
                    once(&mut given.restart, optional(text.as_ref())?)?;
                }
                SequenceOption::Cache(text) => once(&mut given.cache, number(text)?)?,
                SequenceOption::Cycle(is_cycled) => once(&mut given.cycle, *is_cycled)?,
                SequenceOption::OwnedBy(name) => once(&mut given.owned_by, name.clone())?,
                SequenceOption::Name(name) => once(&mut given.name, name.clone())?,
            }
        }
        Ok(given)
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), SqlError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(SqlError::syntax("conflicting or redundant options")),
    }
}

fn optional(text: Option<&String>) -> Result<Option<i64>, SqlError> {
    text.map(|text| number(text)).transpose()
}

/// Errors: `22003`; `22P02` for a number with a fraction.
fn number(text: &str) -> Result<i64, SqlError> {
    let digits = text.replace('_', "");
    let is_whole = digits
        .bytes()
        .all(|byte| byte == b'-' || byte.is_ascii_digit());
    digits.parse().map_err(|_| match is_whole {
        true => SqlError::with_code(
            sqlstate::NUMERIC_VALUE_OUT_OF_RANGE,
            format!("value \"{text}\" is out of range for type bigint"),
        ),
        false => SqlError::with_code(
            sqlstate::INVALID_TEXT_REPRESENTATION,
            format!("invalid input syntax for type bigint: \"{text}\""),
        ),
    })
}

/// Errors: `22023` for a type that no sequence has.
pub(crate) fn check_type(data_type: PgType, kind: Kind) -> Result<(), SqlError> {
    if matches!(data_type.oid, oid::INT2 | oid::INT4 | oid::INT8) {
        return Ok(());
    }
    Err(SqlError::invalid_parameter(match kind {
        Kind::Sequence => "sequence type must be smallint, integer, or bigint",
        Kind::Identity => "identity column type must be smallint, integer, or bigint",
    }))
}

/// The values of a type.
struct Range {
    min: i64,
    max: i64,
}

impl Range {
    fn of(data_type: PgType) -> Self {
        match data_type.oid {
            oid::INT2 => Self {
                min: i64::from(i16::MIN),
                max: i64::from(i16::MAX),
            },
            oid::INT4 => Self {
                min: i64::from(i32::MIN),
                max: i64::from(i32::MAX),
            },
            _ => Self {
                min: i64::MIN,
                max: i64::MAX,
            },
        }
    }

    fn max_default(&self, increment: i64) -> i64 {
        if increment > 0 { self.max } else { -1 }
    }

    fn min_default(&self, increment: i64) -> i64 {
        if increment < 0 { self.min } else { 1 }
    }
}

/// Errors: `22023`.
fn check(options: &SequenceOptions, range: &Range) -> Result<(), SqlError> {
    let refuse = |text: String| Err(SqlError::invalid_parameter(text));
    if options.increment == 0 {
        return refuse("INCREMENT must not be zero".to_owned());
    }
    for (word, value) in [("MAXVALUE", options.max), ("MINVALUE", options.min)] {
        if !(range.min..=range.max).contains(&value) {
            let shown = shown_type(&options.data_type);
            return refuse(format!(
                "{word} ({value}) is out of range for sequence data type {shown}"
            ));
        }
    }
    if options.min >= options.max {
        return refuse(format!(
            "MINVALUE ({}) must be less than MAXVALUE ({})",
            options.min, options.max
        ));
    }
    check_within("START", options.start, options)?;
    if options.cache < 1 {
        return refuse(format!(
            "CACHE ({}) must be greater than zero",
            options.cache
        ));
    }
    Ok(())
}

fn check_within(word: &str, value: i64, options: &SequenceOptions) -> Result<(), SqlError> {
    let (relation, bound) = if value < options.min {
        ("less than MINVALUE", options.min)
    } else if value > options.max {
        ("greater than MAXVALUE", options.max)
    } else {
        return Ok(());
    };
    Err(SqlError::invalid_parameter(format!(
        "{word} value ({value}) cannot be {relation} ({bound})"
    )))
}

fn shown_type(data_type: &ColumnType) -> String {
    PgType::of_column(data_type).display()
}
