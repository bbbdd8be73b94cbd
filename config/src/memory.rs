//! How much memory this process may use: the machine's, or its control group's.
//!
//! Source: proc(5), `/proc/meminfo`; Linux, `cgroup-v2.rst`, `memory.max`.

use std::fs;

/// Taken where the system does not tell, for example on macOS.
const UNKNOWN_BYTES: u64 = 8 << 30;

/// Memory in bytes that shares such as "40%" count from.
pub(crate) fn machine_bytes() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| total_bytes(&text));
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    machine
        .into_iter()
        .chain(group)
        .min()
        .unwrap_or(UNKNOWN_BYTES)
}

/// The line `MemTotal:       16316412 kB`.
fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    kibibytes.checked_mul(1024)
}
