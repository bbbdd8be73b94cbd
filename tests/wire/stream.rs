//! Results stream: memory does not grow with the number of rows.

use std::time::{Duration, Instant};

use gotgan_tests::client::query;
use gotgan_tests::{Server, poll, variable};

/// Most that a streamed result may add to the server's memory, in bytes.
const GROWTH_BYTES_MAX: u64 = 100 << 20;

/// Rows of about 120 bytes that are streamed: ten million in the long tests.
fn row_count() -> u64 {
    if variable("GOTGAN_TEST_LONG").is_some() {
        10_000_000
    } else {
        2_000_000
    }
}

#[test]
fn memory_stays_small_while_rows_stream() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client
        .value("SELECT count(*) FROM generate_series(1, 100000)")
        .unwrap();
    let before = server.memory_bytes().unwrap();
    let row_count = row_count();
    let sql = format!("SELECT n, repeat('x', 100) FROM generate_series(1, {row_count}) AS n");
    client.send(&query(&sql)).unwrap();
    let (mut received, mut most) = (0, before);
    loop {
        let message = client.expect_message().unwrap();
        match message.tag {
            b'D' => received += 1,
            b'Z' => break,
            _ => {}
        }
        if received % 100_000 == 0 {
            most = most.max(server.memory_bytes().unwrap());
        }
    }
    assert_eq!(received, row_count);
    assert!(
        most < before + GROWTH_BYTES_MAX,
        "grew from {before} to {most} bytes"
    );
}

#[test]
fn slow_client_slows_the_query() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client
        .value("SELECT count(*) FROM generate_series(1, 100000)")
        .unwrap();
    let before = server.memory_bytes().unwrap();
    client
        .send(&query(
            "SELECT n, repeat('x', 100) FROM generate_series(1, 100000000) AS n",
        ))
        .unwrap();
    client.expect_message().unwrap();
    // The client reads no more: the server must come to rest, not fill its memory.
    let mut last = (Instant::now(), 0);
    let rest = poll(|| {
        let ticks = cpu_ticks(&server);
        if ticks != last.1 {
            last = (Instant::now(), ticks);
        }
        (last.0.elapsed() > Duration::from_millis(500)).then_some(())
    });
    assert!(
        rest.is_some(),
        "the server goes on computing rows that nobody takes"
    );
    let after = server.memory_bytes().unwrap();
    assert!(
        after < before + GROWTH_BYTES_MAX,
        "grew from {before} to {after} bytes"
    );
    client.vanish().unwrap();
}

#[test]
fn server_that_has_just_started_is_small() {
    let server = Server::start().unwrap();
    server.client().unwrap().value("SELECT 1").unwrap();
    let bytes = server.memory_bytes().unwrap();
    assert!(
        bytes < 200 << 20,
        "{bytes} bytes; an optimised build is held to 100 MB by the bench"
    );
}

/// Returns the processor time used, in clock ticks.
fn cpu_ticks(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.process_id())).unwrap();
    let numbers: Vec<u64> = stat
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|word| word.parse().ok())
        .collect();
    numbers.iter().sum()
}
