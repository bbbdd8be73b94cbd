//! Stores, tested from outside.

use std::io;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt};

use crate::error::ErrorKind;
use crate::object::{DataPlace, delete_objects, open_store, store_error};

fn generic(source: io::Error) -> StoreError {
    StoreError::Generic {
        store: "test",
        source: source.into(),
    }
}

#[test]
fn full_disk_is_exhausted_however_deep() {
    let full = || io::Error::from(io::ErrorKind::StorageFull);
    assert_eq!(
        store_error("write", generic(full())).kind,
        ErrorKind::Exhausted
    );
    let wrapped = io::Error::other(io::Error::other(full()));
    assert_eq!(
        store_error("write", generic(wrapped)).kind,
        ErrorKind::Exhausted
    );
    let other = io::Error::from(io::ErrorKind::ConnectionReset);
    assert_eq!(
        store_error("write", generic(other)).kind,
        ErrorKind::Unavailable
    );
}

#[test]
fn missing_object_is_corrupt_and_shows_no_host_path() {
    let error = StoreError::NotFound {
        path: "/srv/secret/data/t/0190.parquet".to_owned(),
        source: io::Error::from(io::ErrorKind::NotFound).into(),
    };
    let error = store_error("read a file", error);
    assert_eq!(error.kind, ErrorKind::Corrupt);
    assert_eq!(
        error.message,
        "could not read a file: data file 0190.parquet is missing"
    );
    assert!(error.source.is_some());
}

#[test]
fn a_bucket_needs_settings() {
    let place = DataPlace::of_url("s3://bucket/lake").unwrap();
    assert_eq!(
        open_store(&place, None).unwrap_err().kind,
        ErrorKind::Unsupported
    );
}

#[tokio::test]
async fn delete_passes_over_what_is_not_there() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    store.put(&Path::from("a"), "1".into()).await.unwrap();
    let locations = vec![Path::from("missing"), Path::from("a")];
    delete_objects(&store, locations).await.unwrap();
    assert!(store.head(&Path::from("a")).await.is_err());
}
