//! Temporary tables: one connection's, gone with it, and nowhere in the lake.

use std::fs;
use std::path::{Path, PathBuf};

use gotgan_tests::{Client, Server, poll};

/// Files below a folder; one that goes away meanwhile has none.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

fn parquet_count(folder: &Path) -> usize {
    let all = files(folder).into_iter();
    let parquet = all.filter(|path| path.extension().is_some_and(|kind| kind == "parquet"));
    parquet.count()
}

/// A connection with a temporary table of more rows than stay in memory.
fn connection(server: &Server, name: &str) -> Client {
    let mut client = server.client().unwrap();
    client
        .execute(&format!(
            "CREATE TEMP TABLE {name} AS SELECT n FROM generate_series(1, 50000) AS n"
        ))
        .unwrap();
    client
}

#[test]
fn connections_do_not_see_each_others() {
    let server = Server::start().unwrap();
    let mut one = connection(&server, "own");
    let mut two = server.client().unwrap();
    assert_eq!(two.query("SELECT * FROM own").unwrap().code(), "42P01");
    let listed = "SELECT count(*) FROM pg_class WHERE relname = 'own'";
    assert_eq!(two.value(listed).unwrap(), "0");
    assert_eq!(one.value(listed).unwrap(), "1");
    let schema = one
        .value("SELECT relnamespace::regnamespace FROM pg_class WHERE relname = 'own'")
        .unwrap();
    let by_name = format!("SELECT * FROM {schema}.own");
    assert_eq!(two.query(&by_name).unwrap().code(), "42P01");
    two.execute("CREATE TEMP TABLE own (other text); INSERT INTO own VALUES ('b')")
        .unwrap();
    assert_eq!(one.value("SELECT max(n) FROM own").unwrap(), "50000");
    assert_eq!(two.value("SELECT other FROM own").unwrap(), "b");
}

#[test]
fn files_end_with_the_connection() {
    let server = Server::start().unwrap();
    let spill = server.data_dir().join("spill");
    let leaving = connection(&server, "left");
    let mut vanishing = connection(&server, "vanished");
    let mut staying = connection(&server, "stays");
    assert_eq!(parquet_count(&spill), 3);
    // In the middle of a transaction that changed them.
    vanishing
        .execute("BEGIN; UPDATE vanished SET n = 0; CREATE TEMP TABLE more AS TABLE vanished")
        .unwrap();
    drop(leaving);
    vanishing.vanish().unwrap();
    poll(|| (parquet_count(&spill) == 1).then_some(())).expect("two are gone");
    assert_eq!(
        staying.value("SELECT count(*) FROM stays").unwrap(),
        "50000"
    );
    staying.execute("DISCARD ALL").unwrap();
    assert_eq!(parquet_count(&spill), 0);
}

#[test]
fn nothing_of_them_is_in_the_lake() {
    let mut server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client
        .execute("CREATE TABLE permanent (a int); INSERT INTO permanent VALUES (1)")
        .unwrap();
    let folder = server.data_dir().to_owned();
    let before = parquet_count(&folder.join("data"));
    client
        .execute(
            "CREATE TEMP TABLE hidden_relation (hidden_column int PRIMARY KEY, n serial); \
             INSERT INTO hidden_relation SELECT n FROM generate_series(1, 5000) AS n; \
             BEGIN; INSERT INTO permanent SELECT hidden_column FROM hidden_relation LIMIT 2; \
             DELETE FROM hidden_relation WHERE hidden_column > 7; \
             CREATE INDEX hidden_index ON hidden_relation (n); \
             CREATE TEMP VIEW hidden_view AS SELECT hidden_column FROM hidden_relation; \
             COMMENT ON TABLE hidden_relation IS 'hidden_comment'; COMMIT",
        )
        .unwrap();
    assert_eq!(
        client.value("SELECT count(*) FROM hidden_view").unwrap(),
        "7"
    );
    assert!(
        parquet_count(&folder.join("data")) <= before + 1,
        "one INSERT"
    );
    let catalog = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
    let bytes = [catalog("catalog.sqlite"), catalog("catalog.sqlite-wal")].concat();
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(holds("permanent"), "the catalog was looked through");
    assert!(!holds("hidden") && !holds("pg_temp"));
    // A process that dies leaves files, which the next one removes.
    server.kill().unwrap();
    assert!(parquet_count(&folder.join("spill")) > 0);
    server.restart().unwrap();
    assert_eq!(parquet_count(&folder.join("spill")), 0);
    let mut client = server.client().unwrap();
    assert_eq!(client.value("SELECT count(*) FROM permanent").unwrap(), "3");
    let missing = client.query("SELECT * FROM hidden_relation").unwrap();
    assert_eq!(missing.code(), "42P01");
}
