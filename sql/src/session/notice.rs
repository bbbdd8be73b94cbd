//! What a statement tells beside its result.

use crate::sqlstate::{self, SqlState};

/// A NOTICE or WARNING message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `NOTICE` or `WARNING`.
    pub severity: &'static str,
    /// Its SQLSTATE.
    pub code: SqlState,
    /// Primary message.
    pub message: String,
    /// A sentence with more facts.
    pub detail: Option<String>,
    /// A sentence that names an action.
    pub hint: Option<String>,
}

impl Notice {
    /// Something worth knowing.
    pub(crate) fn info(message: impl Into<String>) -> Self {
        Self::new("NOTICE", sqlstate::SUCCESSFUL_COMPLETION, message)
    }

    /// Something that is likely a mistake.
    pub(crate) fn warning(code: SqlState, message: impl Into<String>) -> Self {
        Self::new("WARNING", code, message)
    }

    fn new(severity: &'static str, code: SqlState, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
            detail: None,
            hint: None,
        }
    }
}
