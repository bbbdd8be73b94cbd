//! How a catalog table is described, and how a row of it becomes a struct and back.
//!
//! `rows!` makes both from one list, so the order of columns exists once. A
//! database dialect maps [`Kind`] to its own types (see `catalog`).

use chrono::{DateTime, Utc};

use crate::error::{Error, ErrorKind};
use crate::spec::time;

/// What a column of a catalog table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Flag,
    Text,
    Uuid,
    Time,
}

/// What a column promises beyond its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    Nothing,
    NotNull,
    Key,
}

/// A column of a catalog table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnSpec {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) promise: Promise,
}

/// A table of the catalog database.
#[derive(Debug)]
pub(crate) struct TableSpec {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [ColumnSpec],
}

impl TableSpec {
    /// Whether its rows begin and end with snapshots.
    pub(crate) fn is_versioned(&self) -> bool {
        self.has_column("end_snapshot")
    }

    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }
}

/// A value on its way to or from the catalog database.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Flag(bool),
    Text(String),
    Bytes(Vec<u8>),
    Time(DateTime<Utc>),
}

impl Value {
    /// What a database without types of its own for a kind keeps for it, as that kind.
    pub(crate) fn into_kind(self, kind: Kind) -> Self {
        match (kind, self) {
            (Kind::Flag, Self::Integer(number)) => Self::Flag(number != 0),
            (Kind::Time, Self::Text(text)) => match time::decode(&text) {
                Some(time) => Self::Time(time),
                None => Self::Text(text),
            },
            // A blob in a text column: DuckDB stores text that way in some versions.
            (Kind::Text | Kind::Uuid, Self::Bytes(bytes)) => match String::from_utf8(bytes) {
                Ok(text) => Self::Text(text),
                Err(error) => Self::Bytes(error.into_bytes()),
            },
            (_, value) => value,
        }
    }
}

/// The values of one row, in the order of the table's columns.
pub(crate) type Values = Vec<Value>;

/// A row of a known catalog table.
pub(crate) trait Row: Sized {
    const TABLE: &'static TableSpec;

    fn values(&self) -> Values;

    fn from_values(values: Values) -> Result<Self, Error>;
}

/// A Rust type that a column of a row struct may have.
pub(crate) trait Field: Sized {
    fn into_value(self) -> Value;

    /// The field back, or nothing if the value is of another kind.
    fn from_value(value: Value) -> Option<Self>;
}

impl Field for i64 {
    fn into_value(self) -> Value {
        Value::Integer(self)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(number),
            _ => None,
        }
    }
}

impl Field for bool {
    fn into_value(self) -> Value {
        Value::Flag(self)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Flag(flag) => Some(flag),
            _ => None,
        }
    }
}

impl Field for String {
    fn into_value(self) -> Value {
        Value::Text(self)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Field for DateTime<Utc> {
    fn into_value(self) -> Value {
        Value::Time(self)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Time(time) => Some(time),
            _ => None,
        }
    }
}

impl<F: Field> Field for Option<F> {
    fn into_value(self) -> Value {
        self.map_or(Value::Null, F::into_value)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => F::from_value(other).map(Some),
        }
    }
}

/// Takes the fields of one row in order, naming the column that is wrong.
pub(crate) struct Fields {
    table: &'static TableSpec,
    values: std::vec::IntoIter<Value>,
    index: usize,
}

impl Fields {
    pub(crate) fn new(table: &'static TableSpec, values: Values) -> Self {
        Self {
            table,
            values: values.into_iter(),
            index: 0,
        }
    }

    pub(crate) fn take<F: Field>(&mut self) -> Result<F, Error> {
        let index = self.index;
        self.index += 1;
        self.values.next().and_then(F::from_value).ok_or_else(|| {
            let column = self
                .table
                .columns
                .get(index)
                .map_or("?", |column| column.name);
            let message = format!("catalog table {} has a bad {column}", self.table.name);
            Error::new(ErrorKind::Corrupt, message)
        })
    }
}

/// Makes a row struct and the description of its table from one list of columns.
macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident in $table:literal {
        $($field:ident: $type:ty = $kind:ident $promise:ident,)*
    })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq)]
            pub(crate) struct $row {
                $(pub(crate) $field: $type,)*
            }

            impl $crate::spec::table::Row for $row {
                const TABLE: &'static $crate::spec::table::TableSpec =
                    &$crate::spec::table::TableSpec {
                        name: $table,
                        columns: &[$($crate::spec::table::ColumnSpec {
                            name: stringify!($field),
                            kind: $crate::spec::table::Kind::$kind,
                            promise: $crate::spec::table::Promise::$promise,
                        },)*],
                    };

                fn values(&self) -> $crate::spec::table::Values {
                    vec![$($crate::spec::table::Field::into_value(self.$field.clone()),)*]
                }

                fn from_values(
                    values: $crate::spec::table::Values,
                ) -> Result<Self, $crate::error::Error> {
                    let mut fields = $crate::spec::table::Fields::new(Self::TABLE, values);
                    Ok(Self { $($field: fields.take()?,)* })
                }
            }
        )*
    };
}

pub(crate) use rows;
