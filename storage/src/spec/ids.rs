//! Ids of the objects in a lake, one type each so that they cannot be mixed up.
//!
//! A negative id belongs to an object that its transaction has not committed yet;
//! the commit replaces it. Column ids are unique within a table for ever, start at
//! 1 and are the field ids of the Parquet files.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// Whether the object exists only in a transaction that is still open.
            pub fn is_temporary(self) -> bool {
                self.0 < 0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, formatter)
            }
        }
    };
}

id! {
    /// A table, the same through renames. Shares its numbers with schemas, views,
    /// sequences, constraints and indexes, so that one OID rule serves them all.
    TableId
}
id! {
    /// A schema. A rename gives a new one, because the format cannot version it.
    SchemaId
}
id! {
    /// A view.
    ViewId
}
id! {
    /// A sequence.
    SequenceId
}
id! {
    /// A column or a nested field of one table; also the Parquet field id.
    ColumnId
}
id! {
    /// The state of the whole warehouse after one commit.
    SnapshotId
}
