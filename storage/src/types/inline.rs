//! Which types the catalog's tables of inlined rows can hold.

use crate::types::ColumnType;

impl ColumnType {
    /// Whether a row with a value of this type may stay in the catalog.
    ///
    /// Nested values have no text there that reads back without doubt.
    pub fn can_be_inlined(&self) -> bool {
        !matches!(
            self.plain(),
            Self::Interval
                | Self::List(_)
                | Self::Struct(_)
                | Self::Map(..)
                | Self::HugeInt
                | Self::Refined(_)
                | Self::Unsupported(_)
        )
    }
}
