//! Activity on a server, as several nodes meet there.

use std::time::Duration;

use sqlx::{Connection, PgConnection};

use super::PostgresActivity;
use crate::activity::ActivityStore;
use crate::catalog::testing::{database_url, server_or_skip};

const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_start_together_make_the_tables_once() {
    let Some(server) = server_or_skip("nodes that start together") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let url = database_url(&server, folder.path()).await;
    for round in 0..5 {
        let nodes = (0..6).map(|_| {
            let activity = PostgresActivity::new(&url, TIMEOUT).expect("an address");
            tokio::spawn(async move {
                let leases = activity.leases("lake").await;
                activity.close().await;
                leases
            })
        });
        for node in nodes.collect::<Vec<_>>() {
            let leases = node.await.expect("a task");
            assert!(leases.expect("leases").is_empty(), "round {round}");
        }
        let mut connection = PgConnection::connect(&url).await.expect("a connection");
        let dropped = sqlx::raw_sql("DROP SCHEMA gotgan_activity CASCADE");
        dropped.execute(&mut connection).await.expect("dropped");
    }
}
