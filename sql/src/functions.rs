//! PostgreSQL's and Redshift's functions, by name.
//!
//! A function is a list of signatures, each with a kernel over columns. Names
//! are looked up here first, then among DataFusion's built-ins, except those in
//! [`BLOCKED`].
//!
//!   fields ──▶ signature::resolve ──▶ coerce ──▶ kernel ──▶ column
//!
//! Invariants:
//! - Nothing is global but the immutable table of functions; what a function may
//!   know of its surroundings comes with the `StatementContext`.
//!
//! Errors: `42883` for arguments that fit no signature; each kernel its own.
//! Source: PostgreSQL 15 manual, chapter 9; Redshift's developer guide.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::FieldRef;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, Volatility, WindowUDF};

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::PgType;

mod adapter;
mod aggregate;
mod array;
mod backend;
pub(crate) mod bounds;
mod bytes;
mod call;
mod catalog;
mod coerce;
mod conditional;
mod datetime;
mod errors;
mod execute;
mod format;
mod json;
mod kinds;
mod math;
mod pattern;
mod redshift;
mod regex;
mod sequence;
mod session;
mod signature;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use backend::{is_signal, is_signal_name};
use call::Call;
pub(crate) use catalog::{ACL_COLUMNS, lookup_names};
pub(crate) use datetime::length_key as interval_length;
pub(crate) use execute::is_asked;
pub use math::random::Random;
pub(crate) use sequence::{IDENTITY, may_take, sequence_call, sequence_of};
use signature::Signature;

/// DataFusion's built-ins whose result differs silently from PostgreSQL's and
/// that nothing here replaces, or that must not be reached by their names.
pub const BLOCKED: &[&str] = &[
    "arrow_cast",
    "arrow_field",
    "arrow_metadata",
    "arrow_try_cast",
    "array_join",
    "cast_to_type",
    "date_format",
    "file_row_index",
    "from_unixtime",
    "input_file_name",
    "list_to_string",
    "to_char",
    "to_date",
    "to_local_time",
    "to_time",
    "today",
    "to_timestamp",
    "to_timestamp_micros",
    "to_timestamp_millis",
    "to_timestamp_nanos",
    "to_timestamp_seconds",
    "try_cast_to_type",
    "with_metadata",
];

type Kernel = Box<dyn Fn(&Call<'_>) -> Result<arrow::array::ArrayRef, SqlError> + Send + Sync>;

/// Computes a result type that depends on the types or constants of a call.
type ResultType = fn(&Typing<'_>) -> Result<PgType, SqlError>;

/// What is known of a call before it runs.
struct Typing<'a> {
    /// The types that the arguments are cast to.
    parameters: &'a [PgType],
    /// The arguments that are literals.
    constants: Vec<Option<&'a datafusion::common::ScalarValue>>,
}

/// One signature with its kernel.
struct Overload {
    signature: Signature,
    kernel: Kernel,
    result: Option<ResultType>,
    /// The result is an array of the declared type, which may itself be an array.
    is_listed: bool,
}

/// Everything that shares a name.
struct Function {
    overloads: Vec<Overload>,
    volatility: Volatility,
}

/// The table while it is filled.
#[derive(Default)]
struct Registry {
    functions: HashMap<String, Function>,
    /// Another name -> the name it stands for.
    aliases: HashMap<String, String>,
}

impl Registry {
    /// Adds a signature, as `signature.rs` reads it; immutable unless told otherwise.
    fn add(
        &mut self,
        signature: &str,
        kernel: impl Fn(&Call<'_>) -> Result<arrow::array::ArrayRef, SqlError> + Send + Sync + 'static,
    ) -> Entry<'_> {
        let signature = Signature::parse(signature);
        let function = self
            .functions
            .entry(signature.name.clone())
            .or_insert_with(|| Function {
                overloads: Vec::new(),
                volatility: Volatility::Immutable,
            });
        function.overloads.push(Overload {
            signature,
            kernel: Box::new(kernel),
            result: None,
            is_listed: false,
        });
        Entry { function }
    }

    /// Gives a function a second name.
    fn alias(&mut self, other: &str, name: &str) {
        self.aliases.insert(other.to_owned(), name.to_owned());
    }

    fn function(&self, name: &str) -> Option<&Function> {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        self.functions.get(name)
    }
}

/// The signature just added.
struct Entry<'a> {
    function: &'a mut Function,
}

impl Entry<'_> {
    /// The result depends on settings or on the statement's time.
    fn stable(self) -> Self {
        self.function.volatility = Volatility::Stable;
        self
    }

    /// The result may change from row to row.
    fn volatile(self) -> Self {
        self.function.volatility = Volatility::Volatile;
        self
    }

    /// Makes the result an array of what the signature declares; PostgreSQL's
    /// types cannot say that of arrays, so such a result must be unnested.
    fn listed(self) -> Self {
        if let Some(overload) = self.function.overloads.last_mut() {
            overload.is_listed = true;
        }
        self
    }

    /// Replaces the declared result type by a computed one.
    fn returns(self, result: ResultType) -> Self {
        if let Some(overload) = self.function.overloads.last_mut() {
            overload.result = Some(result);
        }
        self
    }
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry::default();
    array::register(&mut registry);
    backend::register(&mut registry);
    bytes::register(&mut registry);
    catalog::register(&mut registry);
    conditional::register(&mut registry);
    datetime::register(&mut registry);
    format::register(&mut registry);
    json::register(&mut registry);
    math::register(&mut registry);
    redshift::register(&mut registry);
    regex::register(&mut registry);
    sequence::register(&mut registry);
    session::register(&mut registry);
    text::register(&mut registry);
    registry
});

/// The scalar function of this name, bound to a statement.
///
/// `name`: lower case, without schema. `None`: not ours.
#[must_use]
pub fn scalar(name: &str, context: &Arc<StatementContext>) -> Option<Arc<ScalarUDF>> {
    if let Some(sleep) = session::sleep(name) {
        return Some(sleep);
    }
    if let Some(expand) = catalog::expand_function(name, context) {
        return Some(expand);
    }
    let function = REGISTRY.function(name)?;
    Some(Arc::new(adapter::scalar(name, function, context)))
}

/// The aggregate of this name, bound to a statement. `None`: not ours.
#[must_use]
pub fn aggregate(name: &str, context: &Arc<StatementContext>) -> Option<Arc<AggregateUDF>> {
    aggregate::aggregate(name, context)
}

/// The window function of this name. `None`: not ours.
#[must_use]
pub fn window(name: &str) -> Option<Arc<WindowUDF>> {
    let _ = name;
    None
}

/// The types that the arguments of one of our functions are cast to, if it is ours and
/// a signature fits.
///
/// `literals`: which arguments are literals.
pub(crate) fn parameter_types(
    function: &ScalarUDF,
    fields: &[FieldRef],
    literals: &[bool],
) -> Option<Vec<PgType>> {
    adapter::parameter_types(function, fields, literals)
}

/// A call as errors show it: `upper(unknown, integer)`.
pub(crate) fn shown_call(
    name: &str,
    fields: &[FieldRef],
    literals: &[Option<&datafusion::common::ScalarValue>],
) -> String {
    let shown: Vec<String> = fields
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let is_literal = literals.get(index).is_some_and(Option::is_some);
            signature::Argument::new(PgType::of_field(field), field.data_type(), is_literal)
                .display()
        })
        .collect();
    format!("{name}({})", shown.join(", "))
}

/// Names of all scalar functions here, in order; for `pg_proc` and completion.
#[must_use]
pub fn scalar_names() -> Vec<&'static str> {
    let registry = &*REGISTRY;
    let mut names: Vec<&str> = registry
        .functions
        .keys()
        .chain(registry.aliases.keys())
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}
