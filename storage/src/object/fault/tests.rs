//! The store that fails on purpose, tested from outside.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use crate::object::{Fault, FaultRates, FaultStore, Operation};

fn store(seed: u64, rates: FaultRates) -> (Arc<InMemory>, FaultStore) {
    let inner = Arc::new(InMemory::new());
    let below: Arc<dyn ObjectStore> = Arc::<InMemory>::clone(&inner);
    (inner, FaultStore::new(below, seed, rates))
}

fn payload() -> PutPayload {
    PutPayload::from_static(b"0123456789")
}

#[tokio::test]
async fn same_seed_gives_the_same_trace() {
    let rates = FaultRates {
        before: 0.3,
        after: 0.3,
        ..FaultRates::default()
    };
    let mut traces = Vec::new();
    for seed in [7, 7, 8] {
        let (_, store) = store(seed, rates);
        for number in 0..50 {
            let _ = store.put(&Path::from(format!("{number}")), payload()).await;
        }
        traces.push(store.trace());
    }
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0], traces[2]);
}

#[tokio::test]
async fn before_does_nothing_and_after_does_it() {
    let (inner, store) = store(1, FaultRates::default());
    let path = Path::from("a");
    store.order(Operation::Put, Fault::Before);
    store.order(Operation::Put, Fault::After);
    assert!(store.put(&path, payload()).await.is_err());
    assert!(inner.head(&path).await.is_err());
    assert!(store.put(&path, payload()).await.is_err());
    assert!(inner.head(&path).await.is_ok());
    assert_eq!(store.trace(), ["Put a Before", "Put a After"]);
}

#[tokio::test]
async fn truncated_read_is_short() {
    let (_, store) = store(1, FaultRates::default());
    let path = Path::from("a");
    store.put(&path, payload()).await.unwrap();
    store.order(Operation::Get, Fault::Truncated);
    let bytes = store.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes.as_ref(), b"01234");
    store.order(Operation::Get, Fault::Truncated);
    let parts = store.get_ranges(&path, &[0..4, 6..8]).await.unwrap();
    assert_eq!((parts[0].len(), parts[1].len()), (4, 1));
    assert_eq!(
        store.get(&path).await.unwrap().bytes().await.unwrap().len(),
        10
    );
}
