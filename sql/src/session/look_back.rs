//! The past: `gotgan.as_of` for a whole session, and what a moment stands for.
//!
//! AS OF for one relation is in `versions.rs`.
//!
//! Invariants:
//! - A statement never sees a snapshot later than its own.
//! - Where the session reads the past, nothing can be written.

use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::DateTime;
use datafusion::common::ScalarValue;
use gotgan_storage::{ErrorKind, Snapshot, SnapshotId};
use sqlparser::ast::{self, Ident};

use super::Session;
use super::run::Parameter;
use crate::command;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::moment::Point;
use crate::parse::{Node, Statement};
use crate::resolve::DATABASE;
use crate::sqlstate;
use crate::types::PgType;

/// The setting that puts a session into the past.
pub(crate) const AS_OF: &str = "gotgan.as_of";

/// A state of the warehouse, as a statement or the setting tells it.
#[derive(Clone, Debug)]
pub(crate) enum Moment {
    /// Microseconds since 1970, UTC.
    Time(i64),
    /// The number of a snapshot, or the name of a hold.
    Snapshot(String),
}

/// What `gotgan.as_of` meant when it was looked up.
#[derive(Clone, Debug)]
pub(super) struct AsOf {
    /// The setting and the time zone in which it was read.
    text: (String, String),
    snapshot: Arc<Snapshot>,
}

impl Session {
    /// The snapshot that the session reads, if it reads the past.
    ///
    /// Errors: `22023` if the setting names no snapshot that is kept.
    pub(crate) async fn as_of(&mut self) -> Result<Option<Arc<Snapshot>>, SqlError> {
        let text = self.settings.show(AS_OF)?;
        if text.is_empty() {
            self.as_of = None;
            return Ok(None);
        }
        let text = (text.to_owned(), self.settings.show("TimeZone")?.to_owned());
        let known = self.as_of.as_ref().filter(|known| known.text == text);
        let known = known.map(|known| Arc::clone(&known.snapshot));
        let snapshot = match known {
            Some(known) if self.is_pinned(known.id()) => return Ok(Some(known)),
            Some(known) => self.pinned_snapshot(known.id()).await?,
            None => {
                let moment = self.setting_moment(&text.0).await?;
                self.snapshot_of(&moment).await?
            }
        };
        self.as_of = Some(AsOf {
            text,
            snapshot: Arc::clone(&snapshot),
        });
        Ok(Some(snapshot))
    }

    /// Whether the session reads the past.
    pub(crate) fn is_in_past(&self) -> bool {
        self.settings.show(AS_OF).is_ok_and(|text| !text.is_empty())
    }

    /// A number or the name of a hold is a snapshot; anything else must be a time.
    async fn setting_moment(&self, text: &str) -> Result<Moment, SqlError> {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number || self.held(text).await?.is_some() {
            return Ok(Moment::Snapshot(text.to_owned()));
        }
        let style = self.settings.input_style(self.statement_start);
        let time = crate::types::datetime::parse_timestamptz(text, -1, &style);
        time.map(Moment::Time).map_err(|_| {
            SqlError::invalid_setting(AS_OF, text)
                .with_hint("Give a time, the number of a snapshot or the name of a hold.")
        })
    }

    /// The picture of a state of the warehouse.
    ///
    /// Errors: `22023` if there is none, with those that there are.
    pub(crate) async fn snapshot_of(&mut self, moment: &Moment) -> Result<Arc<Snapshot>, SqlError> {
        match moment {
            Moment::Time(micros) => {
                let time = DateTime::from_timestamp_micros(*micros).ok_or_else(|| {
                    SqlError::invalid_parameter("the moment must be a time that is not infinite")
                })?;
                let found = self.engine.lake.snapshot_at(time).await;
                self.pinned_snapshot(found.map_err(not_kept)?.id()).await
            }
            Moment::Snapshot(text) => {
                let id = self.snapshot_id(text).await?;
                self.pinned_snapshot(id).await
            }
        }
    }

    /// The picture of a snapshot, which does not expire while the statement is planned.
    ///
    /// Later, its files are kept for the grace time.
    async fn pinned_snapshot(&mut self, id: SnapshotId) -> Result<Arc<Snapshot>, SqlError> {
        let lake = &self.engine.lake;
        let snapshot = lake.snapshot(id).await.map_err(not_kept)?;
        if self.is_pinned(id) {
            return Ok(snapshot);
        }
        self.pins.push(lake.pin(id).await.map_err(not_kept)?);
        // It may have begun to expire before it was pinned.
        lake.snapshot(id).await.map_err(not_kept)
    }

    fn is_pinned(&self, id: SnapshotId) -> bool {
        self.pins.iter().any(|pin| pin.id() == id)
    }

    /// Lets go of what a statement has read of the past.
    pub(crate) fn release_past(&mut self) {
        self.pins.clear();
        if !self.past.is_empty() {
            self.past = Arc::default();
        }
    }

    /// The snapshot that a number or the name of a hold stands for.
    async fn snapshot_id(&self, text: &str) -> Result<SnapshotId, SqlError> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = text.parse().map_err(|_| {
                SqlError::invalid_parameter(format!("snapshot {text} does not exist"))
            })?;
            return Ok(SnapshotId(number));
        }
        let held = self.held(text).await?;
        held.ok_or_else(|| SqlError::undefined_object("snapshot", text))
    }

    /// The snapshot that is held under a name.
    async fn held(&self, name: &str) -> Result<Option<SnapshotId>, SqlError> {
        let hold = self.engine.lake.hold(name).await?;
        Ok(hold.map(|hold| hold.snapshot))
    }

    /// As [`Self::snapshot_of`], of a moment that a statement tells.
    ///
    /// Errors: also `22023` for a snapshot later than the one that the statement sees.
    pub(crate) async fn visible_snapshot(
        &mut self,
        moment: &Moment,
        ctx: &StatementContext,
    ) -> Result<Arc<Snapshot>, SqlError> {
        let found = self.snapshot_of(moment).await?;
        if found.id() <= ctx.snapshot.id() {
            return Ok(found);
        }
        // A commit that was under way when the transaction began has an earlier time, but
        // was not seen: until then, what the statement sees was the newest.
        if let Moment::Time(micros) = moment
            && *micros <= ctx.transaction_start
            && !ctx.is_past
        {
            return self.pinned_snapshot(ctx.snapshot.id()).await;
        }
        Err(SqlError::invalid_parameter(format!(
            "snapshot {} is later than snapshot {}, which this statement sees",
            found.id(),
            ctx.snapshot.id()
        )))
    }

    /// The value of a moment that a statement tells by constants and parameters.
    pub(crate) async fn moment(
        &mut self,
        point: &Point,
        parameters: &[Parameter],
    ) -> Result<Moment, SqlError> {
        let planner = self.planner().await?;
        let target = PgType::new(point.type_oid());
        let value = command::constant_with(&planner, point.expression(), target, parameters)?;
        let is_null = || {
            SqlError::with_code(
                sqlstate::NULL_VALUE_NOT_ALLOWED,
                "the moment of AS OF must not be null",
            )
        };
        match value {
            ScalarValue::TimestampMicrosecond(Some(micros), _) => Ok(Moment::Time(micros)),
            value if value.is_null() => Err(is_null()),
            value => match value.try_as_str() {
                Some(Some(text)) => Ok(Moment::Snapshot(text.to_owned())),
                _ => Err(SqlError::internal("a moment is neither a time nor a text")),
            },
        }
    }
}

/// Gives relations of the database that the client connected to the database's own name.
pub(super) fn name_database(statements: &mut [Statement], connected: &str) {
    for statement in statements {
        if let Node::Ast(node) = &mut statement.node {
            let _: ControlFlow<()> = ast::visit_relations_mut(node.as_mut(), |relation| {
                if let [database, _, _] = relation.0.as_mut_slice()
                    && database
                        .as_ident()
                        .is_some_and(|part| part.value == connected)
                {
                    *database = ast::ObjectNamePart::Identifier(Ident::new(DATABASE));
                }
                ControlFlow::Continue(())
            });
        }
    }
}

/// A snapshot that cannot be had is a wrong value, not a missing object of the user's.
pub(crate) fn not_kept(error: gotgan_storage::Error) -> SqlError {
    if error.kind != ErrorKind::NotFound {
        return SqlError::from(error);
    }
    SqlError::invalid_parameter(error.message.clone())
        .with_hint("Choose one of gotgan.snapshots.")
        .caused_by(error)
}
