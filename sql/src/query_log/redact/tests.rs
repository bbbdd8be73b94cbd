//! Secrets in many spellings, and what is no secret.

use super::{cut, redacted};

const SECRET: &str = "hunter2";

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(redacted(text), expected, "of {text}");
}

#[test]
fn statements_within_strings_are_looked_at() {
    for (text, expected) in [
        (
            "DO $$ BEGIN CREATE ROLE r PASSWORD 'hunter2'; END $$",
            "DO $$ BEGIN CREATE ROLE r PASSWORD '***'; END $$",
        ),
        (
            "DO $a$ BEGIN EXECUTE $$ALTER ROLE r PASSWORD 'hunter2'$$; END $a$ LANGUAGE plpgsql",
            "DO $a$ BEGIN EXECUTE $$ALTER ROLE r PASSWORD '***'$$; END $a$ LANGUAGE plpgsql",
        ),
        (
            "DO $$ BEGIN EXECUTE 'ALTER ROLE r PASSWORD ''hunter2'''; END $$",
            "DO $$ BEGIN EXECUTE '***'; END $$",
        ),
        (
            "SELECT dblink_exec('c', 'create user r password ''hunter2''')",
            "SELECT dblink_exec('c', '***')",
        ),
        ("DO $$ PASSWORD 'hunter2'", "DO $$ PASSWORD '***'"),
        (
            "SELECT $$the password is in $1$$",
            "SELECT $$the password is in $1$$",
        ),
    ] {
        check(text, expected);
    }
}

#[test]
fn all_strings_of_roles_go() {
    for (text, expected) in [
        (
            "ALTER ROLE r PASWORD 'hunter2'",
            "ALTER ROLE r PASWORD '***'",
        ),
        (
            "CREATE USER u IDENTIFIED BY 'hunter2' VALID UNTIL '2030-01-01'",
            "CREATE USER u IDENTIFIED BY '***' VALID UNTIL '2030-01-01'",
        ),
        (
            "ALTER ROLE r SET search_path = 'keys'",
            "ALTER ROLE r SET search_path = 'keys'",
        ),
    ] {
        check(text, expected);
    }
}

#[test]
fn passwords_of_roles_go() {
    for (text, expected) in [
        (
            "ALTER ROLE r PASSWORD 'hunter2'",
            "ALTER ROLE r PASSWORD '***'",
        ),
        (
            "alter role r with password'hunter2' login",
            "alter role r with password'***' login",
        ),
        (
            "CREATE USER u ENCRYPTED PASSWORD E'hun\\'ter2'",
            "CREATE USER u ENCRYPTED PASSWORD '***'",
        ),
        (
            "CREATE ROLE r PASSWORD $$hunter2$$",
            "CREATE ROLE r PASSWORD '***'",
        ),
        (
            "CREATE ROLE r PASSWORD $a$hunter2$$hunter2$a$ LOGIN",
            "CREATE ROLE r PASSWORD '***' LOGIN",
        ),
        (
            "CREATE ROLE r PASSWORD U&'\\0068unter2'",
            "CREATE ROLE r PASSWORD '***'",
        ),
        (
            "CREATE ROLE r PASSWORD 'hunter2'\n  'hunter2'",
            "CREATE ROLE r PASSWORD '***'\n  '***'",
        ),
        (
            "CREATE ROLE r PASSWORD 'hunter' || 'hunter2'",
            "CREATE ROLE r PASSWORD '***' || '***'",
        ),
        (
            "ALTER ROLE r /* c */ PASSWORD -- c\n 'hunter2'",
            "ALTER ROLE r /* c */ PASSWORD -- c\n '***'",
        ),
        (
            "ALTER ROLE r PASSWORD 'hun''ter2'",
            "ALTER ROLE r PASSWORD '***'",
        ),
        ("ALTER ROLE r PASSWORD NULL", "ALTER ROLE r PASSWORD NULL"),
        (
            "CREATE USER u PASSWORD DISABLE",
            "CREATE USER u PASSWORD DISABLE",
        ),
        (
            "ALTER USER \"u\" PASSWORD 'SCRAM-SHA-256$4096:a$b:c'",
            "ALTER USER \"u\" PASSWORD '***'",
        ),
        (
            "SELECT 1; ALTER ROLE r PASSWORD 'hunter2'; SELECT 'x'",
            "SELECT 1; ALTER ROLE r PASSWORD '***'; SELECT 'x'",
        ),
    ] {
        check(text, expected);
    }
}

#[test]
fn statements_that_do_not_parse_tell_no_more() {
    for text in [
        "ALTER ROLE r PASSWORD hunter2",
        "ALTER ROLE r PASSWORD hunter2!$x",
        "ALTER ROLE r PASSWORD \"hunter2\"",
        "ALTER ROLE r PASSWORD 2hunter2",
        "ALTER ROLE r PASSWORD 'hunter2",
        "ALTER ROLE r PASSWORD = 'hunter2'",
        "ALTER ROLE r PASSWORD $$hunter2",
        "ALTER ROLE r PASSWORD E'hunter2\\'",
        "CREATE GROUP g PASSWORD (hunter2)",
        "COPY t FROM 's3://b' CREDENTIALS 'aws_access_key_id=hunter2",
        "/* ALTER ROLE r PASSWORD='hunter2' */ SELECT",
        "SET a.password TO hunter2, hunter2",
    ] {
        let clean = redacted(text);
        assert!(!clean.contains(SECRET), "{clean} of {text}");
    }
}

#[test]
fn keys_of_stores_go() {
    check(
        "COPY t FROM 's3://b/k' CREDENTIALS 'aws_access_key_id=AK;aws_secret_access_key=SK' CSV",
        "COPY t FROM 's3://b/k' CREDENTIALS '***' CSV",
    );
    check(
        "UNLOAD ('SELECT 1') TO 's3://b' WITH CREDENTIALS AS 'hunter2' PARALLEL OFF",
        "UNLOAD ('SELECT 1') TO 's3://b' WITH CREDENTIALS AS '***' PARALLEL OFF",
    );
    check(
        "COPY t FROM 's3://b' ACCESS_KEY_ID 'AK' SECRET_ACCESS_KEY 'SK' SESSION_TOKEN 'T' REGION 'r'",
        "COPY t FROM 's3://b' ACCESS_KEY_ID '***' SECRET_ACCESS_KEY '***' SESSION_TOKEN '***' REGION 'r'",
    );
    check(
        "COPY t FROM 's3://b' (secret_access_key = 'SK', format 'csv')",
        "COPY t FROM 's3://b' (secret_access_key = '***', format 'csv')",
    );
    check(
        "COPY t FROM 's3://b' IAM_ROLE 'arn:aws:iam::1:role/r' MASTER_SYMMETRIC_KEY 'k'",
        "COPY t FROM 's3://b' IAM_ROLE 'arn:aws:iam::1:role/r' MASTER_SYMMETRIC_KEY '***'",
    );
    check(
        "CREATE SECRET s (TYPE s3, KEY_ID 'AK', SECRET 'SK', REGION 'r')",
        "CREATE SECRET s (TYPE s3, KEY_ID '***', SECRET '***', REGION 'r')",
    );
    check(
        "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', password 'hunter2')",
        "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', password '***')",
    );
}

#[test]
fn settings_that_are_secrets_go() {
    check("SET gotgan.secret_key = 'k'", "SET gotgan.secret_key = ***");
    check(
        "SET LOCAL a.api_key TO k, 'l'",
        "SET LOCAL a.api_key TO ***",
    );
    check(
        "SET \"a.Password\" TO 5; SELECT 5",
        "SET \"a.Password\" TO ***; SELECT 5",
    );
    check(
        "ALTER ROLE r SET a.token = 'k'",
        "ALTER ROLE r SET a.token = ***",
    );
    check(
        "ALTER SYSTEM SET a.secret TO 'k'",
        "ALTER SYSTEM SET a.secret TO ***",
    );
    check(
        "SELECT set_config('a.password', 'hunter2', false), 'x'",
        "SELECT set_config('a.password', '***', false), 'x'",
    );
    check(
        "SET search_path TO 'secrets'",
        "SET search_path TO 'secrets'",
    );
}

#[test]
fn secrets_in_strings_go() {
    check(
        "SELECT dblink('host=h password=hunter2 user=u')",
        "SELECT dblink('host=h password=*** user=u')",
    );
    check(
        "SELECT 'postgres://u:hunter2@h/d', 'https://h/p?X-Amz-Signature=abc&x=1'",
        "SELECT 'postgres://u:***@h/d', 'https://h/p?X-Amz-Signature=***&x=1'",
    );
    check(
        r#"INSERT INTO t VALUES ('{"name": "n", "password": "hun ter2", "a": 1}')"#,
        r#"INSERT INTO t VALUES ('{"name": "n", "password": "***", "a": 1}')"#,
    );
    check("SELECT 1 -- password=hunter2", "SELECT 1 -- password=***");
    check(
        "SELECT f(password => 'hunter2', b => 'c')",
        "SELECT f(password => '***', b => 'c')",
    );
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "SELECT 1",
        "SELECT 'a''b', E'\\'', $$x$$, $1 FROM \"Keys\" WHERE key = 'v' -- keys",
        "SELECT password, token FROM users WHERE name = 'n'",
        "INSERT INTO users (name, password_hint) VALUES ('n', 'h')",
        "ALTER TABLE t ADD PRIMARY KEY (a), ALTER COLUMN b SET DEFAULT 'key'",
        "COMMENT ON COLUMN u.password IS 'hashed'",
        "CREATE ROLE r VALID UNTIL '2030-01-01'",
        "SELECT 'https://host:80/a:b@c'",
        "SELECT /* it's */ 'passive', 'a /* b'",
        "SELECT 'ß' AS pass, '日本' AS \"鍵\"",
    ] {
        check(text, text);
    }
}

#[test]
fn text_is_cut_between_characters() {
    assert_eq!(cut("abc", 5), "abc");
    assert_eq!(cut("abc", 2), "ab");
    assert_eq!(cut("aßc", 2), "a");
    assert_eq!(cut("ß", 1), "");
    // What was a secret before the cut still is.
    assert_eq!(
        redacted(cut("ALTER ROLE r PASSWORD 'hunter2'", 26)),
        "ALTER ROLE r PASSWORD '***'"
    );
}
