//! kill -9 at random moments of COPY, CTAS and commit.
//!
//! After each restart every acknowledged commit is there, nothing half-done is
//! visible, and the server starts without help. `SEED=7` repeats a run;
//! GOTGAN_TEST_LONG makes it 50 rounds instead of 5.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gotgan_tests::client::Login;
use gotgan_tests::{Client, Server, variable};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Rows of each COPY and CTAS: enough for data files, not only inlined rows.
const ROWS: usize = 20_000;

/// Longest time that a server runs before it is killed, in microseconds.
const LIFE_MICROS_MAX: u64 = 1_500_000;

/// What a writer knows about one of its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The server said that it is committed.
    Acknowledged,
    /// It was asked for, and no answer came.
    Unknown,
}

/// Batches by number, shared between a writer and the checks.
type Ledger = Arc<Mutex<Vec<(String, Fate)>>>;

/// Runs until the server dies: one batch after the other, each one commit.
fn write(address: std::net::SocketAddr, login: Login, writer: usize, round: usize, ledger: Ledger) {
    let Ok(mut client) = Client::connect(address, &login) else {
        return;
    };
    for number in 0.. {
        let batch = format!("w{writer}_r{round}_n{number}");
        ledger.lock().unwrap().push((batch.clone(), Fate::Unknown));
        let is_done = match number % 4 {
            0 => copy(&mut client, &batch),
            1 => execute(&mut client, &create(&batch)),
            2 => execute(
                &mut client,
                &format!("BEGIN; {}; {}; COMMIT", insert(&batch), create(&batch)),
            ),
            _ => execute(&mut client, &insert(&batch)),
        };
        if !is_done {
            return;
        }
        if let Some(last) = ledger.lock().unwrap().last_mut() {
            last.1 = Fate::Acknowledged;
        }
    }
}

/// Inserts one row: small enough to be kept in the catalog.
fn insert(batch: &str) -> String {
    format!("INSERT INTO rows VALUES ('{batch}', -1)")
}

/// Makes a table of its own.
fn create(batch: &str) -> String {
    format!("CREATE TABLE made_{batch} AS SELECT n FROM generate_series(1, {ROWS}) AS n")
}

fn execute(client: &mut Client, sql: &str) -> bool {
    client.query(sql).is_ok_and(|reply| {
        assert_eq!(reply.error, None, "{sql}");
        true
    })
}

fn copy(client: &mut Client, batch: &str) -> bool {
    let lines: String = (0..ROWS)
        .map(|number| format!("{batch}\t{number}\n"))
        .collect();
    client
        .copy_in("COPY rows FROM STDIN", lines.as_bytes())
        .is_ok_and(|reply| {
            assert_eq!(reply.error, None);
            true
        })
}

/// Compares what is visible with what the writers know.
fn check(client: &mut Client, ledger: &Ledger, seed: u64) {
    let counts = client
        .execute("SELECT batch, count(*), count(DISTINCT n) FROM rows GROUP BY batch")
        .unwrap()
        .results[0]
        .text_rows();
    let tables = client
        .execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'made%'")
        .unwrap()
        .results[0]
        .text_rows()
        .concat();
    for (batch, fate) in ledger.lock().unwrap().iter() {
        let kind: usize = batch.rsplit('n').next().unwrap().parse().unwrap();
        let rows = counts.iter().find(|row| row[0].as_deref() == Some(batch));
        let row_count: usize =
            rows.map_or(0, |row| row[1].as_deref().unwrap_or("0").parse().unwrap());
        let table_name = format!("made_{batch}");
        let has_table = tables
            .iter()
            .any(|name| name.as_deref() == Some(table_name.as_str()));
        let (rows_whole, has_table_whole) = match kind % 4 {
            0 => (ROWS, false),
            1 => (0, true),
            2 => (1, true),
            _ => (1, false),
        };
        let is_whole = row_count == rows_whole && has_table == has_table_whole;
        let is_absent = row_count == 0 && !has_table;
        let context = format!("SEED={seed} {batch} {fate:?}: {row_count} rows, table {has_table}");
        assert!(
            is_whole || (is_absent && *fate == Fate::Unknown),
            "{context}"
        );
        if has_table {
            let sum = client
                .value(&format!("SELECT sum(n) FROM {table_name}"))
                .unwrap();
            assert_eq!(sum, (ROWS * (ROWS + 1) / 2).to_string(), "{context}");
        }
    }
}

#[test]
fn kill_at_random_moments_loses_nothing_acknowledged() {
    let rounds = if variable("GOTGAN_TEST_LONG").is_some() {
        50
    } else {
        5
    };
    let seed = variable("SEED")
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(rand::random);
    eprintln!("SEED={seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let mut server = Server::start().unwrap();
    server
        .client()
        .unwrap()
        .execute("CREATE TABLE rows (batch text, n int)")
        .unwrap();
    let ledgers: Vec<Ledger> = (0..2).map(|_| Ledger::default()).collect();
    let mut acknowledged = 0;
    for round in 0..rounds {
        let writers: Vec<JoinHandle<()>> = ledgers
            .iter()
            .enumerate()
            .map(|(writer, ledger)| {
                let (address, login) = (server.address(), server.login());
                let ledger = Arc::clone(ledger);
                thread::spawn(move || write(address, login, writer, round, ledger))
            })
            .collect();
        // The moment is the point of this test, so it waits instead of polling.
        thread::sleep(Duration::from_micros(
            chance.random_range(0..LIFE_MICROS_MAX),
        ));
        server.kill().unwrap();
        for writer in writers {
            writer.join().unwrap();
        }
        server.restart().unwrap();
        let mut client = server.client().unwrap();
        for ledger in &ledgers {
            check(&mut client, ledger, seed);
            let batches = ledger.lock().unwrap();
            acknowledged += batches
                .iter()
                .filter(|(_, fate)| *fate == Fate::Acknowledged)
                .count();
        }
        clear(&mut client, &ledgers);
    }
    assert!(acknowledged > 0, "SEED={seed}: nothing was ever committed");
}

/// Drops what a round made, so that the next one starts small.
fn clear(client: &mut Client, ledgers: &[Ledger]) {
    client.execute("TRUNCATE rows").unwrap();
    for ledger in ledgers {
        for (batch, _) in ledger.lock().unwrap().drain(..) {
            client
                .execute(&format!("DROP TABLE IF EXISTS made_{batch}"))
                .unwrap();
        }
    }
}

#[test]
fn readers_see_whole_commits_while_a_writer_works() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client
        .execute("CREATE TABLE a (n int); CREATE TABLE b (n int)")
        .unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let (address, login) = (server.address(), server.login());
    let stop = Arc::clone(&is_over);
    let reader = thread::spawn(move || {
        let mut client = Client::connect(address, &login).unwrap();
        let sql = "SELECT (SELECT count(*) FROM a) - (SELECT count(*) FROM b)";
        let mut reads = 0;
        while !stop.load(Ordering::Relaxed) {
            assert_eq!(client.value(sql).unwrap(), "0", "half a commit is visible");
            reads += 1;
        }
        reads
    });
    for number in 0..20 {
        let insert = |table| {
            format!(
                "INSERT INTO {table} SELECT n FROM generate_series(1, {}) AS n",
                number * 50 + 1
            )
        };
        client
            .execute(&format!("BEGIN; {}; {}; COMMIT", insert("a"), insert("b")))
            .unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 0);
}
