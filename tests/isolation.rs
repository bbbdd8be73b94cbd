//! What transactions see of each other: the anomalies that textbooks name, each once
//! per isolation level, and a bank whose total never changes.
//!
//! Source of the names: Berenson et al., "A Critique of ANSI SQL Isolation Levels",
//! 1995; Adya, "Weak Consistency", 1999 (G0, G1a, G1b, G1c).

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gotgan_tests::client::{Client, REPLY_TIME_MAX};
use gotgan_tests::{Server, variable};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The levels, weakest first.
const READ_COMMITTED: &str = "READ COMMITTED";
const REPEATABLE_READ: &str = "REPEATABLE READ";
const SERIALIZABLE: &str = "SERIALIZABLE";
const LEVELS: [&str; 3] = [READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE];

/// How long the bank is open for one seed; where no transfer succeeded by then, longer.
const BANK_TIME: Duration = Duration::from_secs(2);

/// What every account holds in the beginning.
const OPENING_BALANCE: i64 = 100;

/// Two connections and a third that has no transaction.
struct Stage {
    first: Client,
    second: Client,
    witness: Client,
    _server: Server,
}

impl Stage {
    /// Table `a` has (1, 10) and (2, 20), `b` has (1, 30); both connections have begun.
    fn set(level: &str) -> Self {
        let server = Server::start().unwrap();
        let mut witness = server.client().unwrap();
        witness
            .execute(
                "CREATE TABLE a (id int, v int); CREATE TABLE b (id int, v int); \
                 INSERT INTO a VALUES (1, 10), (2, 20); INSERT INTO b VALUES (1, 30)",
            )
            .unwrap();
        let [mut first, mut second] = [server.client().unwrap(), server.client().unwrap()];
        for client in [&mut first, &mut second] {
            client
                .execute(&format!("BEGIN ISOLATION LEVEL {level}"))
                .unwrap();
        }
        Self {
            first,
            second,
            witness,
            _server: server,
        }
    }
}

fn value(client: &mut Client, table: &str, id: i32) -> String {
    let sql = format!("SELECT v FROM {table} WHERE id = {id}");
    client.value(&sql).unwrap()
}

/// SQLSTATE of a COMMIT; empty if it succeeded.
fn commit(client: &mut Client) -> String {
    client.query("COMMIT").unwrap().code().to_owned()
}

/// Runs a scene at each level with what is expected there.
fn at_each_level(expected: [&str; 3], scene: impl Fn(&mut Stage) -> String) {
    for (level, expected) in LEVELS.into_iter().zip(expected) {
        assert_eq!(scene(&mut Stage::set(level)), expected, "{level}");
    }
}

#[test]
fn dirty_write_is_refused() {
    at_each_level(["40001 11"; 3], |stage| {
        stage
            .first
            .execute("UPDATE a SET v = 11 WHERE id = 1")
            .unwrap();
        stage
            .second
            .execute("UPDATE a SET v = 12 WHERE id = 1")
            .unwrap();
        assert_eq!(commit(&mut stage.first), "");
        let code = commit(&mut stage.second);
        format!("{code} {}", value(&mut stage.witness, "a", 1))
    });
}

#[test]
fn dirty_read_does_not_happen() {
    at_each_level(["10"; 3], |stage| {
        stage
            .first
            .execute("UPDATE a SET v = 11 WHERE id = 1")
            .unwrap();
        value(&mut stage.second, "a", 1)
    });
}

#[test]
fn aborted_read_does_not_happen() {
    at_each_level(["10 10"; 3], |stage| {
        stage
            .first
            .execute("UPDATE a SET v = 11 WHERE id = 1")
            .unwrap();
        let before = value(&mut stage.second, "a", 1);
        stage.first.execute("ROLLBACK").unwrap();
        format!("{before} {}", value(&mut stage.second, "a", 1))
    });
}

#[test]
fn intermediate_read_does_not_happen() {
    at_each_level(["10 12", "10 10", "10 10"], |stage| {
        stage
            .first
            .execute("UPDATE a SET v = 11 WHERE id = 1")
            .unwrap();
        let between = value(&mut stage.second, "a", 1);
        stage
            .first
            .execute("UPDATE a SET v = 12 WHERE id = 1")
            .unwrap();
        assert_eq!(commit(&mut stage.first), "");
        format!("{between} {}", value(&mut stage.second, "a", 1))
    });
}

#[test]
fn circular_information_flow_does_not_happen() {
    at_each_level(["30 10 /", "30 10 /", "30 10 /40001"], |stage| {
        stage
            .first
            .execute("UPDATE a SET v = 11 WHERE id = 1")
            .unwrap();
        stage
            .second
            .execute("UPDATE b SET v = 31 WHERE id = 1")
            .unwrap();
        let seen = [
            value(&mut stage.first, "b", 1),
            value(&mut stage.second, "a", 1),
        ];
        let ends = [commit(&mut stage.first), commit(&mut stage.second)];
        format!("{} {}", seen.join(" "), ends.join("/"))
    });
}

#[test]
fn fuzzy_read_happens_at_read_committed_only() {
    at_each_level(["10 11", "10 10", "10 10"], |stage| {
        let before = value(&mut stage.first, "a", 1);
        stage
            .second
            .execute("UPDATE a SET v = 11 WHERE id = 1")
            .unwrap();
        assert_eq!(commit(&mut stage.second), "");
        format!("{before} {}", value(&mut stage.first, "a", 1))
    });
}

#[test]
fn phantom_happens_at_read_committed_only() {
    at_each_level(["2 3", "2 2", "2 2"], |stage| {
        let count = "SELECT count(*) FROM a WHERE v < 100";
        let before = stage.first.value(count).unwrap();
        stage
            .second
            .execute("INSERT INTO a VALUES (3, 15)")
            .unwrap();
        assert_eq!(commit(&mut stage.second), "");
        format!("{before} {}", stage.first.value(count).unwrap())
    });
}

/// At READ COMMITTED the update itself sees the newest rows, so nothing is lost.
#[test]
fn lost_update_does_not_happen() {
    at_each_level([" 12", "40001 11", "40001 11"], |stage| {
        for client in [&mut stage.first, &mut stage.second] {
            assert_eq!(value(client, "a", 1), "10");
        }
        let add = "UPDATE a SET v = v + 1 WHERE id = 1";
        stage.first.execute(add).unwrap();
        assert_eq!(commit(&mut stage.first), "");
        stage.second.execute(add).unwrap();
        let code = commit(&mut stage.second);
        format!("{code} {}", value(&mut stage.witness, "a", 1))
    });
}

/// Unlike PostgreSQL, which makes the second update wait and then see the first.
#[test]
fn overlapping_updates_let_one_win() {
    at_each_level(["40001 11"; 3], |stage| {
        let add = "UPDATE a SET v = v + 1 WHERE id = 1";
        stage.first.execute(add).unwrap();
        stage.second.execute(add).unwrap();
        assert_eq!(commit(&mut stage.first), "");
        let code = commit(&mut stage.second);
        format!("{code} {}", value(&mut stage.witness, "a", 1))
    });
}

#[test]
fn read_skew_happens_at_read_committed_only() {
    at_each_level(["10 0", "10 30", "10 30"], |stage| {
        let before = value(&mut stage.first, "a", 1);
        stage.second.execute("UPDATE a SET v = 0").unwrap();
        stage.second.execute("UPDATE b SET v = 0").unwrap();
        assert_eq!(commit(&mut stage.second), "");
        format!("{before} {}", value(&mut stage.first, "b", 1))
    });
}

#[test]
fn write_skew_is_refused_at_serializable_only() {
    at_each_level(["/", "/", "/40001"], |stage| {
        let total = "SELECT (SELECT sum(v) FROM a) + (SELECT sum(v) FROM b)";
        for client in [&mut stage.first, &mut stage.second] {
            assert_eq!(client.value(total).unwrap(), "60");
        }
        stage
            .first
            .execute("UPDATE a SET v = v - 40 WHERE id = 1")
            .unwrap();
        stage
            .second
            .execute("UPDATE b SET v = v - 40 WHERE id = 1")
            .unwrap();
        [commit(&mut stage.first), commit(&mut stage.second)].join("/")
    });
}

/// Writers to different tables, and blind inserts to one, never disturb each other.
#[test]
fn blind_inserts_and_other_tables_do_not_conflict() {
    at_each_level(["/ 4"; 3], |stage| {
        stage.first.execute("INSERT INTO a VALUES (3, 1)").unwrap();
        stage.second.execute("INSERT INTO a VALUES (4, 1)").unwrap();
        stage.second.execute("UPDATE b SET v = 0").unwrap();
        let ends = [commit(&mut stage.first), commit(&mut stage.second)].join("/");
        let count = stage.witness.value("SELECT count(*) FROM a").unwrap();
        format!("{ends} {count}")
    });
}

/// A lone statement that loses is run again by the server, not by the client.
#[test]
fn lone_statements_that_lose_run_again() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client
        .execute("CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)")
        .unwrap();
    let failures = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = server.client().unwrap();
                for _ in 0..20 {
                    let reply = client.query("UPDATE counter SET n = n + 1").unwrap();
                    if reply.code() == "40001" {
                        failures.fetch_add(1, Ordering::Relaxed);
                    } else {
                        assert_eq!(reply.code(), "");
                    }
                }
            });
        }
    });
    let failures = failures.into_inner();
    let counted = client.value("SELECT n FROM counter").unwrap();
    assert_eq!(counted, (60 - failures).to_string());
    assert!(failures <= 6, "{failures} of 60 lost ten times");
}

/// Exchanging two tables never shows a reader a missing one.
#[test]
fn swapped_tables_are_never_missing() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client
        .execute(
            "CREATE TABLE live (v int); CREATE TABLE next (v int); \
             INSERT INTO live VALUES (0); INSERT INTO next VALUES (1)",
        )
        .unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut client = server.client().unwrap();
            let mut reads = 0;
            while !is_over.load(Ordering::Relaxed) {
                let seen = client.value("SELECT v FROM live").unwrap();
                assert!(["0", "1"].contains(&seen.as_str()), "{seen}");
                reads += 1;
            }
            reads
        });
        for _ in 0..15 {
            client
                .execute(
                    "BEGIN; ALTER TABLE live RENAME TO old; ALTER TABLE next RENAME TO live; \
                     ALTER TABLE old RENAME TO next; COMMIT",
                )
                .unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
}

/// Money moves between accounts of two tables; auditors always find all of it.
#[test]
fn bank_never_loses_money() {
    let seed: u64 = variable("SEED")
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(rand::random);
    eprintln!("SEED={seed}");
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client
        .execute(&format!(
            "CREATE TABLE checking (id int, balance int); \
             CREATE TABLE saving (id int, balance int); \
             INSERT INTO checking SELECT n, {OPENING_BALANCE} FROM generate_series(1, 4) AS n; \
             INSERT INTO saving SELECT n, {OPENING_BALANCE} FROM generate_series(1, 4) AS n"
        ))
        .unwrap();
    let total = "SELECT (SELECT sum(balance) FROM checking) + (SELECT sum(balance) FROM saving)";
    let expected = (8 * OPENING_BALANCE).to_string();
    let opened = Instant::now();
    let moved = AtomicU32::new(0);
    let is_open = || {
        let time = match moved.load(Ordering::Relaxed) {
            0 => REPLY_TIME_MAX,
            _ => BANK_TIME,
        };
        opened.elapsed() < time
    };
    thread::scope(|scope| {
        for teller in 0..3 {
            let (server, moved, is_open) = (&server, &moved, &is_open);
            scope.spawn(move || {
                let mut random = StdRng::seed_from_u64(seed.wrapping_add(teller));
                let mut client = server.client().unwrap();
                while is_open() {
                    if move_money(&mut client, &mut random) {
                        moved.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        scope.spawn(|| {
            let mut auditor = server.client().unwrap();
            while is_open() {
                assert_eq!(auditor.value(total).unwrap(), expected);
            }
        });
    });
    assert!(moved.load(Ordering::Relaxed) > 0, "no transfer succeeded");
    assert_eq!(client.value(total).unwrap(), expected);
}

/// One transfer; whether it was committed.
fn move_money(client: &mut Client, random: &mut StdRng) -> bool {
    let level = LEVELS[random.random_range(0..LEVELS.len())];
    let tables = match random.random_bool(0.5) {
        true => ["checking", "saving"],
        false => ["saving", "checking"],
    };
    let amount = random.random_range(1..20);
    let mut statements = vec![format!("BEGIN ISOLATION LEVEL {level}")];
    for (table, change) in tables.into_iter().zip([-amount, amount]) {
        let id = random.random_range(1..=4);
        statements.push(match random.random_range(0..3) {
            0 => format!(
                "MERGE INTO {table} AS t USING (SELECT {id} AS id) AS s ON t.id = s.id \
                 WHEN MATCHED THEN UPDATE SET balance = t.balance + {change}"
            ),
            1 => format!(
                "INSERT INTO {table} VALUES ({id}, {change}) ON CONFLICT (id) \
                 DO UPDATE SET balance = {table}.balance + excluded.balance"
            ),
            _ => format!("UPDATE {table} SET balance = balance + {change} WHERE id = {id}"),
        });
    }
    let is_kept = random.random_bool(0.8);
    statements.push(if is_kept { "COMMIT" } else { "ROLLBACK" }.to_owned());
    for statement in statements {
        let reply = client.query(&statement).unwrap();
        match reply.code() {
            "" => {}
            "40001" => {
                client.query("ROLLBACK").unwrap();
                return false;
            }
            code => panic!("{statement}: {code} {:?}", reply.error),
        }
    }
    is_kept
}
