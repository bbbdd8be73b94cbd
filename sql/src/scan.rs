//! The rows of one table of one snapshot, read through DataFusion's own Parquet source.
//!
//! ```text
//! LakeTable::scan     prune.rs drops files by their bounds; deletes are loaded
//!      │              file.rs describes the files that are left, source.rs wraps them
//!      ▼
//! LakeScanExec        exec.rs: a leaf that hands filters, limits and projections on
//!      │
//!      ▼ opening a file
//! reader.rs           loads the footer, counts the bytes
//! columns.rs          names the file's columns after the table's, by field id
//! adapter.rs          casts narrower columns, fills in columns the file lacks
//! ```
//!
//! Invariants:
//! - A filter only prunes here, unless row filters are on; a `FilterExec` stays above.
//! - Deleted rows never leave the scan: they are a row selection of each file, and
//!   the codec carries them.
//! - Inlined rows come after those of the files: in a partition of their own, or behind
//!   the rows of the only one.
//!
//! Relies on `gotgan_storage::FileList`: bounds are outer bounds, row counts exact.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use gotgan_storage::Lake;

mod adapter;
mod codec;
mod columns;
mod defaults;
mod exec;
mod file;
mod prune;
mod reader;
mod source;
mod statistics;
mod table;
#[cfg(test)]
mod tests;

pub use codec::LakeCodec;
pub(crate) use columns::{FILE_COLUMN, INLINED_FILE, POSITION_COLUMN};
pub use exec::LakeScanExec;
pub use reader::ScanMetrics;
pub use table::{LakeTable, load_files, set_files, tables_of};

/// Under which address a lake's object store is known to DataFusion.
pub fn object_store_url(lake: &Lake) -> Result<ObjectStoreUrl> {
    ObjectStoreUrl::parse(format!("lake://{}/", lake.uuid()))
}

/// Makes a lake's object store known to `env`; needed once before its plans run.
pub fn register_store(lake: &Lake, env: &RuntimeEnv) -> Result<()> {
    let url = object_store_url(lake)?;
    env.register_object_store(url.as_ref(), Arc::clone(&lake.object_store()));
    Ok(())
}
