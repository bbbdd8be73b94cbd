//! SQL that is quick however long the history is.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row as _};

use super::{Dialect, Statement};
use crate::catalog::{Condition, Selection};
use crate::spec::rows::{ChangesRow, SnapshotRow};

#[tokio::test]
async fn what_was_committed_since_is_found_by_an_index() {
    let options = SqliteConnectOptions::new().in_memory(true);
    let mut database = options.connect().await.unwrap();
    for selection in [
        Selection::of::<ChangesRow>(vec![Condition::MoreThan("snapshot_id", 7)]),
        Selection::of::<SnapshotRow>(vec![Condition::MoreThan("snapshot_id", 7)]),
    ] {
        let table = crate::catalog::sqlite::text::create_table(selection.table);
        sqlx::query(AssertSqlSafe(table))
            .execute(&mut database)
            .await
            .unwrap();
        let statement = Statement::select(Dialect::Sqlite, &selection);
        let explain = format!("EXPLAIN QUERY PLAN {}", statement.sql);
        let plan = sqlx::query(AssertSqlSafe(explain))
            .bind(7)
            .fetch_all(&mut database)
            .await
            .unwrap();
        let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
        assert!(steps[0].starts_with("SEARCH"), "{steps:?}");
        assert_eq!(steps.len(), 1, "no sorting besides: {steps:?}");
    }
    database.close().await.unwrap();
}
