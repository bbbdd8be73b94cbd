//! Verifiers and first messages.

use super::*;

#[test]
fn a_verifier_is_postgresqls() {
    // Salt and password of the example in RFC 7677, section 3.
    let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
    let text = verifier_with("pencil", &salt, 4096);
    assert_eq!(
        text,
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=\
         :wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    );
    assert!(is_verifier_of(&text, "pencil"));
    assert!(!is_verifier_of(&text, "pencils"));
    assert_ne!(verifier("pencil"), verifier("pencil"), "the salt is random");
}

#[test]
fn what_is_no_verifier_is_refused() {
    for text in [
        "",
        "md5abc",
        "SCRAM-SHA-256$0:AA==$AA==:AA==",
        "SCRAM-SHA-256$4096:AA==$AA==:AA==",
    ] {
        assert!(parse_verifier(text).is_none(), "{text}");
    }
}

#[test]
fn the_mock_of_a_name_keeps_its_salt() {
    let salt = |user| match mock(user, "lake") {
        ScramSecret::Verifier { salt, .. } => salt,
        ScramSecret::SaltedPassword { salt, .. } => salt,
    };
    assert_eq!(salt("nobody"), salt("nobody"));
    assert_ne!(salt("nobody"), salt("somebody"));
    assert_eq!(salt("nobody").len(), SALT_BYTES);
}

#[test]
fn mechanism_and_header_must_agree() {
    let initial = |mechanism: &str, data: &str| {
        let length = i32::try_from(data.len()).expect("short").to_be_bytes();
        Bytes::from([mechanism.as_bytes(), b"\0", &length, data.as_bytes()].concat())
    };
    let is_ok = |mechanism, data, has_binding| {
        decode_initial(&initial(mechanism, data), has_binding).is_ok()
    };
    assert!(is_ok(MECHANISM, "n,,n=,r=x", false));
    assert!(is_ok(
        MECHANISM_BOUND,
        "p=tls-server-end-point,,n=,r=x",
        true
    ));
    assert!(!is_ok(
        MECHANISM_BOUND,
        "p=tls-server-end-point,,n=,r=x",
        false
    ));
    assert!(!is_ok(MECHANISM, "p=tls-server-end-point,,n=,r=x", true));
    assert!(!is_ok("MD5", "n,,n=,r=x", false));
    assert!(decode_initial(&Bytes::from_static(b"SCRAM-SHA-256\0\0\0\0\x09n"), false).is_err());
}
