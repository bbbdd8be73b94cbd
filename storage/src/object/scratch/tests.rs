//! What scratch files take is counted and bounded.

use super::*;

struct Bench {
    folder: tempfile::TempDir,
    usage: Arc<ScratchUsage>,
    disk: ScratchDisk,
}

impl Bench {
    fn new(bytes_max: u64) -> Self {
        let usage = Arc::new(ScratchUsage::new(bytes_max));
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            disk: ScratchDisk::new(Arc::clone(&usage)),
            usage,
        }
    }

    fn write(&self, name: &str, count: usize) -> io::Result<()> {
        let file = self.disk.create_file(&self.path(name))?;
        self.disk.write_at(&file, &vec![7; count], 0)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn bytes(&self) -> u64 {
        self.usage.bytes.load(Ordering::Relaxed)
    }
}

#[test]
fn bytes_are_counted_until_every_name_of_a_file_is_gone() {
    let bench = Bench::new(100);
    bench.write("a", 30).expect("a file");
    let (a, b) = (bench.path("a"), bench.path("b"));
    bench.disk.link(&a, &b).expect("a second name");
    bench.disk.remove(&a).expect("gone");
    assert_eq!(bench.bytes(), 30);
    bench.disk.rename(&b, &a).expect("renamed");
    assert_eq!(bench.bytes(), 30);
    bench.disk.remove(&a).expect("gone");
    assert_eq!(bench.bytes(), 0);
}

#[test]
fn more_than_the_limit_is_refused_and_not_counted() {
    let bench = Bench::new(100);
    bench.write("a", 60).expect("a file");
    let error = bench.write("b", 41).expect_err("too much");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(bench.bytes(), 60);
    bench.write("c", 40).expect("as much as there may be");
}

#[test]
fn a_folder_gives_back_what_is_in_it() {
    let bench = Bench::new(100);
    std::fs::create_dir_all(bench.path("one/two")).expect("folders");
    bench.write("kept", 5).expect("a file");
    bench.write("one/a", 20).expect("a file");
    bench.write("one/two/b", 30).expect("a file");
    bench.usage.remove_folder(&bench.path("one")).expect("gone");
    assert_eq!(bench.bytes(), 5);
    assert!(!bench.path("one").exists());
}
