//! Named constructors of the errors that only functions raise.

use crate::error::SqlError;
use crate::sqlstate as s;

impl SqlError {
    /// `2201B`; `reason` as the pattern compiler tells it.
    pub(crate) fn invalid_regular_expression(reason: &str) -> Self {
        Self::with_code(
            s::INVALID_REGULAR_EXPRESSION,
            format!("invalid regular expression: {reason}"),
        )
    }

    /// `54001`: a pattern that backtracks beyond the engine's bound.
    pub(crate) fn regex_too_complex() -> Self {
        Self::with_code(
            s::STATEMENT_TOO_COMPLEX,
            "regular expression is too complex",
        )
    }

    /// `22023`: a field name that no type has.
    pub(crate) fn unit_not_recognized(unit: &str, type_name: &str) -> Self {
        Self::invalid_parameter(format!(
            "unit \"{unit}\" not recognized for type {type_name}"
        ))
    }

    /// `0A000`: a field that this type lacks.
    pub(crate) fn unit_not_supported(unit: &str, type_name: &str) -> Self {
        Self::with_code(
            s::FEATURE_NOT_SUPPORTED,
            format!("unit \"{unit}\" not supported for type {type_name}"),
        )
    }

    /// `22023`.
    pub(crate) fn time_zone_not_recognized(zone: &str) -> Self {
        Self::invalid_parameter(format!("time zone \"{zone}\" not recognized"))
    }

    /// `22008`; `kind` is `date`, `time`, `timestamp` or `interval`.
    pub(crate) fn moment_out_of_range(kind: &str) -> Self {
        Self::with_code(s::DATETIME_FIELD_OVERFLOW, format!("{kind} out of range"))
    }

    /// `22008`: fields given one by one; `value` as PostgreSQL joins them.
    pub(crate) fn field_out_of_range(kind: &str, value: &str) -> Self {
        Self::with_code(
            s::DATETIME_FIELD_OVERFLOW,
            format!("{kind} field value out of range: {value}"),
        )
    }

    /// `22008`: another complaint about a moment.
    pub(crate) fn invalid_moment(message: &str) -> Self {
        Self::with_code(s::DATETIME_FIELD_OVERFLOW, message)
    }

    /// `22007`: text that does not follow a template.
    pub(crate) fn template_mismatch(message: impl Into<String>) -> Self {
        Self::with_code(s::INVALID_DATETIME_FORMAT, message)
    }

    /// `0A000`: a pattern that `to_char` alone understands.
    pub(crate) fn not_supported_in_reading(pattern: &str) -> Self {
        Self::with_code(
            s::FEATURE_NOT_SUPPORTED,
            format!("formatting field \"{pattern}\" is only supported in to_char"),
        )
    }

    /// `22021`: bytes that are no UTF-8.
    pub(crate) fn invalid_byte_sequence(byte: u8) -> Self {
        Self::with_code(
            s::CHARACTER_NOT_IN_REPERTOIRE,
            format!("invalid byte sequence for encoding \"UTF8\": 0x{byte:02x}"),
        )
    }

    /// `2201E`.
    pub(crate) fn invalid_logarithm(message: &str) -> Self {
        Self::with_code(s::INVALID_ARGUMENT_FOR_LOGARITHM, message)
    }

    /// `2201F`.
    pub(crate) fn invalid_power(message: &str) -> Self {
        Self::with_code(s::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message)
    }

    /// `22023`: PostgreSQL has a code of its own for `width_bucket`, which no client asks for.
    pub(crate) fn invalid_width_bucket(message: &str) -> Self {
        Self::invalid_parameter(message)
    }

    /// `22003` with its own text.
    pub(crate) fn number_out_of_range(message: &str) -> Self {
        Self::with_code(s::NUMERIC_VALUE_OUT_OF_RANGE, message)
    }

    /// `22011`.
    pub(crate) fn negative_substring_length() -> Self {
        Self::with_code(s::SUBSTRING_ERROR, "negative substring length not allowed")
    }

    /// `54000`: a result beyond what one value may hold.
    pub(crate) fn requested_length_too_large() -> Self {
        Self::with_code(s::PROGRAM_LIMIT_EXCEEDED, "requested length too large")
    }

    /// `54000` with its own text.
    pub(crate) fn limit_exceeded(message: &str) -> Self {
        Self::with_code(s::PROGRAM_LIMIT_EXCEEDED, message)
    }

    /// `22025`.
    pub(crate) fn invalid_escape(message: &str) -> Self {
        Self::with_code(s::INVALID_ESCAPE_SEQUENCE, message)
    }

    /// `22004`.
    pub(crate) fn null_not_allowed(message: impl Into<String>) -> Self {
        Self::with_code(s::NULL_VALUE_NOT_ALLOWED, message)
    }

    /// `2202E`.
    pub(crate) fn array_subscript(message: &str) -> Self {
        Self::with_code(s::ARRAY_SUBSCRIPT_ERROR, message)
    }

    /// `22P02` with its own text, for data that is no value of its format.
    pub(crate) fn invalid_data(message: impl Into<String>) -> Self {
        Self::with_code(s::INVALID_TEXT_REPRESENTATION, message)
    }
}
