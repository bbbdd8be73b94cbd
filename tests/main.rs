//! The one integration test binary: each more would link DataFusion again.

#![allow(clippy::unwrap_used, reason = "a test ends at its first surprise")]

/// What must survive: kill -9, a full disk, a broken catalog, lost files.
mod faults;
/// SQL and its answers, from `golden/**/*.slt`.
mod golden;
/// What concurrent transactions see of each other.
mod isolation;
/// The process: configuration, first start, restart, drain, refusals.
mod start;
/// Bytes on a real socket: message order, portals, cancel, limits, COPY.
mod wire;
