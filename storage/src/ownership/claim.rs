//! The token that tells copies of one catalog apart, and how it moves on.
//!
//! The marker and the catalog share it. It is renewed at each start of a primary, and
//! regularly once something was committed. A copy that is older than the last renewal has
//! another token than the marker, and *lost* the files. Of two that part after the same
//! renewal, the first to renew keeps them.
//!
//! Who lost *contests*: the marker says so from then on, and the owner deletes nothing,
//! either, since files of both are live. Adopting makes a new token and ends the contest; if
//! the other one still runs, it contests again.
//!
//!   catalog: old + new ──▶ marker: new ──▶ catalog: new
//!
//! A process that dies in a renewal leaves a catalog that knows what the marker says. Several
//! primaries of one catalog share both tokens, so any may finish what another began.
//!
//! Why not the number of the newest snapshot: two copies count on from the same one. Why not
//! what identifies the database (inode, system id): whoever moves a lake would lose it.
//!
//! Not guaranteed: that a copy is seen before the next renewal, so `grace` must be longer
//! than the time between two. In a store without conditional puts, of two writers at once
//! the last one wins, and the other finds that later.

use std::sync::Arc;

use object_store::{ObjectStore, UpdateVersion};

use crate::catalog::{
    CatalogStore, CatalogWriter, CommitTransaction, Condition, Selection, Write, decode,
};
use crate::clock::{Clock, Ids};
use crate::error::{Error, ErrorKind};
use crate::ownership::marker::{self, Found, Marker, Put};
use crate::ownership::{Standing, another_lake};
use crate::spec::side::DataOwnerRow;
use crate::spec::table::{Row, Value};

/// Others may move the token between two reads, but not for ever.
const TRIES_MAX: usize = 50;

/// What a catalog knows of the marker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tokens {
    token: Option<String>,
    /// What a renewal is about to write, or has written.
    next: Option<String>,
}

impl Tokens {
    fn knows(&self, owner: &str) -> bool {
        let known = [&self.token, &self.next];
        known.into_iter().flatten().any(|token| token == owner)
    }
}

/// What a claim to the files of a data path needs.
pub(crate) struct Claim<'a> {
    pub(crate) catalog: &'a dyn CatalogStore,
    pub(crate) writer: &'a dyn CatalogWriter,
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// The lake's own id.
    pub(crate) lake: &'a str,
    pub(crate) ids: &'a dyn Ids,
    pub(crate) clock: &'a dyn Clock,
}

impl Claim<'_> {
    /// Moves the token on, if the files are this catalog's; writes a marker that is missing.
    ///
    /// Cost: 2 commits of the catalog that make no snapshot, 1 read and 1 write of the store.
    /// Errors: `NotOwner` if the marker is another lake's; `Unavailable`.
    pub(crate) async fn renew(&self) -> Result<Standing, Error> {
        for _ in 0..TRIES_MAX {
            let next = self.prepare().await?;
            let (standing, found) = self.standing().await?;
            if !matches!(standing, Standing::Owner | Standing::Unmarked) {
                return Ok(standing);
            }
            match self.write(next, found.as_ref()).await? {
                Put::Done => return Ok(Standing::Owner),
                Put::Denied => return Ok(Standing::Denied),
                Put::Raced => {}
            }
        }
        Err(busy())
    }

    /// Makes the files this catalog's, whoever had them.
    ///
    /// Errors: those of [`Claim::renew`].
    pub(crate) async fn adopt(&self) -> Result<Standing, Error> {
        for _ in 0..TRIES_MAX {
            let next = self.prepare().await?;
            let found = self.read_marker().await?;
            match self.write(next, found.as_ref()).await? {
                Put::Done => return Ok(Standing::Owner),
                Put::Denied => return Ok(Standing::Denied),
                Put::Raced => {}
            }
        }
        Err(busy())
    }

    /// Whose the files are now. If they are another catalog's, it is told that this one
    /// writes here.
    ///
    /// Cost: 2 reads of the catalog, 1 of the store.
    /// Errors: `NotOwner` if the marker is another lake's; `Unavailable`.
    pub(super) async fn standing(&self) -> Result<(Standing, Option<Found>), Error> {
        for _ in 0..TRIES_MAX {
            let before = self.tokens().await?;
            let found = self.read_marker().await?;
            // A renewal by another primary may have come between the two reads.
            if self.tokens().await? != before {
                continue;
            }
            let standing = match &found {
                None => Standing::Unmarked,
                Some(found) if !before.knows(&found.marker.owner) => Standing::Lost,
                Some(found) if found.marker.contested_at.is_some() => Standing::Contested,
                Some(_) => Standing::Owner,
            };
            if let (Standing::Lost, Some(found)) = (standing, &found) {
                self.contest(found).await;
            }
            return Ok((standing, found));
        }
        Err(busy())
    }

    /// The next token, which the catalog knows from now on.
    async fn prepare(&self) -> Result<String, Error> {
        let mut transaction = self.writer.begin_commit().await?;
        let selection = Selection::of::<DataOwnerRow>(Vec::new());
        let rows: Vec<DataOwnerRow> = decode(transaction.select(&selection).await?)?;
        let is_new = rows.is_empty();
        if let Some(next) = rows.into_iter().find_map(|row| row.next_token) {
            transaction.rollback().await?;
            return Ok(next);
        }
        let next = self.ids.uuid().to_string();
        let write = if is_new {
            Write::insert(&[DataOwnerRow {
                token: None,
                next_token: Some(next.clone()),
            }])
        } else {
            let set = vec![("next_token", Value::Text(next.clone()))];
            update(set, Vec::new())
        };
        finish(transaction, write).await?;
        Ok(next)
    }

    /// Writes a marker with the next token, and makes that the catalog's only one.
    async fn write(&self, next: String, found: Option<&Found>) -> Result<Put, Error> {
        let marker = Marker::new(self.lake, next.clone());
        let is_there = found.is_some_and(|found| found.marker == marker);
        let put = match is_there {
            true => Put::Done,
            false => self.put(&marker, found.map(|found| &found.version)).await?,
        };
        if put == Put::Done {
            let set = vec![
                ("token", Value::Text(next.clone())),
                ("next_token", Value::Null),
            ];
            // Another primary may have done this already, and more.
            let conditions = vec![Condition::Is("next_token", next)];
            let transaction = self.writer.begin_commit().await?;
            finish(transaction, update(set, conditions)).await?;
        }
        Ok(put)
    }

    async fn put(&self, marker: &Marker, found: Option<&UpdateVersion>) -> Result<Put, Error> {
        marker::put(&self.objects, marker, found).await
    }

    /// Tells the owner of the marker that another catalog writes here, as far as possible.
    async fn contest(&self, found: &Found) {
        if found.marker.contested_at.is_some() {
            return;
        }
        let mut marker = found.marker.clone();
        marker.contested_at = Some(self.clock.now().to_rfc3339());
        // Raced: by the owner, whose renewal is contested the next time.
        match self.put(&marker, Some(&found.version)).await {
            Ok(Put::Done | Put::Raced) => {}
            Ok(Put::Denied) => tracing::warn!("the store denies to write the data's marker"),
            Err(error) => {
                tracing::warn!(%error, source = ?error.source, "the data's marker is not written");
            }
        }
    }

    /// Errors: `NotOwner` if it is another lake's.
    async fn read_marker(&self) -> Result<Option<Found>, Error> {
        let found = marker::read(&*self.objects).await?;
        match &found {
            Some(other) if other.marker.lake != self.lake => Err(another_lake(&other.marker)),
            _ => Ok(found),
        }
    }

    async fn tokens(&self) -> Result<Tokens, Error> {
        let selection = Selection::of::<DataOwnerRow>(Vec::new());
        let rows = self.catalog.select(&[selection]).await?.pop();
        let rows: Vec<DataOwnerRow> = decode(rows.unwrap_or_default())?;
        let row = rows.into_iter().next();
        let tokens = row.map(|row| Tokens {
            token: row.token,
            next: row.next_token,
        });
        Ok(tokens.unwrap_or_default())
    }
}

fn update(set: Vec<(&'static str, Value)>, conditions: Vec<Condition>) -> Write {
    Write::Update {
        table: DataOwnerRow::TABLE,
        set,
        conditions,
    }
}

async fn finish(mut transaction: Box<dyn CommitTransaction>, write: Write) -> Result<(), Error> {
    transaction.apply(&[write]).await?;
    transaction.commit().await
}

fn busy() -> Error {
    let text = "the owner of the data path changes all the time";
    Error::new(ErrorKind::Conflict, text)
}
