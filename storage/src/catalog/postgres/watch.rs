//! Hears of commits: each one notifies a channel, see `write::LOCK_SQL`.
//!
//! Not guaranteed: that every commit is heard of, or none twice. Who listens looks now and
//! then by himself.
//!
//! Source: PostgreSQL 15 manual, NOTIFY.

use async_trait::async_trait;
use sqlx::postgres::{PgListener, PgPool};

use super::connect::bounded;
use crate::catalog::CatalogWatch;
use crate::error::{Error, ErrorKind};

/// The channel, whose messages are names of schemas with a lake.
const CHANNEL: &str = "gotgan_commit";

/// A connection that listens for the lake of its schema.
pub(super) struct PostgresWatch {
    listener: PgListener,
    schema: String,
}

impl PostgresWatch {
    pub(super) async fn open(readers: &PgPool) -> Result<Self, Error> {
        let schema = sqlx::query_scalar("SELECT current_schema()::text").fetch_one(readers);
        let schema: String = bounded(schema).await?;
        let mut listener = bounded(PgListener::connect_with(readers)).await?;
        bounded(listener.listen(CHANNEL)).await?;
        Ok(Self { listener, schema })
    }
}

#[async_trait]
impl CatalogWatch for PostgresWatch {
    async fn changed(&mut self) -> Result<(), Error> {
        loop {
            let heard = self.listener.try_recv().await;
            match heard.map_err(super::error::from_sqlx)? {
                Some(commit) if commit.payload() == self.schema => return Ok(()),
                Some(_of_another_lake) => {}
                None => {
                    let text = "the connection that hears of commits broke";
                    return Err(Error::new(ErrorKind::Unavailable, text));
                }
            }
        }
    }
}
