//! Which rule decides, and which lines are refused.

use std::net::IpAddr;

use super::{Asking, ClientCertificate, Method, Rules, Transport};

fn asking<'a>(transport: Transport, address: &str, database: &'a str, user: &'a str) -> Asking<'a> {
    Asking {
        transport,
        address: address.parse::<IpAddr>().ok(),
        database,
        user,
        is_member: &is_in_data_team,
    }
}

fn is_in_data_team(group: &str) -> bool {
    group == "data_team"
}

#[test]
fn members_of_a_role_have_rules_of_their_own() {
    let of = |database, user| asking(Transport::Plain, "10.1.2.3", database, user);
    let rules = "host sales +data_team all reject\nhost all +other all reject\n\
                 host sameuser all all scram-sha-256\nhost samerole all all cert";
    let rules = rules.replace(" cert", " reject");
    assert!(answer(&rules, &of("sales", "ann")).is_err());
    assert_eq!(answer(&rules, &of("ann", "ann")), Ok(SCRAM));
    assert!(answer(&rules, &of("data_team", "ann")).is_err());
    let rules = "host samerole,ann all all scram-sha-256";
    assert_eq!(answer(rules, &of("data_team", "ann")), Ok(SCRAM));
    assert_eq!(answer(rules, &of("ann", "ann")), Ok(SCRAM));
    assert!(answer(rules, &of("other", "ann")).is_err());
    let quoted = "host all \"+data_team\" all scram-sha-256";
    assert!(answer(quoted, &of("sales", "ann")).is_err(), "it is a name");
}

fn answer(rules: &str, asking: &Asking<'_>) -> Result<Method, String> {
    let rules = Rules::parse(rules).expect("these rules are good");
    rules.method(asking).map_err(|error| error.message)
}

const SCRAM: Method = Method::Scram(ClientCertificate::Ignored);

#[test]
fn the_first_line_that_fits_decides() {
    let rules = "\
# comments and empty lines count for nothing

host  sales  ann,bob  10.1.0.0/16  reject
hostssl all  \"all\"  10.0.0.0/8   cert   # a role whose name is all
host  all    all      10.0.0.0/8   scram-sha-256
";
    let of = |database, user| asking(Transport::Tls, "10.1.2.3", database, user);
    assert!(answer(rules, &of("sales", "bob")).is_err());
    assert_eq!(answer(rules, &of("sales", "eve")), Ok(SCRAM));
    assert_eq!(answer(rules, &of("other", "all")), Ok(Method::Certificate));
    assert_eq!(answer(rules, &of("other", "ann")), Ok(SCRAM));
    let outside = asking(Transport::Tls, "11.1.2.3", "other", "ann");
    assert!(answer(rules, &outside).unwrap_err().contains("11.1.2.3"));
}

#[test]
fn networks_of_all_widths_fit() {
    let fits = |network: &str, address: &str| {
        let rules = format!("host all all {network} scram-sha-256");
        answer(&rules, &asking(Transport::Plain, address, "d", "u")).is_ok()
    };
    assert!(fits("0.0.0.0/0", "203.0.113.9"));
    assert!(fits("192.168.7.0/24", "192.168.7.255"));
    assert!(!fits("192.168.7.0/24", "192.168.8.0"));
    assert!(fits("192.168.7.1", "192.168.7.1"));
    assert!(!fits("192.168.7.1", "192.168.7.2"));
    assert!(fits("::/0", "2001:db8::1"));
    assert!(fits("2001:db8::/32", "2001:db8:ffff::1"));
    assert!(!fits("2001:db8::/32", "2001:db9::1"));
    // An IPv4 client of a socket for both kinds comes as a mapped address.
    assert!(fits("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert!(!fits("::/0", "10.1.2.3"));
}

#[test]
fn transports_are_told_apart() {
    let rules = "local all all trust\nhostssl all all all scram-sha-256 clientcert=verify-full\n";
    let unix = Asking {
        address: None,
        ..asking(Transport::Unix, "127.0.0.1", "d", "u")
    };
    assert_eq!(answer(rules, &unix), Ok(Method::Trust));
    let tls = asking(Transport::Tls, "127.0.0.1", "d", "u");
    assert_eq!(
        answer(rules, &tls),
        Ok(Method::Scram(ClientCertificate::Named))
    );
    let plain = asking(Transport::Plain, "127.0.0.1", "d", "u");
    assert!(
        answer(rules, &plain)
            .unwrap_err()
            .contains("must be encrypted")
    );
}

#[test]
fn without_a_file_passwords_are_asked_for_and_tls_from_elsewhere() {
    let method = |allow_plaintext, transport, address| {
        let rules = Rules::load(None, allow_plaintext).expect("the built-in rules are good");
        rules.method(&asking(transport, address, "d", "u"))
    };
    assert_eq!(method(false, Transport::Plain, "127.0.0.1").unwrap(), SCRAM);
    assert_eq!(method(false, Transport::Tls, "203.0.113.9").unwrap(), SCRAM);
    assert!(method(false, Transport::Plain, "203.0.113.9").is_err());
    assert_eq!(
        method(true, Transport::Plain, "203.0.113.9").unwrap(),
        SCRAM
    );
}

#[test]
fn lines_that_would_let_in_too_many_are_refused() {
    for line in [
        "host all all all trust",
        "host all all all password",
        "host all all all md5",
        "host all all all cert",
        "host all all all scram-sha-256 clientcert=verify-full",
        "hostssl all all all scram-sha-256 clientcert=maybe",
        "hostssl all all example.org scram-sha-256",
        "hostssl all all 10.0.0.0/33 scram-sha-256",
        "hostssl all all scram-sha-256",
        "hostssl all \"all all scram-sha-256",
        "hostgssenc all all all gss",
        "include other.conf",
    ] {
        let error = Rules::parse(&format!("\n{line}\n")).expect_err(line);
        assert!(error.starts_with("line 2: "), "{line}: {error}");
    }
}
