//! Named constructors: the only places where messages are written, each text once.

mod access;
mod analysis;
mod values;

use super::SqlError;
use crate::sqlstate::{self as s, SqlState};

impl SqlError {
    /// `XX000`: a fault of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(s::INTERNAL_ERROR, message)
    }

    /// `0A000`: a construct that is not built; `what` names it.
    pub fn not_supported(what: impl Into<String>) -> Self {
        let what = what.into();
        Self::new(s::FEATURE_NOT_SUPPORTED, format!("{what} is not supported"))
    }

    /// `42601`.
    pub fn syntax(message: impl Into<String>) -> Self {
        Self::new(s::SYNTAX_ERROR, message)
    }

    /// `08P01`.
    pub fn protocol_violation(message: impl Into<String>) -> Self {
        Self::new(s::PROTOCOL_VIOLATION, message)
    }

    /// `42P01`; `name` as the statement wrote it.
    pub fn undefined_table(name: &str) -> Self {
        Self::new(
            s::UNDEFINED_TABLE,
            format!("relation \"{name}\" does not exist"),
        )
    }

    /// `42P07`.
    pub fn duplicate_table(name: &str) -> Self {
        Self::new(
            s::DUPLICATE_TABLE,
            format!("relation \"{name}\" already exists"),
        )
    }

    /// `3F000`.
    pub fn undefined_schema(name: &str) -> Self {
        Self::new(
            s::INVALID_SCHEMA_NAME,
            format!("schema \"{name}\" does not exist"),
        )
    }

    /// `42P06`.
    pub fn duplicate_schema(name: &str) -> Self {
        Self::new(
            s::DUPLICATE_SCHEMA,
            format!("schema \"{name}\" already exists"),
        )
    }

    /// `3D000`.
    pub fn undefined_database(name: &str) -> Self {
        Self::new(
            s::INVALID_CATALOG_NAME,
            format!("database \"{name}\" does not exist"),
        )
    }

    /// `0A000`: a three-part name of another database.
    pub fn cross_database(name: &str) -> Self {
        Self::new(
            s::FEATURE_NOT_SUPPORTED,
            format!("cross-database references are not implemented: \"{name}\""),
        )
    }

    /// `42703`; with the relation if the reference was qualified.
    pub fn undefined_column(relation: Option<&str>, name: &str) -> Self {
        let message = match relation {
            Some(relation) => format!("column {relation}.{name} does not exist"),
            None => format!("column \"{name}\" does not exist"),
        };
        Self::new(s::UNDEFINED_COLUMN, message)
    }

    /// `42703`: a column list names a column that the table lacks.
    pub fn undefined_column_of(name: &str, relation: &str) -> Self {
        Self::new(
            s::UNDEFINED_COLUMN,
            format!("column \"{name}\" of relation \"{relation}\" does not exist"),
        )
    }

    /// `42702`.
    pub fn ambiguous_column(name: &str) -> Self {
        Self::new(
            s::AMBIGUOUS_COLUMN,
            format!("column reference \"{name}\" is ambiguous"),
        )
    }

    /// `42701`.
    pub fn duplicate_column(name: &str) -> Self {
        Self::new(
            s::DUPLICATE_COLUMN,
            format!("column \"{name}\" specified more than once"),
        )
    }

    /// `42704`: any other named object; `kind` such as `type` or `role`.
    pub fn undefined_object(kind: &str, name: &str) -> Self {
        Self::new(
            s::UNDEFINED_OBJECT,
            format!("{kind} \"{name}\" does not exist"),
        )
    }

    /// `42883`; `signature` such as `f(integer, text)`.
    pub fn undefined_function(signature: &str) -> Self {
        Self::new(
            s::UNDEFINED_FUNCTION,
            format!("function {signature} does not exist"),
        )
        .with_hint(
            "No function matches the given name and argument types. You might need to add \
             explicit type casts.",
        )
    }

    /// `42883` for an operator.
    pub fn undefined_operator(left: &str, operator: &str, right: &str) -> Self {
        Self::new(
            s::UNDEFINED_FUNCTION,
            format!("operator does not exist: {left} {operator} {right}"),
        )
        .with_hint(
            "No operator matches the given name and argument types. You might need to add \
             explicit type casts.",
        )
    }

    /// `42804`.
    pub fn datatype_mismatch(message: impl Into<String>) -> Self {
        Self::new(s::DATATYPE_MISMATCH, message)
    }

    /// `42846`.
    pub fn cannot_cast(from: &str, to: &str) -> Self {
        Self::new(s::CANNOT_COERCE, format!("cannot cast type {from} to {to}"))
    }

    /// `23502`.
    pub fn not_null_violation(column: &str, relation: &str) -> Self {
        Self::new(
            s::NOT_NULL_VIOLATION,
            format!(
                "null value in column \"{column}\" of relation \"{relation}\" violates not-null \
                 constraint"
            ),
        )
    }

    /// `23514`.
    pub fn check_violation(relation: &str, constraint: &str) -> Self {
        Self::new(
            s::CHECK_VIOLATION,
            format!(
                "new row for relation \"{relation}\" violates check constraint \"{constraint}\""
            ),
        )
    }

    /// `25006`; `statement` such as `CREATE TABLE`.
    pub fn read_only_transaction(statement: &str) -> Self {
        Self::new(
            s::READ_ONLY_SQL_TRANSACTION,
            format!("cannot execute {statement} in a read-only transaction"),
        )
    }

    /// `25006` with the words for what no standby does.
    pub fn during_recovery(statement: &str) -> Self {
        Self::new(
            s::READ_ONLY_SQL_TRANSACTION,
            format!("cannot execute {statement} during recovery"),
        )
    }

    /// `25P04`: the transaction is older than any may become.
    pub fn transaction_timeout() -> Self {
        Self::new(
            s::TRANSACTION_TIMEOUT,
            "terminating connection due to transaction timeout",
        )
    }

    /// `25P02`.
    pub fn in_failed_transaction() -> Self {
        Self::new(
            s::IN_FAILED_SQL_TRANSACTION,
            "current transaction is aborted, commands ignored until end of transaction block",
        )
    }

    /// `57014`.
    pub fn cancelled() -> Self {
        Self::new(s::QUERY_CANCELED, "canceling statement due to user request")
    }

    /// `57014` for `statement_timeout`.
    pub fn statement_timeout() -> Self {
        Self::new(
            s::QUERY_CANCELED,
            "canceling statement due to statement timeout",
        )
    }

    /// `57P01`.
    pub fn shutting_down() -> Self {
        Self::new(
            s::ADMIN_SHUTDOWN,
            "terminating connection due to administrator command",
        )
    }

    /// `21000`: a scalar subquery gave several rows.
    pub fn more_than_one_row() -> Self {
        Self::new(
            s::CARDINALITY_VIOLATION,
            "more than one row returned by a subquery used as an expression",
        )
    }

    /// `2BP01`; `object` such as `schema s`; `dependents` with what each depends on.
    pub fn dependents_exist(object: &str, dependents: &[(String, String)]) -> Self {
        let lines: Vec<String> = dependents
            .iter()
            .map(|(dependent, on)| format!("{dependent} depends on {on}"))
            .collect();
        Self::new(
            s::DEPENDENT_OBJECTS_STILL_EXIST,
            format!("cannot drop {object} because other objects depend on it"),
        )
        .with_detail(lines.join("\n"))
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
    }

    /// `26000`.
    pub fn undefined_statement(name: &str) -> Self {
        let message = if name.is_empty() {
            "unnamed prepared statement does not exist".to_owned()
        } else {
            format!("prepared statement \"{name}\" does not exist")
        };
        Self::new(s::INVALID_SQL_STATEMENT_NAME, message)
    }

    /// `34000`.
    pub fn undefined_portal(name: &str) -> Self {
        Self::new(
            s::INVALID_CURSOR_NAME,
            format!("portal \"{name}\" does not exist"),
        )
    }

    /// `22023`: a setting's value does not fit.
    pub fn invalid_setting(name: &str, value: &str) -> Self {
        Self::new(
            s::INVALID_PARAMETER_VALUE,
            format!("invalid value for parameter \"{name}\": \"{value}\""),
        )
    }

    /// `42704`: no such setting.
    pub fn undefined_setting(name: &str) -> Self {
        Self::new(
            s::UNDEFINED_OBJECT,
            format!("unrecognized configuration parameter \"{name}\""),
        )
    }

    /// `22023`: a function's argument is outside what it takes.
    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new(s::INVALID_PARAMETER_VALUE, message)
    }

    /// `22008`: a date outside the calendar.
    pub fn date_out_of_range(value: &str) -> Self {
        Self::new(
            s::DATETIME_FIELD_OVERFLOW,
            format!("date out of range: \"{value}\""),
        )
    }

    /// `22008`: a timestamp outside the calendar.
    pub fn timestamp_out_of_range(value: &str) -> Self {
        Self::new(
            s::DATETIME_FIELD_OVERFLOW,
            format!("timestamp out of range: \"{value}\""),
        )
    }

    /// `22008`: an interval that is too long.
    pub fn interval_out_of_range() -> Self {
        Self::new(s::DATETIME_FIELD_OVERFLOW, "interval out of range")
    }

    /// `22015`: a field of an interval that is too large.
    pub fn interval_field_overflow(value: &str) -> Self {
        Self::new(
            s::INTERVAL_FIELD_OVERFLOW,
            format!("interval field value out of range: \"{value}\""),
        )
    }

    /// `22009`: an offset from UTC that no zone has.
    pub fn zone_displacement_out_of_range(value: &str) -> Self {
        Self::new(
            s::INVALID_TIME_ZONE_DISPLACEMENT_VALUE,
            format!("time zone displacement out of range: \"{value}\""),
        )
    }

    /// `22023`: no time zone of that name.
    pub fn unknown_time_zone(name: &str) -> Self {
        Self::new(
            s::INVALID_PARAMETER_VALUE,
            format!("time zone \"{name}\" not recognized"),
        )
    }

    /// `22003`: text of a floating-point number that its type cannot hold.
    pub fn float_out_of_range(value: &str, type_name: &str) -> Self {
        Self::new(
            s::NUMERIC_VALUE_OUT_OF_RANGE,
            format!("\"{value}\" is out of range for type {type_name}"),
        )
    }

    /// `22003`: a number in JSON that PostgreSQL's numeric could not hold.
    pub fn numeric_format_overflow() -> Self {
        Self::new(
            s::NUMERIC_VALUE_OUT_OF_RANGE,
            "value overflows numeric format",
        )
    }

    /// `22P02`: text that is no array.
    pub fn malformed_array(value: &str, detail: &str) -> Self {
        Self::new(
            s::INVALID_TEXT_REPRESENTATION,
            format!("malformed array literal: \"{value}\""),
        )
        .with_detail(detail)
    }

    /// `22P02`: text that is no JSON document.
    pub fn invalid_json(detail: &str) -> Self {
        Self::new(
            s::INVALID_TEXT_REPRESENTATION,
            "invalid input syntax for type json",
        )
        .with_detail(detail)
    }

    /// `22P05`: a character in JSON that text cannot hold.
    pub fn unsupported_unicode_escape() -> Self {
        Self::new(
            s::UNTRANSLATABLE_CHARACTER,
            "unsupported Unicode escape sequence",
        )
        .with_detail("\\u0000 cannot be converted to text.")
    }

    /// `54001`: text that is nested too deep to be read.
    pub fn too_deep() -> Self {
        Self::new(s::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
    }

    /// `22P02`: bytes that are neither hex nor escaped text.
    pub fn invalid_bytea() -> Self {
        Self::new(
            s::INVALID_TEXT_REPRESENTATION,
            "invalid input syntax for type bytea",
        )
    }

    /// `54000`: more array elements than one column of a batch holds.
    pub fn too_many_elements() -> Self {
        Self::new(
            s::PROGRAM_LIMIT_EXCEEDED,
            "the arrays of a batch have too many elements",
        )
    }

    /// `22008`: a date or time that was received in binary and is outside the calendar.
    pub fn received_out_of_range(type_name: &str) -> Self {
        Self::new(
            s::DATETIME_FIELD_OVERFLOW,
            format!("{type_name} out of range"),
        )
    }

    /// `22P03`: a value in binary form that is not as its type sends it.
    pub fn invalid_binary(message: impl Into<String>) -> Self {
        Self::new(s::INVALID_BINARY_REPRESENTATION, message)
    }

    /// `22021`: bytes that are no text.
    pub fn invalid_encoding(bytes: &[u8]) -> Self {
        let shown: Vec<String> = bytes
            .iter()
            .take(4)
            .map(|byte| format!("0x{byte:02x}"))
            .collect();
        Self::new(
            s::CHARACTER_NOT_IN_REPERTOIRE,
            format!(
                "invalid byte sequence for encoding \"UTF8\": {}",
                shown.join(" ")
            ),
        )
    }

    /// An error whose code and text another module owns, such as one of COPY.
    pub fn with_code(code: SqlState, message: impl Into<String>) -> Self {
        Self::new(code, message)
    }

    /// `42602`: text that is no name.
    pub fn invalid_name_syntax(text: &str) -> Self {
        Self::new(s::INVALID_NAME, format!("invalid name syntax: \"{text}\""))
    }

    /// `42883` for a name without arguments, as `regproc` reads it.
    pub fn undefined_function_name(name: &str) -> Self {
        Self::new(
            s::UNDEFINED_FUNCTION,
            format!("function \"{name}\" does not exist"),
        )
    }

    /// `42725`: a name without arguments that several functions have.
    pub fn ambiguous_function(name: &str) -> Self {
        Self::new(
            s::AMBIGUOUS_FUNCTION,
            format!("more than one function named \"{name}\""),
        )
    }

    /// `22023`: text given as a name that is none.
    pub fn not_identifier(text: &str) -> Self {
        Self::new(
            s::INVALID_PARAMETER_VALUE,
            format!("string is not a valid identifier: \"{text}\""),
        )
    }

    /// `22023`: text given as a number of bytes that is none.
    pub fn invalid_size(text: &str) -> Self {
        Self::new(
            s::INVALID_PARAMETER_VALUE,
            format!("invalid size: \"{text}\""),
        )
    }

    /// `22023`: a privilege that the kind of object does not have.
    pub fn unrecognized_privilege(name: &str) -> Self {
        Self::new(
            s::INVALID_PARAMETER_VALUE,
            format!("unrecognized privilege type: \"{name}\""),
        )
    }
}
