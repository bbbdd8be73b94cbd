//! The simple query protocol: message order, several statements, errors and their fields.

use gotgan_tests::client::{Reply, frame, query};
use gotgan_tests::{Client, Server};

/// Starts a server and a connection with an empty table `t (a int)`.
fn table() -> (Server, Client) {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client.execute("CREATE TABLE t (a int)").unwrap();
    (server, client)
}

#[test]
fn messages_come_in_order() {
    let (_server, mut client) = table();
    assert_eq!(client.query("SELECT 1").unwrap().tags, "TDCZ");
    // The status tells the snapshot that the commit made.
    let reply = client.query("INSERT INTO t VALUES (1)").unwrap();
    assert_eq!(reply.tags, "CSZ");
    assert_eq!(
        client.query("SELECT 1; SELECT 2 WHERE false").unwrap().tags,
        "TDCTCZ"
    );
    assert_eq!(client.query("SELECT nope").unwrap().tags, "EZ");
    let reply = client.query("DROP TABLE IF EXISTS nope").unwrap();
    assert_eq!(reply.tags, "NCZ");
    assert_eq!(reply.notices[0].severity(), "NOTICE");
    assert_eq!(
        reply.notices[0].message(),
        "table \"nope\" does not exist, skipping"
    );
}

#[test]
fn empty_query_is_answered() {
    let (_server, mut client) = table();
    for sql in ["", ";", " ; ;; ", "-- nothing", "/* nothing */"] {
        assert_eq!(client.query(sql).unwrap().tags, "IZ", "{sql:?}");
    }
    assert_eq!(client.query(";SELECT 1;;").unwrap().tags, "TDCZ");
}

#[test]
fn status_tells_the_transaction() {
    let (_server, mut client) = table();
    let mut status = |sql: &str| client.query(sql).unwrap().status;
    assert_eq!(status("SELECT 1"), 'I');
    assert_eq!(status("BEGIN"), 'T');
    assert_eq!(status("SELECT 1"), 'T');
    assert_eq!(status("SELECT nope"), 'E');
    assert_eq!(status("SELECT 1"), 'E');
    assert_eq!(status("ROLLBACK"), 'I');
    assert_eq!(status("SELECT nope"), 'I');
}

#[test]
fn statements_of_one_message_are_one_transaction() {
    let (_server, mut client) = table();
    let reply = client
        .query("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); SELECT nope; SELECT 5")
        .unwrap();
    assert_eq!(reply.code(), "42703");
    assert_eq!(
        reply.tags, "CCEZ",
        "what came before is answered, what comes after is not run"
    );
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "0");
    client
        .execute("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)")
        .unwrap();
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "2");
}

#[test]
fn begin_inside_a_message_takes_in_what_came_before() {
    let (_server, mut client) = table();
    let reply = client
        .query("INSERT INTO t VALUES (1); BEGIN; INSERT INTO t VALUES (2)")
        .unwrap();
    assert_eq!(reply.status, 'T');
    client.execute("ROLLBACK").unwrap();
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "0");
}

#[test]
fn commit_inside_a_message_keeps_what_came_before() {
    let (_server, mut client) = table();
    let sql = "BEGIN; INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2); SELECT 1 / 0";
    assert_eq!(client.query(sql).unwrap().code(), "22012");
    assert_eq!(client.value("SELECT sum(a) FROM t").unwrap(), "1");
}

#[test]
fn syntax_error_anywhere_runs_nothing() {
    let (_server, mut client) = table();
    let reply = client.query("INSERT INTO t VALUES (1); SELEC 1").unwrap();
    assert_eq!((reply.code(), reply.tags.as_str()), ("42601", "EZ"));
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "0");
}

#[test]
fn later_statements_see_earlier_ones() {
    let (_server, mut client) = table();
    let reply = client
        .execute("CREATE TABLE u (x int); INSERT INTO u VALUES (7); SELECT x FROM u")
        .unwrap();
    assert_eq!(reply.results[2].first().as_deref(), Some("7"));
}

#[test]
fn errors_carry_their_position() {
    let (_server, mut client) = table();
    let mut position = |sql: &str| {
        let error = client.query(sql).unwrap().error.expect("an error");
        assert_eq!((error.severity(), error.field(b'S')), ("ERROR", "ERROR"));
        error.field(b'P').to_owned()
    };
    assert_eq!(position("SELEC 1"), "1");
    assert_eq!(
        position("SELECT 1 FORM t"),
        "15",
        "counted from 1, in characters"
    );
    assert_eq!(position("SELECT nope FROM t"), "8");
    assert_eq!(position("SELECT '곳간', nope FROM t"), "14");
    assert_eq!(position("SELECT a FROM t, nope"), "18");
}

#[test]
fn position_counts_from_the_start_of_the_message() {
    let (_server, mut client) = table();
    let error = client
        .query("SELECT 1; SELECT nope FROM t")
        .unwrap()
        .error
        .expect("an error");
    assert_eq!(error.field(b'P'), "18");
}

#[test]
fn invalid_utf8_is_refused_and_the_connection_goes_on() {
    let (_server, mut client) = table();
    client.send(&frame(b'Q', b"SELECT '\xff\xfe'\0")).unwrap();
    let reply = Reply::parse(&client.read_until_ready().unwrap()).unwrap();
    assert_eq!(reply.code(), "22021");
    assert_eq!(client.value("SELECT 1").unwrap(), "1");
}

#[test]
fn zero_byte_inside_a_query_is_a_protocol_violation() {
    let (_server, mut client) = table();
    client.send(&frame(b'Q', b"SELECT 1\0SELECT 2\0")).unwrap();
    let message = client.expect_message().unwrap();
    assert_eq!(message.tag, b'E');
}

#[test]
fn queries_sent_ahead_are_answered_in_order() {
    let (_server, mut client) = table();
    let bytes: Vec<u8> = (0..50)
        .flat_map(|number| query(&format!("SELECT {number}")))
        .collect();
    client.send(&bytes).unwrap();
    for number in 0..50 {
        let reply = Reply::parse(&client.read_until_ready().unwrap()).unwrap();
        assert_eq!(reply.first(), Some(number.to_string()));
    }
}

#[test]
fn wide_and_large_values_arrive_whole() {
    let (_server, mut client) = table();
    let value = client.value("SELECT repeat('곳간', 500000)").unwrap();
    assert_eq!(value.chars().count(), 1_000_000);
    let columns: Vec<String> = (0..1000)
        .map(|number| format!("{number} AS c{number}"))
        .collect();
    let reply = client
        .execute(&format!("SELECT {}", columns.join(", ")))
        .unwrap();
    assert_eq!(reply.results[0].rows[0].len(), 1000);
}

#[test]
fn terminate_ends_the_connection() {
    let (_server, mut client) = table();
    client.send(&frame(b'X', &[])).unwrap();
    assert_eq!(client.read_message().unwrap(), None);
}
