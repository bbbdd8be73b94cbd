//! COPY's options, checked as PostgreSQL checks them.
//!
//! Source: PostgreSQL 15, `copy.c`, ProcessCopyOptions.

use crate::error::SqlError;
use crate::parse::copy::{CopyDirection, CopyOption, CopyValue};
use crate::plan::ColumnDescription;
use crate::sqlstate;

/// Text, CSV or binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PostgreSQL's own text format.
    Text,
    /// Comma separated values.
    Csv,
    /// PostgreSQL's binary format.
    Binary,
}

/// Whether there is a line of column names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// None.
    Absent,
    /// Written; passed over when read.
    Present,
    /// Must name the columns in their order.
    Match,
}

/// Columns that an option is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    /// `*`
    All,
    /// By name; none if the option is not given.
    Named(Vec<String>),
}

impl Columns {
    /// Whether the option is for this column.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|own| own == name),
        }
    }

    fn names(&self) -> &[String] {
        match self {
            Self::All => &[],
            Self::Named(names) => names,
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Named(names) if names.is_empty())
    }
}

/// How the lines of a COPY look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFormat {
    /// Text, CSV or binary.
    pub kind: Kind,
    /// One byte between fields.
    pub delimiter: u8,
    /// What stands for NULL.
    pub null: String,
    /// The line of names.
    pub header: Header,
    /// CSV: one byte around a field.
    pub quote: u8,
    /// CSV: one byte before a quote within a field.
    pub escape: u8,
    /// CSV, out: always quoted.
    pub force_quote: Columns,
    /// CSV, in: a quoted null string is NULL too.
    pub force_null: Columns,
    /// CSV, in: an unquoted null string is text.
    pub force_not_null: Columns,
}

/// Options as they were given, before defaults.
#[derive(Default)]
struct Given {
    kind: Option<Kind>,
    delimiter: Option<String>,
    null: Option<String>,
    header: Option<Header>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<Columns>,
    force_null: Option<Columns>,
    force_not_null: Option<Columns>,
}

impl CopyFormat {
    /// Errors: `42601` for an option that is unknown or given twice, `0A000` for a
    /// combination that PostgreSQL refuses, `22023` for a bad value.
    pub(crate) fn from_options(
        options: &[CopyOption],
        direction: CopyDirection,
    ) -> Result<Self, SqlError> {
        let mut given = Given::default();
        for option in options {
            given.take(option)?;
        }
        given.into_format(direction)
    }

    /// Names in FORCE_* must be among the columns.
    pub(crate) fn check_names(&self, columns: &[String]) -> Result<(), SqlError> {
        let options = [
            ("FORCE_QUOTE", &self.force_quote),
            ("FORCE_NULL", &self.force_null),
            ("FORCE_NOT_NULL", &self.force_not_null),
        ];
        for (option, named) in options {
            for name in named.names() {
                if !columns.contains(name) {
                    return Err(SqlError::with_code(
                        sqlstate::INVALID_COLUMN_REFERENCE,
                        format!("{option} column \"{name}\" not referenced by COPY"),
                    ));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn check_columns(&self, columns: &[ColumnDescription]) -> Result<(), SqlError> {
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        self.check_names(&names)
    }
}

impl Given {
    fn take(&mut self, option: &CopyOption) -> Result<(), SqlError> {
        fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), SqlError> {
            if slot.replace(value).is_some() {
                return Err(SqlError::syntax("conflicting or redundant options"));
            }
            Ok(())
        }
        match option.name.as_str() {
            "format" => once(&mut self.kind, kind(option)?),
            "delimiter" => once(&mut self.delimiter, text(option)?),
            "null" => once(&mut self.null, text(option)?),
            "header" => once(&mut self.header, header(option)?),
            "quote" => once(&mut self.quote, text(option)?),
            "escape" => once(&mut self.escape, text(option)?),
            "force_quote" => once(&mut self.force_quote, columns(option)?),
            "force_null" => once(&mut self.force_null, columns(option)?),
            "force_not_null" => once(&mut self.force_not_null, columns(option)?),
            "encoding" => encoding(&text(option)?),
            "freeze" => Ok(()),
            other => Err(SqlError::syntax(format!(
                "option \"{other}\" not recognized"
            ))),
        }
    }

    fn into_format(self, direction: CopyDirection) -> Result<CopyFormat, SqlError> {
        let kind = self.kind.unwrap_or(Kind::Text);
        let is_csv = kind == Kind::Csv;
        if kind == Kind::Binary {
            let refused = [
                (self.delimiter.is_some(), "DELIMITER"),
                (self.null.is_some(), "NULL"),
                (self.header.is_some_and(|h| h != Header::Absent), "HEADER"),
            ];
            if let Some((_, option)) = refused.iter().find(|(is_given, _)| *is_given) {
                let text = format!("cannot specify {option} in BINARY mode");
                return Err(SqlError::syntax(text));
            }
        }
        let csv_only = [
            (self.quote.is_some(), "quote"),
            (self.escape.is_some(), "escape"),
            (self.force_quote.is_some(), "force quote"),
            (self.force_null.is_some(), "force null"),
            (self.force_not_null.is_some(), "force not null"),
        ];
        if let Some((_, option)) = csv_only.iter().find(|(is_given, _)| *is_given && !is_csv) {
            return Err(refused(&format!(
                "COPY {option} available only in CSV mode"
            )));
        }
        if self.force_quote.is_some() && direction == CopyDirection::From {
            return Err(refused("COPY force quote only available using COPY TO"));
        }
        if self.force_null.is_some() && direction == CopyDirection::To {
            return Err(refused("COPY force null only available using COPY FROM"));
        }
        if self.force_not_null.is_some() && direction == CopyDirection::To {
            return Err(refused(
                "COPY force not null only available using COPY FROM",
            ));
        }
        if self.header == Some(Header::Match) && direction == CopyDirection::To {
            return Err(refused("cannot use \"match\" with HEADER in COPY TO"));
        }
        let default_delimiter = if is_csv { "," } else { "\t" };
        let delimiter = one_byte(
            self.delimiter.as_deref().unwrap_or(default_delimiter),
            "COPY delimiter",
        )?;
        let default_null = if is_csv { "" } else { "\\N" };
        let null = self.null.unwrap_or_else(|| default_null.to_owned());
        let quote = one_byte(self.quote.as_deref().unwrap_or("\""), "COPY quote")?;
        let escape = match self.escape.as_deref() {
            Some(text) => one_byte(text, "COPY escape")?,
            None => quote,
        };
        let none = || Columns::Named(Vec::new());
        let format = CopyFormat {
            kind,
            delimiter,
            null,
            header: self.header.unwrap_or(Header::Absent),
            quote,
            escape,
            force_quote: self.force_quote.unwrap_or_else(none),
            force_null: self.force_null.unwrap_or_else(none),
            force_not_null: self.force_not_null.unwrap_or_else(none),
        };
        format.check_bytes()?;
        Ok(format)
    }
}

impl CopyFormat {
    fn check_bytes(&self) -> Result<(), SqlError> {
        let is_csv = self.kind == Kind::Csv;
        if matches!(self.delimiter, b'\n' | b'\r') {
            let text = "COPY delimiter cannot be newline or carriage return";
            return Err(SqlError::invalid_parameter(text));
        }
        if self.null.contains(['\n', '\r']) {
            let text = "COPY null representation cannot use newline or carriage return";
            return Err(SqlError::invalid_parameter(text));
        }
        let reserved = b"\\.abcdefghijklmnopqrstuvwxyz0123456789";
        if !is_csv && reserved.contains(&self.delimiter) {
            return Err(SqlError::invalid_parameter(format!(
                "COPY delimiter cannot be \"{}\"",
                char::from(self.delimiter)
            )));
        }
        if is_csv && self.delimiter == self.quote {
            return Err(SqlError::invalid_parameter(
                "COPY delimiter and quote must be different",
            ));
        }
        if self.kind != Kind::Binary && self.null.as_bytes().contains(&self.delimiter) {
            return Err(refused(
                "COPY delimiter must not appear in the NULL specification",
            ));
        }
        if is_csv && self.null.as_bytes().contains(&self.quote) {
            return Err(refused(
                "CSV quote character must not appear in the NULL specification",
            ));
        }
        debug_assert!(is_csv || self.force_quote.is_empty());
        Ok(())
    }
}

fn refused(text: &str) -> SqlError {
    SqlError::with_code(sqlstate::FEATURE_NOT_SUPPORTED, text)
}

fn kind(option: &CopyOption) -> Result<Kind, SqlError> {
    match text(option)?.to_lowercase().as_str() {
        "text" => Ok(Kind::Text),
        "csv" => Ok(Kind::Csv),
        "binary" => Ok(Kind::Binary),
        other => Err(SqlError::invalid_parameter(format!(
            "COPY format \"{other}\" not recognized"
        ))),
    }
}

fn header(option: &CopyOption) -> Result<Header, SqlError> {
    let CopyValue::Text(word) = &option.value else {
        return Ok(Header::Present);
    };
    match word.to_lowercase().as_str() {
        "true" | "on" | "1" => Ok(Header::Present),
        "false" | "off" | "0" => Ok(Header::Absent),
        "match" => Ok(Header::Match),
        _ => Err(SqlError::syntax(
            "header requires a Boolean value or \"match\"",
        )),
    }
}

fn text(option: &CopyOption) -> Result<String, SqlError> {
    match &option.value {
        CopyValue::Text(text) => Ok(text.clone()),
        _ => Err(SqlError::syntax(format!(
            "{} requires a parameter",
            option.name
        ))),
    }
}

fn columns(option: &CopyOption) -> Result<Columns, SqlError> {
    match &option.value {
        CopyValue::AllColumns => Ok(Columns::All),
        CopyValue::Columns(names) => Ok(Columns::Named(names.clone())),
        _ => Err(SqlError::invalid_parameter(format!(
            "argument to option \"{}\" must be a list of column names",
            option.name
        ))),
    }
}

fn encoding(name: &str) -> Result<(), SqlError> {
    match name.to_uppercase().replace(['-', '_'], "").as_str() {
        "UTF8" | "UNICODE" | "SQLASCII" => Ok(()),
        _ => Err(SqlError::not_supported(format!(
            "COPY with encoding {name}"
        ))),
    }
}

fn one_byte(text: &str, what: &str) -> Result<u8, SqlError> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(refused(&format!(
            "{what} must be a single one-byte character"
        ))),
    }
}
