//! What a client is told of an output column.

use arrow::datatypes::Field;

use crate::rewrite;
use crate::types::PgType;

/// What RowDescription says of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDescription {
    /// The output name.
    pub name: String,
    /// OID of the type.
    pub type_oid: u32,
    /// The type's modifier; -1 means none.
    pub type_modifier: i32,
    /// `typlen`.
    pub type_bytes: i16,
    /// The table that the column comes from; 0 if none.
    pub table_oid: u32,
    /// 1-based number in that table; 0 if none.
    pub column_number: i16,
}

impl ColumnDescription {
    /// The description of a result's field.
    #[must_use]
    pub fn of_field(field: &Field) -> Self {
        let pg_type = PgType::of_field(field);
        Self {
            name: rewrite::strip_suffix(field.name()).to_owned(),
            type_oid: pg_type.oid,
            type_modifier: pg_type.typmod,
            type_bytes: pg_type.entry().bytes,
            table_oid: 0,
            column_number: 0,
        }
    }
}
