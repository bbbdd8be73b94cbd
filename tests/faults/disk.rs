//! A full disk, a missing data file, a catalog that cannot be read.

use std::path::{Path, PathBuf};
use std::process::Command;

use gotgan_tests::{Server, skipped};

/// A small file system of its own, unmounted when it goes.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts one of `mebibytes`; `None` where that is not permitted.
    fn mount(mebibytes: u32) -> Option<SmallDisk> {
        let folder = tempfile::tempdir().ok()?;
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]);
        let output = command.arg(folder.path()).output().ok()?;
        // Not `then_some`, which would make one to be dropped.
        output.status.success().then(|| SmallDisk { folder })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let status = Command::new("umount")
            .arg("-l")
            .arg(self.folder.path())
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "cannot unmount"
        );
    }
}

#[test]
fn full_disk_is_an_error_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(16) else {
        skipped("faults::disk::full_disk", "a tmpfs may not be mounted here");
        return;
    };
    let mut server = Server::stopped(&[]).unwrap();
    server.set_data_dir(&disk.folder.path().join("data"));
    server.expect_log("o space left");
    server.expect_log("disk");
    server.restart().unwrap();
    let mut client = server.client().unwrap();
    client
        .execute("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'kept')")
        .unwrap();
    let large = "INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 2000000) AS n";
    let reply = client.query(large).unwrap();
    assert!(
        matches!(reply.code(), "53100" | "58030" | "58000"),
        "{:?}",
        reply.error
    );
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "1");
    client
        .execute("INSERT INTO t VALUES (2, 'fits again')")
        .unwrap();
    drop(client);
    server.kill().unwrap();
    server.restart().unwrap();
    let mut client = server.client().unwrap();
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "2");
    drop(client);
    server.kill().unwrap();
    drop(server);
}

/// Returns the Parquet files below a folder.
fn data_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(data_files(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "parquet")
        {
            found.push(path);
        }
    }
    found
}

/// Starts a server with a table `lost` in a data file and a table `kept`.
fn with_data_file() -> (Server, PathBuf) {
    let server = Server::start().unwrap();
    let mut client = server.client().unwrap();
    client
        .execute("CREATE TABLE lost AS SELECT n FROM generate_series(1, 50000) AS n")
        .unwrap();
    let files = data_files(server.data_dir());
    assert_eq!(files.len(), 1, "{files:?}");
    client
        .execute("CREATE TABLE kept AS SELECT 1 AS a")
        .unwrap();
    (server, files[0].clone())
}

#[test]
fn missing_data_file_fails_only_its_table() {
    let (mut server, file) = with_data_file();
    server.expect_log("");
    std::fs::remove_file(&file).unwrap();
    server.terminate().unwrap();
    server.restart().unwrap();
    let mut client = server.client().unwrap();
    let error = client
        .query("SELECT sum(n) FROM lost")
        .unwrap()
        .error
        .expect("an error");
    assert!(
        matches!(error.code(), "58030" | "58P01" | "XX001" | "58000"),
        "{error:?}"
    );
    assert!(
        !error
            .message()
            .contains(server.data_dir().to_str().unwrap()),
        "{error:?}"
    );
    assert_eq!(client.value("SELECT a FROM kept").unwrap(), "1");
}

#[test]
fn broken_data_file_is_an_error_not_an_answer() {
    let (mut server, file) = with_data_file();
    server.expect_log("");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes.truncate(middle);
    std::fs::write(&file, bytes).unwrap();
    server.kill().unwrap();
    server.restart().unwrap();
    let mut client = server.client().unwrap();
    let error = client
        .query("SELECT sum(n) FROM lost")
        .unwrap()
        .error
        .expect("an error");
    assert!(
        matches!(error.code(), "58030" | "XX001" | "58000"),
        "{error:?}"
    );
    assert_eq!(client.value("SELECT a FROM kept").unwrap(), "1");
}

#[test]
fn unreadable_catalog_stops_the_start() {
    let mut server = Server::start().unwrap();
    server.expect_log("");
    server
        .client()
        .unwrap()
        .execute("CREATE TABLE t (a int)")
        .unwrap();
    server.terminate().unwrap();
    let catalog = server.data_dir().join("catalog.sqlite");
    let good = std::fs::read(&catalog).unwrap();
    std::fs::write(
        &catalog,
        b"this is no database, and was never one".repeat(200),
    )
    .unwrap();
    for leftover in ["catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let path = server.data_dir().join(leftover);
        if path.exists() {
            std::fs::remove_file(path).unwrap();
        }
    }
    let (status, log) = server.refused().unwrap();
    assert!(!status.success());
    assert!(log.contains("catalog"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    std::fs::write(&catalog, good).unwrap();
    server.restart().unwrap();
    let mut client = server.client().unwrap();
    assert_eq!(client.value("SELECT count(*) FROM t").unwrap(), "0");
}

#[test]
fn data_folder_that_cannot_be_made_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "in the way").unwrap();
    let mut server = Server::stopped(&[]).unwrap();
    server.expect_log("");
    server.set_data_dir(&file.join("data"));
    let (status, log) = server.refused().unwrap();
    assert!(!status.success());
    assert!(!log.contains("panicked"), "{log}");
}
