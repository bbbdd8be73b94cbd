//! One session of Gotgan: text in, batches out. Knows no sockets.
//!
//! Life of a statement, each step one call:
//!
//! ```text
//! session.rs   execute: transaction rules, then by kind of statement
//! parse.rs     text -> Statement
//! rewrite.rs   PostgreSQL's idioms that the planner lacks, on the syntax tree
//! plan.rs      names -> objects of one snapshot (resolve.rs), then a logical plan
//! scan.rs      a snapshot's files through DataFusion's Parquet source
//! execute.rs   plan -> stream of batches, with deadline, memory and cancel
//! command/     one file per statement that is no query
//! ```

mod access;
mod backends;
mod cast;
mod change;
mod command;
pub mod context;
pub mod copy;
mod engine;
pub mod error;
mod execute;
pub mod functions;
pub mod information_schema;
mod maintenance;
mod modify;
mod parse;
pub mod pg_catalog;
mod physical;
mod plan;
mod query_log;
mod resolve;
mod rewrite;
pub mod scan;
pub mod sequence;
mod session;
mod settings;
pub mod sqlstate;
mod system_views;
mod transaction;
pub mod types;

pub use backends::Signals;
pub use context::StatementContext;
pub use copy::{CopyIn, CopyOut};
pub use engine::{Engine, Passwords};
pub use error::SqlError;
pub use execute::RowStream;
pub use parse::Statement;
pub use plan::ColumnDescription;
pub use resolve::database_moment;
pub use session::{Admission, Format, Notice, Outcome, Session, SessionOptions};
pub use session::{StatementDescription, StatementEnd};
pub use transaction::TransactionStatus;
