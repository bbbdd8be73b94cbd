//! The process dies: at the named points of a commit, and at any call of a store.
//!
//! The test starts itself as a child, which works in a folder until it dies, and notes
//! in a file what it did. The parent looks at what is left, and starts the next child.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// Variable that makes this process the child: folder, seed, round, where and when to die.
const CHILD: &str = "GOTGAN_TEST_CHAOS_CHILD";

/// Name of the child's test, for the command line.
const CHILD_TEST: &str = "transaction::tests::chaos::crash::child_works_until_it_dies";

/// About as many calls of the catalog as a transaction makes.
const CALLS_PER_COMMIT: u64 = 17;

/// A point that is any call of the catalog.
const ANY_CALL: &str = "any-call";

const POINTS: [&str; 5] = [
    ANY_CALL,
    "commit/after-upload",
    "commit/after-lock",
    "commit/before-sqlite-commit",
    "commit/after-sqlite-commit",
];

/// Aborts the process when a point is reached for the `left`th time.
#[derive(Debug)]
struct Death {
    point: String,
    left: AtomicU64,
}

impl Faults for Death {
    fn reach(&self, point: &'static str) -> PointFault {
        if point == self.point && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            std::process::abort();
        }
        PointFault::Continue
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "a child is told its part so")]
async fn child_works_until_it_dies() {
    let Ok(part) = std::env::var(CHILD) else {
        return;
    };
    let part: Vec<&str> = part.split('|').collect();
    let [folder, seed, round, point, count] = part[..] else {
        panic!("the part of the child is not understood");
    };
    let (seed, round) = (
        seed.parse().expect("a seed"),
        round.parse().expect("a round"),
    );
    let death = Death {
        point: point.to_owned(),
        left: AtomicU64::new(count.parse().expect("a count")),
    };
    let folder = std::path::PathBuf::from(folder);
    let journal = Arc::new(Journal::in_file(&folder.join("journal")));
    let world = World::open_at(&folder, seed, Some(Arc::new(death))).await;
    if point == ANY_CALL {
        let count: u64 = count.parse().expect("a count");
        world.weather.catalog.die_after(count * CALLS_PER_COMMIT);
    }
    world.weather.is_bad(true);
    work::run(&world, &journal, seed, round).await;
    world.weather.is_bad(false);
    Checker::default().check(&world, &journal, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_dies_in_a_commit_loses_nothing_that_it_acknowledged() {
    for seed in seeds(POINTS.len() as u64) {
        let folder = TempDir::new().expect("a folder");
        let mut chance = StdRng::seed_from_u64(seed);
        // The lake itself is there; how it is made is the subject of other tests.
        close(World::open_at(folder.path(), seed, None).await).await;
        let mut dead_count = 0;
        for round in 0..3 {
            let point = POINTS[(seed as usize + round) % POINTS.len()];
            let count = chance.random_range(2..12);
            println!("SEED={seed}, round {round}: dies at {point}, time {count}");
            let part = format!("{}|{seed}|{round}|{point}|{count}", folder.path().display());
            let child = Command::new(std::env::current_exe().expect("this program"))
                .args(["--exact", CHILD_TEST, "--nocapture"])
                .env(CHILD, part)
                .output()
                .expect("a child");
            let text = String::from_utf8_lossy(&child.stderr);
            let is_wrong = text.contains("panicked");
            assert!(!is_wrong, "SEED={seed}, round {round}: {text}");
            dead_count += u32::from(!child.status.success());
            let journal = Journal::in_file(&folder.path().join("journal"));
            let world = World::open_at(folder.path(), seed, None).await;
            Checker::default().check(&world, &journal, 3).await;
            close(world).await;
        }
        assert!(dead_count > 0, "SEED={seed}: no child died");
    }
}

async fn close(world: World) {
    for lake in &world.lakes {
        lake.close().await;
    }
}
