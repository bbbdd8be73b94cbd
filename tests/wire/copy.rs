//! COPY's sub-protocol: message order, failure on either side, binary format.

use gotgan_tests::client::{Reply, bind, execute, flush, frame, parse, query, sync};
use gotgan_tests::{Client, Server};

/// Starts a server and a connection with an empty table `t (a int, b text)`.
fn table() -> (Server, Client) {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client.execute("CREATE TABLE t (a int, b text)").unwrap();
    (server, client)
}

/// Sends a COPY FROM STDIN and reads its CopyInResponse.
fn begin_copy(client: &mut Client, sql: &str) {
    client.send(&query(sql)).unwrap();
    let message = client.expect_message().unwrap();
    assert_eq!(message.tag, b'G', "{message:?}");
}

fn reply(client: &mut Client) -> Reply {
    Reply::parse(&client.read_until_ready().unwrap()).unwrap()
}

#[test]
fn responses_tell_format_and_columns() {
    let (_server, mut client) = table();
    client.send(&query("COPY t FROM STDIN")).unwrap();
    assert_eq!(client.expect_message().unwrap().body, [0, 0, 2, 0, 0, 0, 0]);
    client.send(&frame(b'c', &[])).unwrap();
    assert_eq!(reply(&mut client).results[0].tag, "COPY 0");
    client.execute("INSERT INTO t VALUES (1, 'x')").unwrap();
    assert_eq!(client.query("COPY t TO STDOUT").unwrap().tags, "HdcCZ");
    client
        .send(&query("COPY (SELECT a FROM t) TO STDOUT (FORMAT binary)"))
        .unwrap();
    assert_eq!(client.expect_message().unwrap().body, [1, 0, 1, 0, 1]);
    client.read_until_ready().unwrap();
}

#[test]
fn data_may_be_cut_anywhere() {
    let (_server, mut client) = table();
    begin_copy(&mut client, "COPY t FROM STDIN (FORMAT csv)");
    for byte in "1,\"a \"\"q\"\"\nline\"\r\n2,곳간\n3,".as_bytes() {
        client.send(&frame(b'd', &[*byte])).unwrap();
    }
    client.send(&frame(b'c', &[])).unwrap();
    assert_eq!(reply(&mut client).results[0].tag, "COPY 3");
    let rows = client
        .execute("SELECT b FROM t ORDER BY a")
        .unwrap()
        .results[0]
        .text_rows();
    let expected = [Some("a \"q\"\nline"), Some("곳간"), None].map(|b| b.map(str::to_owned));
    assert_eq!(rows.concat(), expected);
}

#[test]
fn client_can_fail_its_copy() {
    let (_server, mut client) = table();
    begin_copy(&mut client, "COPY t FROM STDIN");
    client.send(&frame(b'd', b"1\tx\n")).unwrap();
    client.send(&frame(b'f', b"changed my mind\0")).unwrap();
    let reply = reply(&mut client);
    assert_eq!(reply.code(), "57014");
    let error = reply.error.unwrap();
    assert_eq!(error.message(), "COPY from stdin failed: changed my mind");
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "0");
}

#[test]
fn rest_of_a_refused_copy_is_ignored() {
    let (_server, mut client) = table();
    begin_copy(&mut client, "COPY t FROM STDIN");
    let mut bytes = frame(b'd', b"bad\tx\n");
    for number in 0..1000 {
        bytes.extend(frame(b'd', format!("{number}\tx\n").repeat(100).as_bytes()));
    }
    bytes.extend(frame(b'c', &[]));
    bytes.extend(query("SELECT count(*) FROM t"));
    client.send(&bytes).unwrap();
    assert_eq!(reply(&mut client).code(), "22P02");
    assert_eq!(reply(&mut client).first().as_deref(), Some("0"));
}

#[test]
fn vanished_client_leaves_no_rows() {
    let (server, mut client) = table();
    begin_copy(&mut client, "COPY t FROM STDIN");
    for _ in 0..100 {
        client
            .send(&frame(b'd', "1\tx\n".repeat(1000).as_bytes()))
            .unwrap();
    }
    client.vanish().unwrap();
    let mut other = server.client().unwrap();
    assert_eq!(other.value("SELECT count(*) FROM t").unwrap(), "0");
    other.execute("INSERT INTO t VALUES (1)").unwrap();
}

#[test]
fn copy_stands_among_other_statements() {
    let (_server, mut client) = table();
    begin_copy(
        &mut client,
        "COPY t FROM STDIN; SELECT count(*) FROM t; SELECT nope",
    );
    client.send(&frame(b'd', b"1\tx\n2\ty\n")).unwrap();
    client.send(&frame(b'c', &[])).unwrap();
    let reply = reply(&mut client);
    assert_eq!((reply.tags.as_str(), reply.code()), ("CTDCEZ", "42703"));
    assert_eq!(
        client.value("SELECT count(*) FROM t").unwrap(),
        "0",
        "one transaction"
    );
}

#[test]
fn copy_over_the_extended_protocol() {
    let (_server, mut client) = table();
    let messages = [
        parse("", "COPY t FROM STDIN", &[]),
        bind("", "", &[], 0),
        execute("", 0),
        flush(),
    ];
    client.send(&messages.concat()).unwrap();
    client.read_until(b'G').unwrap();
    client.send(&frame(b'd', b"5\tx\n")).unwrap();
    client.send(&[frame(b'c', &[]), sync()].concat()).unwrap();
    assert_eq!(reply(&mut client).tags, "CSZ");
    let messages = [
        parse("", "COPY t TO STDOUT", &[]),
        bind("", "", &[], 0),
        execute("", 0),
        sync(),
    ];
    client.send(&messages.concat()).unwrap();
    let reply = reply(&mut client);
    assert_eq!(
        (reply.tags.as_str(), &reply.results[0].copied[..]),
        ("12HdcCZ", &b"5\tx\n"[..])
    );
}

#[test]
fn binary_format_goes_round() {
    let (_server, mut client) = table();
    let columns = "1::int2 AS a, 2::int4 AS b, 3::int8 AS c, 1.5::float4 AS d, -2.5::float8 AS e, \
                   12.340::numeric(10,3) AS f, 'text 곳간'::text AS g, true AS h, \
                   date '2026-11-20' AS i, timestamp '2026-11-20 09:15:30.123456' AS j, \
                   timestamptz '2026-11-20 09:15:30+09' AS k, time '09:15' AS l, \
                   interval '1 mon 2 days 3 hours' AS m, \
                   'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS n, '\\x00ff'::bytea AS o, \
                   '{\"a\": 1}'::jsonb AS p, ARRAY[1, NULL, 3] AS q, ARRAY['x', 'y'] AS r, \
                   NULL::int AS s, -0.5::numeric(4,2) AS u, 0::numeric(4,2) AS v";
    client
        .execute(&format!("CREATE TABLE source AS SELECT {columns}"))
        .unwrap();
    client.execute("CREATE TABLE target (LIKE source)").unwrap();
    let copied = client
        .execute("COPY source TO STDOUT (FORMAT binary)")
        .unwrap();
    let data = &copied.results[0].copied;
    assert!(data.starts_with(b"PGCOPY\n\xff\r\n\0"));
    assert!(data.ends_with(&[0xff, 0xff]));
    let reply = client
        .copy_in("COPY target FROM STDIN (FORMAT binary)", data)
        .unwrap();
    assert_eq!(reply.error, None);
    let rows = |client: &mut Client, table: &str| {
        client
            .execute(&format!("SELECT * FROM {table}"))
            .unwrap()
            .results[0]
            .text_rows()
    };
    assert_eq!(rows(&mut client, "source"), rows(&mut client, "target"));
}

#[test]
fn broken_binary_data_is_refused() {
    let (_server, mut client) = table();
    let header = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    let good = [
        &header[..],
        &[0, 2, 0, 0, 0, 4, 0, 0, 0, 7, 255, 255, 255, 255],
        &[255, 255],
    ];
    let sql = "COPY t FROM STDIN (FORMAT binary)";
    assert_eq!(
        client.copy_in(sql, &good.concat()).unwrap().results[0].tag,
        "COPY 1"
    );
    let broken: [&[u8]; 5] = [
        b"not a binary file at all",
        &header[..15],
        &[&header[..], &[0, 9]].concat(),
        &[&header[..], &[0, 2, 0, 0, 0, 3, 0, 0, 7]].concat(),
        &[&header[..], &[0, 2, 0, 0, 0, 4, 0, 0]].concat(),
    ];
    for data in broken {
        let reply = client.copy_in(sql, data).unwrap();
        assert!(
            matches!(reply.code(), "22P04" | "22P03"),
            "{data:?}: {:?}",
            reply.error
        );
    }
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "1");
}

#[test]
fn invalid_utf8_in_data_is_refused() {
    let (_server, mut client) = table();
    for sql in [
        "COPY t FROM STDIN",
        "COPY t FROM STDIN (FORMAT csv, DELIMITER E'\\t')",
    ] {
        let reply = client.copy_in(sql, b"1\tgood\n2\tb\xffd\n").unwrap();
        assert_eq!(reply.code(), "22021", "{sql}");
    }
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "0");
}

#[test]
fn copy_inside_a_transaction_block() {
    let (server, mut client) = table();
    client.execute("BEGIN").unwrap();
    assert_eq!(
        client
            .copy_in("COPY t FROM STDIN", b"1\tx\n")
            .unwrap()
            .status,
        'T'
    );
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "1");
    assert_eq!(
        server
            .client()
            .unwrap()
            .value("SELECT count(*) FROM t")
            .unwrap(),
        "0"
    );
    let reply = client.copy_in("COPY t FROM STDIN", b"x\tx\n").unwrap();
    assert_eq!((reply.code(), reply.status), ("22P02", 'E'));
    client.execute("ROLLBACK").unwrap();
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "0");
}

#[test]
fn large_copy_goes_in_and_out() {
    let (_server, mut client) = table();
    let mut data = String::new();
    for number in 0..200_000 {
        data.push_str(&format!("{number}\trow number {number}\n"));
    }
    let reply = client
        .copy_in("COPY t FROM STDIN", data.as_bytes())
        .unwrap();
    assert_eq!(reply.results[0].tag, "COPY 200000");
    let copied = client
        .execute("COPY (SELECT a, b FROM t ORDER BY a) TO STDOUT")
        .unwrap();
    assert!(
        copied.results[0].copied == data.as_bytes(),
        "what came out is not what went in"
    );
}

#[test]
fn copy_to_or_from_a_server_file_is_refused() {
    let (_server, mut client) = table();
    for sql in [
        "COPY t FROM '/etc/passwd'",
        "COPY t TO '/tmp/x'",
        "COPY t FROM PROGRAM 'ls'",
    ] {
        let code = client.query(sql).unwrap().code().to_owned();
        assert!(matches!(code.as_str(), "0A000" | "42501"), "{sql}: {code}");
    }
}
