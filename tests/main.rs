//! The one integration test binary: each more would link DataFusion again.

/// SQL and its answers, from `golden/**/*.slt`.
mod golden;
