//! Failed logins cost time, and too many of them a pause.
//!
//! A failure is counted for the pair of network and role. So someone who guesses from
//! elsewhere locks nobody else out, and one who tries many roles is stopped for each;
//! networks have a count of their own, much higher, against those who try all of them.
//!
//! Invariant: what is kept and what is answered does not depend on whether the role exists.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures of a network, over all roles, as a multiple of those of one role.
const NETWORK_FACTOR: u32 = 10;

/// Most counts that are kept; beyond, those that have gone on longest without a failure go.
const COUNT_MAX: usize = 10_000;

/// An owner of IPv6 addresses has at least this many bits of them to choose from.
const IPV6_HOST_BITS: u32 = 64;

/// Whose failures are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    network: Option<IpAddr>,
    /// None: all roles.
    user: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    failures: u32,
    last: Instant,
}

/// Counts failures. One for the process.
#[derive(Debug)]
pub(crate) struct Throttle {
    failures_max: u32,
    lockout: Duration,
    counts: Mutex<HashMap<Key, Count>>,
}

impl Throttle {
    /// `failures_max`: how many in a row one role has from one network; 0: no end.
    /// `lockout`: the pause after that, and how long failures are remembered.
    pub(crate) fn new(failures_max: u32, lockout: Duration) -> Self {
        Self {
            failures_max,
            lockout,
            counts: Mutex::default(),
        }
    }

    /// How long this client must wait before it may try again, if it must.
    pub(crate) fn pause(
        &self,
        address: Option<IpAddr>,
        user: &str,
        now: Instant,
    ) -> Option<Duration> {
        if self.failures_max == 0 {
            return None;
        }
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys(address, user).into_iter().zip(self.limits());
        let pauses = keys.filter_map(|(key, limit)| {
            let count = counts.get(&key).filter(|count| count.failures >= limit)?;
            let passed = now.saturating_duration_since(count.last);
            self.lockout
                .checked_sub(passed)
                .filter(|left| !left.is_zero())
        });
        pauses.max()
    }

    /// Notes a login that failed.
    pub(crate) fn failed(&self, address: Option<IpAddr>, user: &str, now: Instant) {
        if self.failures_max == 0 {
            return;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= COUNT_MAX {
            self.forget(&mut counts, now);
        }
        for key in keys(address, user) {
            let count = counts.entry(key).or_insert(Count {
                failures: 0,
                last: now,
            });
            let is_old = now.saturating_duration_since(count.last) >= self.lockout;
            count.failures = if is_old {
                1
            } else {
                count.failures.saturating_add(1)
            };
            count.last = now;
        }
    }

    /// Notes a login that worked; its network's count stays.
    pub(crate) fn succeeded(&self, address: Option<IpAddr>, user: &str) {
        let [of_role, _] = keys(address, user);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.remove(&of_role);
    }

    fn limits(&self) -> [u32; 2] {
        [
            self.failures_max,
            self.failures_max.saturating_mul(NETWORK_FACTOR),
        ]
    }

    /// Drops what counts no more; if that is not enough, the older half.
    fn forget(&self, counts: &mut HashMap<Key, Count>, now: Instant) {
        counts.retain(|_, count| now.saturating_duration_since(count.last) < self.lockout);
        if counts.len() < COUNT_MAX {
            return;
        }
        let mut times: Vec<Instant> = counts.values().map(|count| count.last).collect();
        let (_, middle, _) = times.select_nth_unstable(COUNT_MAX / 2);
        let middle = *middle;
        counts.retain(|_, count| count.last > middle);
    }
}

/// The keys of a login: of its role, and of all roles.
fn keys(address: Option<IpAddr>, user: &str) -> [Key; 2] {
    let network = address.map(network);
    let of = |user| Key { network, user };
    [of(Some(user.to_owned())), of(None)]
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = u128::from(address) >> IPV6_HOST_BITS << IPV6_HOST_BITS;
            Ipv6Addr::from(bits).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests;
