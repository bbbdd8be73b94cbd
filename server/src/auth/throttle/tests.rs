//! Who is made to wait, and for how long.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{COUNT_MAX, NETWORK_FACTOR, Throttle};

const LOCKOUT: Duration = Duration::from_secs(60);

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().expect("an address"))
}

#[test]
fn a_role_is_locked_from_one_network_after_some_failures() {
    let throttle = Throttle::new(3, LOCKOUT);
    let here = address("192.0.2.1");
    let start = Instant::now();
    for _ in 0..2 {
        throttle.failed(here, "ann", start);
        assert_eq!(throttle.pause(here, "ann", start), None);
    }
    throttle.failed(here, "ann", start);
    assert_eq!(throttle.pause(here, "ann", start), Some(LOCKOUT));
    let later = start + Duration::from_secs(45);
    assert_eq!(
        throttle.pause(here, "ann", later),
        Some(Duration::from_secs(15))
    );
    assert_eq!(throttle.pause(here, "ann", start + LOCKOUT), None);
    assert_eq!(throttle.pause(here, "bob", start), None);
    assert_eq!(throttle.pause(address("192.0.2.2"), "ann", start), None);
}

#[test]
fn a_login_that_works_begins_the_count_anew() {
    let throttle = Throttle::new(2, LOCKOUT);
    let here = address("192.0.2.1");
    let now = Instant::now();
    throttle.failed(here, "ann", now);
    throttle.succeeded(here, "ann");
    throttle.failed(here, "ann", now);
    assert_eq!(throttle.pause(here, "ann", now), None);
}

#[test]
fn a_network_that_tries_many_roles_is_stopped() {
    let throttle = Throttle::new(2, LOCKOUT);
    let now = Instant::now();
    for index in 0..2 * NETWORK_FACTOR {
        let host = address(&format!("2001:db8::{index:x}"));
        assert_eq!(throttle.pause(host, "new", now), None);
        throttle.failed(host, &format!("role {index}"), now);
    }
    assert_eq!(
        throttle.pause(address("2001:db8::ffff"), "new", now),
        Some(LOCKOUT)
    );
    assert_eq!(throttle.pause(address("2001:db8:0:1::1"), "new", now), None);
}

#[test]
fn the_counts_are_bounded() {
    let throttle = Throttle::new(1, LOCKOUT);
    let start = Instant::now();
    for index in 0..2 * COUNT_MAX {
        let moment = start + Duration::from_micros(index as u64);
        throttle.failed(address("192.0.2.1"), &format!("role {index}"), moment);
    }
    let kept = throttle.counts.lock().expect("nobody panicked").len();
    assert!(kept <= COUNT_MAX + 1, "{kept}");
}

#[test]
fn zero_means_never() {
    let throttle = Throttle::new(0, LOCKOUT);
    let now = Instant::now();
    for _ in 0..1000 {
        throttle.failed(None, "ann", now);
    }
    assert_eq!(throttle.pause(None, "ann", now), None);
}
