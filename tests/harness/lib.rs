//! Starts the real server and speaks to it in raw bytes.
//!
//! - `Server`: the built binary on a free port with a temporary data folder;
//!   stopping it fails the test when its log holds an ERROR or a WARN that the
//!   test did not name.
//! - `Client`: one socket. It sends any message, also a broken one, and hands
//!   back what arrives without interpreting it.
//! - `golden`: the files of `tests/golden/`: their format and how to run them.
//!
//! Everything blocks, with a bound: a reply that does not come within
//! `client::REPLY_TIME_MAX` fails the test. Nothing sleeps to wait for something.

pub mod client;
pub mod golden;
mod oids;
pub mod server;

use std::time::{Duration, Instant};

pub use client::{Client, Message, Reply, ServerError};
pub use server::Server;

/// Calls `probe` until it returns something, for at most `REPLY_TIME_MAX`: a bound that only
/// a defect reaches, however slow the machine.
///
/// Returns `None` if it never did. The pause between two calls is short and
/// only saves CPU time; nothing relies on its length.
pub fn poll<T>(mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if started.elapsed() > client::REPLY_TIME_MAX {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Returns an environment variable that steers the tests, such as `SEED`.
#[allow(
    clippy::disallowed_methods,
    reason = "tests are steered from the command line"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Says on standard error that a test could not run here, and why.
pub fn skipped(test: &str, reason: &str) {
    eprintln!("SKIPPED {test}: {reason}");
}
