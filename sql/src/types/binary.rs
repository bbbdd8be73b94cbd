//! PostgreSQL's binary format: values received into Arrow columns, and sent from them.
//!
//! Everything is big-endian; dates and timestamps count from 2000-01-01, arrays
//! carry the OID of their elements.
//!
//! Errors: `22P03` for bytes that are not what the type sends.
//!
//! Source: PostgreSQL 15's send and receive functions.

mod array;
mod nested;
mod numeric;
mod receive;
mod send;

#[cfg(test)]
mod tests;

pub use receive::Builder;
pub use send::{BinaryColumn, encode_binary};
