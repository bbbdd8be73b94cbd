//! One object on its way to the store, part by part.
//!
//! Nothing is visible under the object's name before `finish` returns; then it is
//! durable. A small object is put in one call.
//!
//! Bounds: at most `PART_BYTES` wait here, and at most what one call of `write` handed
//! over is on its way while the next is prepared.

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};

use crate::error::Error;
use crate::object::store_error;

/// Size of an upload's parts: above the 5 MiB that S3 asks for, and with its 10,000
/// parts enough for 80 GB.
const PART_BYTES: usize = 8 << 20;

/// Parts that may be on their way when more is handed over.
const PART_COUNT_MAX: usize = 2;

/// See the file's header.
#[derive(Debug)]
pub(crate) struct Upload {
    store: Arc<dyn ObjectStore>,
    location: Path,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    multipart: Option<WriteMultipart>,
    bytes: u64,
}

impl Upload {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, location: Path) -> Self {
        let waiting = Vec::new();
        Self {
            store,
            location,
            waiting,
            waiting_bytes: 0,
            multipart: None,
            bytes: 0,
        }
    }

    pub(crate) fn location(&self) -> &Path {
        &self.location
    }

    /// Bytes handed over so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Appends. Waits for earlier parts, so that a slow store slows the writer.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.bytes += bytes.len() as u64;
        if self.multipart.is_none() {
            self.waiting_bytes += bytes.len();
            self.waiting.push(bytes);
            if self.waiting_bytes <= PART_BYTES {
                return Ok(());
            }
            let upload = self
                .store
                .put_multipart(&self.location)
                .await
                .map_err(failed)?;
            let mut multipart = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
            self.waiting
                .drain(..)
                .for_each(|bytes| multipart.put(bytes));
            self.multipart = Some(multipart);
            return Ok(());
        }
        if let Some(multipart) = &mut self.multipart {
            multipart
                .wait_for_capacity(PART_COUNT_MAX)
                .await
                .map_err(failed)?;
            multipart.put(bytes);
        }
        Ok(())
    }

    /// Publishes the object. After an error it may be there or not: delete it.
    pub(crate) async fn finish(&mut self) -> Result<(), Error> {
        if let Some(multipart) = self.multipart.take() {
            multipart.finish().await.map_err(failed)?;
            return Ok(());
        }
        // Overwriting makes a retry harmless; the name is new, so nothing is lost.
        let payload: PutPayload = self.waiting.drain(..).collect();
        self.store
            .put(&self.location, payload)
            .await
            .map_err(failed)?;
        Ok(())
    }

    /// Gives up what was sent. Parts that cannot be given up are left to the store's own
    /// rule for unfinished uploads.
    pub(crate) async fn abort(&mut self) -> Result<(), Error> {
        self.waiting.clear();
        match self.multipart.take() {
            Some(multipart) => multipart.abort().await.map_err(failed),
            None => Ok(()),
        }
    }
}

fn failed(error: object_store::Error) -> Error {
    store_error("upload a data file", error)
}
