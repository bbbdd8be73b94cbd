//! Triggers that keep other programs from harming the lake.
//!
//! Snapshots are inserted and deleted only inside a transaction that has a row in
//! `gotgan_writer`, which is ours. A path that a file row still names never enters
//! the deletion schedule: DuckDB's maintenance checks rows, not paths. Paths are
//! compared by file name, which is unique and independent of how a path is split
//! into relative parts.

/// The last component of a path, as an expression that an index can hold.
pub(in crate::catalog) fn file_name(path: &str) -> String {
    format!("substr({path}, length(rtrim({path}, replace({path}, '/', ''))) + 1)")
}

/// The statements that make the triggers and the indexes that they need.
pub(super) fn statements() -> Vec<String> {
    let mut statements = Vec::new();
    for (event, name) in [("INSERT", "insert"), ("DELETE", "delete")] {
        statements.push(format!(
            "CREATE TRIGGER \"gotgan_snapshot_{name}\" BEFORE {event} ON \"ducklake_snapshot\" \
             WHEN NOT EXISTS (SELECT 1 FROM \"gotgan_writer\") \
             BEGIN SELECT RAISE(ABORT, 'only Gotgan writes this lake: attach it READ_ONLY'); END"
        ));
    }
    for table in ["ducklake_data_file", "ducklake_delete_file"] {
        let short = table.trim_start_matches("ducklake_");
        statements.push(format!(
            "CREATE INDEX \"gotgan_{short}_name\" ON \"{table}\" ({})",
            file_name("\"path\"")
        ));
    }
    let scheduled = file_name("NEW.\"path\"");
    let own = file_name("\"path\"");
    statements.push(format!(
        "CREATE TRIGGER \"gotgan_schedule_insert\" \
         BEFORE INSERT ON \"ducklake_files_scheduled_for_deletion\" \
         WHEN EXISTS (SELECT 1 FROM \"ducklake_data_file\" WHERE {own} = {scheduled}) \
         OR EXISTS (SELECT 1 FROM \"ducklake_delete_file\" WHERE {own} = {scheduled}) \
         BEGIN SELECT RAISE(IGNORE); END"
    ));
    statements
}
