//! Delete files, tested from outside.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;

use crate::error::ErrorKind;
use crate::file::delete::{FileRef, read_delete_file, read_later_positions};
use crate::spec::SnapshotId;

/// A Parquet file with these columns, by name only as other writers may make it.
async fn file(columns: Vec<(&str, ArrayRef)>) -> (Arc<dyn ObjectStore>, FileRef) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let file = FileRef {
        location: Path::from("d.parquet"),
        bytes: bytes.len() as u64,
    };
    store.put(&file.location, bytes.into()).await.unwrap();
    (store, file)
}

fn integers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn names(count: usize) -> ArrayRef {
    Arc::new(StringArray::from(vec!["x"; count]))
}

#[tokio::test]
async fn plain_delete_file_is_read_sorted() {
    let (store, file) = file(vec![("file_path", names(3)), ("pos", integers(&[7, 0, 7]))]).await;
    let positions = read_delete_file(store, &file, "parquet", None)
        .await
        .unwrap();
    assert_eq!(positions, [0, 7]);
}

/// The snapshot column may stand before the positions in the file.
#[tokio::test]
async fn later_deletes_are_left_out_below_a_limit() {
    for is_swapped in [false, true] {
        let mut columns = vec![
            ("file_path", names(4)),
            ("pos", integers(&[1, 2, 3, 4])),
            ("_ducklake_internal_snapshot_id", integers(&[5, 9, 5, 10])),
        ];
        if is_swapped {
            columns.swap(1, 2);
        }
        let (store, file) = file(columns).await;
        let limit = Some(SnapshotId(9));
        let seen = read_delete_file(Arc::clone(&store), &file, "parquet", limit)
            .await
            .unwrap();
        assert_eq!(seen, [1, 2, 3]);
        let all = read_delete_file(store, &file, "parquet", None)
            .await
            .unwrap();
        assert_eq!(all, [1, 2, 3, 4]);
    }
}

#[tokio::test]
async fn rows_of_later_snapshots_are_found() {
    let columns = vec![
        ("a", integers(&[10, 20, 30])),
        ("_ducklake_internal_snapshot_id", integers(&[3, 5, 4])),
    ];
    let (store, file) = file(columns).await;
    let later = read_later_positions(store, &file, SnapshotId(3))
        .await
        .unwrap();
    assert_eq!(later, [1, 2]);
}

#[tokio::test]
async fn wrong_files_say_what_is_wrong() {
    let (store, mut found) = file(vec![("a", integers(&[1]))]).await;
    let puffin = read_delete_file(Arc::clone(&store), &found, "puffin", None)
        .await
        .unwrap_err();
    assert_eq!(puffin.kind, ErrorKind::Unsupported);
    assert_eq!(
        puffin.message,
        "delete files of the format \"puffin\" cannot be read"
    );
    let other = read_delete_file(Arc::clone(&store), &found, "parquet", None)
        .await
        .unwrap_err();
    assert_eq!(other.kind, ErrorKind::Corrupt);
    found.location = Path::from("gone.parquet");
    let missing = read_delete_file(store, &found, "parquet", None)
        .await
        .unwrap_err();
    assert_eq!(missing.kind, ErrorKind::Corrupt);
    assert!(
        missing.message.contains("gone.parquet is missing"),
        "{}",
        missing.message
    );
    let (store, negative) = file(vec![("pos", integers(&[-1]))]).await;
    let negative = read_delete_file(store, &negative, "parquet", None)
        .await
        .unwrap_err();
    assert_eq!(negative.kind, ErrorKind::Corrupt);
}
