//! An upload in parts that leaves nothing behind.
//!
//! A statement that is cancelled drops its upload in the middle, at any `await`. The parts
//! sent so far would stay in the bucket, seen by nobody and paid for.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::path::Path;
use object_store::{
    Error as StoreError, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, PutResult,
    Result, UploadPart,
};
use tokio::runtime::Handle;

/// See the file's header.
#[derive(Debug)]
pub(super) struct RemoteUpload {
    /// Nothing once it was completed or given up.
    inner: Option<Box<dyn MultipartUpload>>,
    store: Arc<dyn ObjectStore>,
    location: Path,
    /// Bytes of all parts.
    bytes: u64,
}

impl RemoteUpload {
    pub(super) fn new(
        inner: Box<dyn MultipartUpload>,
        store: Arc<dyn ObjectStore>,
        location: Path,
    ) -> Self {
        Self {
            inner: Some(inner),
            store,
            location,
            bytes: 0,
        }
    }
}

/// The object, if it is there with all its bytes.
async fn published(store: &dyn ObjectStore, location: &Path, bytes: u64) -> Option<PutResult> {
    let found = store.head(location).await.ok()?;
    (found.size == bytes).then_some(PutResult {
        e_tag: found.e_tag,
        version: found.version,
    })
}

fn ended() -> StoreError {
    StoreError::Generic {
        store: "bucket",
        source: "the upload has already ended".into(),
    }
}

async fn give_up(mut upload: Box<dyn MultipartUpload>) -> Result<()> {
    match upload.abort().await {
        // It was completed or given up by a call whose reply was lost.
        Err(StoreError::NotFound { .. }) => Ok(()),
        other => other,
    }
}

#[async_trait]
impl MultipartUpload for RemoteUpload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        self.bytes += payload.content_length() as u64;
        match &mut self.inner {
            Some(inner) => inner.put_part(payload),
            None => Box::pin(std::future::ready(Err(ended()))),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let Some(inner) = &mut self.inner else {
            return Err(ended());
        };
        let completed = match inner.complete().await {
            Ok(result) => Ok(result),
            // A second try after a lost reply is told that there is no such upload. The
            // name is new, so an object of this size is the one.
            Err(error) => published(&*self.store, &self.location, self.bytes)
                .await
                .ok_or(error),
        };
        if completed.is_ok() {
            self.inner = None;
        }
        completed
    }

    async fn abort(&mut self) -> Result<()> {
        match self.inner.take() {
            Some(inner) => give_up(inner).await,
            None => Ok(()),
        }
    }
}

impl Drop for RemoteUpload {
    fn drop(&mut self) {
        let (Some(inner), Ok(runtime)) = (self.inner.take(), Handle::try_current()) else {
            return;
        };
        let location = self.location.clone();
        runtime.spawn(async move {
            if let Err(error) = give_up(inner).await {
                tracing::warn!(%location, %error, "an unfinished upload stays in the bucket");
            }
        });
    }
}
