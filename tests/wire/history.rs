//! What the log of statements has of message sequences that no driver sends alike.

use gotgan_tests::client::{bind, describe, execute, flush, frame, parse, query, sync};
use gotgan_tests::{Client, Server};

/// `statement sqlstate rows` of an application in the order of the log, by another one.
fn history(server: &Server, application: &str) -> Vec<String> {
    let mut client = server.client().unwrap();
    let sql = format!(
        "SELECT statement || ' ' || sqlstate || ' ' || rows_returned FROM gotgan.query_history \
         WHERE application_name = '{application}' ORDER BY started_at, query_id"
    );
    let reply = client.query(&sql).unwrap();
    let rows = reply.results[0].text_rows();
    rows.into_iter()
        .map(|row| row[0].clone().unwrap())
        .collect()
}

/// A connection that calls itself so.
fn connect(server: &Server, application: &str) -> Client {
    let mut login = server.login();
    let name = "application_name".to_owned();
    login.parameters.push((name, application.to_owned()));
    Client::connect(server.address(), &login).unwrap()
}

#[test]
fn each_execute_leaves_a_row_and_nothing_else_does() {
    let server = Server::start().unwrap();
    let mut client = connect(&server, "portals");
    let series = "SELECT n FROM generate_series(1, 10) AS n";
    let messages = [
        parse("s", series, &[]),
        describe(b'S', "s"),
        sync(),
        bind("p", "s", &[], 0),
        execute("p", 4),
        execute("p", 4),
        execute("p", 4),
        sync(),
        bind("", "s", &[], 0),
        describe(b'P', ""),
        sync(),
        parse("", "", &[]),
        bind("", "", &[], 0),
        execute("", 0),
        sync(),
        query(""),
    ];
    client.send(&messages.concat()).unwrap();
    for _ in 0..5 {
        client.read_until_ready().unwrap();
    }
    let row = |rows| format!("{series} 00000 {rows}");
    assert_eq!(history(&server, "portals"), [row(4), row(4), row(2)]);
}

#[test]
fn each_message_that_fails_leaves_a_row_with_its_statement() {
    let server = Server::start().unwrap();
    let mut client = connect(&server, "failures");
    let messages = [
        parse("", "SELECT nothing", &[]),
        bind("", "", &[], 0),
        execute("", 0),
        sync(),
        parse("s", "SELECT $1::int", &[]),
        bind("", "s", &[Some("x")], 0),
        execute("", 0),
        sync(),
        bind("", "no such statement", &[], 0),
        sync(),
        execute("no such portal", 0),
        sync(),
    ];
    client.send(&messages.concat()).unwrap();
    for _ in 0..4 {
        client.read_until_ready().unwrap();
    }
    let expected = [
        "SELECT nothing 42703 0",
        "SELECT $1::int 22P02 0",
        " 26000 0",
        " 34000 0",
    ];
    assert_eq!(history(&server, "failures"), expected);
}

#[test]
fn a_statement_that_cannot_be_read_leaves_a_row() {
    let server = Server::with_settings(&[("server.message_bytes_max", "64KiB")]).unwrap();
    let mut client = connect(&server, "unread");
    let long = format!("SELECT '{}'", "x".repeat(70_000));
    assert_eq!(client.query(&long).unwrap().code(), "54000");
    client.send(&frame(b'Q', b"SELECT '\xff'\0")).unwrap();
    client.read_until_ready().unwrap();
    client.execute("SELECT 1").unwrap();
    let expected = [" 54000 0", " 22021 0", "SELECT 1 00000 1"];
    assert_eq!(history(&server, "unread"), expected);
}

#[test]
fn a_commit_that_fails_at_sync_leaves_its_own_row() {
    let server = Server::start().unwrap();
    let mut other = server.client().unwrap();
    other
        .execute("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 1000)")
        .unwrap();
    let mut client = connect(&server, "loser");
    let update = "UPDATE t SET a = a + 1";
    let messages = [
        parse("", update, &[]),
        bind("", "", &[], 0),
        execute("", 0),
        flush(),
    ];
    client.send(&messages.concat()).unwrap();
    client.read_until(b'C').unwrap();
    other.execute(update).unwrap();
    client.send(&sync()).unwrap();
    client.read_until_ready().unwrap();
    let rows = history(&server, "loser");
    assert_eq!(
        rows,
        [format!("{update} 00000 0"), "COMMIT 40001 0".to_owned()]
    );
}

#[test]
fn rows_count_as_far_as_they_were_sent() {
    let server = Server::start().unwrap();
    let mut client = connect(&server, "halfway");
    let sql = "SELECT 1 / (290000 - n) FROM generate_series(1, 300000) AS n";
    client.send(&query(sql)).unwrap();
    let messages = client.read_until_ready().unwrap();
    let received = messages
        .iter()
        .filter(|message| message.tag == b'D')
        .count();
    assert!(received > 0);
    let expected = format!("{sql} 22012 {received}");
    assert_eq!(history(&server, "halfway"), [expected]);
}
