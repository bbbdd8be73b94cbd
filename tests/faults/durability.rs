//! The calls that make a commit durable, seen from outside with strace.
//!
//! Killing a process proves nothing about them: the kernel keeps what it was
//! given. So the system calls themselves are watched.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use gotgan_tests::{Server, poll, skipped};

/// Watches a process's fsync calls into `trace`; `None` where that is not permitted.
fn watch(process_id: u32, trace: &Path) -> Option<Child> {
    let said = trace.with_extension("stderr");
    let stderr = std::fs::File::create(&said).ok()?;
    let mut watcher = Command::new("strace")
        .args([
            "-f",
            "-y",
            "-e",
            "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat",
        ])
        .arg("-o")
        .arg(trace)
        .args(["-p", &process_id.to_string()])
        .stderr(stderr)
        .stdout(Stdio::null())
        .spawn()
        .ok()?;
    let attached = poll(|| {
        let text = std::fs::read_to_string(&said).unwrap_or_default();
        let is_over = watcher.try_wait().ok().flatten().is_some();
        (is_over || text.contains("attached")).then_some(!is_over)
    });
    (attached == Some(true)).then_some(watcher)
}

#[test]
fn commit_is_on_the_disk_before_it_is_acknowledged() {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client.execute("CREATE TABLE t (a int)").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let Some(mut watcher) = watch(server.process_id(), &trace) else {
        skipped("faults::durability", "strace is missing or may not attach");
        return;
    };
    client
        .execute("INSERT INTO t SELECT n FROM generate_series(1, 50000) AS n")
        .unwrap();
    // What strace wrote until now happened before the acknowledgement, or the
    // call is missing: poll only for strace's own buffering.
    let is_synced = |text: &str, name: &str| {
        text.lines().any(|line| {
            (line.contains("fsync(") || line.contains("fdatasync(")) && line.contains(name)
        })
    };
    let seen = poll(|| {
        let text = std::fs::read_to_string(&trace).unwrap_or_default();
        let data_folder = server.data_dir().join("data");
        let is_folder_synced = text.lines().any(|line| {
            line.contains("fsync(")
                && line.contains(data_folder.to_str().unwrap_or_default())
                && !line.contains(".parquet")
        });
        let is_file_synced = is_synced(&text, ".parquet");
        let is_catalog_synced = is_synced(&text, "catalog.sqlite-wal");
        (is_folder_synced && is_file_synced && is_catalog_synced).then_some(())
    });
    watcher.kill().unwrap();
    watcher.wait().unwrap();
    let text = std::fs::read_to_string(&trace).unwrap_or_default();
    assert!(
        seen.is_some(),
        "data file, its folder or the catalog was not synced:\n{text}"
    );
}
