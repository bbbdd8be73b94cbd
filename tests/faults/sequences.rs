//! Values of sequences: none comes twice, whoever takes them and whatever happens.
//!
//! `SEED=7` repeats a run.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gotgan_tests::client::Login;
use gotgan_tests::{Client, Server, variable};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Connections that take values at the same time.
const TAKERS: usize = 8;

/// How often the server is killed.
const ROUNDS: usize = 4;

/// Longest time that a server runs before it is killed, in microseconds.
const LIFE_MICROS_MAX: u64 = 1_000_000;

/// Ways to take values; each answers those that it took.
const WAYS: [&str; 4] = [
    "SELECT nextval('numbers')",
    "SELECT nextval('numbers') FROM generate_series(1, 50)",
    "INSERT INTO numbered (number) VALUES (nextval('numbers')), (DEFAULT) RETURNING number",
    "INSERT INTO numbered (number) SELECT nextval('numbers') FROM generate_series(1, 20) \
     RETURNING number",
];

/// What one connection was told: values of `numbers`.
fn take(address: SocketAddr, login: Login, count: usize) -> Vec<i64> {
    let mut taken = Vec::new();
    let Ok(mut client) = Client::connect(address, &login) else {
        return taken;
    };
    for number in 0..count {
        // Once the server is gone no answer comes; what it took then is a gap.
        let Ok(reply) = client.query(WAYS[number % WAYS.len()]) else {
            return taken;
        };
        assert_eq!(reply.error, None);
        let rows = reply.results[0].text_rows();
        taken.extend(rows.iter().map(|row| {
            let value = row[0].as_deref().unwrap();
            value.parse::<i64>().unwrap()
        }));
    }
    taken
}

fn takers(server: &Server, count: usize) -> Vec<JoinHandle<Vec<i64>>> {
    let start = |_| {
        let (address, login) = (server.address(), server.login());
        thread::spawn(move || take(address, login, count))
    };
    (0..TAKERS).map(start).collect()
}

fn create(server: &Server) {
    let mut client = server.client().unwrap();
    client.execute("CREATE SEQUENCE numbers").unwrap();
    client
        .execute(
            "CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY, \
             number bigint DEFAULT nextval('numbers'))",
        )
        .unwrap();
}

/// Adds values that nobody was told before.
fn note(seen: &mut BTreeSet<i64>, taken: Vec<i64>, context: &str) {
    for value in taken {
        assert!(seen.insert(value), "{context}: {value} came twice");
    }
}

/// No value of a row is that of another one.
fn check_rows(server: &Server, context: &str) {
    let mut client = server.client().unwrap();
    for column in ["id", "number"] {
        let sql = format!("SELECT count(*) - count(DISTINCT {column}) FROM numbered");
        assert_eq!(client.value(&sql).unwrap(), "0", "{context}: {column}");
    }
}

#[test]
fn connections_share_no_value() {
    let server = Server::start().unwrap();
    create(&server);
    let mut seen = BTreeSet::new();
    for taker in takers(&server, 40) {
        note(&mut seen, taker.join().unwrap(), "side by side");
    }
    // Ten times all ways: 1 + 50 + 2 + 20 values each.
    assert_eq!(seen.len(), TAKERS * 10 * 73);
    check_rows(&server, "side by side");
}

#[test]
fn no_value_comes_again_after_a_kill() {
    let seed = variable("SEED")
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(rand::random);
    eprintln!("SEED={seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let mut server = Server::start().unwrap();
    create(&server);
    let mut seen = BTreeSet::new();
    for round in 0..ROUNDS {
        let running = takers(&server, usize::MAX);
        // The moment is the point of this test, so it waits instead of polling.
        thread::sleep(Duration::from_micros(
            chance.random_range(0..LIFE_MICROS_MAX),
        ));
        server.kill().unwrap();
        let context = format!("SEED={seed} round {round}");
        for taker in running {
            note(&mut seen, taker.join().unwrap(), &context);
        }
        server.restart().unwrap();
        check_rows(&server, &context);
    }
    let mut client = server.client().unwrap();
    let next: i64 = client
        .value("SELECT nextval('numbers')")
        .unwrap()
        .parse()
        .unwrap();
    assert!(!seen.contains(&next), "SEED={seed}: {next} came twice");
}
