//! Sequences: no value twice, whatever is rolled back, restarted or killed.

use super::*;
use crate::{
    NewSequence, OwnerTarget, SequenceBlock, SequenceId, SequenceOptions, SequenceOwner,
    SequenceOwnerKind, SequenceState,
};

fn counting(increment: i64, min: i64, max: i64) -> SequenceOptions {
    SequenceOptions {
        data_type: ColumnType::Int64,
        start: if increment > 0 { min } else { max },
        increment,
        min,
        max,
        cache: 1,
        cycle: false,
    }
}

fn up() -> SequenceOptions {
    counting(1, 1, i64::MAX)
}

fn new(schema_id: SchemaId, name: &str) -> NewSequence {
    NewSequence {
        schema_id,
        name: name.to_owned(),
        owner: "gotgan".to_owned(),
        options: up(),
        owned_by: None,
    }
}

async fn made(bench: &Bench, options: SequenceOptions) -> SequenceId {
    let mut transaction = bench.begin().await;
    let new = NewSequence {
        options,
        ..new(bench.public, "s")
    };
    transaction.create_sequence(new).expect("a sequence");
    transaction.commit().await.expect("a commit");
    by_name(bench, "s").await
}

async fn by_name(bench: &Bench, name: &str) -> SequenceId {
    let head = bench.lake.head().await.expect("a head");
    head.sequence_by_name(bench.public, name)
        .expect("the sequence")
        .id
}

/// The next value, as a statement of its own would take it.
async fn next(bench: &Bench, id: SequenceId) -> i64 {
    let block = bench.lake.reserve_sequence(id, 1).await.expect("a block");
    block.expect("a value").first
}

async fn next_in(transaction: &mut Transaction, id: SequenceId) -> Option<i64> {
    let block = transaction.reserve_sequence(id, 1).await.expect("a block");
    block.map(|block| block.first)
}

fn state(last_value: i64, is_called: bool) -> SequenceState {
    SequenceState {
        last_value,
        is_called,
    }
}

#[test]
fn blocks_end_where_the_sequence_ends() {
    let check = |options: &SequenceOptions, from: (i64, bool), count: u64, expected: &[i64]| {
        let mut now = state(from.0, from.1);
        let block = now.advance(options, count);
        let values: Vec<i64> = block.into_iter().flat_map(SequenceBlock::values).collect();
        assert_eq!(values, expected, "{options:?} {from:?}");
        match expected.last() {
            Some(last) => assert_eq!(now, state(*last, true)),
            None => assert_eq!(now, state(from.0, from.1)),
        }
    };
    check(&up(), (1, false), 3, &[1, 2, 3]);
    check(&up(), (3, true), 2, &[4, 5]);
    check(&up(), (i64::MAX - 1, true), 9, &[i64::MAX]);
    check(&up(), (i64::MAX, true), 9, &[]);
    check(&counting(5, 1, 12), (6, true), 9, &[11]);
    check(&counting(-2, -5, -1), (-1, false), 9, &[-1, -3, -5]);
    check(&counting(-1, i64::MIN, -1), (i64::MIN, true), 1, &[]);
    let mut cycling = counting(1, 1, 3);
    cycling.cycle = true;
    check(&cycling, (2, true), 9, &[3]);
    check(&cycling, (3, true), 9, &[1, 2, 3]);
    let whole = counting(1, i64::MIN, i64::MAX);
    check(&whole, (i64::MIN, false), 2, &[i64::MIN, i64::MIN + 1]);
}

#[tokio::test]
async fn values_rise_over_rollbacks_and_restarts() {
    let bench = Bench::new().await;
    let id = made(&bench, up()).await;
    assert_eq!(
        bench.lake.sequence_state(id).await.expect("a state"),
        state(1, false)
    );
    assert_eq!(next(&bench, id).await, 1);
    let mut transaction = bench.begin().await;
    assert_eq!(next_in(&mut transaction, id).await, Some(2));
    assert!(!transaction.has_changes(), "a value is no change");
    transaction.rollback().await;
    assert_eq!(next(&bench, id).await, 3);
    assert_eq!(
        bench.lake.sequence_state(id).await.expect("a state"),
        state(3, true)
    );
    let many = bench.lake.reserve_sequence(id, 1000).await.expect("many");
    let many = many.expect("values");
    assert!(many.first == 4 && many.count >= 1 && many.count <= 1000);
    let last = many.values().last().expect("a value");
    // An orderly end gives back what nobody used.
    let bench = bench.reopen().await;
    assert_eq!(next(&bench, id).await, last + 1);
}

#[tokio::test]
async fn a_crash_leaves_a_gap_and_no_value_twice() {
    let bench = Bench::new().await;
    let id = made(&bench, up()).await;
    let mut seen = BTreeSet::new();
    let mut bench = bench;
    for _ in 0..3 {
        for _ in 0..40 {
            assert!(seen.insert(next(&bench, id).await));
        }
        let Bench {
            folder,
            script,
            clock,
            lake,
            public,
        } = bench;
        // No `close`: as if the process had died.
        drop(lake);
        let lake = open_at(folder.path(), &script, &clock).await;
        let lake = lake.expect("the same lake");
        bench = Bench {
            folder,
            script,
            clock,
            lake,
            public,
        };
    }
    assert_eq!(seen.len(), 120);
}

#[tokio::test]
async fn concurrent_sessions_never_share_a_value() {
    let bench = Bench::new().await;
    let id = made(&bench, up()).await;
    let mut tasks = Vec::new();
    for task in 0..8_u64 {
        let lake = bench.lake.clone();
        tasks.push(tokio::spawn(async move {
            let mut values = Vec::new();
            for round in 0..50 {
                let block = lake.reserve_sequence(id, 1 + (task * round) % 7).await;
                let block = block.expect("a block").expect("values");
                values.extend(block.values());
            }
            values
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("no panic"));
    }
    let distinct: BTreeSet<i64> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len());
    assert_eq!(distinct.first(), Some(&1));
    assert_eq!(
        distinct.last(),
        Some(&(all.len() as i64)),
        "and none is lost"
    );
}

#[tokio::test]
async fn the_end_of_a_sequence_is_told() {
    let bench = Bench::new().await;
    let id = made(&bench, counting(1, 1, 3)).await;
    for expected in 1..=3 {
        assert_eq!(next(&bench, id).await, expected);
    }
    assert_eq!(
        bench.lake.reserve_sequence(id, 1).await.expect("none"),
        None
    );
    bench
        .lake
        .store_sequence_state(id, state(2, true))
        .await
        .expect("set");
    assert_eq!(next(&bench, id).await, 3);
}

#[tokio::test]
async fn setting_a_value_outlives_a_rollback() {
    let bench = Bench::new().await;
    let id = made(&bench, up()).await;
    next(&bench, id).await;
    let mut transaction = bench.begin().await;
    transaction
        .store_sequence_state(id, state(100, false))
        .await
        .expect("set");
    transaction.rollback().await;
    assert_eq!(next(&bench, id).await, 100);
    let gone = bench.lake.reserve_sequence(SequenceId(999), 1).await;
    assert_eq!(kind(gone), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_new_sequence_counts_before_its_commit() {
    let bench = Bench::new().await;
    let mut transaction = bench.begin().await;
    let id = transaction
        .create_sequence(new(bench.public, "s"))
        .expect("a sequence");
    assert_eq!(next_in(&mut transaction, id).await, Some(1));
    let savepoint = transaction.savepoint();
    assert_eq!(next_in(&mut transaction, id).await, Some(2));
    transaction.rollback_to(&savepoint);
    assert_eq!(
        next_in(&mut transaction, id).await,
        Some(3),
        "a savepoint takes no value back"
    );
    assert!(
        bench
            .lake
            .head()
            .await
            .expect("a head")
            .sequences()
            .next()
            .is_none()
    );
    transaction.commit().await.expect("a commit");
    let id = by_name(&bench, "s").await;
    assert_eq!(next(&bench, id).await, 4);
    let bench = bench.reopen().await;
    assert_eq!(next(&bench, id).await, 5);
}

#[tokio::test]
async fn a_restart_is_part_of_its_transaction() {
    let bench = Bench::new().await;
    let id = made(&bench, up()).await;
    for _ in 0..5 {
        next(&bench, id).await;
    }
    let mut transaction = bench.begin().await;
    let savepoint = transaction.savepoint();
    transaction.restart_sequence(id, 50).expect("restarted");
    assert_eq!(next_in(&mut transaction, id).await, Some(50));
    assert_eq!(next(&bench, id).await, 6, "others go on");
    transaction.rollback_to(&savepoint);
    assert_eq!(next_in(&mut transaction, id).await, Some(7));
    transaction.restart_sequence(id, 1).expect("restarted");
    assert_eq!(next_in(&mut transaction, id).await, Some(1));
    transaction.commit().await.expect("a commit");
    assert_eq!(next(&bench, id).await, 2);
    let mut transaction = bench.begin().await;
    transaction.restart_sequence(id, 9).expect("restarted");
    transaction.rollback().await;
    assert_eq!(next(&bench, id).await, 3);
}

#[tokio::test]
async fn definitions_survive_and_change() {
    let bench = Bench::new().await;
    let id = made(&bench, up()).await;
    assert_eq!(next(&bench, id).await, 1);
    let mut transaction = bench.begin().await;
    assert_eq!(
        kind(transaction.create_sequence(new(bench.public, "s"))),
        ErrorKind::Exists
    );
    assert_eq!(
        kind(transaction.create_table(table(bench.public, "s"))),
        ErrorKind::Exists,
        "a sequence takes its name from tables too"
    );
    transaction
        .alter_sequence(id, counting(10, 1, 1000))
        .expect("altered");
    assert_eq!(
        next_in(&mut transaction, id).await,
        Some(11),
        "counts as the transaction sees it"
    );
    transaction.rename_sequence(id, "r").expect("renamed");
    transaction
        .set_comment(CommentTarget::Sequence(id), Some("counts".to_owned()))
        .expect("a comment");
    transaction
        .set_owner(OwnerTarget::Sequence(id), "gotgan")
        .expect("an owner");
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    let head = bench.lake.head().await.expect("a head");
    let found = head
        .sequence_by_name(bench.public, "r")
        .expect("the sequence");
    assert_eq!(found.options, counting(10, 1, 1000));
    assert_eq!(found.comment.as_deref(), Some("counts"));
    assert!(head.sequence_by_name(bench.public, "s").is_none());
    assert_eq!(next(&bench, id).await % 10, 1);
    let mut transaction = bench.begin().await;
    assert_eq!(
        kind(transaction.drop_schema(bench.public)),
        ErrorKind::Exists
    );
    transaction
        .rename_schema(bench.public, "renamed")
        .expect("renamed");
    transaction.drop_sequence(id).expect("dropped");
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    let head = bench.lake.head().await.expect("a head");
    assert!(head.sequences().next().is_none());
}

fn identity(table: TableId) -> Option<SequenceOwner> {
    Some(SequenceOwner {
        table,
        column: ColumnId(1),
        kind: SequenceOwnerKind::IdentityAlways,
    })
}

/// Table `t` whose column `a` is an identity column.
async fn with_identity(bench: &Bench) -> TableId {
    let mut transaction = bench.begin().await;
    let id = transaction
        .create_table(table(bench.public, "t"))
        .expect("a table");
    let owned = NewSequence {
        owned_by: identity(id),
        ..new(bench.public, "t_a_seq")
    };
    let sequence = transaction.create_sequence(owned).expect("a sequence");
    assert_eq!(
        transaction
            .snapshot()
            .identity(id, ColumnId(1))
            .map(|found| found.id),
        Some(sequence)
    );
    assert_eq!(next_in(&mut transaction, sequence).await, Some(1));
    transaction.commit().await.expect("a commit");
    bench.table_id("t").await
}

#[tokio::test]
async fn an_identity_goes_with_its_column() {
    let bench = Bench::new().await;
    let id = with_identity(&bench).await;
    let bench = bench.reopen().await;
    let sequence = by_name(&bench, "t_a_seq").await;
    assert_eq!(next(&bench, sequence).await, 2);
    let mut transaction = bench.begin().await;
    assert_eq!(kind(transaction.drop_sequence(sequence)), ErrorKind::Exists);
    transaction
        .replace_column(id, ColumnId(1), ColumnType::Int64)
        .await
        .expect("replaced");
    transaction
        .set_table_schema(id, SchemaId(0))
        .expect("moved");
    let seen = transaction.snapshot();
    assert!(seen.identity(id, ColumnId(3)).is_some());
    assert!(seen.sequence_by_name(SchemaId(0), "t_a_seq").is_some());
    let savepoint = transaction.savepoint();
    transaction.drop_column(id, ColumnId(3)).expect("dropped");
    assert!(transaction.snapshot().sequences().next().is_none());
    transaction.rollback_to(&savepoint);
    transaction.drop_table(id).expect("dropped");
    transaction.commit().await.expect("a commit");
    let bench = bench.reopen().await;
    let head = bench.lake.head().await.expect("a head");
    assert!(head.sequences().next().is_none());
}

#[tokio::test]
async fn sequences_conflict_as_other_objects() {
    let bench = Bench::new().await;
    let id = with_identity(&bench).await;
    let sequence = by_name(&bench, "t_a_seq").await;
    // Both change it.
    let mut mine = bench.begin().await;
    mine.restart_sequence(sequence, 1).expect("restarted");
    let mut theirs = bench.begin().await;
    theirs.rename_sequence(sequence, "other").expect("renamed");
    theirs.commit().await.expect("a commit");
    assert_eq!(kind(mine.commit().await), ErrorKind::Conflict);
    // One makes a sequence for a column, the other drops it.
    let mut mine = bench.begin().await;
    let owned = NewSequence {
        owned_by: identity(id),
        ..new(bench.public, "s")
    };
    mine.create_sequence(owned).expect("a sequence");
    let mut same_name = bench.begin().await;
    same_name
        .create_sequence(new(bench.public, "s"))
        .expect("a sequence");
    let mut theirs = bench.begin().await;
    theirs.drop_column(id, ColumnId(1)).expect("dropped");
    let mut dropping = bench.begin().await;
    dropping.drop_table(id).expect("dropped");
    same_name.commit().await.expect("a commit");
    assert_eq!(kind(mine.commit().await), ErrorKind::Conflict, "same name");
    theirs.commit().await.expect("a commit");
    assert_eq!(kind(dropping.commit().await), ErrorKind::Conflict);
    let mut adding = bench.begin().await;
    let owner = SequenceOwner {
        table: id,
        column: ColumnId(2),
        kind: SequenceOwnerKind::Auto,
    };
    let owned = NewSequence {
        owned_by: Some(owner),
        ..new(bench.public, "late")
    };
    adding.create_sequence(owned).expect("a sequence");
    let mut dropping = bench.begin().await;
    dropping.drop_table(id).expect("dropped");
    adding.commit().await.expect("a commit");
    assert_eq!(
        kind(dropping.commit().await),
        ErrorKind::Conflict,
        "its sequence would be left behind"
    );
}
