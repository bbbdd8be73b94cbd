//! The metered store, tested from outside.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use crate::object::{Meter, MeterCounts, MeteredStore};

#[tokio::test]
async fn requests_and_bytes_are_counted() {
    let meter = Arc::new(Meter::default());
    let store = MeteredStore::new(Arc::new(InMemory::new()), Arc::clone(&meter));
    let path = Path::from("a");
    store
        .put(&path, PutPayload::from_static(b"0123456789"))
        .await
        .unwrap();
    store.get_range(&path, 2..5).await.unwrap();
    store.head(&path).await.unwrap();
    let mut upload = store.put_multipart(&Path::from("b")).await.unwrap();
    upload
        .put_part(PutPayload::from_static(b"abc"))
        .await
        .unwrap();
    upload.complete().await.unwrap();
    store.delete(&path).await.unwrap();
    let expected = MeterCounts {
        reads: 2,
        writes: 4,
        deletes: 1,
        lists: 0,
        bytes_read: 3,
        bytes_written: 13,
    };
    assert_eq!(meter.counts(), expected);
}
