//! What loads, in which order, and which key an error names.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use super::*;

fn error(overrides: &[(&str, &str)]) -> String {
    Config::with(overrides)
        .expect_err("must be refused")
        .to_string()
}

#[test]
fn defaults_load() {
    let config = Config::with(&[]).expect("defaults are valid");
    assert_eq!(config.server.listen.port(), 5439);
    assert_eq!(config.server.shutdown_timeout, Duration::from_secs(30));
    assert_eq!(config.storage.file_bytes_max, 512 << 20);
    assert_eq!(config.role, Role::Primary);
    assert!(config.auth.admin_password.is_none());
    assert!(config.sql.memory_bytes_max > config.sql.query_memory_bytes_max);
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let folder = std::env::temp_dir().join(format!("gotgan-config-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("folder");
    let file = folder.join("gotgan.toml");
    fs::write(
        &file,
        "[server]\nconnections_max = 5\nstartup_timeout = \"5s\"\nlisten = \"127.0.0.1:5\"",
    )
    .expect("file");
    let environment = HashMap::from([
        ("GOTGAN__SERVER__CONNECTIONS_MAX".to_owned(), "6".to_owned()),
        (
            "GOTGAN__SERVER__STARTUP_TIMEOUT".to_owned(),
            "6s".to_owned(),
        ),
        (
            "GOTGAN__AUTH__ADMIN_PASSWORD".to_owned(),
            "123456".to_owned(),
        ),
        ("GOTGAN__ROLE".to_owned(), "replica".to_owned()),
    ]);
    let overrides = [("server.connections_max".to_owned(), "7".to_owned())];
    let config = load_from(Some(&file), Some(environment), &overrides).expect("valid");
    fs::remove_dir_all(&folder).expect("removed");
    assert_eq!(config.server.connections_max, 7);
    assert_eq!(config.server.startup_timeout, Duration::from_secs(6));
    assert_eq!(config.server.listen.port(), 5);
    assert_eq!(config.role, Role::Replica);
    let password = config.auth.admin_password.expect("set");
    assert_eq!(
        (password.expose().as_str(), format!("{password:?}")),
        ("123456", "***".to_owned())
    );
}

#[test]
fn an_unknown_key_is_named() {
    let environment = HashMap::from([("GOTGAN__SERVER__LISTN".to_owned(), "x".to_owned())]);
    let text = load_from(None, Some(environment), &[])
        .expect_err("refused")
        .to_string();
    assert_eq!(text, "unknown setting \"server.listn\" in the environment");
    assert_eq!(
        error(&[("sql.x", "1")]),
        "unknown setting \"sql.x\" in a flag"
    );
}

#[test]
fn a_bad_value_names_its_key() {
    for (key, value) in [
        ("server.listen", "nowhere"),
        ("server.connections_max", "many"),
        ("server.connections_max", "0"),
        ("server.shutdown_timeout", "30"),
        ("server.message_bytes_max", "1TiB"),
        ("server.allow_plaintext", "perhaps"),
        ("server.tls_certificate", "only-this.pem"),
        ("sql.memory_bytes_max", "200%"),
        ("sql.spill_bytes_max", "99999999TiB"),
        ("storage.compression", "zip"),
        ("storage.catalog_url", "mysql://x"),
        ("storage.data_url", "ftp://x/y"),
        ("storage.data_url", "s3://"),
        ("storage.upload_age_max", "5min"),
        ("object_store.requests_max", "0"),
        ("object_store.request_timeout", "0s"),
        ("object_store.s3.endpoint", "http://store:9000"),
        ("object_store.gcs.endpoint", "store:9000"),
        ("object_store.s3.session_token", "x"),
        ("log.format", "xml"),
        ("role", "boss"),
    ] {
        let text = error(&[(key, value)]);
        let named = if key == "server.tls_certificate" {
            "server.tls_key"
        } else {
            key
        };
        assert!(text.contains(named), "{key} = {value}: {text}");
    }
}

#[test]
fn half_a_key_is_refused_and_not_shown() {
    let text = error(&[("object_store.s3.secret_access_key", "hush")]);
    assert!(
        text.contains("s3.secret_access_key") && !text.contains("hush"),
        "{text}"
    );
    let settings = [
        ("object_store.s3.endpoint", "http://store:9000"),
        ("object_store.allow_http", "true"),
        ("storage.compression", "none"),
    ];
    let config = Config::with(&settings).expect("allowed");
    assert_eq!(config.storage.compression, Some(Compression::None));
    assert_eq!(
        Config::with(&[]).expect("defaults").storage.compression,
        None
    );
}

#[test]
fn a_missing_file_is_named() {
    let path = Path::new("/nonexistent/gotgan.toml");
    let text = load_from(Some(path), Some(HashMap::new()), &[])
        .expect_err("refused")
        .to_string();
    assert!(text.contains("gotgan.toml"), "{text}");
}

#[test]
fn times_of_history_are_checked_against_each_other() {
    let long = error(&[("storage.retention", "4000d")]);
    assert!(long.contains("storage.retention"), "{long}");
    let short = error(&[("storage.grace", "1min")]);
    assert!(short.contains("storage.grace"), "{short}");
    let young = error(&[("storage.orphan_age", "1h")]);
    assert!(young.contains("storage.orphan_age"), "{young}");
    let age = error(&[("storage.transaction_age_max", "10ms")]);
    assert!(age.contains("storage.transaction_age_max"), "{age}");
    let config = Config::with(&[("storage.retention", "0d")]).expect("valid");
    assert!(config.storage.retention.is_zero());
}

#[test]
fn a_replica_reads_nothing_that_may_be_gone() {
    let replica = |key, value| error(&[("role", "replica"), (key, value)]);
    let eager = replica("replica.poll_interval", "1ms");
    assert!(eager.contains("replica.poll_interval"), "{eager}");
    let impatient = replica("replica.stale_max", "100ms");
    assert!(impatient.contains("replica.stale_max"), "{impatient}");
    let stale = replica("replica.stale_max", "1d");
    assert!(stale.contains("less than storage.grace"), "{stale}");
    let old = replica("storage.transaction_age_max", "2d");
    assert!(old.contains("storage.transaction_age_max"), "{old}");
    Config::with(&[("role", "replica")]).expect("the defaults do");
    let primary = Config::with(&[("storage.transaction_age_max", "2d")]);
    primary.expect("a primary knows what it reads");
}

#[test]
fn history_has_bounds() {
    for (key, value) in [
        ("history.queue_length", "0"),
        ("history.flush_interval", "0s"),
        ("history.text_bytes_max", "10B"),
        ("history.retention", "a while"),
    ] {
        let text = error(&[(key, value)]);
        assert!(text.contains("history"), "{text}");
    }
    let config = Config::with(&[("history.enabled", "false")]).expect("it can be off");
    assert!(!config.history.enabled);
    assert_eq!(config.history.retention, Duration::from_secs(30 * 86_400));
}
