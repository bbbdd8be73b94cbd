//! DuckLake 1.0 as data: ids, rows of the catalog tables, change tokens and texts.
//!
//! Nothing here does input or output. The column lists follow the format word for
//! word, because DuckDB inserts and reads by position.
//!
//! Source: DuckLake 1.0, checked against DuckDB 1.5.5.

pub(crate) mod change;
mod ids;
pub(crate) mod rows;
pub(crate) mod side;
pub(crate) mod table;
pub(crate) mod time;

pub use ids::{ColumnId, SchemaId, SequenceId, SnapshotId, TableId, ViewId};

/// The version of the format that we read and write; any other is refused.
pub(crate) const FORMAT_VERSION: &str = "1.0";

/// The tag under which the format keeps comments.
pub(crate) const COMMENT_KEY: &str = "comment";

/// The schema that the format always makes; its id is 0.
pub(crate) const MAIN_SCHEMA: &str = "main";
