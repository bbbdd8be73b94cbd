//! The extended query protocol: Parse, Bind, Describe, Execute, Sync.

use gotgan_tests::client::{
    Message, Reply, ServerError, bind, close, describe, execute, flush, frame, parse, query, sync,
};
use gotgan_tests::{Client, Server};

/// Starts a server and a connection with an empty table `t (a int, b text)`.
fn table() -> (Server, Client) {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client.execute("CREATE TABLE t (a int, b text)").unwrap();
    (server, client)
}

/// Sends messages and reads up to ReadyForQuery.
fn exchange(client: &mut Client, messages: &[Vec<u8>]) -> Reply {
    client.send(&messages.concat()).unwrap();
    Reply::parse(&client.read_until_ready().unwrap()).unwrap()
}

/// Messages that run one statement without parameters, without Sync.
fn unnamed(sql: &str) -> Vec<u8> {
    [parse("", sql, &[]), bind("", "", &[], 0), execute("", 0)].concat()
}

/// Reads the OIDs of a ParameterDescription.
fn parameter_types(message: &Message) -> Vec<u32> {
    let chunks = message.body[2..].chunks_exact(4);
    chunks
        .map(|chunk| u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]))
        .collect()
}

/// Describes a statement; returns the parameters' types and the type bytes sent.
fn described(client: &mut Client, sql: &str, types: &[u32]) -> (Vec<u32>, String) {
    client
        .send(&[parse("", sql, types), describe(b'S', ""), sync()].concat())
        .unwrap();
    let messages = client.read_until_ready().unwrap();
    let tags = messages
        .iter()
        .map(|message| char::from(message.tag))
        .collect();
    let parameters = messages.iter().find(|message| message.tag == b't');
    (parameters.map(parameter_types).unwrap_or_default(), tags)
}

#[test]
fn messages_come_in_order() {
    let (_server, mut client) = table();
    let reply = exchange(
        &mut client,
        &[
            parse("s", "SELECT $1::int AS n", &[]),
            describe(b'S', "s"),
            bind("p", "s", &[Some("7")], 0),
            describe(b'P', "p"),
            execute("p", 0),
            close(b'P', "p"),
            close(b'S', "s"),
            sync(),
        ],
    );
    assert_eq!(reply.tags, "1tT2TDC33Z");
    assert_eq!(reply.first().as_deref(), Some("7"));
}

#[test]
fn describe_never_executes() {
    let (_server, mut client) = table();
    let (parameters, tags) = described(&mut client, "INSERT INTO t VALUES ($1, $2)", &[]);
    assert_eq!((parameters, tags.as_str()), (vec![23, 25], "1tnZ"));
    let (_, tags) = described(&mut client, "CREATE TABLE u (x int)", &[]);
    assert_eq!(tags, "1tnZ");
    assert_eq!(client.query("SELECT * FROM u").unwrap().code(), "42P01");
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "0");
}

#[test]
fn parameter_types_are_inferred() {
    let (_server, mut client) = table();
    let mut types = |sql: &str| described(&mut client, sql, &[]).0;
    assert_eq!(types("SELECT $1::int8 + $2"), [20, 20]);
    assert_eq!(
        types("SELECT * FROM t WHERE a = $1 AND b LIKE $2"),
        [23, 25]
    );
    assert_eq!(types("SELECT $1"), [25]);
    assert_eq!(types("SELECT * FROM t WHERE a = ANY ($1)"), [1007]);
    assert_eq!(types("SELECT a FROM t LIMIT $1"), [20]);
    assert_eq!(types("SELECT coalesce($1, 1.5), $2 || 'x'"), [1700, 25]);
    assert_eq!(
        types("SELECT CASE WHEN $1 THEN $2 ELSE 2 END, nullif($3, 1), greatest($4, 1, 2.5)"),
        [16, 23, 23, 1700]
    );
    assert_eq!(types("VALUES ($1, 'a'), (1, $2)"), [23, 25]);
    assert_eq!(types("SELECT * FROM (VALUES ($1), (2.5)) AS v(x)"), [1700]);
    assert_eq!(
        types("SELECT abs($1), lpad($2, $3), ARRAY[$4, 1]"),
        [701, 25, 23, 23]
    );
    assert_eq!(types("SELECT $1 IN (1, 2), $2 BETWEEN 1 AND 2"), [23, 23]);
    assert_eq!(
        types("SELECT * FROM t WHERE a IN ($1, $2) OR a BETWEEN $3 AND $4"),
        [23; 4]
    );
    assert_eq!(types("INSERT INTO t SELECT $1, $2"), [23, 25]);
    assert_eq!(described(&mut client, "SELECT $1", &[1082]).0, [1082]);
}

#[test]
fn named_statement_is_used_again() {
    let (_server, mut client) = table();
    exchange(
        &mut client,
        &[parse("add", "INSERT INTO t VALUES ($1, $2)", &[]), sync()],
    );
    for number in ["1", "2", "3"] {
        let values = [Some(number), None];
        let reply = exchange(
            &mut client,
            &[bind("", "add", &values, 0), execute("", 0), sync()],
        );
        assert_eq!(reply.results[0].tag, "INSERT 0 1");
    }
    assert_eq!(
        client
            .value("SELECT sum(a) FROM t WHERE b IS NULL")
            .unwrap(),
        "6"
    );
    let reply = exchange(&mut client, &[parse("add", "SELECT 1", &[]), sync()]);
    assert_eq!(reply.code(), "42P05");
    exchange(
        &mut client,
        &[close(b'S', "add"), close(b'S', "never made"), sync()],
    );
    let reply = exchange(&mut client, &[bind("", "add", &[], 0), sync()]);
    assert_eq!(reply.code(), "26000");
}

#[test]
fn statements_are_shared_with_sql_prepare() {
    let (_server, mut client) = table();
    exchange(
        &mut client,
        &[parse("wire", "SELECT 1 + $1::int", &[]), sync()],
    );
    assert_eq!(client.value("EXECUTE wire (4)").unwrap(), "5");
    client.execute("PREPARE text AS SELECT 6").unwrap();
    let reply = exchange(
        &mut client,
        &[bind("", "text", &[], 0), execute("", 0), sync()],
    );
    assert_eq!(reply.first().as_deref(), Some("6"));
}

#[test]
fn error_skips_until_sync() {
    let (_server, mut client) = table();
    let reply = exchange(
        &mut client,
        &[
            unnamed("INSERT INTO t VALUES (1)"),
            unnamed("SELECT nope"),
            unnamed("INSERT INTO t VALUES (2)"),
            sync(),
        ],
    );
    assert_eq!(reply.tags, "12CEZ");
    assert_eq!(reply.status, 'I');
    assert_eq!(
        client.value("SELECT count(*) FROM t").unwrap(),
        "0",
        "one implicit transaction"
    );
}

#[test]
fn sync_separates_pipelined_transactions() {
    let (_server, mut client) = table();
    let bytes = [
        unnamed("INSERT INTO t VALUES (1)"),
        sync(),
        unnamed("SELECT 1 / 0"),
        sync(),
        unnamed("INSERT INTO t VALUES (2)"),
        sync(),
    ];
    client.send(&bytes.concat()).unwrap();
    let mut codes = Vec::new();
    for _ in 0..3 {
        let reply = Reply::parse(&client.read_until_ready().unwrap()).unwrap();
        codes.push(reply.code().to_owned());
    }
    assert_eq!(codes, ["", "22012", ""]);
    assert_eq!(client.value("SELECT sum(a) FROM t").unwrap(), "3");
}

#[test]
fn thousand_pipelined_statements_do_not_block() {
    let (_server, mut client) = table();
    let one = [unnamed("SELECT repeat('x', 1000)"), sync()].concat();
    let mut writer = Vec::new();
    for _ in 0..1000 {
        writer.extend_from_slice(&one);
    }
    client.send(&writer).unwrap();
    for _ in 0..1000 {
        let reply = Reply::parse(&client.read_until_ready().unwrap()).unwrap();
        assert_eq!(reply.tags, "12DCZ");
    }
}

#[test]
fn flush_delivers_without_sync() {
    let (_server, mut client) = table();
    client
        .send(&[unnamed("SELECT 3"), flush()].concat())
        .unwrap();
    let messages = client.read_until(b'C').unwrap();
    assert_eq!(Reply::parse(&messages).unwrap().tags, "12DC");
    client.send(&sync()).unwrap();
    assert_eq!(client.read_until_ready().unwrap().len(), 1);
}

#[test]
fn explicit_transaction_spans_syncs() {
    let (_server, mut client) = table();
    assert_eq!(
        exchange(&mut client, &[unnamed("BEGIN"), sync()]).status,
        'T'
    );
    exchange(&mut client, &[unnamed("INSERT INTO t VALUES (1)"), sync()]);
    assert_eq!(
        exchange(&mut client, &[unnamed("SELECT nope"), sync()]).status,
        'E'
    );
    assert_eq!(
        exchange(&mut client, &[unnamed("SELECT 1"), sync()]).code(),
        "25P02"
    );
    assert_eq!(
        exchange(&mut client, &[unnamed("ROLLBACK"), sync()]).status,
        'I'
    );
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "0");
}

#[test]
fn empty_statement_is_answered() {
    let (_server, mut client) = table();
    let reply = exchange(&mut client, &[unnamed(""), sync()]);
    assert_eq!(reply.tags, "12IZ");
    assert_eq!(described(&mut client, " -- nothing", &[]).1, "1tnZ");
}

#[test]
fn several_statements_in_one_parse_are_refused() {
    let (_server, mut client) = table();
    let reply = exchange(&mut client, &[parse("", "SELECT 1; SELECT 2", &[]), sync()]);
    assert_eq!(reply.code(), "42601");
}

#[test]
fn binary_results_and_parameters() {
    let (_server, mut client) = table();
    let sql = "SELECT 258::int4, 'x', true, NULL, 1.5::float8";
    let reply = exchange(
        &mut client,
        &[
            parse("", sql, &[]),
            bind("", "", &[], 1),
            execute("", 0),
            sync(),
        ],
    );
    let expected = vec![
        Some(vec![0, 0, 1, 2]),
        Some(b"x".to_vec()),
        Some(vec![1]),
        None,
        Some(1.5_f64.to_be_bytes().to_vec()),
    ];
    assert_eq!(reply.results[0].rows, [expected]);
}

/// Builds a Bind of the unnamed statement with one binary parameter.
fn bind_binary(value: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 1, 0, 1, 0, 1];
    body.extend_from_slice(&(value.len() as u32).to_be_bytes());
    body.extend_from_slice(value);
    body.extend_from_slice(&[0, 0]);
    frame(b'B', &body)
}

#[test]
fn binary_parameter_of_wrong_length_is_refused() {
    let (_server, mut client) = table();
    let sql = parse("", "SELECT $1::int4", &[]);
    let good = exchange(
        &mut client,
        &[
            sql.clone(),
            bind_binary(&[0, 0, 1, 2]),
            execute("", 0),
            sync(),
        ],
    );
    assert_eq!(good.first().as_deref(), Some("258"), "{:?}", good.error);
    for value in [&[1][..], &[1; 5]] {
        let reply = exchange(&mut client, &[sql.clone(), bind_binary(value), sync()]);
        assert!(
            matches!(reply.code(), "22P03" | "08P01"),
            "{:?}",
            reply.error
        );
    }
}

#[test]
fn bad_parameters_are_refused() {
    let (_server, mut client) = table();
    let sql = parse("s", "SELECT $1::int + $2::int", &[]);
    exchange(&mut client, &[sql, sync()]);
    let mut code = |values: &[Option<&str>]| {
        let messages = [bind("", "s", values, 0), execute("", 0), sync()];
        exchange(&mut client, &messages).code().to_owned()
    };
    assert_eq!(code(&[Some("1")]), "08P01", "too few");
    assert_eq!(
        code(&[Some("1"), Some("2"), Some("3")]),
        "08P01",
        "too many"
    );
    assert_eq!(code(&[Some("1"), Some("x")]), "22P02");
    assert_eq!(code(&[Some("1"), None]), "");
}

#[test]
fn statement_meets_changed_tables() {
    let (_server, mut client) = table();
    exchange(&mut client, &[parse("s", "SELECT a FROM t", &[]), sync()]);
    client.execute("INSERT INTO t VALUES (5)").unwrap();
    let run = [bind("", "s", &[], 0), execute("", 0), sync()];
    assert_eq!(exchange(&mut client, &run).first().as_deref(), Some("5"));
    client.execute("DROP TABLE t").unwrap();
    assert_eq!(exchange(&mut client, &run).code(), "42P01");
    client.execute("CREATE TABLE t (a text)").unwrap();
    let reply = exchange(&mut client, &run);
    assert!(matches!(reply.code(), "" | "0A000"), "{:?}", reply.error);
}

#[test]
fn query_in_between_ends_the_unnamed_statement_only_at_its_turn() {
    let (_server, mut client) = table();
    exchange(
        &mut client,
        &[
            parse("", "SELECT 1", &[]),
            parse("kept", "SELECT 2", &[]),
            sync(),
        ],
    );
    client.execute("SELECT 3").unwrap();
    let reply = exchange(
        &mut client,
        &[bind("", "kept", &[], 0), execute("", 0), sync()],
    );
    assert_eq!(reply.first().as_deref(), Some("2"));
    let reply = exchange(&mut client, &[bind("", "", &[], 0), sync()]);
    assert_eq!(
        reply.code(),
        "26000",
        "a simple query drops the unnamed statement"
    );
}

#[test]
fn unknown_message_ends_the_connection() {
    let (server, mut client) = table();
    client.send(&frame(b'y', b"what")).unwrap();
    let error = client.read_until_closed().unwrap().expect("says why");
    assert_eq!((error.severity(), error.code()), ("FATAL", "08P01"));
    assert_eq!(server.client().unwrap().value("SELECT 1").unwrap(), "1");
}

#[test]
fn malformed_messages_do_not_hurt_others() {
    let (server, _client) = table();
    let broken = [
        frame(b'P', b"no end"),
        frame(b'B', &[0, 0, 0, 1]),
        frame(b'B', &[0, 0, 0, 0, 0, 1, 0, 0, 0, 99, 1]),
        frame(b'D', b"Xname\0"),
        frame(b'E', b"portal\0\0"),
        frame(b'C', &[]),
        frame(b'Q', &[]),
        query("SELECT 1")[..7].to_vec(),
    ];
    for bytes in broken {
        let mut client = server.client().unwrap();
        client.send(&[bytes.clone(), sync()].concat()).unwrap();
        let is_answered = |tag: u8| tag == b'E';
        let mut messages = Vec::new();
        client
            .set_reply_time(std::time::Duration::from_millis(500))
            .unwrap();
        while let Ok(Some(message)) = client.read_message() {
            messages.push(message);
        }
        let errors: Vec<ServerError> = messages
            .iter()
            .filter(|message| is_answered(message.tag))
            .map(|message| ServerError::parse(&message.body))
            .collect();
        let is_violation = errors
            .iter()
            .all(|error| error.code() == "08P01" || error.code() == "34000");
        assert!(is_violation, "{bytes:?}: {errors:?}");
    }
    assert_eq!(server.client().unwrap().value("SELECT 1").unwrap(), "1");
}
