//! Settings to clients, and what becomes of uploads; the clouds' protocols are tested by
//! `tests/clients/test_object_store.py`.

use std::time::Duration;

use gotgan_config::Config;
use object_store::memory::InMemory;
use object_store::{GetRange, ObjectStoreExt};

use super::*;
use crate::object::{Fault, FaultRates, FaultStore, Operation};

fn config(settings: &[(&str, &str)]) -> ObjectStoreConfig {
    Config::with(settings).expect("settings").object_store
}

fn bucket(url: &str) -> Bucket {
    Bucket::of_url(url).expect("a URL").expect("a bucket")
}

#[test]
fn settings_of_s3_reach_its_client() {
    let keys = [
        ("object_store.s3.access_key_id", "AKIA1"),
        ("object_store.s3.secret_access_key", "hush"),
        ("object_store.s3.region", "eu-west-3"),
    ];
    let client = build::s3(&bucket("s3://b/lake"), &config(&keys)).expect("a client");
    let text = format!("{client:?}");
    for part in ["AKIA1", "eu-west-3", "https://s3.eu-west-3.amazonaws.com/b"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let mut settings = keys.to_vec();
    settings.push(("object_store.s3.endpoint", "https://store.example:9000/"));
    let client = build::s3(&bucket("s3://b"), &config(&settings)).expect("a client");
    assert!(format!("{client:?}").contains("\"https://store.example:9000/b\""));
    settings.push(("object_store.s3.path_style", "false"));
    let client = build::s3(&bucket("s3://b"), &config(&settings)).expect("a client");
    assert!(format!("{client:?}").contains("\"https://b.store.example:9000\""));
}

#[test]
fn secrets_are_in_no_debug_text_of_the_settings() {
    let config = config(&[
        ("object_store.s3.access_key_id", "AKIA1"),
        ("object_store.s3.secret_access_key", "hush"),
        ("object_store.s3.session_token", "hush"),
        ("object_store.azure.access_key", "hush"),
    ]);
    let text = format!("{config:?}");
    assert!(text.contains("AKIA1") && !text.contains("hush"), "{text}");
}

#[test]
fn settings_of_azure_and_gcs_reach_their_clients() {
    let settings = config(&[
        ("object_store.azure.account", "gotganlake"),
        ("object_store.azure.access_key", "aHVzaA=="),
    ]);
    let client = build::azure(&bucket("az://c/lake"), &settings).expect("a client");
    let text = format!("{client:?}");
    assert!(
        text.contains("gotganlake.blob.core.windows.net") || text.contains("gotganlake"),
        "{text}"
    );
    let folder = tempfile::TempDir::new().expect("a folder");
    let key = folder.path().join("key.json");
    let text = r#"{"private_key": "", "private_key_id": "", "client_email": "",
        "disable_oauth": true}"#;
    std::fs::write(&key, text).expect("a file");
    let settings = config(&[
        (
            "object_store.gcs.service_account_file",
            key.to_str().expect("a path"),
        ),
        ("object_store.gcs.endpoint", "https://gcs.example/"),
    ]);
    let client = build::gcs(&bucket("gs://b/lake"), &settings).expect("a client");
    assert!(format!("{client:?}").contains("https://gcs.example"));
}

#[test]
fn settings_that_do_not_do_are_errors() {
    let error = open_bucket(
        &bucket("gs://b"),
        &config(&[("object_store.gcs.service_account_file", "/no/such/file")]),
    );
    assert_eq!(error.expect_err("no file").kind, ErrorKind::Unsupported);
}

/// A store in memory with faults to order, as a cloud's client.
fn remote(prefix: &str) -> (RemoteStore, FaultStore, Arc<InMemory>) {
    let memory = Arc::new(InMemory::new());
    let below: Arc<dyn ObjectStore> = Arc::clone(&memory) as Arc<dyn ObjectStore>;
    let faulty = FaultStore::new(below, 1, FaultRates::default());
    let store = RemoteStore::new(Arc::new(faulty.clone()), &Path::from(prefix), 4);
    (store, faulty, memory)
}

#[tokio::test]
async fn objects_lie_below_the_prefix() {
    let (store, _, memory) = remote("lake/a");
    assert!(store.is_empty().await.expect("an answer"));
    store
        .put(&Path::from("t/1"), "x".into())
        .await
        .expect("put");
    assert!(!store.is_empty().await.expect("an answer"));
    memory.head(&Path::from("lake/a/t/1")).await.expect("below");
    assert!(remote("lake/b").0.is_empty().await.expect("an answer"));
}

#[tokio::test]
async fn a_lost_reply_to_complete_counts_as_done() {
    let (store, faulty, _) = remote("lake");
    let location = Path::from("t/1");
    let mut upload = store.put_multipart(&location).await.expect("begun");
    upload.put_part("half ".into()).await.expect("a part");
    upload.put_part("whole".into()).await.expect("a part");
    faulty.order(Operation::Complete, Fault::After);
    upload.complete().await.expect("found to be there");
    let bytes = store.get(&location).await.expect("there").bytes().await;
    assert_eq!(bytes.expect("bytes"), "half whole");

    let mut upload = store
        .put_multipart(&Path::from("t/2"))
        .await
        .expect("begun");
    upload.put_part("x".into()).await.expect("a part");
    faulty.order(Operation::Complete, Fault::Before);
    upload.complete().await.expect_err("nothing is there");
    upload.abort().await.expect("given up");
    upload.abort().await.expect("nothing to do");
    assert!(store.head(&Path::from("t/2")).await.is_err());
}

/// Notes that it was given up.
#[derive(Debug)]
struct Noted(tokio::sync::mpsc::UnboundedSender<&'static str>);

#[async_trait]
impl MultipartUpload for Noted {
    fn put_part(&mut self, _payload: PutPayload) -> object_store::UploadPart {
        Box::pin(std::future::pending())
    }

    async fn complete(&mut self) -> Result<PutResult> {
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }

    async fn abort(&mut self) -> Result<()> {
        let _ = self.0.send("abort");
        Ok(())
    }
}

#[tokio::test]
async fn an_upload_that_is_dropped_is_given_up_and_a_complete_one_is_not() {
    let (sender, mut notes) = tokio::sync::mpsc::unbounded_channel();
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let new = || {
        let inner = Box::new(Noted(sender.clone()));
        RemoteUpload::new(inner, Arc::clone(&store), Path::from("x"))
    };
    let mut complete = new();
    complete.complete().await.expect("complete");
    drop(complete);
    let mut cut = new();
    let part = cut.put_part("x".into());
    drop((part, cut));
    assert_eq!(notes.recv().await, Some("abort"));
    tokio::time::timeout(Duration::from_millis(20), notes.recv())
        .await
        .expect_err("only one was given up");
}

#[tokio::test]
async fn a_read_of_many_ranges_is_few_requests() {
    let (store, faulty, _) = remote("");
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 253) as u8).collect();
    let location = Path::from("x");
    store
        .put(&location, bytes.clone().into())
        .await
        .expect("put");
    let wanted = [0..10, 500..1000, 2_900_000..3_000_000, 100..400];
    let got = store.get_ranges(&location, &wanted).await.expect("read");
    for (range, got) in wanted.iter().zip(got) {
        assert_eq!(got, &bytes[range.start as usize..range.end as usize]);
    }
    let requests = faulty
        .trace()
        .iter()
        .filter(|line| line.starts_with("Get"))
        .count();
    assert_eq!(requests, 2);
    let options = GetOptions {
        range: Some(GetRange::Suffix(3)),
        ..GetOptions::default()
    };
    let end = store.get_opts(&location, options).await.expect("read");
    assert_eq!(end.bytes().await.expect("bytes"), &bytes[2_999_997..]);
}
