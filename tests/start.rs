//! The process: configuration, first start, restart, drain, refusals.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use gotgan_tests::client::{Client, Reply, query};
use gotgan_tests::server::binary;
use gotgan_tests::{Server, poll};

/// Starts with a setting that must stop the start; returns the log.
fn refusal(settings: &[(&str, &str)]) -> String {
    let mut server = Server::stopped(settings).unwrap();
    server.expect_log("");
    let (status, log) = server.refused().unwrap();
    assert!(!status.success(), "a refused start is no success");
    log
}

#[test]
fn bad_settings_stop_the_start_and_are_named() {
    for (key, value) in [
        ("server.no_such_key", "1"),
        ("no_such_section.key", "1"),
        ("server.connections_max", "many"),
        ("server.connections_max", "0"),
        ("sql.query_memory_bytes_max", "5 parsecs"),
        ("server.shutdown_timeout", "30"),
        ("storage.compression", "rar"),
        ("role", "king"),
    ] {
        let log = refusal(&[(key, value)]);
        let name = key.rsplit('.').next().unwrap();
        assert!(log.contains(name), "{key} = {value} is not named in: {log}");
        assert!(!log.contains("panicked"), "{log}");
    }
}

#[test]
fn bad_configuration_file_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gotgan.toml");
    for (text, named) in [
        ("[server]\nconnections_maximum = 5\n", "connections_maximum"),
        ("[server]\nconnections_max = \"x\"\n", "connections_max"),
        ("not toml at all [", "gotgan.toml"),
    ] {
        std::fs::write(&path, text).unwrap();
        let mut server = Server::stopped(&[]).unwrap();
        server.expect_log("");
        server.add_argument(&format!("--config={}", path.display()));
        let (_, log) = server.refused().unwrap();
        assert!(log.contains(named), "{named} is not named in: {log}");
    }
}

#[test]
fn configuration_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gotgan.toml");
    std::fs::write(&path, "[sql]\nstatement_timeout = \"7s\"\n").unwrap();
    let mut server = Server::stopped(&[]).unwrap();
    server.add_argument(&format!("--config={}", path.display()));
    server.restart().unwrap();
    assert_eq!(
        server
            .client()
            .unwrap()
            .value("SHOW statement_timeout")
            .unwrap(),
        "7s"
    );
}

#[test]
fn version_is_printed() {
    let output = Command::new(binary().unwrap())
        .arg("--version")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.starts_with("gotgan 0."),
        "{text}"
    );
    let output = Command::new(binary().unwrap())
        .arg("--no-such-flag")
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--no-such-flag"));
}

#[test]
fn first_start_makes_a_password_nobody_else_can_read() {
    let mut server = Server::stopped(&[("auth.admin_password", "")]).unwrap();
    server.restart().unwrap();
    let path = server.data_dir().join("admin-password");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let password = std::fs::read_to_string(&path).unwrap();
    assert!(password.trim().len() >= 16);
    assert!(
        server.log().contains("admin-password"),
        "the log says where it is"
    );
    assert!(
        !server.log().contains(password.trim()),
        "the log does not say what it is"
    );
    let mut login = server.login();
    login.password = password.trim().to_owned();
    Client::connect(server.address(), &login).unwrap();
    server.terminate().unwrap();
    server.restart().unwrap();
    Client::connect(server.address(), &login).expect("the password stays");
}

#[test]
fn data_and_oids_are_the_same_after_a_restart() {
    let mut server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client
        .execute(
            "CREATE SCHEMA s; CREATE TABLE s.t (a int PRIMARY KEY, b varchar(5) DEFAULT 'x'); \
             INSERT INTO s.t VALUES (1, 'one'); CREATE VIEW s.v AS SELECT a FROM s.t; \
             COMMENT ON TABLE s.t IS 'kept'; CREATE INDEX i ON s.t (b)",
        )
        .unwrap();
    let oids = "SELECT string_agg(relname || oid::text, ',' ORDER BY oid) FROM pg_class \
                WHERE relnamespace = 's'::regnamespace";
    let before = client.value(oids).unwrap();
    drop(client);
    assert!(
        server.terminate().unwrap().success(),
        "SIGTERM is a clean end"
    );
    server.restart().unwrap();
    let mut client = server.client().unwrap();
    assert_eq!(client.value(oids).unwrap(), before);
    assert_eq!(
        client
            .value("SELECT b FROM s.t JOIN s.v USING (a)")
            .unwrap(),
        "one"
    );
    assert_eq!(
        client
            .value("SELECT obj_description('s.t'::regclass)")
            .unwrap(),
        "kept"
    );
    client.execute("INSERT INTO s.t (a) VALUES (2)").unwrap();
    assert_eq!(client.value("SELECT b FROM s.t WHERE a = 2").unwrap(), "x");
}

#[test]
fn second_primary_on_one_folder_is_refused() {
    let first = Server::start().unwrap();
    let mut second = Server::stopped(&[]).unwrap();
    second.set_data_dir(first.data_dir());
    second.expect_log("");
    let (status, log) = second.refused().unwrap();
    assert!(!status.success());
    assert!(!log.contains("panicked"), "{log}");
    let says_why = ["in use", "already", "another", "locked"]
        .iter()
        .any(|word| log.contains(word));
    assert!(says_why, "{log}");
    assert_eq!(first.client().unwrap().value("SELECT 1").unwrap(), "1");
}

#[test]
fn port_in_use_is_named() {
    let first = Server::start().unwrap();
    let mut second = Server::stopped(&[]).unwrap();
    second.expect_log("");
    second.add_argument(&format!("--listen={}", first.address()));
    let (_, log) = second.refused().unwrap();
    assert!(
        log.contains(&first.address().port().to_string()) || log.contains("listen"),
        "{log}"
    );
}

#[test]
fn sigterm_lets_running_statements_end() {
    let mut server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    let mut idle = server.client().unwrap();
    client
        .send(&query(
            "SELECT n, repeat('x', 200) FROM generate_series(1, 300000) AS n",
        ))
        .unwrap();
    client.expect_message().unwrap();
    server.signal_terminate().unwrap();
    let refused = || server.client().err();
    assert!(poll(refused).is_some(), "no new connections");
    let error = idle.read_until_closed().unwrap();
    assert!(error.is_none_or(|error| error.code() == "57P01"));
    let messages = client.read_until(b'Z').unwrap();
    let reply = Reply::parse(&messages).unwrap();
    assert_eq!(reply.results[0].rows.len(), 300_000);
    assert!(server.wait().unwrap().success());
}

#[test]
fn sigterm_ends_statements_that_take_too_long() {
    let mut server = Server::with_settings(&[("server.shutdown_timeout", "300ms")]).unwrap();
    let mut client = server.client().unwrap();
    let endless = "SELECT count(*) FROM generate_series(1, 10000000) AS a (x), \
                   generate_series(1, 10000000) AS b (y) WHERE (x + y) % 7 = 3";
    client.send(&query("SELECT 1")).unwrap();
    client.read_until_ready().unwrap();
    client.send(&query(endless)).unwrap();
    server.signal_terminate().unwrap();
    let error = client.read_until_closed().unwrap().expect("says why");
    assert_eq!(error.code(), "57P01");
    assert!(server.wait().unwrap().success());
}

#[test]
fn log_names_connections_and_hides_secrets() {
    let server = Server::with_settings(&[("log.filter", "debug")]).unwrap();
    let mut client = server.client().unwrap();
    client.value("SELECT 'find me in the log'").unwrap();
    drop(client);
    let log = server.log();
    assert!(log.contains("connection_id"), "{log}");
    assert!(log.contains("query_id"), "{log}");
    assert!(
        !log.contains(gotgan_tests::server::PASSWORD),
        "the password is in the log"
    );
}
