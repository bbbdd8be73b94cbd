//! What keeps a role out, by SQLSTATE, and what a client is told of who it is.

use gotgan_tests::Server;
use gotgan_tests::client::{Client, Login};

/// A password of the roles here.
const PASSWORD: &str = "pencil";

/// A login of a role of this file.
fn login(server: &Server, user: &str) -> Login {
    Login {
        user: user.to_owned(),
        password: PASSWORD.to_owned(),
        ..server.login()
    }
}

/// Logs in; returns the text of the refusal, `""` if there is none.
fn refusal(server: &Server, user: &str) -> String {
    match Client::connect(server.address(), &login(server, user)) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn attributes_of_a_role_decide_about_its_logins() {
    let server = Server::start().unwrap();
    let mut admin = server.client().unwrap();
    let mut change = |statement: &str| admin.execute(statement).unwrap();
    change(&format!("CREATE USER ann PASSWORD '{PASSWORD}'"));
    assert_eq!(refusal(&server, "ann"), "");
    change("ALTER USER ann NOLOGIN");
    assert_eq!(
        refusal(&server, "ann"),
        "28000 FATAL: role \"ann\" is not permitted to log in"
    );
    change("ALTER USER ann LOGIN CONNECTION LIMIT 0");
    assert_eq!(
        refusal(&server, "ann"),
        "53300 FATAL: too many connections for role \"ann\""
    );
    change("ALTER USER ann CONNECTION LIMIT UNLIMITED VALID UNTIL '2001-01-01'");
    assert_eq!(
        refusal(&server, "ann"),
        "28P01 FATAL: password authentication failed for user \"ann\""
    );
    change("ALTER USER ann VALID UNTIL 'infinity'");
    change("REVOKE CONNECT ON DATABASE gotgan FROM PUBLIC");
    assert_eq!(
        refusal(&server, "ann"),
        "42501 FATAL: permission denied for database \"gotgan\""
    );
    change("GRANT CONNECT ON DATABASE gotgan TO PUBLIC");
    change("ALTER USER ann SET gotgan.connect_to = 'replica'");
    assert_eq!(
        refusal(&server, "ann"),
        "28000 FATAL: role \"ann\" may connect to a replica only"
    );
    change("ALTER USER ann SUPERUSER CONNECTION LIMIT 0");
    assert_eq!(refusal(&server, "ann"), "", "superusers are exempt");
}

#[test]
fn clients_are_told_who_they_are() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client.execute("CREATE ROLE ann").unwrap();
    assert_eq!(client.parameters["is_superuser"], "on");
    client.execute("SET ROLE ann").unwrap();
    assert_eq!(client.parameters["is_superuser"], "off");
    assert_eq!(client.parameters["session_authorization"], "gotgan");
    client.execute("SET SESSION AUTHORIZATION ann").unwrap();
    assert_eq!(client.parameters["session_authorization"], "ann");
    client.execute("RESET SESSION AUTHORIZATION").unwrap();
    assert_eq!(client.parameters["session_authorization"], "gotgan");
    assert_eq!(client.parameters["is_superuser"], "on");
    client.execute("BEGIN; SET ROLE ann").unwrap();
    assert_eq!(client.parameters["is_superuser"], "off");
    client.execute("ROLLBACK").unwrap();
    assert_eq!(client.parameters["is_superuser"], "on");
    // Statements of one message are one transaction: the last one undoes the first.
    let reply = client.query("SET ROLE ann; SELECT 1 / 0").unwrap();
    assert_eq!(reply.code(), "22012");
    assert_eq!(client.value("SELECT current_user").unwrap(), "gotgan");
}
