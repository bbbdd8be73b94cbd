//! Which files are worth a rewrite, and that a rewrite holds the same rows.

use super::*;
use crate::{CompactionOptions, DataFile};

fn options() -> CompactionOptions {
    CompactionOptions {
        file_count_min: 3,
        ..CompactionOptions::default()
    }
}

/// A table with this many small files of ten rows.
async fn filled(bench: &Bench, file_count: i32) -> TableId {
    let id = bench.table("t").await;
    for number in 0..file_count {
        let mut transaction = bench.begin().await;
        insert(&mut transaction, id, number * 10, number * 10 + 10).await;
        transaction.commit().await.expect("a commit");
    }
    id
}

async fn groups(bench: &Bench, table: TableId, options: &CompactionOptions) -> Vec<Vec<i64>> {
    let head = bench.lake.head().await.expect("a head");
    let list = bench.lake.files(&head, table).await.expect("files");
    let groups = bench.lake.compaction_groups(&list, options).await;
    let ids = |group: &Vec<Arc<DataFile>>| group.iter().map(|file| file.id).collect();
    groups.expect("groups").iter().map(ids).collect()
}

#[tokio::test]
async fn small_files_and_worn_ones_are_chosen() {
    let bench = Bench::new().await;
    let id = filled(&bench, 2).await;
    let nothing: Vec<Vec<i64>> = Vec::new();
    assert_eq!(groups(&bench, id, &options()).await, nothing, "too few");
    for number in 2..5 {
        let mut transaction = bench.begin().await;
        insert(&mut transaction, id, number * 10, number * 10 + 10).await;
        transaction.commit().await.expect("a commit");
    }
    let all = groups(&bench, id, &options()).await;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].len(), 5);
    let bounded = CompactionOptions {
        group_bytes_max: 1_600,
        ..options()
    };
    let sizes: Vec<usize> = groups(&bench, id, &bounded)
        .await
        .iter()
        .map(Vec::len)
        .collect();
    assert_eq!(sizes, [3], "the rest is too few again");
    let mut transaction = bench.begin().await;
    transaction
        .delete_rows(id, all[0][1], &[0, 1, 2])
        .await
        .expect("three");
    transaction.commit().await.expect("a commit");
    assert_eq!(groups(&bench, id, &options()).await, all, "worn or not");
    let many = CompactionOptions {
        file_count_min: 6,
        ..options()
    };
    let worn = groups(&bench, id, &many).await;
    assert_eq!(worn, [vec![all[0][1]]], "too few, but one is worn");
}

#[tokio::test]
async fn small_files_are_merged_with_those_of_their_size() {
    let bench = Bench::new().await;
    let id = filled(&bench, 3).await;
    let mut transaction = bench.begin().await;
    insert(&mut transaction, id, 0, 40_000).await;
    transaction.commit().await.expect("a commit");
    let list = bench.lake.head().await.expect("a head");
    let list = bench.lake.files(&list, id).await.expect("files");
    assert!(list.files[3].bytes > 16 << 10, "{}", list.files[3].bytes);
    let ids: Vec<i64> = list.files.iter().map(|file| file.id).collect();
    let by_size = groups(&bench, id, &options()).await;
    assert_eq!(by_size, [ids[..3].to_vec()], "not the large one");
    let thorough = options().thorough(false);
    assert_eq!(groups(&bench, id, &thorough).await, [ids], "all of them");
    let few = CompactionOptions {
        file_count_min: 4,
        ..options()
    };
    let with_larger = groups(&bench, id, &few).await;
    assert_eq!(
        with_larger.len(),
        1,
        "too few small ones: with the next size"
    );
}

#[tokio::test]
async fn a_rewrite_with_other_rows_is_refused() {
    let bench = Bench::new().await;
    let id = filled(&bench, 2).await;
    let objects = bench.object_count();
    let mut transaction = bench.begin().await;
    let list = transaction.files(id).await.expect("files");
    let file = list.files[0].id;
    let writer = transaction.rewriter(id).await.expect("a writer");
    let nothing = writer.finish().await.expect("no files");
    let refused = transaction.replace_files(id, &[file], nothing).await;
    assert_eq!(kind(refused), ErrorKind::Internal);
    let writer = transaction.rewriter(id).await.expect("a writer");
    let nothing = writer.finish().await.expect("no files");
    let absent = transaction.replace_files(id, &[file + 99], nothing).await;
    assert_eq!(kind(absent), ErrorKind::NotFound);
    transaction.rollback().await;
    assert_eq!(bench.object_count(), objects);
    assert_eq!(bench.row_count(id).await, 20);
}
