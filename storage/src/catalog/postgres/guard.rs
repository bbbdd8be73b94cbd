//! Triggers that keep other programs from harming the lake.
//!
//! Snapshots are inserted and deleted only by a transaction that has set
//! `gotgan.writer`, which are ours. A path that a file row still names never enters
//! the deletion schedule: DuckDB's maintenance checks rows, not paths. Paths are
//! compared by file name, which is unique and independent of how a path is split
//! into relative parts.

/// The setting that marks a transaction as ours; see `write::LOCK_SQL`.
pub(super) const WRITER_SETTING: &str = "gotgan.writer";

/// The last component of a path, as an expression that an index can hold.
pub(in crate::catalog) fn file_name(path: &str) -> String {
    format!("regexp_replace({path}::text, '^.*/', '')")
}

/// The statements that make the triggers and the indexes that they need.
///
/// The functions find their tables in the schema of the lake, whoever calls them.
pub(super) fn statements() -> Vec<String> {
    let mut statements = Vec::new();
    for table in ["ducklake_data_file", "ducklake_delete_file"] {
        let short = table.trim_start_matches("ducklake_");
        statements.push(format!(
            "CREATE INDEX \"gotgan_{short}_name\" ON \"{table}\" (({}))",
            file_name("\"path\"")
        ));
    }
    statements.push(format!(
        "CREATE FUNCTION \"gotgan_guard_snapshot\"() RETURNS trigger LANGUAGE plpgsql \
         SET search_path FROM CURRENT AS $$ BEGIN \
         IF current_setting('{WRITER_SETTING}', true) IS DISTINCT FROM 'on' THEN \
         RAISE EXCEPTION 'only Gotgan writes this lake: attach it READ_ONLY'; END IF; \
         IF TG_OP = 'INSERT' THEN RETURN NEW; END IF; RETURN OLD; END $$"
    ));
    statements.push(
        "CREATE TRIGGER \"gotgan_snapshot\" BEFORE INSERT OR DELETE ON \"ducklake_snapshot\" \
         FOR EACH ROW EXECUTE FUNCTION \"gotgan_guard_snapshot\"()"
            .to_owned(),
    );
    statements.push(
        "CREATE TRIGGER \"gotgan_snapshot_truncate\" BEFORE TRUNCATE ON \"ducklake_snapshot\" \
         FOR EACH STATEMENT EXECUTE FUNCTION \"gotgan_guard_snapshot\"()"
            .to_owned(),
    );
    let scheduled = file_name("NEW.\"path\"");
    let own = file_name("\"path\"");
    statements.push(format!(
        "CREATE FUNCTION \"gotgan_guard_schedule\"() RETURNS trigger LANGUAGE plpgsql \
         SET search_path FROM CURRENT AS $$ BEGIN \
         IF EXISTS (SELECT 1 FROM \"ducklake_data_file\" WHERE {own} = {scheduled}) \
         OR EXISTS (SELECT 1 FROM \"ducklake_delete_file\" WHERE {own} = {scheduled}) \
         THEN RETURN NULL; END IF; RETURN NEW; END $$"
    ));
    statements.push(
        "CREATE TRIGGER \"gotgan_schedule_insert\" \
         BEFORE INSERT ON \"ducklake_files_scheduled_for_deletion\" \
         FOR EACH ROW EXECUTE FUNCTION \"gotgan_guard_schedule\"()"
            .to_owned(),
    );
    statements
}
