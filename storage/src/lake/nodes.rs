//! What the processes on a lake tell each other of themselves: where they are, what they
//! show, how busy they are.
//!
//! A process announces itself once it takes clients. From then on a task stores its state
//! at once when its head moved, and else now and then, so that others see that it lives.
//!
//! Not guaranteed: that a node which tells nothing any more is gone. It may be cut off.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::activity::NodeState;
use crate::catalog::{Condition, Selection, decode};
use crate::error::Error;
use crate::lake::{Inner, Lake, LakeRole};
use crate::spec::SnapshotId;
use crate::spec::rows::SnapshotRow;

/// How often a node tells that it lives.
const TELL_INTERVAL: Duration = Duration::from_secs(5);

/// Least time between two states that are stored, so that many commits are few writes.
const TELL_PAUSE: Duration = Duration::from_millis(200);

/// A node that told nothing for so long is not up.
const UP_SECONDS_MAX: i64 = 15;

/// A node is shown for so long after it told something last.
const SHOWN_SECONDS_MAX: i64 = 3600;

/// What a process tells of itself.
pub struct Announcement {
    /// Where clients connect, `host:port`.
    pub address: String,
    /// Of the program.
    pub version: String,
    /// How many clients are connected now.
    pub sessions: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl fmt::Debug for Announcement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Announcement")
            .field("address", &self.address)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A process on the lake, as it told of itself the last time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it calls itself, anew at each start.
    pub id: String,
    /// Primary or replica.
    pub role: LakeRole,
    /// Where its clients connect.
    pub address: String,
    /// The newest snapshot that it shows.
    pub snapshot: SnapshotId,
    /// For how long there has been a newer one; zero if there is none.
    pub lag: TimeDelta,
    /// When it told this.
    pub seen_at: DateTime<Utc>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// How many clients were connected.
    pub sessions: i64,
    /// Of its program.
    pub version: String,
    /// Whether it told something lately.
    pub is_up: bool,
}

impl Lake {
    /// Tells the other processes of this one, now and as long as the lake is open.
    pub async fn announce(&self, announcement: Announcement) {
        let started_at = self.clock().now();
        if let Err(error) = self.tell(&announcement, started_at).await {
            tracing::warn!(
                %error,
                source = ?error.source,
                "other nodes are not told of this one"
            );
        }
        let lake = Arc::downgrade(&self.inner);
        let moved = self.inner.moved.subscribe();
        tokio::spawn(async move { tell_regularly(lake, moved, announcement, started_at).await });
    }

    async fn tell(
        &self,
        announcement: &Announcement,
        started_at: DateTime<Utc>,
    ) -> Result<(), Error> {
        let activity = &self.inner.activity;
        let state = NodeState {
            node: self.inner.node.clone(),
            is_replica: self.lake_role() == LakeRole::Replica,
            address: announcement.address.clone(),
            snapshot: self.known_head().id.0,
            sessions: i64::try_from((announcement.sessions)()).unwrap_or(i64::MAX),
            version: announcement.version.clone(),
            started_at,
            seen_at: self.clock().commit_time(activity.now().await?),
        };
        activity.put_node(&self.inner.uuid, &state).await?;
        self.inner.is_announced.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Takes back what was told, as this process ends.
    pub(super) async fn end_announcement(&self) {
        if !self.inner.is_announced.load(Ordering::Relaxed) {
            return;
        }
        let (lake, node) = (&self.inner.uuid, &self.inner.node);
        // Else it is known by its silence.
        if let Err(error) = self.inner.activity.remove_node(lake, node).await {
            tracing::debug!(%error, "the other nodes were not told of the end of this one");
        }
    }

    /// The processes on the lake that told of themselves lately, in order of their
    /// addresses; of several at one address the last.
    ///
    /// Cost: 3 reads of the catalog's database at most.
    pub async fn nodes(&self) -> Result<Vec<Node>, Error> {
        let activity = &self.inner.activity;
        let states = activity.nodes(&self.inner.uuid).await?;
        let now = self.clock().commit_time(activity.now().await?);
        let lags = self.lags(&states, now).await?;
        let mut nodes: BTreeMap<(String, bool), Node> = BTreeMap::new();
        for state in states {
            let silence = now - state.seen_at;
            let key = (state.address.clone(), state.is_replica);
            let is_newest = nodes
                .get(&key)
                .is_none_or(|other| other.seen_at < state.seen_at);
            if silence <= TimeDelta::seconds(SHOWN_SECONDS_MAX) && is_newest {
                let lag = lags.get(&state.snapshot).copied();
                nodes.insert(key, node(state, lag.unwrap_or_default(), silence));
            }
        }
        Ok(nodes.into_values().collect())
    }

    /// For how long each snapshot of these states has not been the newest.
    async fn lags(
        &self,
        states: &[NodeState],
        now: DateTime<Utc>,
    ) -> Result<BTreeMap<i64, TimeDelta>, Error> {
        let next: Vec<i64> = states.iter().map(|state| state.snapshot + 1).collect();
        let selection = Selection::of::<SnapshotRow>(vec![Condition::In("snapshot_id", next)]);
        let rows = self.catalog().select(&[selection]).await?.pop();
        let rows: Vec<SnapshotRow> = decode(rows.unwrap_or_default())?;
        let lag = |row: &SnapshotRow| (now - row.snapshot_time).max(TimeDelta::zero());
        let superseded = rows.iter().map(|row| (row.snapshot_id - 1, lag(row)));
        Ok(superseded.collect())
    }

    /// Addresses of the replicas that are up, `host:port` each.
    pub async fn replica_addresses(&self) -> Result<Vec<String>, Error> {
        self.addresses(LakeRole::Replica).await
    }

    /// Addresses of the primaries that are up, `host:port` each.
    pub async fn primary_addresses(&self) -> Result<Vec<String>, Error> {
        self.addresses(LakeRole::Primary).await
    }

    async fn addresses(&self, role: LakeRole) -> Result<Vec<String>, Error> {
        let nodes = self.nodes().await?.into_iter();
        let up = nodes.filter(|node| node.is_up && node.role == role);
        Ok(up.map(|node| node.address).collect())
    }
}

fn node(state: NodeState, lag: TimeDelta, silence: TimeDelta) -> Node {
    Node {
        id: state.node,
        role: match state.is_replica {
            true => LakeRole::Replica,
            false => LakeRole::Primary,
        },
        address: state.address,
        snapshot: SnapshotId(state.snapshot),
        lag,
        seen_at: state.seen_at,
        started_at: state.started_at,
        sessions: state.sessions,
        version: state.version,
        is_up: silence <= TimeDelta::seconds(UP_SECONDS_MAX),
    }
}

async fn tell_regularly(
    lake: Weak<Inner>,
    mut moved: tokio::sync::watch::Receiver<SnapshotId>,
    announcement: Announcement,
    started_at: DateTime<Utc>,
) {
    loop {
        tokio::time::sleep(TELL_PAUSE).await;
        let heard = tokio::time::timeout(TELL_INTERVAL, moved.changed()).await;
        let Some(inner) = lake.upgrade() else {
            return;
        };
        if inner.is_closed.load(Ordering::Relaxed) || matches!(heard, Ok(Err(_))) {
            return;
        }
        let lake = Lake { inner };
        if let Err(error) = lake.tell(&announcement, started_at).await {
            tracing::debug!(source = ?error.source, "other nodes were not told of this one");
        }
    }
}
