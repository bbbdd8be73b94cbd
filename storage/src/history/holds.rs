//! Holds: snapshots that have a name and do not expire.
//!
//! They are current only and take effect at once, as roles do: a change raises the epoch.
//! A hold whose time is over keeps nothing any more, but is still shown until its name is
//! used again or it is dropped.

use chrono::{DateTime, Utc};

use crate::access::{raise_epoch, read_state};
use crate::catalog::{CommitTransaction, Condition, Selection, Write, decode};
use crate::error::{Error, ErrorKind};
use crate::lake::Lake;
use crate::snapshot::Snapshot;
use crate::spec::SnapshotId;
use crate::spec::rows::SnapshotRow;
use crate::spec::side::HoldRow;
use crate::spec::table::Row;

/// A named snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its name.
    pub name: String,
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// Name of the role that made it.
    pub owner: String,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Until when it holds; without an end, for ever.
    pub until: Option<DateTime<Utc>>,
    /// What its maker said.
    pub comment: Option<String>,
}

/// A snapshot to be named.
#[derive(Clone, Debug)]
pub struct NewHold {
    /// A name that no other hold has.
    pub name: String,
    /// The snapshot; nothing is the newest.
    pub snapshot: Option<SnapshotId>,
    /// Name of the role that makes it.
    pub owner: String,
    /// Until when it holds; without an end, for ever.
    pub until: Option<DateTime<Utc>>,
    /// What its maker says.
    pub comment: Option<String>,
}

impl Lake {
    /// Names a snapshot. Cost: 1 transaction of the catalog.
    ///
    /// Errors: `Exists` if another hold has the name and holds still; `NotFound` if the
    /// snapshot is not kept for all tables, or there is no such role.
    pub async fn create_hold(&self, new: NewHold) -> Result<Hold, Error> {
        self.check_primary()?;
        let _turn = self.commit_turn().await;
        let mut catalog = self.writer()?.begin_commit().await?;
        let head = catalog.head().await?;
        let now = self.clock().commit_time(head.now);
        let picture = self.picture_at(&head).await?;
        let owner = picture.role_by_name(&new.owner).ok_or_else(|| {
            let text = format!("role \"{}\" does not exist", new.owner);
            Error::new(ErrorKind::NotFound, text)
        })?;
        let of_name = || vec![Condition::Is("hold_name", new.name.clone())];
        let rows = catalog.select(&Selection::of::<HoldRow>(of_name())).await?;
        let known: Option<HoldRow> = decode(rows)?.pop();
        let is_over = |row: &HoldRow| row.until.is_some_and(|until| until <= now);
        if known.as_ref().is_some_and(|row| !is_over(row)) {
            let text = format!("snapshot \"{}\" already exists", new.name);
            return Err(Error::new(ErrorKind::Exists, text));
        }
        let id = new.snapshot.map_or(head.snapshot.snapshot_id, |id| id.0);
        let of_id = vec![Condition::Equals("snapshot_id", id)];
        if catalog
            .select(&Selection::of::<SnapshotRow>(of_id))
            .await?
            .is_empty()
        {
            drop(catalog);
            return Err(self.unknown_snapshot(SnapshotId(id)).await?);
        }
        let row = HoldRow {
            hold_name: new.name.clone(),
            snapshot_id: id,
            role_id: owner.id,
            created_at: now,
            until: new.until,
            comment: new.comment,
        };
        let hold = hold(row.clone(), &picture);
        let writes = vec![
            Write::Delete {
                table: HoldRow::TABLE,
                conditions: of_name(),
            },
            Write::insert(&[row]),
        ];
        self.store_current(catalog, writes).await?;
        Ok(hold)
    }

    /// Takes a snapshot's name away; it expires as others do.
    ///
    /// Cost: 1 transaction of the catalog.
    /// Errors: `NotFound` if no hold has the name.
    pub async fn drop_hold(&self, name: &str) -> Result<(), Error> {
        self.check_primary()?;
        let _turn = self.commit_turn().await;
        let mut catalog = self.writer()?.begin_commit().await?;
        let of_name = vec![Condition::Is("hold_name", name.to_owned())];
        let rows = catalog
            .select(&Selection::of::<HoldRow>(of_name.clone()))
            .await?;
        if rows.is_empty() {
            let text = format!("snapshot \"{name}\" does not exist");
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        let delete = Write::Delete {
            table: HoldRow::TABLE,
            conditions: of_name,
        };
        self.store_current(catalog, vec![delete]).await
    }

    /// The hold with this name. Cost: 1 read of the catalog.
    pub async fn hold(&self, name: &str) -> Result<Option<Hold>, Error> {
        let of_name = vec![Condition::Is("hold_name", name.to_owned())];
        Ok(self.read_holds(of_name).await?.pop())
    }

    /// Every hold, the oldest snapshot first. Cost: 1 read of the catalog.
    pub async fn holds(&self) -> Result<Vec<Hold>, Error> {
        let mut holds = self.read_holds(Vec::new()).await?;
        holds.sort_by(|one, two| (one.snapshot, &one.name).cmp(&(two.snapshot, &two.name)));
        Ok(holds)
    }

    async fn read_holds(&self, conditions: Vec<Condition>) -> Result<Vec<Hold>, Error> {
        let head = self.head().await?;
        let selection = Selection::of::<HoldRow>(conditions);
        let rows = self.catalog().select(&[selection]).await?.pop();
        let rows: Vec<HoldRow> = decode(rows.unwrap_or_default())?;
        Ok(rows.into_iter().map(|row| hold(row, &head)).collect())
    }

    /// Stores what has no history, and lets every node see it.
    pub(super) async fn store_current(
        &self,
        mut catalog: Box<dyn CommitTransaction>,
        mut writes: Vec<Write>,
    ) -> Result<(), Error> {
        let state = read_state(&mut *catalog).await?;
        writes.push(raise_epoch(&state));
        catalog.apply(&writes).await?;
        catalog.commit().await?;
        self.load_head().await?;
        Ok(())
    }
}

fn hold(row: HoldRow, picture: &Snapshot) -> Hold {
    Hold {
        name: row.hold_name,
        snapshot: SnapshotId(row.snapshot_id),
        owner: picture.role_name(row.role_id),
        created: row.created_at,
        until: row.until,
        comment: row.comment,
    }
}
