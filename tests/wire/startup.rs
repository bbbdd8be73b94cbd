//! From the first byte to the first ReadyForQuery, and what is refused on the way.

use gotgan_tests::Server;
use gotgan_tests::client::{self, Client, Login, ServerError, startup};
use gotgan_tests::server::PASSWORD;

/// Parameters that drivers read from ParameterStatus.
const PARAMETERS: [&str; 13] = [
    "server_version",
    "server_encoding",
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "integer_datetimes",
    "standard_conforming_strings",
    "application_name",
    "is_superuser",
    "session_authorization",
    "in_hot_standby",
    "default_transaction_read_only",
];

/// Sends a startup packet and returns the FATAL error that it is answered with.
fn refusal(server: &Server, packet: &[u8]) -> ServerError {
    let mut client = server.raw_client().unwrap();
    client.send(packet).unwrap();
    let error = client
        .read_until_closed()
        .unwrap()
        .expect("a refusal says why");
    assert_eq!(error.severity(), "FATAL", "{error:?}");
    error
}

/// Logs in with a changed login and returns the text of the refusal.
fn login_refusal(server: &Server, change: impl Fn(&mut Login)) -> String {
    let mut login = server.login();
    change(&mut login);
    Client::connect(server.address(), &login)
        .expect_err("the login is refused")
        .to_string()
}

#[test]
fn parameter_status_is_complete() {
    let server = Server::start().unwrap();
    let client = server.client().unwrap();
    for name in PARAMETERS {
        assert!(client.parameters.contains_key(name), "{name} is missing");
    }
    let version = &client.parameters["server_version"];
    assert!(version.starts_with("15."), "{version}");
    assert!(
        version
            .chars()
            .all(|letter| letter.is_ascii_digit() || letter == '.'),
        "{version}"
    );
    assert_eq!(client.parameters["session_authorization"], "gotgan");
    assert_eq!(client.parameters["in_hot_standby"], "off");
    assert_eq!(
        client.key_data.len(),
        8,
        "process id and a four-byte key in protocol 3.0"
    );
}

#[test]
fn parameter_status_follows_set() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client.execute("SET TimeZone = 'Asia/Seoul'").unwrap();
    assert_eq!(client.parameters["TimeZone"], "Asia/Seoul");
    client
        .execute("BEGIN; SET application_name = 'in doubt'")
        .unwrap();
    assert_eq!(client.parameters["application_name"], "in doubt");
    client.execute("ROLLBACK").unwrap();
    assert_eq!(client.parameters["application_name"], "");
}

#[test]
fn startup_parameters_become_settings() {
    let server = Server::start().unwrap();
    let mut login = server.login();
    for (name, value) in [
        ("application_name", "granary"),
        ("TimeZone", "Asia/Seoul"),
        (
            "options",
            "-c statement_timeout=4321 -c search_path=a\\ b,public",
        ),
        ("no_such_parameter", "ignored"),
    ] {
        login.parameters.push((name.to_owned(), value.to_owned()));
    }
    let mut client = Client::connect(server.address(), &login).unwrap();
    assert_eq!(client.value("SHOW application_name").unwrap(), "granary");
    assert_eq!(client.value("SHOW TimeZone").unwrap(), "Asia/Seoul");
    assert_eq!(client.value("SHOW statement_timeout").unwrap(), "4321ms");
}

#[test]
fn wrong_password_is_refused() {
    let server = Server::start().unwrap();
    let refusal = login_refusal(&server, |login| login.password = "wrong".to_owned());
    assert_eq!(
        refusal,
        "28P01 FATAL: password authentication failed for user \"gotgan\""
    );
}

#[test]
fn unknown_role_is_refused_like_a_wrong_password() {
    let server = Server::start().unwrap();
    let refusal = login_refusal(&server, |login| login.user = "nobody".to_owned());
    assert!(
        refusal.starts_with("28P01 FATAL") || refusal.starts_with("28000 FATAL"),
        "{refusal}"
    );
}

#[test]
fn unknown_database_is_refused() {
    let server = Server::start().unwrap();
    let refusal = login_refusal(&server, |login| login.database = "elsewhere".to_owned());
    assert_eq!(
        refusal,
        "3D000 FATAL: database \"elsewhere\" does not exist"
    );
}

#[test]
fn protocol_3_2_is_spoken_or_negotiated() {
    let server = Server::start().unwrap();
    let mut client = server.raw_client().unwrap();
    client
        .send(&startup((3 << 16) | 2, &server.login()))
        .unwrap();
    client.authenticate(PASSWORD).unwrap();
    assert!((8..=260).contains(&client.key_data.len()));
    assert_eq!(client.value("SELECT 1").unwrap(), "1");
}

#[test]
fn newer_protocol_and_unknown_options_are_negotiated() {
    let server = Server::start().unwrap();
    let mut login = server.login();
    login
        .parameters
        .push(("_pq_.no_such_option".to_owned(), "1".to_owned()));
    let mut client = server.raw_client().unwrap();
    client.send(&startup((3 << 16) | 99, &login)).unwrap();
    let message = client.expect_message().unwrap();
    assert_eq!(message.tag, b'v', "NegotiateProtocolVersion comes first");
    assert_eq!(message.body[..2], [0, 3], "major version 3");
    assert_eq!(message.body[4..8], [0, 0, 0, 1], "one option is not known");
    assert_eq!(message.body[8..], *b"_pq_.no_such_option\0");
    client.authenticate(PASSWORD).unwrap();
    assert_eq!(client.value("SELECT 1").unwrap(), "1");
}

#[test]
fn old_protocol_is_refused() {
    let server = Server::start().unwrap();
    assert_eq!(
        refusal(&server, &startup(2 << 16, &server.login())).code(),
        "0A000"
    );
}

#[test]
fn startup_without_user_is_refused() {
    let server = Server::start().unwrap();
    let packet = [&9_u32.to_be_bytes()[..], &(3_u32 << 16).to_be_bytes(), &[0]].concat();
    assert_eq!(refusal(&server, &packet).code(), "28000");
}

#[test]
fn nonsense_instead_of_a_startup_packet_ends_only_that_connection() {
    let server = Server::start().unwrap();
    let packets: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[0; 64],
        &[255; 64],
        &[0, 0, 0, 5, 1],
        &[
            0, 0, 0, 16, 0, 3, 0, 0, b'u', b's', b'e', b'r', b'g', b'o', b't', b'g',
        ],
    ];
    for packet in packets {
        let mut client = server.raw_client().unwrap();
        client.send(packet).unwrap();
        client.read_until_closed().unwrap();
    }
    assert_eq!(server.client().unwrap().value("SELECT 1").unwrap(), "1");
}

#[test]
fn encryption_requests_are_answered_before_the_startup_packet() {
    let server = Server::start().unwrap();
    let gssenc_request = [8_u32.to_be_bytes(), 80_877_104_u32.to_be_bytes()].concat();
    let mut client = server.raw_client().unwrap();
    client.send(&gssenc_request).unwrap();
    assert_eq!(client.read_byte().unwrap(), Some(b'N'));
    client.send(&client::ssl_request()).unwrap();
    let answer = client.read_byte().unwrap();
    assert!(matches!(answer, Some(b'S' | b'N')), "{answer:?}");
    if answer == Some(b'N') {
        client.send(&startup(3 << 16, &server.login())).unwrap();
        client.authenticate(PASSWORD).unwrap();
    }
}

#[test]
fn client_that_leaves_while_logging_in_is_forgotten() {
    let server = Server::with_settings(&[("server.connections_max", "2")]).unwrap();
    for _ in 0..5 {
        let mut client = server.raw_client().unwrap();
        client.send(&startup(3 << 16, &server.login())).unwrap();
        client.expect_message().unwrap();
        client.vanish().unwrap();
    }
    let connect = || server.client().ok();
    gotgan_tests::poll(connect).expect("the places are free again");
}
