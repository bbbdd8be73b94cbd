//! Everything has a bound, and reaching it is an error that names it.

use gotgan_tests::client::frame;
use gotgan_tests::{Client, Server, poll};

#[test]
fn too_many_connections_are_told_so() {
    let server = Server::with_settings(&[("server.connections_max", "2")]).unwrap();
    let first = server.client().unwrap();
    let mut second = server.client().unwrap();
    let refusal = server
        .client()
        .expect_err("the third does not fit")
        .to_string();
    assert!(refusal.starts_with("53300 FATAL"), "{refusal}");
    first.vanish().unwrap();
    let mut third = poll(|| server.client().ok()).expect("a free place");
    assert_eq!(third.value("SELECT 1").unwrap(), "1");
    assert_eq!(second.value("SELECT 2").unwrap(), "2");
}

#[test]
fn oversize_message_is_passed_over_and_refused() {
    let server = Server::with_settings(&[("server.message_bytes_max", "64KiB")]).unwrap();
    let mut client = server.client().unwrap();
    let fits = format!("SELECT '{}'", "x".repeat(60_000));
    assert_eq!(client.value(&fits).unwrap().len(), 60_000);
    let large = format!("SELECT '{}'", "x".repeat(70_000));
    assert_eq!(client.query(&large).unwrap().code(), "54000");
    assert_eq!(client.value("SELECT 1").unwrap(), "1");
}

#[test]
fn absurd_message_lengths_end_the_connection() {
    let server = Server::start().unwrap();
    for length in [0_u32, 3, 0x7fff_ffff, 0xffff_ffff] {
        let mut client = server.client().unwrap();
        client
            .send(&[&[b'Q'][..], &length.to_be_bytes(), b"SELECT 1\0"].concat())
            .unwrap();
        let error = client.read_until_closed().unwrap();
        let is_told = error.is_some_and(|error| matches!(error.code(), "08P01" | "54000"));
        assert!(is_told, "length {length}");
    }
    assert_eq!(server.client().unwrap().value("SELECT 1").unwrap(), "1");
}

#[test]
fn oversize_startup_packet_is_refused() {
    let server = Server::start().unwrap();
    let mut client = server.raw_client().unwrap();
    client.send(&0x7fff_ffff_u32.to_be_bytes()).unwrap();
    client.send(&(3_u32 << 16).to_be_bytes()).unwrap();
    client.read_until_closed().unwrap();
    assert_eq!(server.client().unwrap().value("SELECT 1").unwrap(), "1");
}

#[test]
fn query_beyond_its_memory_is_refused_and_nothing_else_dies() {
    let server = Server::with_settings(&[("sql.query_memory_bytes_max", "32MiB")]).unwrap();
    let mut client = server.client().unwrap();
    let mut other = server.client().unwrap();
    other.execute("CREATE TABLE t (a int)").unwrap();
    other.execute("BEGIN; INSERT INTO t VALUES (1)").unwrap();
    let sql = "SELECT count(DISTINCT md5(n::text)) FROM generate_series(1, 3000000) AS n";
    let reply = client.query(sql).unwrap();
    let is_bounded = reply.code() == "53200" || reply.first().as_deref() == Some("3000000");
    assert!(is_bounded, "{:?}", reply.error);
    assert_eq!(client.value("SELECT 1").unwrap(), "1");
    other.execute("COMMIT").unwrap();
    assert_eq!(client.value("SELECT a FROM t").unwrap(), "1");
}

#[test]
fn join_beyond_the_memory_is_made_by_sorting() {
    let server = Server::with_settings(&[("sql.query_memory_bytes_max", "32MiB")]).unwrap();
    let mut client = server.client().unwrap();
    let join = "generate_series(1, 3000000) AS a (n) \
                JOIN (SELECT n FROM generate_series(1, 3000000) AS n) AS b ON a.n = b.n";
    assert_eq!(
        client
            .value(&format!("SELECT count(*) FROM {join}"))
            .unwrap(),
        "3000000"
    );
    client
        .execute(&format!("CREATE TABLE joined AS SELECT a.n FROM {join}"))
        .unwrap();
    assert_eq!(
        client.value("SELECT count(*) FROM joined").unwrap(),
        "3000000"
    );
}

/// Sends SQL that must end in an answer, whichever, with the server alive.
fn survives(client: &mut Client, sql: &str, codes: &[&str]) {
    let start: String = sql.chars().take(40).collect();
    let reply = client
        .query(sql)
        .unwrap_or_else(|error| panic!("{start}: {error:#}"));
    assert!(codes.contains(&reply.code()), "{start}: {:?}", reply.error);
    assert_eq!(client.value("SELECT 1").unwrap(), "1");
}

#[test]
fn deep_and_long_statements_do_not_kill_the_server() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    let deep = ["", "54001", "54000", "42601", "0A000"];
    let parentheses = format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000));
    survives(&mut client, &parentheses, &deep);
    survives(
        &mut client,
        &format!("SELECT {}true", "NOT ".repeat(20_000)),
        &deep,
    );
    survives(
        &mut client,
        &format!("SELECT 1{}", " + 1".repeat(5_000)),
        &deep,
    );
    let subqueries = format!(
        "SELECT * FROM {}(SELECT 1) AS s",
        "(SELECT * FROM ".repeat(500)
    );
    survives(&mut client, &subqueries, &deep);
    let list: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    survives(
        &mut client,
        &format!("SELECT 5 IN ({})", list.join(",")),
        &[""],
    );
    let union = format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(500));
    survives(&mut client, &union, &deep);
    let values: Vec<String> = (0..20_000).map(|number| format!("({number})")).collect();
    survives(
        &mut client,
        &format!("SELECT count(*) FROM (VALUES {}) AS v", values.join(",")),
        &[""],
    );
}

#[test]
fn name_longer_than_63_bytes_is_cut_or_refused() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    let reply = client
        .query(&format!("CREATE TABLE {} (a int)", "n".repeat(100)))
        .unwrap();
    assert!(matches!(reply.code(), "" | "42622"), "{:?}", reply.error);
    let copied = client
        .query(&format!("SELECT * FROM {}", "n".repeat(63)))
        .unwrap();
    assert!(matches!(copied.code(), "" | "42P01"));
}

#[test]
fn half_a_message_leaves_the_server_alive() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client.send(&frame(b'Q', b"SELECT 1\0")[..6]).unwrap();
    client.vanish().unwrap();
    assert_eq!(server.client().unwrap().value("SELECT 1").unwrap(), "1");
}
