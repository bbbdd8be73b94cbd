//! Startup packets, good and bad.

use super::*;

fn packet(code: u32, rest: &[u8]) -> Bytes {
    [code.to_be_bytes().as_slice(), rest].concat().into()
}

fn startup(rest: &[u8]) -> Result<Startup, SqlError> {
    match decode(packet(3 << 16, rest))? {
        Packet::Startup(startup) => Ok(startup),
        _ => panic!("another kind of packet"),
    }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn the_database_is_the_users_name_if_none_is_named() {
    let named = startup(b"user\0ann\0\0").expect("valid");
    assert_eq!(
        (named.user.as_str(), named.database.as_str()),
        ("ann", "ann")
    );
}

#[test]
fn options_come_before_the_other_settings() {
    let bytes = b"user\0u\0TimeZone\0Asia/Seoul\0options\0-c a=b --x-y=1\\ 2 -cz=\0_pq_.new\0on\0application_name\0psql\0\0";
    let startup = startup(bytes).expect("valid");
    assert_eq!(
        startup.parameters,
        [
            pair("a", "b"),
            pair("x_y", "1 2"),
            pair("z", ""),
            pair("TimeZone", "Asia/Seoul"),
            pair("application_name", "psql"),
        ]
    );
    assert_eq!(startup.unknown_options, ["_pq_.new"]);
    assert_eq!(startup.application_name, "psql");
}

#[test]
fn bad_packets_have_their_code() {
    let check = |rest: &[u8], code: &str| {
        let error = startup(rest).expect_err("bad");
        assert_eq!(error.code.0, code, "{error}");
    };
    check(b"user\0u", "08P01");
    check(b"user\0u\0\0x", "08P01");
    check(b"user\0\xff\0\0", "08P01");
    check(b"", "08P01");
    check(b"database\0gotgan\0\0", "28000");
    check(b"user\0u\0options\0-d\0\0", "42601");
    check(b"user\0u\0replication\0database\0\0", "0A000");
    assert!(startup(b"user\0u\0replication\0false\0\0").is_ok());
    assert!(decode(packet(2 << 16, b"\0")).is_err_and(|error| error.code.0 == "0A000"));
    assert!(decode(packet(CANCEL_CODE, b"\0\0\0\x01")).is_err());
}
