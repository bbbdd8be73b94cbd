//! Sessions in the past, by the startup packet, moments that come as parameters, and what
//! goes by itself.

use gotgan_tests::client::{Client, Login, Reply, bind, describe, execute, parse, sync};
use gotgan_tests::{Server, poll};

/// A server with a table whose one row says at which snapshot it was written.
struct Past {
    server: Server,
    first: String,
    second: String,
}

impl Past {
    fn start() -> Self {
        let server = Server::start().unwrap();
        let mut client = server.client().unwrap();
        client
            .execute("CREATE TABLE t (a text); INSERT INTO t VALUES ('first')")
            .unwrap();
        let newest = "SELECT max(snapshot_id) FROM gotgan.snapshots";
        let first = client.value(newest).unwrap();
        client.execute("UPDATE t SET a = 'second'").unwrap();
        let second = client.value(newest).unwrap();
        client
            .execute("DROP TABLE t; CREATE TABLE t (b int, c int)")
            .unwrap();
        Self {
            server,
            first,
            second,
        }
    }

    fn connect(&self, change: impl FnOnce(&mut Login)) -> anyhow::Result<Client> {
        let mut login = self.server.login();
        change(&mut login);
        Client::connect(self.server.address(), &login)
    }

    /// The time of a snapshot, as a literal would have it.
    fn time_of(&self, snapshot: &str) -> String {
        let sql = format!(
            "SELECT snapshot_time::text FROM gotgan.snapshots WHERE snapshot_id = {snapshot}"
        );
        self.server.client().unwrap().value(&sql).unwrap()
    }
}

/// A server whose snapshots expire as soon as they are superseded.
fn forgetful() -> Server {
    let settings = [
        ("storage.retention", "0d"),
        ("storage.expire_age_min", "0s"),
        ("storage.grace", "0s"),
        ("maintenance.expire_interval", "100ms"),
    ];
    Server::with_settings(&settings).unwrap()
}

/// Prepares, describes and runs a statement with text parameters.
fn extended(client: &mut Client, sql: &str, values: &[Option<&str>]) -> Reply {
    let messages = [
        parse("", sql, &[]),
        describe(b'S', ""),
        bind("", "", values, 0),
        execute("", 0),
        sync(),
    ];
    client.send(&messages.concat()).unwrap();
    Reply::parse(&client.read_until_ready().unwrap()).unwrap()
}

#[test]
fn a_startup_option_opens_an_earlier_state() {
    let past = Past::start();
    let option = format!("-c gotgan.as_of={}", past.first);
    let mut client = past
        .connect(|login| login.parameters.push(("options".to_owned(), option)))
        .unwrap();
    assert_eq!(client.value("SELECT a FROM t").unwrap(), "first");
    let columns = "SELECT string_agg(column_name, ',') FROM information_schema.columns \
                   WHERE table_name = 't'";
    assert_eq!(client.value(columns).unwrap(), "a");
    assert_eq!(client.query("DROP TABLE t").unwrap().code(), "25006");
    client.execute("SET gotgan.as_of = ''").unwrap();
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "0");
    client.execute("RESET gotgan.as_of").unwrap();
    assert_eq!(client.value("SELECT a FROM t").unwrap(), "first");
}

#[test]
fn the_database_name_opens_an_earlier_state() {
    let past = Past::start();
    let time = past.time_of(&past.second).replace(' ', "T");
    for moment in [past.second.as_str(), &time] {
        let database = format!("gotgan@{moment}");
        let mut client = past
            .connect(|login| login.database.clone_from(&database))
            .unwrap();
        let sql = format!("SELECT a FROM \"{database}\".public.t");
        assert_eq!(client.value(&sql).unwrap(), "second");
        let listed = "SELECT count(*) FROM pg_database WHERE datname = current_database()";
        assert_eq!(client.value(listed).unwrap(), "1");
        assert_eq!(client.value("SELECT current_database()").unwrap(), database);
    }
}

#[test]
fn a_state_that_is_not_there_is_refused_at_the_login() {
    let past = Past::start();
    for (database, code) in [
        ("gotgan@999999", "22023"),
        ("gotgan@1999-01-01", "22023"),
        ("gotgan@nonsense", "22023"),
        ("gotgan@", "3D000"),
        ("other@1", "3D000"),
    ] {
        let refused = past.connect(|login| login.database = database.to_owned());
        let text = refused.err().map(|error| error.to_string());
        assert!(
            text.clone().is_some_and(|text| text.contains(code)),
            "{database}: {text:?}"
        );
    }
}

#[test]
fn a_moment_can_be_a_parameter() {
    let past = Past::start();
    let mut client = past.server.client().unwrap();
    client.execute("CREATE TABLE u (a text)").unwrap();
    client.execute("INSERT INTO u VALUES ('then')").unwrap();
    let then = client
        .value("SELECT max(snapshot_id) FROM gotgan.snapshots")
        .unwrap();
    client.execute("UPDATE u SET a = 'now'").unwrap();
    let sql = "SELECT a FROM u AS OF SNAPSHOT $1 WHERE a <> $2";
    let reply = extended(&mut client, sql, &[Some(&then), Some("x")]);
    assert_eq!(reply.first().as_deref(), Some("then"), "{reply:?}");
    let time = past.time_of(&then);
    let sql = "SELECT a FROM u FOR SYSTEM_TIME AS OF $1";
    let reply = extended(&mut client, sql, &[Some(&time)]);
    assert_eq!(reply.first().as_deref(), Some("then"), "{reply:?}");
    let sql = "SELECT a FROM u FOR SYSTEM_TIME AS OF $1::timestamptz - $2::interval";
    let reply = extended(&mut client, sql, &[Some(&time), Some("0 days")]);
    assert_eq!(reply.first().as_deref(), Some("then"), "{reply:?}");
    let reply = extended(&mut client, sql, &[None, Some("0 days")]);
    assert_eq!(reply.code(), "22004");
}

#[test]
fn rows_of_other_columns_than_described_are_an_error() {
    let past = Past::start();
    let mut client = past.server.client().unwrap();
    let sql = "SELECT * FROM t AS OF SNAPSHOT $1";
    let reply = extended(&mut client, sql, &[Some(&past.first)]);
    assert_eq!(reply.code(), "0A000");
    let reply = extended(
        &mut client,
        "SELECT * FROM t AS OF SNAPSHOT $1",
        &[Some("1")],
    );
    assert_eq!(reply.code(), "42P01");
}

#[test]
fn a_prepared_statement_follows_the_session_into_the_past() {
    let past = Past::start();
    let mut client = past.server.client().unwrap();
    client
        .execute("CREATE TABLE u (a int); INSERT INTO u VALUES (1)")
        .unwrap();
    let then = client
        .value("SELECT max(snapshot_id) FROM gotgan.snapshots")
        .unwrap();
    client
        .execute("INSERT INTO u VALUES (2); PREPARE counted AS SELECT count(*) FROM u")
        .unwrap();
    assert_eq!(client.value("EXECUTE counted").unwrap(), "2");
    client
        .execute(&format!("SET gotgan.as_of = {then}"))
        .unwrap();
    assert_eq!(client.value("EXECUTE counted").unwrap(), "1");
    client
        .execute(&format!("SET gotgan.as_of = {}", past.first))
        .unwrap();
    assert_eq!(client.query("EXECUTE counted").unwrap().code(), "42P01");
    client.execute("RESET gotgan.as_of").unwrap();
    assert_eq!(client.value("EXECUTE counted").unwrap(), "2");
}

#[test]
fn snapshots_expire_by_themselves_unless_they_are_held() {
    let server = forgetful();
    let mut client = server.client().unwrap();
    client
        .execute("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 1000)")
        .unwrap();
    client.execute("CREATE SNAPSHOT held").unwrap();
    for _ in 0..3 {
        client.execute("UPDATE t SET a = a + 1").unwrap();
    }
    let kept = "SELECT count(*) FROM gotgan.snapshots";
    let is_expired = || (server.client().ok()?.value(kept).ok()? == "2").then_some(());
    poll(is_expired).expect("only the head and the held one are left");
    let minimum = "SELECT min(a) FROM t";
    let held = format!("{minimum} AS OF SNAPSHOT held");
    assert_eq!(client.value(&held).unwrap(), "1");
    assert_eq!(client.value(minimum).unwrap(), "4");
    let job = "SELECT count(*) FROM gotgan.maintenance \
               WHERE job IN ('expire snapshots', 'sweep files') AND error IS NULL AND runs > 0";
    let have_run = || (server.client().ok()?.value(job).ok()? == "2").then_some(());
    poll(have_run).expect("expiry and sweeping are done");
    client.execute("DROP SNAPSHOT held").unwrap();
    let is_gone = || (server.client().ok()?.value(kept).ok()? == "1").then_some(());
    poll(is_gone).expect("nothing holds it any more");
    assert_eq!(
        client
            .query("SELECT * FROM t AS OF SNAPSHOT 3")
            .unwrap()
            .code(),
        "22023"
    );
}

#[test]
fn a_retention_takes_effect_without_a_restart() {
    let server = forgetful();
    let mut client = server.client().unwrap();
    client
        .execute("ALTER SYSTEM SET gotgan.retention = '1 day'")
        .unwrap();
    client
        .execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        .unwrap();
    client.execute("DROP TABLE t").unwrap();
    let expired = client
        .value("SELECT count(*) FROM gotgan.expire_snapshots(dry_run => true)")
        .unwrap();
    assert_eq!(expired, "0");
    client.execute("UNDROP TABLE t").unwrap();
    assert_eq!(client.value("SELECT a FROM t").unwrap(), "1");
    client
        .execute("ALTER SYSTEM RESET gotgan.retention")
        .unwrap();
    let kept = "SELECT count(*) FROM gotgan.snapshots";
    let is_expired = || (server.client().ok()?.value(kept).ok()? == "1").then_some(());
    poll(is_expired).expect("the configuration holds again");
}
