//! Counts what the operators of a statement write to the disk.
//!
//! The files themselves, and the bound on all of them, stay with the process's own disk
//! manager.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::execution::disk_manager::{DiskManager, DiskManagerBuilder};
use datafusion::execution::{SpillFile, SpillWriter, TempFileFactory};
use futures::Stream;

use super::QueryMeter;

/// A disk manager for one statement over the shared one.
pub(crate) fn metered_disk(
    shared: &Arc<DiskManager>,
    meter: &Arc<QueryMeter>,
) -> Result<Arc<DiskManager>> {
    let files = Files {
        shared: Arc::clone(shared),
        meter: Arc::clone(meter),
    };
    let disk = DiskManagerBuilder::default()
        .with_temp_file_factory(Arc::new(files))
        .with_max_spill_merge_fan_in(shared.max_spill_merge_fan_in())
        .build()?;
    Ok(Arc::new(disk))
}

struct Files {
    shared: Arc<DiskManager>,
    meter: Arc<QueryMeter>,
}

impl TempFileFactory for Files {
    fn create_temp_file(&self, description: &str) -> Result<Arc<dyn SpillFile>> {
        Ok(Arc::new(File {
            inner: self.shared.create_tmp_file(description)?,
            meter: Arc::clone(&self.meter),
        }))
    }
}

struct File {
    inner: Arc<dyn SpillFile>,
    meter: Arc<QueryMeter>,
}

impl SpillFile for File {
    fn path(&self) -> Option<&Path> {
        self.inner.path()
    }

    fn size(&self) -> Option<u64> {
        self.inner.size()
    }

    fn read_stream(&self) -> Result<Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>> {
        self.inner.read_stream()
    }

    fn open_writer(&self) -> Result<Box<dyn SpillWriter>> {
        Ok(Box::new(Writer {
            inner: self.inner.open_writer()?,
            meter: Arc::clone(&self.meter),
        }))
    }
}

struct Writer {
    inner: Box<dyn SpillWriter>,
    meter: Arc<QueryMeter>,
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.meter.spill(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl SpillWriter for Writer {
    fn finish(&mut self) -> Result<()> {
        self.inner.finish()
    }
}
