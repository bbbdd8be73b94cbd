//! CancelRequest, statement_timeout and clients that vanish.

use std::time::{Duration, Instant};

use gotgan_tests::client::{
    Client, REPLY_TIME_MAX, Reply, bind, cancel_request, execute, parse, query, sync,
};
use gotgan_tests::{Server, poll};

/// Runs for hours if nothing stops it.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 10000000) AS a (x), \
                       generate_series(1, 10000000) AS b (y) WHERE (x + y) % 7 = 3";

/// Longest time from the wish to the answer.
const CANCEL_TIME_MAX: Duration = Duration::from_secs(30);

/// Sends a CancelRequest and waits until the server closes that socket.
fn cancel(server: &Server, key_data: &[u8]) {
    let mut client = server.raw_client().unwrap();
    client.send(&cancel_request(key_data)).unwrap();
    assert_eq!(
        client.read_message().unwrap(),
        None,
        "a CancelRequest gets no answer"
    );
}

/// Cancels until the reply is there, because the statement may not have begun.
fn reply_to_cancel(server: &Server, client: &mut Client) -> Reply {
    let started = Instant::now();
    client.set_reply_time(Duration::from_millis(200)).unwrap();
    let mut messages = Vec::new();
    while started.elapsed() < CANCEL_TIME_MAX {
        cancel(server, &client.key_data);
        while let Ok(Some(message)) = client.read_message() {
            let is_last = message.tag == b'Z';
            messages.push(message);
            if is_last {
                client.set_reply_time(REPLY_TIME_MAX).unwrap();
                return Reply::parse(&messages).unwrap();
            }
        }
    }
    panic!("not cancelled within {CANCEL_TIME_MAX:?}");
}

/// Waits until the server has nothing left to compute.
fn wait_until_idle(server: &Server) {
    let stat = format!("/proc/{}/stat", server.process_id());
    let ticks = || -> Vec<String> {
        let line = std::fs::read_to_string(&stat).unwrap();
        line.split_whitespace()
            .skip(13)
            .take(2)
            .map(str::to_owned)
            .collect()
    };
    let mut last = (Instant::now(), ticks());
    let idle = poll(|| {
        let now = ticks();
        if now != last.1 {
            last = (Instant::now(), now);
        }
        (last.0.elapsed() > Duration::from_millis(500)).then_some(())
    });
    assert!(idle.is_some(), "the server still computes");
}

/// Waits until the server has computed for so long, in hundredths of a second.
fn wait_until_busy(server: &Server, ticks_min: u64) {
    let busy = poll(|| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.process_id())).ok()?;
        let ticks: u64 = stat.split_whitespace().nth(13)?.parse().ok()?;
        (ticks > ticks_min).then_some(())
    });
    assert!(busy.is_some(), "the statement runs");
}

#[test]
fn running_statement_is_cancelled() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client.send(&query(ENDLESS)).unwrap();
    let reply = reply_to_cancel(&server, &mut client);
    assert_eq!(reply.code(), "57014");
    let error = reply.error.unwrap();
    assert_eq!(error.message(), "canceling statement due to user request");
    assert_eq!(
        client.value("SELECT 1").unwrap(),
        "1",
        "the connection goes on"
    );
}

#[test]
fn extended_statement_is_cancelled() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    let messages = [
        parse("", ENDLESS, &[]),
        bind("", "", &[], 0),
        execute("", 0),
        sync(),
    ];
    client.send(&messages.concat()).unwrap();
    assert_eq!(reply_to_cancel(&server, &mut client).code(), "57014");
    assert_eq!(client.value("SELECT 1").unwrap(), "1");
}

#[test]
fn statement_is_cancelled_while_rows_are_sent() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client
        .send(&query(
            "SELECT n, repeat('x', 100) FROM generate_series(1, 100000000) AS n",
        ))
        .unwrap();
    client.expect_message().unwrap();
    let reply = reply_to_cancel(&server, &mut client);
    assert_eq!(reply.code(), "57014");
    assert_eq!(client.value("SELECT 1").unwrap(), "1");
}

#[test]
fn cancelled_statement_fails_its_transaction() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client.execute("CREATE TABLE t (a int)").unwrap();
    client.execute("BEGIN; INSERT INTO t VALUES (1)").unwrap();
    client.send(&query(ENDLESS)).unwrap();
    let reply = reply_to_cancel(&server, &mut client);
    assert_eq!((reply.code(), reply.status), ("57014", 'E'));
    client.execute("ROLLBACK").unwrap();
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "0");
}

#[test]
fn cancel_with_a_wrong_key_or_of_an_idle_session_does_nothing() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    cancel(&server, &client.key_data);
    assert_eq!(client.value("SELECT 1").unwrap(), "1");
    let mut wrong = client.key_data.clone();
    wrong[7] ^= 0xff;
    client
        .send(&query(
            "SELECT count(*) FROM generate_series(1, 3000000) AS n",
        ))
        .unwrap();
    cancel(&server, &wrong);
    cancel(&server, &[0; 8]);
    let reply = Reply::parse(&client.read_until_ready().unwrap()).unwrap();
    assert_eq!(reply.first().as_deref(), Some("3000000"));
}

#[test]
fn nested_loop_that_makes_no_row_is_cancelled() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    let barren = "SELECT count(*) FROM generate_series(1, 3000000) AS a (x), \
                  generate_series(1, 3000000) AS b (y) WHERE x + y < 0";
    client.send(&query(barren)).unwrap();
    let reply = reply_to_cancel(&server, &mut client);
    assert_eq!(reply.code(), "57014");
}

#[test]
fn statement_timeout_ends_a_statement() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client.execute("SET statement_timeout = '200ms'").unwrap();
    let started = Instant::now();
    let reply = client.query(ENDLESS).unwrap();
    assert_eq!(reply.code(), "57014");
    assert_eq!(
        reply.error.unwrap().message(),
        "canceling statement due to statement timeout"
    );
    assert!(started.elapsed() < CANCEL_TIME_MAX);
    assert_eq!(client.value("SELECT 1").unwrap(), "1");
}

#[test]
fn vanished_client_stops_its_statement() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client.send(&query(ENDLESS)).unwrap();
    wait_until_busy(&server, 30);
    client.vanish().unwrap();
    wait_until_idle(&server);
    assert_eq!(server.client().unwrap().value("SELECT 1").unwrap(), "1");
}

#[test]
fn insert_is_cancelled_without_a_trace() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client.execute("CREATE TABLE t (a int8)").unwrap();
    client
        .send(&query(
            "INSERT INTO t SELECT n FROM generate_series(1, 1000000000) AS n",
        ))
        .unwrap();
    assert_eq!(reply_to_cancel(&server, &mut client).code(), "57014");
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "0");
}

#[test]
fn others_are_served_beside_nested_loops() {
    // As many as there are threads for queries, each in one poll that lasts for hours.
    let server = Server::start().unwrap();
    let looping = "SELECT count(*) FROM generate_series(1, 3000000) AS a (x), \
                   generate_series(1, 1000000) AS b (y) WHERE x + y = 0";
    let mut busy: Vec<Client> = Vec::new();
    for _ in 0..2 {
        let mut client = server.client().unwrap();
        client.send(&query(looping)).unwrap();
        busy.push(client);
    }
    wait_until_busy(&server, 100);
    let started = Instant::now();
    let mut client = server.client().unwrap();
    assert_eq!(client.value("SELECT 1").unwrap(), "1");
    assert!(
        started.elapsed() < CANCEL_TIME_MAX,
        "{:?}",
        started.elapsed()
    );
    for client in &mut busy {
        assert_eq!(reply_to_cancel(&server, client).code(), "57014");
    }
}
