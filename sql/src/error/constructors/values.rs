//! Errors of values: text that is none of a type, ranges, lengths.

use crate::error::SqlError;
use crate::sqlstate as s;

impl SqlError {
    /// `23502`: a column that becomes NOT NULL has a row without a value.
    pub(crate) fn column_contains_nulls(column: &str, relation: &str) -> Self {
        Self::new(
            s::NOT_NULL_VIOLATION,
            format!("column \"{column}\" of relation \"{relation}\" contains null values"),
        )
    }

    /// `23514`: a row that is there does not fulfil a CHECK.
    pub(crate) fn check_violated_by_rows(constraint: &str, relation: &str) -> Self {
        Self::new(
            s::CHECK_VIOLATION,
            format!(
                "check constraint \"{constraint}\" of relation \"{relation}\" is violated by \
                 some row"
            ),
        )
    }

    /// `22P02`; `type_name` as PostgreSQL displays it.
    pub fn invalid_text(type_name: &str, value: &str) -> Self {
        Self::new(
            s::INVALID_TEXT_REPRESENTATION,
            format!("invalid input syntax for type {type_name}: \"{value}\""),
        )
    }

    /// `22007`: text that is no date or time.
    pub fn invalid_datetime(type_name: &str, value: &str) -> Self {
        Self::new(
            s::INVALID_DATETIME_FORMAT,
            format!("invalid input syntax for type {type_name}: \"{value}\""),
        )
    }

    /// `22008`: a date or time field outside its range.
    pub fn datetime_out_of_range(value: &str) -> Self {
        Self::new(
            s::DATETIME_FIELD_OVERFLOW,
            format!("date/time field value out of range: \"{value}\""),
        )
    }

    /// `22003` for a value of a type: `integer out of range`.
    pub fn out_of_range(type_name: &str) -> Self {
        Self::new(
            s::NUMERIC_VALUE_OUT_OF_RANGE,
            format!("{type_name} out of range"),
        )
    }

    /// `22003`: text of a number that its type cannot hold.
    pub fn value_out_of_range(value: &str, type_name: &str) -> Self {
        Self::new(
            s::NUMERIC_VALUE_OUT_OF_RANGE,
            format!("value \"{value}\" is out of range for type {type_name}"),
        )
    }

    /// `22003` with PostgreSQL's detail for numeric(p,s).
    pub fn numeric_field_overflow(precision: u8, scale: i8) -> Self {
        let limit = match i32::from(precision) - i32::from(scale) {
            0 => "1".to_owned(),
            digits => format!("10^{digits}"),
        };
        Self::new(s::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow").with_detail(format!(
            "A field with precision {precision}, scale {scale} must round to an absolute value \
             less than {limit}."
        ))
    }

    /// `22012`.
    pub fn division_by_zero() -> Self {
        Self::new(s::DIVISION_BY_ZERO, "division by zero")
    }

    /// `22001`; `type_name` such as `character varying(3)`.
    pub fn value_too_long(type_name: &str) -> Self {
        Self::new(
            s::STRING_DATA_RIGHT_TRUNCATION,
            format!("value too long for type {type_name}"),
        )
    }
}
