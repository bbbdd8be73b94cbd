//! Portals: row limits, suspension, lifetime.

use gotgan_tests::client::{Reply, bind, close, describe, execute, parse, sync};
use gotgan_tests::{Client, Server};

const SERIES: &str = "SELECT n FROM generate_series(1, 10) AS n";

fn connect() -> (Server, Client) {
    let server = Server::start().unwrap();
    let client = server.client().unwrap();
    (server, client)
}

fn exchange(client: &mut Client, messages: &[Vec<u8>]) -> Reply {
    client.send(&messages.concat()).unwrap();
    Reply::parse(&client.read_until_ready().unwrap()).unwrap()
}

#[test]
fn suspended_portal_goes_on_where_it_stopped() {
    let (_server, mut client) = connect();
    let reply = exchange(
        &mut client,
        &[
            parse("", SERIES, &[]),
            bind("p", "", &[], 0),
            execute("p", 4),
            execute("p", 4),
            execute("p", 4),
            sync(),
        ],
    );
    assert_eq!(reply.tags, "12DDDDsDDDDsDDCZ");
    let tags: Vec<&str> = reply
        .results
        .iter()
        .map(|result| result.tag.as_str())
        .collect();
    assert_eq!(tags, ["PortalSuspended", "PortalSuspended", "SELECT 2"]);
    assert_eq!(reply.results[2].first().as_deref(), Some("9"));
}

#[test]
fn exact_row_limit_suspends_and_then_ends() {
    let (_server, mut client) = connect();
    let reply = exchange(
        &mut client,
        &[
            parse("", SERIES, &[]),
            bind("", "", &[], 0),
            execute("", 10),
            execute("", 10),
            sync(),
        ],
    );
    let tags: Vec<&str> = reply
        .results
        .iter()
        .map(|result| result.tag.as_str())
        .collect();
    assert_eq!(tags, ["PortalSuspended", "SELECT 0"]);
}

#[test]
fn portals_interleave() {
    let (_server, mut client) = connect();
    let reply = exchange(
        &mut client,
        &[
            parse("s", SERIES, &[]),
            bind("a", "s", &[], 0),
            bind("b", "s", &[], 0),
            execute("a", 1),
            execute("b", 2),
            execute("a", 1),
            sync(),
        ],
    );
    let firsts: Vec<Option<String>> = reply.results.iter().map(|result| result.first()).collect();
    let expected = ["1", "1", "2"].map(|text| Some(text.to_owned()));
    assert_eq!(firsts, expected);
}

#[test]
fn portal_ends_with_its_transaction() {
    let (_server, mut client) = connect();
    exchange(
        &mut client,
        &[
            parse("", SERIES, &[]),
            bind("p", "", &[], 0),
            execute("p", 1),
            sync(),
        ],
    );
    assert_eq!(
        exchange(&mut client, &[execute("p", 1), sync()]).code(),
        "34000"
    );
}

#[test]
fn portal_lives_through_syncs_inside_a_transaction() {
    let (_server, mut client) = connect();
    client.execute("BEGIN").unwrap();
    exchange(
        &mut client,
        &[
            parse("", SERIES, &[]),
            bind("p", "", &[], 0),
            execute("p", 3),
            sync(),
        ],
    );
    let reply = exchange(&mut client, &[execute("p", 1), sync()]);
    assert_eq!(reply.first().as_deref(), Some("4"));
    client.execute("COMMIT").unwrap();
    assert_eq!(
        exchange(&mut client, &[execute("p", 1), sync()]).code(),
        "34000"
    );
}

#[test]
fn closed_and_missing_portals() {
    let (_server, mut client) = connect();
    client.execute("BEGIN").unwrap();
    let reply = exchange(
        &mut client,
        &[
            parse("", SERIES, &[]),
            bind("p", "", &[], 0),
            close(b'P', "p"),
            execute("p", 1),
            sync(),
        ],
    );
    assert_eq!((reply.tags.as_str(), reply.code()), ("123EZ", "34000"));
    client.execute("ROLLBACK").unwrap();
    let reply = exchange(&mut client, &[describe(b'P', "nope"), sync()]);
    assert_eq!(reply.code(), "34000");
}

#[test]
fn portal_name_is_taken_only_once() {
    let (_server, mut client) = connect();
    let reply = exchange(
        &mut client,
        &[
            parse("", SERIES, &[]),
            bind("p", "", &[], 0),
            bind("p", "", &[], 0),
            sync(),
        ],
    );
    assert_eq!(reply.code(), "42P03");
    let reply = exchange(
        &mut client,
        &[
            parse("", SERIES, &[]),
            bind("", "", &[], 0),
            bind("", "", &[], 0),
            execute("", 1),
            sync(),
        ],
    );
    assert_eq!(reply.code(), "", "the unnamed portal is replaced");
}

#[test]
fn other_statements_run_while_a_portal_is_suspended() {
    let (_server, mut client) = connect();
    client
        .execute("BEGIN; CREATE TABLE t AS SELECT n FROM generate_series(1, 5) AS n")
        .unwrap();
    exchange(
        &mut client,
        &[
            parse("", "SELECT n FROM t ORDER BY n", &[]),
            bind("p", "", &[], 0),
            execute("p", 2),
            sync(),
        ],
    );
    let reply = exchange(
        &mut client,
        &[
            parse("", "INSERT INTO t VALUES (99)", &[]),
            bind("", "", &[], 0),
            execute("", 0),
            execute("p", 0),
            sync(),
        ],
    );
    assert_eq!(
        reply.results[1].text_rows().len(),
        3,
        "a portal keeps the snapshot of its start"
    );
}

#[test]
fn row_limit_does_not_apply_to_insert() {
    let (_server, mut client) = connect();
    client.execute("CREATE TABLE t (a int)").unwrap();
    let sql = "INSERT INTO t SELECT n FROM generate_series(1, 10) AS n";
    let reply = exchange(
        &mut client,
        &[
            parse("", sql, &[]),
            bind("", "", &[], 0),
            execute("", 3),
            sync(),
        ],
    );
    assert_eq!(reply.results[0].tag, "INSERT 0 10");
}

#[test]
fn command_tags_name_the_rows() {
    let (_server, mut client) = connect();
    let reply = client
        .execute("CREATE TABLE t AS SELECT 1 AS a; SELECT * FROM t")
        .unwrap();
    let tags: Vec<&str> = reply
        .results
        .iter()
        .map(|result| result.tag.as_str())
        .collect();
    assert_eq!(tags, ["SELECT 1", "SELECT 1"]);
}
