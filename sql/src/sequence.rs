//! Sequences: their values in statements, their options, their names in defaults.
//!
//! Definitions are in the snapshot; `command/sequence.rs` and `command/identity.rs`
//! change them. How far a sequence is belongs to storage and is never rolled back.

mod identity;
mod options;
mod text;
mod values;

pub(crate) use identity::{Overriding, column_default, identity_of, refuse_insert, refuse_update};
pub(crate) use options::{Kind, Reading, check_type};
pub(crate) use text::{pinned, renamed, restored, sequences_in, shown};
pub use values::{SequenceUse, SessionSequences};
