//! The scan through plain SQL over a lake in a temporary folder.

mod codec;
mod evolution;
mod filters;
mod fixture;
mod metadata;
mod rows;
