//! The log of statements on both databases.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    LogPlace, LogRange, LoggedClient, LoggedRole, LoggedStatement, LoggedTable, StatementLog,
};
use crate::activity::{PostgresActivity, SqliteActivity};
use crate::catalog::testing::server_or_skip;
use crate::object::ReadCounts;

const TIMEOUT: Duration = Duration::from_secs(60);

/// A log in a folder, and one on a server where the environment names one.
fn logs(folder: &tempfile::TempDir) -> Vec<Box<dyn StatementLog>> {
    let path = folder.path().join("activity.sqlite");
    let mut logs: Vec<Box<dyn StatementLog>> = vec![Box::new(SqliteActivity::new(path, TIMEOUT))];
    if let Some(url) = server_or_skip("the log of statements on a server") {
        let log = PostgresActivity::new(&url, TIMEOUT).expect("a log on a server");
        logs.push(Box::new(log));
    }
    logs
}

/// The name of a test's lake: on a server all of them share the tables.
fn lake(folder: &tempfile::TempDir) -> String {
    folder.path().display().to_string()
}

/// A moment, in seconds after the start of a day.
fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 / 86_400 * 86_400 + seconds, 0).expect("a time")
}

fn role(id: i64) -> LoggedRole {
    LoggedRole {
        id,
        name: format!("role {id}"),
    }
}

fn table(name: &str, bytes_read: u64) -> LoggedTable {
    LoggedTable {
        name: name.to_owned(),
        columns: vec!["a".to_owned(), "b \"quoted\"".to_owned()],
        reads: ReadCounts {
            files_read: 1,
            files_pruned: 2,
            bytes_read,
            bytes_cached: 3,
            bytes_pruned: 4,
        },
    }
}

fn statement(number: i64, role_id: i64) -> LoggedStatement {
    LoggedStatement {
        query_id: format!("id {number:04}"),
        started_at: at(number),
        client: Arc::new(LoggedClient {
            node: "a node".to_owned(),
            node_role: "replica".to_owned(),
            role: role(role_id),
            session_role: role(7),
            database: "gotgan".to_owned(),
            client_address: (number % 2 == 0).then(|| "127.0.0.1:5".to_owned()),
            application_name: "an application".to_owned(),
            process_id: 9,
        }),
        statement: format!("SELECT {number}, 'ü'").into(),
        queue_time: TimeDelta::zero(),
        plan_time: TimeDelta::microseconds(5),
        run_time: TimeDelta::microseconds(number),
        rows_returned: 1,
        bytes_sent: 10,
        memory_peak: 11,
        bytes_spilled: 12,
        sqlstate: "00000".into(),
        tables: Vec::new(),
        snapshot_id: (number % 3 != 0).then_some(number),
    }
}

#[tokio::test]
async fn statements_come_back_whole_in_order_and_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = &lake(&folder);
    for log in logs(&folder) {
        let mut batch: Vec<_> = (0..700)
            .map(|number| statement(number, number % 2))
            .collect();
        batch[5].tables = vec![table("s.t", 100), table("s.u", 50)];
        log.append(lake, &batch).await.expect("the batch");
        log.append(&format!("another {lake}"), &batch[..3])
            .await
            .expect("another lake's");
        // Its reply was lost, so it comes again.
        log.append(lake, &batch).await.expect("the batch again");

        let mut found = Vec::new();
        let mut after: Option<LogPlace> = None;
        loop {
            let page = log
                .statements(lake, &LogRange::default(), after.as_ref(), 300)
                .await;
            let page = page.expect("a page");
            let is_last = page.len() < 300;
            found.extend(page);
            after = found
                .last()
                .map(|last| (last.started_at, last.query_id.clone()));
            if is_last {
                break;
            }
        }
        assert_eq!(found, batch);
        let usage = log.usage(lake, None).await.expect("sums");
        let counts: Vec<_> = usage
            .iter()
            .map(|sum| {
                (
                    sum.role.id,
                    sum.table_name.as_str(),
                    sum.statements,
                    sum.bytes_read,
                )
            })
            .collect();
        let expected = [
            (0, "", 350, 0),
            (1, "", 349, 0),
            (1, "s.t", 1, 100),
            (1, "s.u", 1, 50),
        ];
        assert_eq!(counts, expected);
    }
}

#[tokio::test]
async fn range_and_role_choose_statements() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = &lake(&folder);
    for log in logs(&folder) {
        let batch: Vec<_> = (0..20).map(|number| statement(number, number)).collect();
        log.append(lake, &batch).await.expect("the batch");
        let count = async |range: LogRange| {
            let found = log.statements(lake, &range, None, 100).await;
            found.expect("statements").len()
        };
        let between = LogRange {
            from: Some(at(5)),
            until: Some(at(8)),
            role: None,
        };
        assert_eq!(count(between).await, 4);
        let of_role = |role| LogRange {
            role: Some(role),
            ..LogRange::default()
        };
        // As the role whose rights applied, and as the session's.
        assert_eq!(count(of_role(3)).await, 1);
        assert_eq!(count(of_role(7)).await, 20);
        assert_eq!(count(of_role(99)).await, 0);
        assert_eq!(log.usage(lake, Some(3)).await.expect("sums").len(), 1);
        assert_eq!(log.usage(lake, Some(7)).await.expect("sums").len(), 20);
        assert_eq!(log.usage(lake, Some(99)).await.expect("sums").len(), 0);
    }
}

#[tokio::test]
async fn sums_grow_over_batches_and_keep_the_last_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = &lake(&folder);
    for log in logs(&folder) {
        let mut one = statement(1, 3);
        one.tables = vec![table("s.t", 100)];
        log.append(lake, &[one.clone()]).await.expect("the first");
        one.query_id = "another".to_owned();
        Arc::make_mut(&mut one.client).role.name = "renamed".to_owned();
        log.append(lake, &[one]).await.expect("the second");
        let usage = log.usage(lake, None).await.expect("sums");
        let [sum] = usage.as_slice() else {
            panic!("{usage:?}");
        };
        assert_eq!(
            (sum.statements, sum.bytes_read, sum.bytes_cached),
            (2, 200, 6)
        );
        assert_eq!((sum.bytes_sent, sum.rows_returned), (20, 2));
        assert_eq!(sum.run_time, TimeDelta::microseconds(2));
        assert_eq!(sum.role.name, "renamed");
        assert_eq!(sum.day, at(1).date_naive());
    }
}

#[tokio::test]
async fn what_is_old_goes_in_turns() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = &lake(&folder);
    for log in logs(&folder) {
        let batch: Vec<_> = (0..10)
            .map(|number| statement(number * 86_400, 1))
            .collect();
        log.append(lake, &batch).await.expect("the batch");
        let before = at(4 * 86_400);
        let gone = log
            .forget_statements(lake, before, 3)
            .await
            .expect("a turn");
        assert_eq!(gone, 3);
        let gone = log
            .forget_statements(lake, before, 3)
            .await
            .expect("a turn");
        assert_eq!(gone, 1);
        let left = log.statements(lake, &LogRange::default(), None, 100).await;
        assert_eq!(left.expect("what is left"), batch[4..]);
        // The sums of a day stay until it is over.
        assert_eq!(log.usage(lake, None).await.expect("sums").len(), 6);
    }
}

#[tokio::test]
async fn reading_a_log_that_nobody_wrote_makes_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = &lake(&folder);
    let path = folder.path().join("activity.sqlite");
    let log = SqliteActivity::new(path.clone(), TIMEOUT);
    let found = log.statements(lake, &LogRange::default(), None, 100).await;
    assert!(found.expect("nothing").is_empty());
    assert!(log.usage(lake, None).await.expect("nothing").is_empty());
    assert!(!path.exists());
}

#[tokio::test]
async fn many_processes_write_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = &lake(&folder);
    let path = folder.path().join("activity.sqlite");
    let writers = (0..4_i64).map(|writer| {
        let log = SqliteActivity::new(path.clone(), TIMEOUT);
        let lake = lake.clone();
        tokio::spawn(async move {
            for round in 0..10 {
                let number = |index| writer * 1000 + round * 40 + index;
                let batch: Vec<_> = (0..40).map(|index| statement(number(index), 1)).collect();
                log.append(&lake, &batch).await.expect("a batch");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer");
    }
    let log = SqliteActivity::new(path, TIMEOUT);
    let found = log
        .statements(lake, &LogRange::default(), None, 10_000)
        .await;
    assert_eq!(found.expect("all").len(), 1600);
    let usage = log.usage(lake, None).await.expect("sums");
    assert_eq!(usage.iter().map(|sum| sum.statements).sum::<u64>(), 1600);
}

/// Statements of several sessions and nodes come in the order in which they end.
#[tokio::test]
async fn pages_are_in_order_across_batches() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = &lake(&folder);
    for log in logs(&folder) {
        // Each batch reaches over those around it, and one statement ran for long.
        let mut all: Vec<_> = (0..400).map(|number| statement(number, 1)).collect();
        for batch in 0..20 {
            let mut those: Vec<_> = (0..20)
                .map(|index| all[(index * 7 + batch * 20) % 400].clone())
                .collect();
            those.reverse();
            log.append(lake, &those).await.expect("a batch");
        }
        let long = statement(-100_000, 1);
        log.append(lake, &[statement(1000, 1), long.clone()])
            .await
            .expect("the last batch");
        all.insert(0, long);
        all.push(statement(1000, 1));
        for limit in [1, 7, 1000] {
            let mut found: Vec<LoggedStatement> = Vec::new();
            loop {
                let after = found.last();
                let after = after.map(|last| (last.started_at, last.query_id.clone()));
                let everything = LogRange::default();
                let page = log.statements(lake, &everything, after.as_ref(), limit);
                let page = page.await.expect("a page");
                let is_last = page.len() < limit as usize;
                found.extend(page);
                if is_last {
                    break;
                }
            }
            assert_eq!(found, all, "pages of {limit}");
        }
        let range = LogRange {
            from: Some(at(30)),
            until: Some(at(350)),
            role: Some(1),
        };
        let found = log.statements(lake, &range, None, 1000).await;
        assert_eq!(found.expect("a range"), all[31..=351]);
    }
}
