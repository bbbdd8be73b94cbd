//! What became of a commit whose reply was lost: its transaction's id tells.
//!
//! Not guaranteed: an answer. Without one the outcome is unknown, and nothing is deleted.

use std::time::Duration;

use crate::catalog::{Condition, Selection, decode};
use crate::error::{Error, ErrorKind};
use crate::lake::Lake;
use crate::spec::SnapshotId;
use crate::spec::change::CommitDetail;
use crate::spec::rows::ChangesRow;
use crate::transaction::commit::{Outcome, Request};

/// Most tries to find out what became of a commit whose reply was lost.
const SETTLE_COUNT_MAX: u32 = 3;

/// Pause before the second try; twice that before the third.
const SETTLE_PAUSE: Duration = Duration::from_millis(500);

/// Finds out what became of a commit whose reply was lost.
pub(super) async fn settle(lake: &Lake, request: &Request, error: Error) -> Outcome {
    for round in 0..SETTLE_COUNT_MAX {
        if round > 0 {
            tokio::time::sleep(SETTLE_PAUSE * round).await;
        }
        let Ok((rows, head)) = changes_since(lake, request.base.id()).await else {
            continue;
        };
        let own = rows.iter().find(|row| {
            let detail = row
                .commit_extra_info
                .as_deref()
                .and_then(CommitDetail::parse);
            detail.is_some_and(|detail| detail.transaction == request.id)
        });
        let Some(own) = own else {
            // What is not known any more may have been this one: nothing proves otherwise.
            match is_whole(&rows, request.base.id().0, head) {
                true => return Outcome::RolledBack(error),
                false => break,
            }
        };
        // It happened: show it, whatever else happened since.
        if let Ok(head) = lake.load_head().await {
            return Outcome::Committed(SnapshotId(own.snapshot_id), head);
        }
    }
    let text = "the outcome of the commit is not known: look before trying again";
    Outcome::Unknown(Error::new(ErrorKind::Unavailable, text).with_source(error))
}

/// What was committed after a snapshot, asked under the commit lock: a commit whose
/// reply was lost may still be under way on the database's server, and holds it so long.
///
/// Also returns the head.
async fn changes_since(lake: &Lake, base: SnapshotId) -> Result<(Vec<ChangesRow>, i64), Error> {
    let mut catalog = lake.writer()?.begin_commit().await?;
    let head = catalog.head().await?.snapshot.snapshot_id;
    let conditions = vec![Condition::MoreThan("snapshot_id", base.0)];
    let selection = Selection::of::<ChangesRow>(conditions);
    let rows = catalog.select(&selection).await?;
    catalog.rollback().await?;
    Ok((decode(rows)?, head))
}

/// Whether every commit after a base is among the changes.
pub(super) fn is_whole(changes: &[ChangesRow], base: i64, head: i64) -> bool {
    i64::try_from(changes.len()).is_ok_and(|count| count == head - base)
}
