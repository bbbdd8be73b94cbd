//! `SqlError`: what a client is told, and the only map from DataFusion's and storage's errors to it.
//!
//! Invariants:
//! - The map is by kind of error, never by message text: what needs a precise
//!   code is raised by our own resolver, parser and functions as a `SqlError`,
//!   which travels through DataFusion as `External` and comes out unchanged.
//! - `source` is for the log; a client sees message, detail and hint only.

use std::error::Error as StdError;
use std::sync::Arc;

use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use gotgan_storage::{Error as StorageError, ErrorKind};
use sqlparser::tokenizer::Location;

use crate::sqlstate::{self, SqlState};

mod constructors;

/// An error or notice as PostgreSQL's protocol describes one.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// The SQLSTATE; stable, part of the API.
    pub code: SqlState,
    /// Primary message: lower case, no full stop.
    pub message: String,
    /// A sentence with more facts.
    pub detail: Option<String>,
    /// A sentence that names an action.
    pub hint: Option<String>,
    /// Where it happened, for example a line of COPY's input.
    pub context: Option<String>,
    /// 1-based character position in the statement's text.
    pub position: Option<usize>,
    /// Line and column that [`Self::placed`] turns into `position`.
    pub(crate) location: Option<Box<Location>>,
    /// The cause, for the log.
    #[source]
    pub source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl SqlError {
    /// An error with a code and a message and nothing else.
    pub(crate) fn new(code: SqlState, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
            hint: None,
            context: None,
            position: None,
            location: None,
            source: None,
        }
    }

    /// Adds the detail sentence.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the hint sentence.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the context line.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }

    /// Adds the 1-based character position, unless one is there.
    #[must_use]
    pub fn at(mut self, position: Option<usize>) -> Self {
        self.position = self.position.or(position);
        self
    }

    /// Whether another transaction won.
    pub(crate) fn is_conflict(&self) -> bool {
        self.code == sqlstate::SERIALIZATION_FAILURE
    }

    /// Whether less memory than it asked for was given to an operator.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        self.code == sqlstate::OUT_OF_MEMORY
    }

    /// Adds where in the text it happened, unless that is known.
    #[must_use]
    pub(crate) fn at_location(mut self, location: Location) -> Self {
        if location.line > 0 {
            self.location = self.location.or_else(|| Some(Box::new(location)));
        }
        self
    }

    /// Turns the location into a position in `text`, the whole message.
    #[must_use]
    pub(crate) fn placed(mut self, text: &str) -> Self {
        let location = self.location.take();
        self.position = self
            .position
            .or_else(|| crate::parse::position(text, *location?));
        self
    }

    /// Forgets where it happened: that text is not the one that the client sent.
    #[must_use]
    pub(crate) fn unplaced(mut self) -> Self {
        self.position = None;
        self.location = None;
        self
    }

    /// Adds the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
}

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> Self {
        DataFusionError::External(Box::new(error))
    }
}

impl From<SqlError> for ArrowError {
    fn from(error: SqlError) -> Self {
        ArrowError::ExternalError(Box::new(error))
    }
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::Context(_, inner) => Self::from(*inner),
            DataFusionError::Diagnostic(_, inner) => Self::from(*inner),
            DataFusionError::Collection(errors) => errors.into_iter().next().map_or_else(
                || Self::internal("an empty collection of errors"),
                Self::from,
            ),
            DataFusionError::Shared(shared) => from_shared(&shared),
            DataFusionError::External(source) => from_external(source),
            DataFusionError::ArrowError(inner, _) => Self::from(*inner),
            DataFusionError::ParquetError(source) => {
                Self::new(sqlstate::DATA_CORRUPTED, "a data file could not be read")
                    .caused_by(*source)
            }
            DataFusionError::ObjectStore(source) => {
                Self::from(gotgan_storage::object_error("read a data file", *source))
            }
            DataFusionError::IoError(source) => io(source),
            DataFusionError::SQL(source, _) => Self::syntax(source.to_string()),
            DataFusionError::NotImplemented(text) => Self::not_supported(text),
            DataFusionError::Plan(text) => Self::new(sqlstate::SYNTAX_ERROR, text),
            DataFusionError::Configuration(text) => {
                Self::new(sqlstate::INVALID_PARAMETER_VALUE, text)
            }
            DataFusionError::SchemaError(source, _) => from_schema(*source),
            DataFusionError::Execution(text) => Self::new(sqlstate::INVALID_PARAMETER_VALUE, text),
            DataFusionError::ExecutionJoin(source) => {
                Self::internal("a query task ended abnormally").caused_by(*source)
            }
            DataFusionError::ResourcesExhausted(text) => {
                Self::new(sqlstate::OUT_OF_MEMORY, "out of memory").with_detail(text)
            }
            DataFusionError::Internal(text) => Self::internal(text),
            DataFusionError::Substrait(text) | DataFusionError::Ffi(text) => Self::internal(text),
        }
    }
}

impl From<ArrowError> for SqlError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::ExternalError(source) => from_external(source),
            ArrowError::DivideByZero => Self::division_by_zero(),
            ArrowError::ArithmeticOverflow(text) => {
                Self::new(sqlstate::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range")
                    .with_detail(text)
            }
            ArrowError::CastError(text) | ArrowError::ParseError(text) => {
                Self::new(sqlstate::INVALID_TEXT_REPRESENTATION, text)
            }
            ArrowError::InvalidArgumentError(text) | ArrowError::ComputeError(text) => {
                Self::new(sqlstate::INVALID_PARAMETER_VALUE, text)
            }
            ArrowError::NotYetImplemented(text) => Self::not_supported(text),
            ArrowError::MemoryError(text) => {
                Self::new(sqlstate::OUT_OF_MEMORY, "out of memory").with_detail(text)
            }
            ArrowError::OffsetOverflowError(length) => {
                Self::new(sqlstate::PROGRAM_LIMIT_EXCEEDED, "a value is too large")
                    .with_detail(format!("Its length is {length} bytes."))
            }
            ArrowError::IoError(_, source) => io(source),
            ArrowError::ParquetError(text) => {
                Self::new(sqlstate::DATA_CORRUPTED, "a data file could not be read")
                    .with_detail(text)
            }
            ArrowError::SchemaError(text)
            | ArrowError::CsvError(text)
            | ArrowError::JsonError(text)
            | ArrowError::AvroError(text)
            | ArrowError::IpcError(text)
            | ArrowError::CDataInterface(text) => Self::internal(text),
            ArrowError::DictionaryKeyOverflowError | ArrowError::RunEndIndexOverflowError => {
                Self::internal("an index type overflowed")
            }
        }
    }
}

impl From<StorageError> for SqlError {
    fn from(error: StorageError) -> Self {
        let code = match error.kind {
            ErrorKind::NotFound => sqlstate::UNDEFINED_OBJECT,
            ErrorKind::Exists => sqlstate::DUPLICATE_OBJECT,
            ErrorKind::Conflict => sqlstate::SERIALIZATION_FAILURE,
            ErrorKind::Unavailable => sqlstate::SYSTEM_ERROR,
            ErrorKind::Exhausted => sqlstate::DISK_FULL,
            ErrorKind::Corrupt => sqlstate::DATA_CORRUPTED,
            ErrorKind::Internal => sqlstate::INTERNAL_ERROR,
            ErrorKind::Unsupported => sqlstate::FEATURE_NOT_SUPPORTED,
            ErrorKind::ReadOnly => sqlstate::READ_ONLY_SQL_TRANSACTION,
            ErrorKind::Stale => sqlstate::CANNOT_CONNECT_NOW,
            ErrorKind::NotOwner => sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE,
        };
        Self::new(code, error.message.clone()).caused_by(error)
    }
}

/// Finds our own error inside a boxed one; anything else is a fault of ours.
fn from_external(source: Box<dyn StdError + Send + Sync>) -> SqlError {
    let source = match source.downcast::<SqlError>() {
        Ok(own) => return *own,
        Err(other) => other,
    };
    let source = match source.downcast::<DataFusionError>() {
        Ok(inner) => return SqlError::from(*inner),
        Err(other) => other,
    };
    let source = match source.downcast::<ArrowError>() {
        Ok(inner) => return SqlError::from(*inner),
        Err(other) => other,
    };
    match source.downcast::<StorageError>() {
        Ok(storage) => SqlError::from(*storage),
        Err(other) => SqlError::internal(other.to_string()),
    }
}

/// A shared error cannot be taken apart, so our own is cloned out of it.
fn from_shared(shared: &Arc<DataFusionError>) -> SqlError {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(shared.as_ref());
    while let Some(error) = cause {
        if let Some(own) = error.downcast_ref::<SqlError>() {
            return own.clone();
        }
        if let Some(DataFusionError::ResourcesExhausted(text)) =
            error.downcast_ref::<DataFusionError>()
        {
            return SqlError::new(sqlstate::OUT_OF_MEMORY, "out of memory")
                .with_detail(text.clone());
        }
        if let Some(ArrowError::DivideByZero) = error.downcast_ref::<ArrowError>() {
            return SqlError::division_by_zero();
        }
        cause = match error.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::External(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::ArrowError(inner, _)) => Some(inner.as_ref()),
            _ => error.source(),
        };
    }
    SqlError::internal(shared.to_string())
}

fn from_schema(error: SchemaError) -> SqlError {
    match error {
        SchemaError::AmbiguousReference { field } => SqlError::ambiguous_column(&field.name),
        SchemaError::FieldNotFound { field, .. } => {
            SqlError::undefined_column(field.relation.as_ref().map(|r| r.table()), &field.name)
        }
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => SqlError::ambiguous_column(&name),
    }
}

fn io(source: std::io::Error) -> SqlError {
    if source.kind() == std::io::ErrorKind::StorageFull {
        return SqlError::new(sqlstate::DISK_FULL, "no space left on the server's disk")
            .caused_by(source);
    }
    SqlError::new(sqlstate::IO_ERROR, "an input or output operation failed").caused_by(source)
}
