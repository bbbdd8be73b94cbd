//! Runs the golden files, each over the simple and the extended protocol.
//!
//! `GOLDEN=ddl/views` runs only the files whose path contains that text, UPDATE=1
//! fills in the answers. Files under `golden/postgres/` are plain PostgreSQL: they
//! also pass on the server that `GOTGAN_TEST_POSTGRES=user@host:port/database`
//! names, and UPDATE=1 takes their answers from there and nowhere else.

use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use gotgan_tests::client::Login;
use gotgan_tests::golden::{Protocol, Run, Target, run};
use gotgan_tests::{Server, skipped, variable};

const PROTOCOLS: [(Protocol, &str); 2] = [
    (Protocol::Simple, "simple"),
    (Protocol::Extended, "extended"),
];

#[test]
fn types() {
    run_topic("types");
}

#[test]
fn query() {
    run_topic("query");
}

#[test]
fn ddl() {
    run_topic("ddl");
}

#[test]
fn dml() {
    run_topic("dml");
}

#[test]
fn copy() {
    run_topic("copy");
}

#[test]
fn catalog() {
    run_topic("catalog");
}

#[test]
fn transactions() {
    run_topic("transactions");
}

#[test]
fn settings() {
    run_topic("settings");
}

#[test]
fn roles() {
    run_topic("roles");
}

#[test]
fn privileges() {
    run_topic("privileges");
}

#[test]
fn row_security() {
    run_topic("row_security");
}

#[test]
fn column_privileges() {
    run_topic("column_privileges");
}

#[test]
fn view_rights() {
    run_topic("view_rights");
}

#[test]
fn masking() {
    run_topic("masking");
}

#[test]
fn snapshots() {
    run_topic("snapshots");
}

#[test]
fn errors() {
    run_topic("errors");
}

#[test]
fn explain() {
    run_topic("explain");
}

/// The files of `golden/postgres/` on a real PostgreSQL 15.
#[test]
fn on_postgres() {
    let Some(place) = variable("GOTGAN_TEST_POSTGRES") else {
        skipped(
            "golden::on_postgres",
            "GOTGAN_TEST_POSTGRES names no server",
        );
        return;
    };
    let (address, login) = postgres(&place).unwrap();
    let mut failures = Vec::new();
    for path in files(&root().join("postgres")).unwrap() {
        let make = |protocol, name: &str| Run {
            target: Target::Postgres,
            protocol,
            address,
            login: login.clone(),
            schema: schema(&path, name),
        };
        failures.extend(run_file(&path, make));
    }
    report(&failures);
}

/// Runs the files of a topic on one server, those shared with PostgreSQL first.
fn run_topic(topic: &str) {
    let server = Server::start().unwrap();
    let mut failures = Vec::new();
    for folder in [root().join("postgres").join(topic), root().join(topic)] {
        for path in files(&folder).unwrap() {
            let make = |protocol, name: &str| Run {
                target: Target::Gotgan,
                protocol,
                address: server.address(),
                login: server.login(),
                schema: schema(&path, name),
            };
            failures.extend(run_file(&path, make));
        }
    }
    report(&failures);
}

/// Runs a file over both protocols; updates it first if that is asked for.
fn run_file(path: &Path, make: impl Fn(Protocol, &str) -> Run) -> Vec<String> {
    let mut failures = Vec::new();
    for (protocol, name) in PROTOCOLS {
        let arranged = make(protocol, name);
        let is_shared = path.starts_with(root().join("postgres"));
        let is_source = is_shared == (arranged.target == Target::Postgres);
        let update = variable("UPDATE").is_some() && is_source && protocol == Protocol::Simple;
        if let Err(error) = run(path, &arranged, update) {
            failures.push(format!("over the {name} protocol: {error:#}"));
        }
    }
    failures
}

fn report(failures: &[String]) {
    assert!(
        failures.is_empty(),
        "{} failed:\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// Returns the golden files below a folder, in order; none if there is no such folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let wanted = variable("GOLDEN").unwrap_or_default();
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().contains(&wanted) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Returns a schema name that only this file uses over this protocol.
fn schema(path: &Path, protocol: &str) -> String {
    let case = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .replace('-', "_");
    format!("golden_{case}_{protocol}")
}

/// Reads `user@host:port/database`.
fn postgres(place: &str) -> Result<(std::net::SocketAddr, Login)> {
    let (user, rest) = place.split_once('@').context("user@host:port/database")?;
    let (host, database) = rest.split_once('/').context("user@host:port/database")?;
    let address = host.to_socket_addrs()?.next().context("no such host")?;
    ensure!(!user.is_empty(), "user@host:port/database");
    let login = Login {
        user: user.to_owned(),
        password: String::new(),
        database: database.to_owned(),
        parameters: Vec::new(),
    };
    Ok((address, login))
}
