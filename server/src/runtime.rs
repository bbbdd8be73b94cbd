//! Two Tokio runtimes: sockets, and queries.
//!
//! Queries keep every core busy for long. Accepting, TLS, authentication and
//! cancel requests must not wait for them, so they have threads of their own.

use std::io;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

/// Sockets need little: handshakes and the passing on of readiness.
const SOCKET_THREADS: usize = 1;

/// Threads for calls that block (files, SQLite), in each runtime.
const BLOCKING_THREADS_MAX: usize = 64;

/// Stack of a query thread, in bytes. Deep expressions recurse in the parser
/// and the planner, which bound them by far less; only what is touched is ever in memory.
const QUERY_STACK_BYTES: usize = 64 << 20;

/// Polls of tasks after which a query thread looks for work from outside: tasks
/// woken elsewhere, sockets and timers. A poll here takes milliseconds, not
/// microseconds, so with Tokio's defaults a message, a client that leaves or a
/// deadline would wait long behind queries that compute.
const OUTSIDE_WORK_INTERVAL: u32 = 4;

/// The runtime that accepts clients.
pub fn sockets() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(SOCKET_THREADS)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name("gotgan-socket")
        .enable_all()
        .build()
}

/// The runtime where sessions and their queries run.
pub fn queries() -> io::Result<Runtime> {
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    Builder::new_multi_thread()
        .worker_threads(cores)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_stack_size(QUERY_STACK_BYTES)
        .global_queue_interval(OUTSIDE_WORK_INTERVAL)
        .event_interval(OUTSIDE_WORK_INTERVAL)
        .thread_name("gotgan-query")
        .enable_all()
        .build()
}
