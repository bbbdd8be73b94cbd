//! Which snapshots this process still reads, and the lease that tells the other nodes.
//!
//! A pin is a count in memory. The lease is the smaller of the oldest pin and the head that
//! is served; it is renewed by a task of its own, and at once before anything older than
//! it is pinned. Who expires snapshots reads the pins of his own process here, and the
//! leases of the others in the catalog's `activity`.
//!
//! Invariants:
//! - A snapshot below `floor` is pinned only after it was found in the catalog.
//! - No snapshot from the oldest pin on expires in this process.
//!
//! Not guaranteed: that a node which could not renew its lease keeps what it reads. Then
//! the grace time of objects does, and lists of files are refused that were read too late.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use chrono::TimeDelta;

use crate::activity::Lease;
use crate::error::{Error, ErrorKind};
use crate::lake::{Inner, Lake};
use crate::snapshot::Snapshot;
use crate::spec::SnapshotId;

/// How often a lease is renewed.
const RENEW_INTERVAL: Duration = Duration::from_secs(20);

/// How long a lease holds without being renewed.
const LEASE_SECONDS: i64 = 120;

/// The pins of a process.
#[derive(Debug, Default)]
pub(super) struct Pins {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counts: BTreeMap<i64, usize>,
    /// Snapshots before this one may be gone.
    floor: i64,
    /// The oldest snapshot of the lease that is stored; nothing if none is.
    leased: Option<i64>,
}

/// Keeps a snapshot, and all later ones, from expiring as long as it exists.
#[derive(Debug)]
pub struct Pin {
    pins: Arc<Pins>,
    id: i64,
}

impl Pin {
    /// The snapshot.
    pub fn id(&self) -> SnapshotId {
        SnapshotId(self.id)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut state = self.pins.state();
        if let Some(count) = state.counts.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                state.counts.remove(&self.id);
            }
        }
    }
}

impl Pins {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a pin, wherever the floor is.
    fn count(self: &Arc<Self>, id: i64) -> (Pin, bool) {
        let mut state = self.state();
        *state.counts.entry(id).or_default() += 1;
        let is_above = id >= state.floor;
        let pins = Arc::clone(self);
        (Pin { pins, id }, is_above)
    }

    /// Says that snapshots before this one expire now; returns before which they may.
    pub(super) fn raise_floor(&self, wanted: i64) -> i64 {
        let mut state = self.state();
        let allowed = state
            .counts
            .keys()
            .next()
            .map_or(wanted, |oldest| wanted.min(*oldest));
        state.floor = state.floor.max(allowed);
        allowed
    }

    fn oldest(&self) -> Option<i64> {
        self.state().counts.keys().next().copied()
    }
}

impl Lake {
    /// The newest snapshot, pinned.
    pub(crate) async fn pinned_head(&self) -> Result<(Arc<Snapshot>, Pin), Error> {
        loop {
            let head = self.head().await?;
            let (pin, is_above) = self.inner.pins.count(head.id.0);
            // It was superseded and expired in between only if nobody ran for minutes.
            if is_above {
                return Ok((head, pin));
            }
        }
    }

    /// Keeps a snapshot, and all later ones, until the pin is dropped.
    ///
    /// Cost: 1 read of the catalog; where other nodes expire snapshots, also a write of
    /// the lease if nothing as old was pinned.
    /// Errors: `NotFound` if it has expired.
    pub async fn pin(&self, id: SnapshotId) -> Result<Pin, Error> {
        let (pin, is_above) = self.inner.pins.count(id.0);
        if self.needs_lease() && self.inner.pins.state().leased.is_none_or(|min| id.0 < min) {
            self.renew_lease().await?;
        }
        // One that may be expiring right now is looked for when that is over.
        let _turn = match is_above {
            true => None,
            false => Some(self.commit_turn().await),
        };
        if self.is_kept(id).await? {
            return Ok(pin);
        }
        let text = format!("snapshot {id} is not kept any more");
        Err(Error::new(ErrorKind::NotFound, text))
    }

    /// Stores what this process still reads, for those who expire snapshots elsewhere.
    ///
    /// A task of the lake does so regularly.
    pub async fn renew_lease(&self) -> Result<(), Error> {
        if !self.needs_lease() {
            return Ok(());
        }
        let activity = &self.inner.activity;
        loop {
            let now = self.clock().commit_time(activity.now().await?);
            let served = self.known_head().id.0;
            let oldest = self.inner.pins.oldest();
            let min_snapshot = oldest.map_or(served, |oldest| oldest.min(served));
            let lease = Lease {
                node: self.inner.node.clone(),
                min_snapshot,
                expires_at: now + TimeDelta::seconds(LEASE_SECONDS),
            };
            activity.put_lease(&self.inner.uuid, &lease).await?;
            self.inner.pins.state().leased = Some(min_snapshot);
            // An older one that was pinned meanwhile may have stored its lease before this.
            let oldest = self.inner.pins.oldest();
            if oldest.is_none_or(|oldest| oldest >= min_snapshot) {
                return Ok(());
            }
        }
    }

    /// The oldest snapshot that another node's lease needs; nothing without one.
    pub(crate) async fn oldest_leased(&self) -> Result<Option<i64>, Error> {
        let activity = &self.inner.activity;
        let leases = activity.leases(&self.inner.uuid).await?;
        if leases.is_empty() {
            return Ok(None);
        }
        let now = self.clock().commit_time(activity.now().await?);
        let others = leases
            .iter()
            .filter(|lease| lease.node != self.inner.node && lease.expires_at > now);
        Ok(others.map(|lease| lease.min_snapshot).min())
    }

    /// See [`Pins::raise_floor`].
    pub(crate) fn raise_floor(&self, wanted: i64) -> i64 {
        self.inner.pins.raise_floor(wanted)
    }

    /// The oldest snapshot that is pinned here.
    pub(crate) fn oldest_pinned(&self) -> Option<i64> {
        self.inner.pins.oldest()
    }

    /// Takes a job of the lake for this process, so that several primaries do not do it at
    /// the same time. One that was taken here before is taken for longer.
    pub async fn claim_job(&self, job: &str, validity: Duration) -> Result<bool, Error> {
        if self.is_alone() {
            return Ok(true);
        }
        let activity = &self.inner.activity;
        let now = self.clock().commit_time(activity.now().await?);
        let until = now + TimeDelta::from_std(validity).unwrap_or(TimeDelta::MAX);
        let (lake, node) = (&self.inner.uuid, &self.inner.node);
        activity.claim_job(lake, job, node, (now, until)).await
    }

    /// Forgets leases that were over long ago.
    pub(crate) async fn forget_leases(&self) -> Result<(), Error> {
        if self.is_alone()
            && self
                .inner
                .activity
                .leases(&self.inner.uuid)
                .await?
                .is_empty()
        {
            return Ok(());
        }
        let now = self.clock().commit_time(self.inner.activity.now().await?);
        let before = now - TimeDelta::days(1);
        let (activity, lake) = (&self.inner.activity, &self.inner.uuid);
        activity.forget_nodes(lake, before).await?;
        activity.forget_leases(lake, before).await
    }

    /// Gives the lease up, since nothing is read here any more.
    pub(super) async fn end_lease(&self) {
        let is_stored = self.inner.pins.state().leased.take().is_some();
        if is_stored {
            let (lake, node) = (&self.inner.uuid, &self.inner.node);
            // Without it, the lease ends by itself.
            if let Err(error) = self.inner.activity.remove_lease(lake, node).await {
                tracing::debug!(%error, "the lease was not given up");
            }
        }
        self.inner.activity.close().await;
    }

    /// Stores the first lease and starts the task that renews it; it ends with the lake.
    pub(super) async fn start_lease(&self) {
        if !self.needs_lease() {
            return;
        }
        if let Err(error) = self.renew_lease().await {
            tracing::warn!(
                source = ?error.source,
                "this node has no lease: what it reads is safe only for storage.grace"
            );
        }
        let lake = Arc::downgrade(&self.inner);
        tokio::spawn(async move { renew_regularly(lake).await });
    }

    /// Whether another process may expire what this one reads.
    fn needs_lease(&self) -> bool {
        !self.is_alone()
    }

    async fn is_kept(&self, id: SnapshotId) -> Result<bool, Error> {
        if self.known_head().id == id {
            return Ok(true);
        }
        crate::retention::is_kept(self.catalog(), id.0).await
    }
}

async fn renew_regularly(lake: Weak<Inner>) {
    loop {
        tokio::time::sleep(RENEW_INTERVAL).await;
        let Some(inner) = lake.upgrade() else {
            return;
        };
        let lake = Lake { inner };
        if lake.inner.is_closed.load(Ordering::Relaxed) {
            return;
        }
        // Nobody may have asked for the head for long, and the lease would keep an old one.
        let renewed = match lake.newest().await {
            Ok(_) => lake.renew_lease().await,
            Err(error) => Err(error),
        };
        if let Err(error) = renewed {
            tracing::debug!(source = ?error.source, "the lease was not renewed");
        }
    }
}
