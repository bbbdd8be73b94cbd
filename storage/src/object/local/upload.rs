//! An object that arrives in parts.
//!
//! Invariant: `complete` publishes only if every part that was handed over has been
//! written; else the object does not appear.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::FutureExt;
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use crate::object::local::{Inner, STORE, Staged, blocking, store_failure};

/// See the file's header.
#[derive(Debug)]
pub(super) struct LocalUpload {
    inner: Arc<Inner>,
    location: Path,
    staged: Arc<Staged>,
    /// Where the next part begins.
    offset: u64,
    /// Bytes of parts that are wholly written.
    written: Arc<AtomicU64>,
    is_ended: bool,
}

impl LocalUpload {
    pub(super) fn new(inner: Arc<Inner>, location: Path, staged: Staged) -> Self {
        let written = Arc::new(AtomicU64::new(0));
        let staged = Arc::new(staged);
        Self {
            inner,
            location,
            staged,
            offset: 0,
            written,
            is_ended: false,
        }
    }
}

fn incomplete(text: &'static str) -> object_store::Error {
    object_store::Error::Generic {
        store: STORE,
        source: io::Error::other(text).into(),
    }
}

#[async_trait]
impl MultipartUpload for LocalUpload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        let start = self.offset;
        let byte_count = payload.content_length() as u64;
        self.offset += byte_count;
        let (inner, staged) = (Arc::clone(&self.inner), Arc::clone(&self.staged));
        let (written, location) = (Arc::clone(&self.written), self.location.clone());
        let work = move || {
            let mut offset = start;
            for bytes in payload.iter() {
                let result = inner.disk.write_at(&staged.file, bytes, offset);
                result.map_err(|error| store_failure(&location, error))?;
                offset += bytes.len() as u64;
            }
            written.fetch_add(byte_count, Ordering::Release);
            Ok(())
        };
        blocking(work).boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        if self.written.load(Ordering::Acquire) != self.offset {
            return Err(incomplete("a part of the upload is missing"));
        }
        if std::mem::replace(&mut self.is_ended, true) {
            return Err(incomplete("the upload has already ended"));
        }
        let (inner, staged) = (Arc::clone(&self.inner), Arc::clone(&self.staged));
        let location = self.location.clone();
        blocking(move || {
            let published = inner.publish(&staged, false);
            published.map_err(|error| store_failure(&location, error))?;
            Ok(PutResult {
                e_tag: None,
                version: None,
            })
        })
        .await
    }

    async fn abort(&mut self) -> Result<()> {
        // After a failed `complete` nothing is left; the caller aborts all the same.
        if std::mem::replace(&mut self.is_ended, true) {
            return Ok(());
        }
        let (inner, staged) = (Arc::clone(&self.inner), Arc::clone(&self.staged));
        let location = self.location.clone();
        blocking(move || {
            let removed = inner.disk.remove(&staged.temporary);
            removed.map_err(|error| store_failure(&location, error))
        })
        .await
    }
}

impl Drop for LocalUpload {
    fn drop(&mut self) {
        if !self.is_ended {
            // One call, and only when a statement was cancelled; not worth a thread.
            let _ = self.inner.disk.remove(&self.staged.temporary);
        }
    }
}
