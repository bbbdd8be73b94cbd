//! The local store and its calls to the disk, tested from outside.

use std::fs::File;
use std::io;
use std::path::Path as OsPath;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};
use tempfile::TempDir;

use crate::error::ErrorKind;
use crate::object::local::{Disk, LocalStore, OsDisk};
use crate::object::store_error;

/// The real disk, with a record of the calls and one call that fails.
#[derive(Debug, Default)]
struct RecordingDisk {
    calls: Mutex<Vec<String>>,
    failing: Mutex<Option<(&'static str, io::ErrorKind)>>,
}

impl RecordingDisk {
    fn note(&self, call: &'static str, path: &OsPath) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.split('#').next().unwrap_or_default();
        let mark = if path.to_string_lossy().contains('#') {
            "#"
        } else {
            ""
        };
        self.calls
            .lock()
            .unwrap()
            .push(format!("{call} {name}{mark}"));
        match *self.failing.lock().unwrap() {
            Some((failing, kind)) if failing == call => Err(kind.into()),
            _ => Ok(()),
        }
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    fn fail(&self, call: &'static str, kind: io::ErrorKind) {
        *self.failing.lock().unwrap() = Some((call, kind));
    }
}

impl Disk for RecordingDisk {
    fn create_folder(&self, path: &OsPath) -> io::Result<()> {
        self.note("create_folder", path)?;
        OsDisk.create_folder(path)
    }
    fn create_file(&self, path: &OsPath) -> io::Result<File> {
        self.note("create_file", path)?;
        OsDisk.create_file(path)
    }
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.note("write", OsPath::new(""))?;
        OsDisk.write_at(file, bytes, offset)
    }
    fn sync_file(&self, file: &File, path: &OsPath) -> io::Result<()> {
        self.note("sync_file", path)?;
        OsDisk.sync_file(file, path)
    }
    fn rename(&self, from: &OsPath, to: &OsPath) -> io::Result<()> {
        self.note("rename", to)?;
        OsDisk.rename(from, to)
    }
    fn link(&self, from: &OsPath, to: &OsPath) -> io::Result<()> {
        self.note("link", to)?;
        OsDisk.link(from, to)
    }
    fn sync_folder(&self, path: &OsPath) -> io::Result<()> {
        self.note("sync_folder", path)?;
        OsDisk.sync_folder(path)
    }
    fn remove(&self, path: &OsPath) -> io::Result<()> {
        self.note("remove", path)?;
        OsDisk.remove(path)
    }
}

struct Fixture {
    folder: TempDir,
    disk: Arc<RecordingDisk>,
    store: LocalStore,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(RecordingDisk::default());
        let injected: Arc<dyn Disk> = Arc::<RecordingDisk>::clone(&disk);
        let store = LocalStore::open(&folder.path().join("data"), injected).unwrap();
        Self {
            folder,
            disk,
            store,
        }
    }

    /// Every file below the root, also those that lists hide.
    fn files(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    names.push(path.file_name().unwrap().to_string_lossy().into_owned());
                }
            }
        }
        names.sort();
        names
    }
}

fn payload() -> PutPayload {
    PutPayload::from_static(b"bytes")
}

#[test]
fn root_and_its_entry_are_flushed() {
    let fixture = Fixture::new();
    let calls = fixture.disk.take();
    assert_eq!(calls[0], "create_folder data");
    assert!(calls[1].starts_with("sync_folder "));
}

#[tokio::test]
async fn put_flushes_file_then_name_then_folder() {
    let fixture = Fixture::new();
    fixture.disk.take();
    fixture
        .store
        .put(&Path::from("t/a"), payload())
        .await
        .unwrap();
    let expected = [
        "create_folder t",
        "sync_folder data",
        "create_file a#",
        "write ",
        "sync_file a#",
        "rename a",
        "sync_folder t",
    ];
    assert_eq!(fixture.disk.take(), expected);
    let bytes = fixture
        .store
        .get(&Path::from("t/a"))
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert_eq!(bytes.as_ref(), b"bytes");
    // The folder is known by now.
    fixture
        .store
        .put(&Path::from("t/b"), payload())
        .await
        .unwrap();
    assert_eq!(fixture.disk.take()[0], "create_file b#");
}

#[tokio::test]
async fn every_new_folder_is_flushed_in_its_parent() {
    let fixture = Fixture::new();
    fixture.disk.take();
    fixture
        .store
        .put(&Path::from("x/y/z"), payload())
        .await
        .unwrap();
    let calls = fixture.disk.take();
    let made: Vec<_> = calls
        .iter()
        .filter(|call| call.contains("folder"))
        .cloned()
        .collect();
    let expected = [
        "create_folder y",
        "create_folder x",
        "sync_folder data",
        "create_folder y",
        "sync_folder x",
        "sync_folder y",
    ];
    assert_eq!(made, expected);
}

#[tokio::test]
async fn create_refuses_a_name_that_is_taken() {
    let fixture = Fixture::new();
    let path = Path::from("a");
    fixture
        .store
        .put_opts(&path, payload(), PutMode::Create.into())
        .await
        .unwrap();
    let other = PutPayload::from_static(b"other");
    let error = fixture
        .store
        .put_opts(&path, other, PutMode::Create.into())
        .await
        .unwrap_err();
    assert!(matches!(error, object_store::Error::AlreadyExists { .. }));
    let bytes = fixture
        .store
        .get(&path)
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert_eq!(bytes.as_ref(), b"bytes");
    assert_eq!(fixture.files(), ["a"]);
}

#[tokio::test]
async fn multipart_appears_whole_after_its_flush() {
    let fixture = Fixture::new();
    let path = Path::from("big");
    let mut upload = fixture.store.put_multipart(&path).await.unwrap();
    fixture.disk.take();
    let second = upload.put_part(PutPayload::from_static(b"ab"));
    let third = upload.put_part(PutPayload::from_static(b"cd"));
    third.await.unwrap();
    second.await.unwrap();
    assert!(fixture.store.head(&path).await.is_err());
    let listed: Vec<_> = fixture.store.list(None).try_collect().await.unwrap();
    assert!(listed.is_empty());
    upload.complete().await.unwrap();
    let expected = [
        "write ",
        "write ",
        "sync_file big#",
        "rename big",
        "sync_folder data",
    ];
    assert_eq!(fixture.disk.take(), expected);
    let bytes = fixture
        .store
        .get(&path)
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert_eq!(bytes.as_ref(), b"abcd");
}

#[tokio::test]
async fn upload_with_a_lost_part_is_never_published() {
    let fixture = Fixture::new();
    let path = Path::from("big");
    let mut upload = fixture.store.put_multipart(&path).await.unwrap();
    fixture.disk.fail("write", io::ErrorKind::StorageFull);
    let error = upload.put_part(payload()).await.unwrap_err();
    assert_eq!(store_error("write", error).kind, ErrorKind::Exhausted);
    assert!(upload.complete().await.is_err());
    drop(upload);
    assert!(fixture.files().is_empty());
}

#[tokio::test]
async fn abort_and_drop_leave_nothing() {
    let fixture = Fixture::new();
    let mut aborted = fixture.store.put_multipart(&Path::from("a")).await.unwrap();
    aborted.put_part(payload()).await.unwrap();
    aborted.abort().await.unwrap();
    let mut dropped = fixture.store.put_multipart(&Path::from("b")).await.unwrap();
    dropped.put_part(payload()).await.unwrap();
    drop(dropped);
    assert!(fixture.files().is_empty());
}

#[tokio::test]
async fn failed_put_leaves_nothing() {
    for call in ["write", "sync_file", "rename"] {
        let fixture = Fixture::new();
        fixture.disk.fail(call, io::ErrorKind::StorageFull);
        let error = fixture
            .store
            .put(&Path::from("a"), payload())
            .await
            .unwrap_err();
        assert_eq!(
            store_error("write", error).kind,
            ErrorKind::Exhausted,
            "{call}"
        );
        assert!(fixture.files().is_empty(), "{call}");
    }
}

#[tokio::test]
async fn failed_flush_of_the_folder_is_an_error() {
    let fixture = Fixture::new();
    fixture.disk.fail("sync_folder", io::ErrorKind::Other);
    assert!(
        fixture
            .store
            .put(&Path::from("a"), payload())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn no_path_leaves_the_root() {
    let fixture = Fixture::new();
    std::fs::write(fixture.folder.path().join("secret"), "x").unwrap();
    let tricks = ["../secret", "a/../../secret", "%2e%2e/secret", ".", ""];
    for trick in tricks {
        let path = Path::from(trick);
        let _ = fixture.store.put(&path, payload()).await;
        if let Ok(found) = fixture.store.get(&path).await {
            assert_eq!(found.bytes().await.unwrap().as_ref(), b"bytes", "{trick}");
        }
        if let Ok(parsed) = Path::from_url_path(trick) {
            assert!(
                fixture.store.put(&parsed, payload()).await.is_ok()
                    || parsed.as_ref().is_empty()
                    || parsed.as_ref().contains('.')
            );
        }
    }
    assert_eq!(
        std::fs::read(fixture.folder.path().join("secret")).unwrap(),
        b"x"
    );
    // Only `data` and the secret are there, whatever the tricks made inside `data`.
    assert_eq!(std::fs::read_dir(fixture.folder.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn delete_and_list() {
    let fixture = Fixture::new();
    fixture
        .store
        .put(&Path::from("t/a"), payload())
        .await
        .unwrap();
    fixture
        .store
        .put(&Path::from("t/b"), payload())
        .await
        .unwrap();
    fixture.store.delete(&Path::from("t/a")).await.unwrap();
    let missing = fixture.store.delete(&Path::from("t/a")).await.unwrap_err();
    assert!(matches!(missing, object_store::Error::NotFound { .. }));
    let listed: Vec<_> = fixture.store.list(None).try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].location, Path::from("t/b"));
    assert!(
        fixture
            .store
            .copy(&Path::from("t/b"), &Path::from("t/c"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn abandoned_uploads_are_removed_by_age() {
    let fixture = Fixture::new();
    fixture
        .store
        .put(&Path::from("t/a"), payload())
        .await
        .unwrap();
    std::fs::write(fixture.folder.path().join("data/t/a#123"), "x").unwrap();
    let modified = std::fs::metadata(fixture.folder.path().join("data/t/a#123")).unwrap();
    let modified: SystemTime = modified.modified().unwrap();
    assert_eq!(
        fixture
            .store
            .remove_abandoned(modified - Duration::from_secs(1))
            .unwrap(),
        0
    );
    assert_eq!(
        fixture
            .store
            .remove_abandoned(modified + Duration::from_secs(1))
            .unwrap(),
        1
    );
    assert_eq!(fixture.files(), ["a"]);
}

/// The number in an object, and what replaces just this one.
async fn counted(store: &LocalStore, location: &Path) -> (u64, UpdateVersion) {
    let result = store.get(location).await.expect("an object");
    let version = UpdateVersion {
        e_tag: result.meta.e_tag.clone(),
        version: result.meta.version.clone(),
    };
    let bytes = result.bytes().await.expect("its bytes");
    let text = std::str::from_utf8(&bytes).expect("a text");
    (text.parse().expect("a number"), version)
}

async fn replace(store: &LocalStore, at: &Path, to: u64, version: UpdateVersion) -> bool {
    let payload = PutPayload::from(to.to_string());
    let mode = PutMode::Update(version);
    match store.put_opts(at, payload, mode.into()).await {
        Ok(_) => true,
        Err(object_store::Error::Precondition { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_object_is_replaced_only_as_it_was_read() {
    const ADDERS: u64 = 8;
    const ROUNDS: u64 = 20;
    let folder = TempDir::new().expect("a folder");
    let store = LocalStore::open(folder.path(), Arc::new(OsDisk)).expect("a store");
    let at = Path::from("count");
    store.put(&at, "0".into()).await.expect("an object");
    let adders = (0..ADDERS).map(|_| {
        let (store, at) = (store.clone(), at.clone());
        tokio::spawn(async move {
            let mut added = 0;
            while added < ROUNDS {
                let (count, version) = counted(&store, &at).await;
                added += u64::from(replace(&store, &at, count + 1, version).await);
            }
        })
    });
    for adder in adders.collect::<Vec<_>>() {
        adder.await.expect("a task");
    }
    let (count, version) = counted(&store, &at).await;
    assert_eq!(count, ADDERS * ROUNDS, "none overwrote another's");
    store.delete(&at).await.expect("deleted");
    assert!(!replace(&store, &at, 7, version).await, "it is gone");
}
