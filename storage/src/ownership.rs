//! Whose the files of a data path are.
//!
//! A catalog that looks for files which nobody names, or lets go of what it named itself,
//! must be the only one that names files there, and no store forbids that a second one
//! comes: it would take the first one's files for orphans, or sweep what that still shows.
//!
//! - A marker at the root of a data path names the lake. A primary of another lake does not
//!   start there. No lake begins within another, and one that lies there looks for no
//!   orphans; what lies below a folder with a marker of its own is no orphan (`around`).
//! - Copies of one catalog, such as one from a backup, are the same lake. They are told
//!   apart by a token, and none removes a file until a human says by ADOPT DATA which is to
//!   stay (`claim`).
//!
//! Why they start, and write, all the same: a warehouse that is up and keeps too many files
//! is better than one that is down, and a restored backup is used at once.
//!
//! Invariants:
//! - No object is deleted that this process did not upload itself, unless the marker was
//!   just read and names this catalog's token, uncontested.
//! - Only primaries write the marker.
//!
//! Not guaranteed: that a lake is seen which only DuckDB or an older version of this program
//! writes, since it has no marker; orphans are known by names that only we give.

use std::sync::atomic::Ordering;

use object_store::ObjectStore;

use crate::error::{Error, ErrorKind};
use crate::lake::Lake;

mod around;
mod claim;
mod marker;
#[cfg(test)]
mod tests;

pub(crate) use around::{Above, Below, within_another};
pub(crate) use claim::Claim;
pub(crate) use marker::MARKER_NAME;
use marker::Marker;

/// How this catalog stands to the files of its data path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// They are its own.
    Owner,
    /// No marker says whose they are.
    Unmarked,
    /// They are its own, but another catalog writes here, too.
    Contested,
    /// Another catalog has the newer token.
    Lost,
    /// The store lets nobody with these rights write a marker.
    Denied,
}

impl Standing {
    /// Errors: `NotOwner` for all but the owner.
    pub(crate) fn require_owner(self) -> Result<(), Error> {
        let text = match self {
            Self::Owner => return Ok(()),
            Self::Unmarked => {
                "no file is removed, since the marker of the data path is missing: it is \
                 written again at the next start"
            }
            Self::Contested => {
                "no file is removed, since another copy of this catalog has written to the \
                 same data path: stop it, then run ADOPT DATA here"
            }
            Self::Lost => {
                "no file is removed, since the data path belongs to a newer copy of this \
                 catalog: if this is the one to keep, stop the other one, then run ADOPT \
                 DATA here"
            }
            Self::Denied => {
                "no file is removed, since the store denies to write the marker of the data \
                 path"
            }
        };
        Err(Error::new(ErrorKind::NotOwner, text))
    }
}

fn another_lake(marker: &Marker) -> Error {
    let text = format!(
        "the data path belongs to another lake: set storage.data_url to a place of this lake's \
         own, or remove the object {MARKER_NAME} there if the other lake is gone"
    );
    let source = format!("it is marked as the lake {}", marker.lake);
    Error::new(ErrorKind::NotOwner, text).with_source(source)
}

/// Refuses a place for a lake that is about to be made if another one has it.
///
/// Errors: `NotOwner`; `Unavailable` if the store does not answer.
pub(crate) async fn refuse_marked(objects: &dyn ObjectStore) -> Result<(), Error> {
    match marker::read(objects).await? {
        Some(found) => Err(another_lake(&found.marker)),
        None => Ok(()),
    }
}

impl Lake {
    fn claim(&self) -> Result<Claim<'_>, Error> {
        Ok(Claim {
            catalog: self.catalog(),
            writer: self.writer()?,
            objects: self.object_store(),
            lake: self.uuid(),
            ids: &**self.ids(),
            clock: &**self.clock(),
        })
    }

    /// Makes sure that no other catalog has come to use the data path, and leaves a trace
    /// for one that will. To be called regularly; see the file's header.
    ///
    /// Cost: 2 reads of the catalog and 1 of the store; those of a renewal after a commit.
    /// Errors: `NotOwner` if another catalog may name files here; `ReadOnly` on a replica.
    pub async fn claim_data(&self) -> Result<(), Error> {
        let claim = self.claim()?;
        let head = self.newest().await?.id.0;
        let is_moved = self.claimed_at().load(Ordering::Relaxed) != head;
        let standing = match is_moved {
            true => claim.renew().await?,
            false => match claim.standing().await? {
                (Standing::Unmarked, _) => claim.renew().await?,
                (standing, _) => standing,
            },
        };
        standing.require_owner()?;
        self.claimed_at().store(head, Ordering::Relaxed);
        Ok(())
    }

    /// Makes the files of the data path this catalog's, though another copy of it may have
    /// used them. Then that one removes no file any more, and this one may.
    ///
    /// Errors: `NotOwner` if they are another lake's; `ReadOnly` on a replica.
    pub async fn adopt_data(&self) -> Result<(), Error> {
        self.claim()?.adopt().await?.require_owner()?;
        tracing::info!(
            lake = self.uuid(),
            "the files of the data path were adopted"
        );
        Ok(())
    }

    /// To be asked right before objects are deleted that a catalog named, or that none does.
    ///
    /// Cost: 2 reads of the catalog, 1 of the store.
    /// Errors: `NotOwner` if another catalog may name them; `ReadOnly` on a replica.
    pub(crate) async fn check_owner(&self) -> Result<(), Error> {
        self.claim()?.standing().await?.0.require_owner()
    }
}
