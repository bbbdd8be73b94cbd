//! What a finished writer hands to the commit: files, and their statistics.

use crate::spec::ColumnId;

/// Files that are uploaded but in no snapshot yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StagedFiles {
    /// In the order of their rows. None if there were no rows.
    pub files: Vec<StagedFile>,
}

/// One uploaded file, as the catalog will describe it.
#[derive(Clone, Debug, PartialEq)]
pub struct StagedFile {
    /// `<uuid>.parquet`, relative to the table's path.
    pub file_name: String,
    /// Rows, exact and above 0.
    pub row_count: u64,
    /// Size of the object.
    pub bytes: u64,
    /// Length of the Thrift footer, without the eight bytes behind it.
    pub footer_bytes: u64,
    /// A row for each leaf: a nested column has them under its fields' ids.
    pub columns: Vec<StagedColumn>,
}

/// Statistics of a leaf column in a file, in the catalog's spelling.
#[derive(Clone, Debug, PartialEq)]
pub struct StagedColumn {
    /// The column, or the field of a nested column.
    pub column_id: ColumnId,
    /// Compressed size in the file.
    pub bytes: u64,
    /// Values that are not NULL.
    pub value_count: u64,
    /// NULLs; inside lists also each list that is NULL or empty, as DuckDB counts.
    pub null_count: u64,
    /// At most the smallest value; absent if unknown or there is none.
    pub min: Option<String>,
    /// At least the largest value; absent if unknown or there is none.
    pub max: Option<String>,
    /// Whether NaN occurs: always known for floats, absent for all else.
    pub contains_nan: Option<bool>,
}
