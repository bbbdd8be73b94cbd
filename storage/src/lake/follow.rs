//! How a replica follows the lake.
//!
//!   told of a commit, or a while passed ──▶ ask for the head ──▶ load what moved
//!                                              └── no answer: serve the last one, for a while
//!
//! A task asks, so that no statement waits for the catalog; what statements see is as old
//! as the last answer. A newer head is shown once the file lists of tables are there that
//! were read here before, so that these can be read while the catalog does not answer. Who
//! has logged in before can do so again meanwhile.
//!
//! Not guaranteed: that a statement sees a commit which returned before it began. Who
//! needs this asks for the snapshot, see `wait_for`.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::timeout;

use crate::access::Login;
use crate::catalog::CatalogWatch;
use crate::error::{Error, ErrorKind};
use crate::lake::{Inner, Lake};
use crate::snapshot::Snapshot;
use crate::spec::{SnapshotId, TableId};

/// How long one look may take before the catalog counts as silent. Pictures of large lakes
/// take seconds.
const LOOK_TIMEOUT: Duration = Duration::from_secs(20);

/// How long until it is tried again to hear of commits, where that failed.
const LISTEN_PAUSE: Duration = Duration::from_secs(10);

/// How often a catalog that does not answer is asked.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Looks that may fail before the node counts as cut off, as a multiple of their interval.
const MISSED_COUNT_MAX: u32 = 4;

/// How long a newer head waits for the lists of files of tables that were read before.
const AHEAD_TIME: Duration = Duration::from_millis(500);

/// Most roles whose logins are remembered.
const LOGIN_COUNT_MAX: usize = 1000;

/// How often a waiting statement asks the catalog.
const WAIT_INTERVAL: Duration = Duration::from_millis(100);

/// How a replica follows.
#[derive(Clone, Copy, Debug)]
pub struct FollowOptions {
    /// How often it looks for a newer snapshot, also where it is told of commits.
    pub poll_interval: Duration,
    /// How long it answers from its last snapshot while the catalog does not answer.
    pub stale_max: Duration,
}

/// What is known of how fresh the head is.
#[derive(Debug)]
pub(super) struct Follow {
    options: FollowOptions,
    state: Mutex<State>,
    /// What the catalog said last of roles that logged in.
    logins: Mutex<HashMap<String, Login>>,
    /// Tables whose lists of files are to be loaded before anybody asks.
    lists: Mutex<BTreeSet<TableId>>,
}

#[derive(Debug)]
struct State {
    /// When the question was asked that the catalog answered last.
    told_at: Instant,
    /// Whether the log says that the catalog is away.
    is_cut_off: bool,
}

impl Follow {
    pub(super) fn new(options: FollowOptions, now: Instant) -> Self {
        let state = State {
            told_at: now,
            is_cut_off: false,
        };
        Self {
            options,
            state: Mutex::new(state),
            logins: Mutex::default(),
            lists: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lists(&self) -> MutexGuard<'_, BTreeSet<TableId>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How old the last answer is.
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.state().told_at)
    }

    /// From when on an answer is so old that people should know.
    fn patience(&self) -> Duration {
        (self.options.poll_interval * MISSED_COUNT_MAX).max(Duration::from_secs(2))
    }

    /// Errors: `Stale` if the last answer is too old to serve.
    fn check(&self, now: Instant) -> Result<(), Error> {
        let age = self.age(now);
        if age <= self.options.stale_max {
            return Ok(());
        }
        let text = format!(
            "this replica has not reached the catalog for {} seconds and answers no more",
            age.as_secs()
        );
        Err(Error::new(ErrorKind::Stale, text))
    }

    fn keep_login(&self, name: &str, login: Option<&Login>) {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        if logins.len() >= LOGIN_COUNT_MAX {
            logins.clear();
        }
        match login {
            Some(login) => logins.insert(name.to_owned(), login.clone()),
            None => logins.remove(name),
        };
    }

    fn known_login(&self, name: &str) -> Result<Login, Error> {
        let logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.get(name).cloned().ok_or_else(|| {
            let text = "this replica does not reach the catalog, which knows the roles";
            Error::new(ErrorKind::Stale, text)
        })
    }

    fn note_answer(&self, asked_at: Instant) {
        let mut state = self.state();
        state.told_at = asked_at;
        if std::mem::take(&mut state.is_cut_off) {
            tracing::info!("the catalog answers again");
        }
    }

    fn note_silence(&self, now: Instant, error: &Error) {
        let age = self.age(now);
        let mut state = self.state();
        if age > self.patience() && !state.is_cut_off {
            state.is_cut_off = true;
            tracing::warn!(
                %error,
                source = ?error.source,
                "the catalog does not answer: this replica shows its last snapshot"
            );
        }
    }
}

impl Lake {
    /// How long ago the catalog answered this replica, if that is longer than usual.
    pub fn cut_off_for(&self) -> Option<Duration> {
        let follow = self.inner.follow.as_ref()?;
        let age = follow.age(self.clock().instant());
        (age > follow.patience()).then_some(age)
    }

    /// Errors: `Stale` on a replica that did not reach the catalog for too long.
    pub fn check_fresh(&self) -> Result<(), Error> {
        match &self.inner.follow {
            Some(follow) => follow.check(self.clock().instant()),
            None => Ok(()),
        }
    }

    /// Waits until this process knows a snapshot, or a later one. Without a bound: the
    /// caller has one.
    ///
    /// Cost: nothing if it is known; else 1 statement. While the catalog does not know it,
    /// either, others follow, but on a replica no more than it makes anyway.
    /// Errors: `Stale` on a replica that did not reach the catalog for too long.
    pub async fn wait_for(&self, id: SnapshotId) -> Result<(), Error> {
        if self.known_head().id >= id || self.newest().await?.id >= id {
            return Ok(());
        }
        let mut moved = self.inner.moved.subscribe();
        while self.known_head().id < id {
            tokio::select! {
                _ = moved.changed() => {}
                () = tokio::time::sleep(WAIT_INTERVAL) => match self.inner.follow {
                    Some(_) => self.check_fresh()?,
                    None => drop(self.newest().await?),
                },
            }
        }
        Ok(())
    }

    /// Starts the task that follows; it ends with the lake.
    pub(super) fn start_following(&self) {
        let Some(follow) = &self.inner.follow else {
            return;
        };
        let interval = follow.options.poll_interval;
        let lake = Arc::downgrade(&self.inner);
        tokio::spawn(async move { follow_regularly(lake, interval).await });
    }

    /// Asks the catalog for the head once; says whether it answered.
    async fn look(&self, follow: &Follow) -> bool {
        let asked_at = self.clock().instant();
        let looked = match timeout(LOOK_TIMEOUT, self.move_on()).await {
            Ok(looked) => looked,
            Err(_) => {
                let text = "the catalog did not answer in time";
                Err(Error::new(ErrorKind::Unavailable, text))
            }
        };
        match looked {
            Ok(()) => {
                follow.note_answer(asked_at);
                true
            }
            Err(error) => {
                follow.note_silence(self.clock().instant(), &error);
                false
            }
        }
    }

    /// Makes the catalog's head the known one, with the file lists of known tables.
    pub(super) fn move_on(&self) -> BoxFuture<'_, Result<(), Error>> {
        // Lists are loaded by calls that may ask for the head themselves.
        self.move_to_head().boxed()
    }

    async fn move_to_head(&self) -> Result<(), Error> {
        // Asked within the turn, so that no older head follows a newer one.
        let _turn = self.inner.refresh.lock().await;
        let head = self.catalog().head().await?;
        let cached = self.file_cache().tables();
        let picture = self.picture_at(&head).await?;
        let has_moved = !Arc::ptr_eq(&picture, &self.known_head());
        if let Some(follow) = &self.inner.follow {
            if has_moved {
                follow.lists().extend(cached);
            }
            self.load_ahead(follow, &picture).await?;
        }
        if has_moved {
            self.set_head(picture);
        }
        Ok(())
    }

    /// Loads the lists of files that wait for it, for a while; the others wait for the next
    /// look, as thousands do after a change that no list outlasts.
    ///
    /// Errors: `Unavailable` only; what else is wrong with a list is for who needs it.
    async fn load_ahead(&self, follow: &Follow, picture: &Snapshot) -> Result<(), Error> {
        let until = self.clock().instant() + AHEAD_TIME;
        while self.clock().instant() < until {
            let next = follow.lists().pop_first();
            let Some(id) = next else {
                break;
            };
            if picture.table(id).is_none() {
                continue;
            }
            match self.files(picture, id).await {
                Err(error) if error.kind == ErrorKind::Unavailable => {
                    follow.lists().insert(id);
                    return Err(error);
                }
                Err(error) => {
                    tracing::debug!(%error, "the files of a table were not loaded ahead");
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// What a login needs to know of a role: as the catalog says, or on a replica that does
    /// not reach it, as it said last.
    ///
    /// Errors: `Stale` if it is not known here.
    pub(crate) async fn login_by(
        &self,
        name: &str,
        asking: impl Future<Output = Result<Option<Login>, Error>>,
    ) -> Result<Option<Login>, Error> {
        let Some(follow) = &self.inner.follow else {
            return asking.await;
        };
        self.check_fresh()?;
        if self.cut_off_for().is_some() {
            return follow.known_login(name).map(Some);
        }
        match asking.await {
            Ok(login) => {
                follow.keep_login(name, login.as_ref());
                Ok(login)
            }
            Err(error) if error.kind == ErrorKind::Unavailable => {
                follow.known_login(name).map(Some)
            }
            Err(error) => Err(error),
        }
    }
}

async fn follow_regularly(lake: Weak<Inner>, interval: Duration) {
    let mut ear: Option<Box<dyn CatalogWatch>> = None;
    let mut listen_at: Option<Instant> = None;
    while let Some(lake) = running(&lake) {
        let Some(follow) = &lake.inner.follow else {
            return;
        };
        let now = lake.clock().instant();
        // Before looking, so that no commit is between the two.
        if ear.is_none() && listen_at.is_none_or(|at| now >= at) {
            listen_at = Some(now + LISTEN_PAUSE);
            ear = listen(&lake).await;
        }
        let pause = match lake.look(follow).await {
            true => interval,
            false => interval.max(RETRY_INTERVAL),
        };
        // Not held while waiting: the lake may end meanwhile.
        drop(lake);
        let heard = match &mut ear {
            Some(ear) => timeout(pause, ear.changed()).await,
            None => {
                tokio::time::sleep(pause).await;
                continue;
            }
        };
        if let Ok(Err(error)) = heard {
            tracing::debug!(source = ?error.source, "{error}");
            ear = None;
        }
    }
}

fn running(lake: &Weak<Inner>) -> Option<Lake> {
    let inner = lake.upgrade()?;
    let is_closed = inner.is_closed.load(Ordering::Relaxed);
    (!is_closed).then_some(Lake { inner })
}

async fn listen(lake: &Lake) -> Option<Box<dyn CatalogWatch>> {
    match timeout(LOOK_TIMEOUT, lake.catalog().watch()).await {
        Ok(Ok(ear)) => ear,
        Ok(Err(error)) => {
            tracing::debug!(source = ?error.source, "commits are not heard of: {error}");
            None
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests;
