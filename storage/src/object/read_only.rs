//! The lake's store as a replica has it: what would change it is refused here, whatever
//! the credentials permit.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// See the file's header.
#[derive(Clone, Debug)]
pub(crate) struct ReadOnlyStore {
    inner: Arc<dyn ObjectStore>,
}

impl ReadOnlyStore {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner }
    }
}

/// A call that gets here is a mistake of ours: the transaction refuses first.
fn refused(location: &Path) -> Error {
    Error::PermissionDenied {
        path: location.to_string(),
        source: "a replica does not change the lake".into(),
    }
}

impl std::fmt::Display for ReadOnlyStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ReadOnlyStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for ReadOnlyStore {
    async fn put_opts(
        &self,
        location: &Path,
        _payload: PutPayload,
        _options: PutOptions,
    ) -> Result<PutResult> {
        Err(refused(location))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(refused(location))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let refusals = locations.map(|location| location.and_then(|path| Err(refused(&path))));
        refusals.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _from: &Path, to: &Path, _options: CopyOptions) -> Result<()> {
        Err(refused(to))
    }
}

#[cfg(test)]
mod tests {
    use futures::{TryStreamExt, stream};
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn only_reading_passes() {
        let inner = Arc::new(InMemory::new());
        let [there, new] = [Path::from("there"), Path::from("new")];
        inner.put(&there, "rows".into()).await.expect("put");
        let store = ReadOnlyStore::new(Arc::clone(&inner) as Arc<dyn ObjectStore>);
        let is_refused = |error: Error| matches!(error, Error::PermissionDenied { .. });
        assert!(is_refused(
            store.put(&new, "x".into()).await.expect_err("a refusal")
        ));
        assert!(is_refused(
            store.put(&there, "x".into()).await.expect_err("a refusal")
        ));
        let upload = store.put_multipart(&new).await;
        assert!(is_refused(upload.map(drop).expect_err("a refusal")));
        assert!(is_refused(
            store.delete(&there).await.expect_err("a refusal")
        ));
        assert!(is_refused(
            store.copy(&there, &new).await.expect_err("a refusal")
        ));
        assert!(is_refused(
            store.rename(&there, &new).await.expect_err("a refusal")
        ));
        let both = stream::iter([Ok(there.clone()), Ok(new.clone())]).boxed();
        assert!(
            store
                .delete_stream(both)
                .try_collect::<Vec<_>>()
                .await
                .is_err()
        );
        let read = store.get(&there).await.expect("an object");
        assert_eq!(read.bytes().await.expect("its bytes"), "rows");
        let names: Vec<_> = inner.list(None).try_collect().await.expect("a list");
        assert_eq!(names.len(), 1);
    }
}
