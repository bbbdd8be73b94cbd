//! The extended query protocol: prepared statements, portals, pipelines.
//!
//! Statements and portals live in the session; what stays here is a portal's
//! stream of rows between two Execute messages, and its formats.
//!
//! Invariants:
//! - Describe never runs anything.
//! - Work between two Syncs is one implicit transaction, committed at Sync.
//! - After an error everything up to Sync is skipped (see `wire.rs`).
//!
//! Source: PostgreSQL 18 manual, sections 54.2.3 and 54.2.4.

use std::sync::Arc;

use gotgan_sql::{Format, Outcome, SqlError, sqlstate};
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{
    BindComplete, CloseComplete, ParseComplete, PortalSuspended,
};

use crate::connection::Connection;
use crate::wire::SYNC;
use crate::wire::error::Failure;
use crate::wire::message::{Bind, Target};
use crate::wire::rows::{Answer, description};
use crate::wire::supervise::supervise;

/// What the server keeps of a bound portal.
pub(crate) struct Portal {
    /// As Bind sent them: none, one for all, or one a column.
    formats: Vec<Format>,
    /// It ran and gives no rows; it cannot run again.
    is_done: bool,
    /// The rows, once Execute began to send them.
    answer: Option<Answer>,
}

impl Connection {
    /// Parse.
    pub(crate) async fn parse(
        &mut self,
        name: String,
        query: String,
        parameter_oids: Vec<u32>,
    ) -> Result<(), Failure> {
        self.begin_extended();
        self.record_message(Some(Arc::from(self.session.recorded_part(&query))));
        let preparing = Box::pin(self.session.prepare(&name, &query, &parameter_oids));
        supervise(
            &mut self.socket,
            self.registration.signals.end(),
            &self.token,
            preparing,
        )
        .await?;
        self.socket.feed(&ParseComplete::new())?;
        Ok(())
    }

    /// Bind.
    pub(crate) async fn bind(&mut self, bind: Bind) -> Result<(), Failure> {
        self.begin_extended();
        self.record_message(self.session.statement_text(&bind.statement));
        let parameter_formats = formats(&bind.parameter_formats)?;
        let formats = formats(&bind.result_formats)?;
        self.portals.remove(&bind.portal);
        let Bind {
            portal,
            statement,
            parameters,
            ..
        } = bind;
        let binding =
            Box::pin(
                self.session
                    .bind(&portal, &statement, parameters, &parameter_formats),
            );
        supervise(
            &mut self.socket,
            self.registration.signals.end(),
            &self.token,
            binding,
        )
        .await?;
        self.portals.insert(
            portal,
            Portal {
                formats,
                is_done: false,
                answer: None,
            },
        );
        self.socket.feed(&BindComplete::new())?;
        Ok(())
    }

    /// Describe.
    pub(crate) async fn describe(&mut self, target: Target, name: &str) -> Result<(), Failure> {
        self.begin_extended();
        self.record_message(match target {
            Target::Statement => self.session.statement_text(name),
            Target::Portal => self.session.portal_text(name),
        });
        let (columns, formats) = match target {
            Target::Statement => {
                let described = self.session.describe_statement(name)?;
                self.socket
                    .feed(&ParameterDescription::new(described.parameters))?;
                (described.columns, Vec::new())
            }
            Target::Portal => {
                let columns = self.session.describe_portal(name)?;
                let portal = self.portals.get(name);
                (
                    columns,
                    portal
                        .map(|portal| portal.formats.clone())
                        .unwrap_or_default(),
                )
            }
        };
        match columns {
            Some(columns) => {
                let formats = expand(&formats, columns.len())?;
                self.socket.feed(&description(&columns, &formats))?;
            }
            None => self.socket.feed(&NoData::new())?,
        }
        Ok(())
    }

    /// Execute; `rows_max` 0 is no limit.
    pub(crate) async fn execute(&mut self, name: String, rows_max: usize) -> Result<(), Failure> {
        self.begin_extended();
        self.record_message(self.session.portal_text(&name));
        let rows_max = if rows_max == 0 { usize::MAX } else { rows_max };
        let suspended = self
            .portals
            .get_mut(&name)
            .and_then(|portal| portal.answer.take());
        if let Some(mut answer) = suspended {
            answer.resume(&self.token);
            self.session.record_rows_of(answer.stream());
            return Box::pin(self.answer(name, answer, rows_max)).await;
        }
        if self.portals.get(&name).is_some_and(|portal| portal.is_done) {
            return Err(cannot_run(&name).into());
        }
        let is_alone = self.framer.next_kind(self.socket.input()) == Some(SYNC);
        let session = &mut self.session;
        let executing = Box::pin(async {
            match is_alone {
                true => session.execute_portal_alone(&name).await,
                false => session.execute_portal(&name).await,
            }
        });
        let end = self.registration.signals.end();
        let outcome = supervise(&mut self.socket, end, &self.token, executing).await?;
        let tag = match outcome {
            Outcome::Empty => {
                self.record_nothing();
                None
            }
            Outcome::Command(tag) => Some(tag),
            Outcome::Rows(stream) => {
                let portal = self.portals.get(&name);
                let formats = portal
                    .map(|portal| portal.formats.as_slice())
                    .unwrap_or_default();
                let formats = expand(formats, stream.columns().len())?;
                let answer = Answer::new(stream, &formats);
                return Box::pin(self.answer(name, answer, rows_max)).await;
            }
            Outcome::CopyIn(copy) => Some(Box::pin(self.copy_in(copy)).await?),
            Outcome::CopyOut(copy) => Some(Box::pin(self.copy_out(*copy)).await?),
        };
        if let Some(portal) = self.portals.get_mut(&name) {
            portal.is_done = true;
        }
        self.is_in_statement = false;
        self.complete(tag)?;
        self.record_success();
        Ok(())
    }

    /// Sends the next rows of a portal, and keeps what is left.
    async fn answer(
        &mut self,
        name: String,
        mut answer: Answer,
        rows_max: usize,
    ) -> Result<(), Failure> {
        let sent = self.send_rows(&mut answer, rows_max).await?;
        self.is_in_statement = false;
        if sent.is_end {
            self.complete(Some(answer.tag(sent.rows)))?;
        } else {
            self.feed_notices()?;
            self.socket.feed(&PortalSuspended::new())?;
        }
        self.record_success();
        if let Some(portal) = self.portals.get_mut(&name) {
            portal.answer = Some(answer);
        }
        Ok(())
    }

    /// Close. It is no error if there is nothing of that name.
    pub(crate) fn close_named(&mut self, target: Target, name: &str) -> Result<(), Failure> {
        match target {
            Target::Statement => self.session.close_statement(name),
            Target::Portal => {
                self.portals.remove(name);
                self.session.close_portal(name);
            }
        }
        self.socket.feed(&CloseComplete::new())?;
        Ok(())
    }

    /// Sync: commits, and begins anew after an error.
    pub(crate) async fn sync(&mut self) -> Result<(), Failure> {
        self.is_skipping = false;
        self.is_in_statement = false;
        if let Err(failure) = self.commit_implicit().await {
            // Statements before it have their rows already.
            self.record_begin(Arc::from("COMMIT"));
            return Err(failure);
        }
        // What was prepared and not run leaves none.
        self.record_nothing();
        self.drop_ended_portals();
        self.feed_ready()
    }

    /// A statement's time runs from its first message to the end of Execute.
    fn begin_extended(&mut self) {
        if !self.is_in_statement {
            self.begin_statement();
            self.is_in_statement = true;
        }
    }

    /// Portals end with their transaction; their streams must not stay.
    pub(crate) fn drop_ended_portals(&mut self) {
        let session = &self.session;
        self.portals.retain(|name, _| session.has_portal(name));
    }
}

fn cannot_run(portal: &str) -> SqlError {
    SqlError::with_code(
        sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("portal \"{portal}\" cannot be run"),
    )
}

fn formats(codes: &[i16]) -> Result<Vec<Format>, SqlError> {
    let format = |code: &i16| match code {
        0 => Ok(Format::Text),
        1 => Ok(Format::Binary),
        other => Err(SqlError::protocol_violation(format!(
            "unsupported format code: {other}"
        ))),
    };
    codes.iter().map(format).collect()
}

/// One format for each of `count` columns.
fn expand(formats: &[Format], count: usize) -> Result<Vec<Format>, SqlError> {
    match formats {
        [] => Ok(vec![Format::Text; count]),
        [one] => Ok(vec![*one; count]),
        many if many.len() == count => Ok(many.to_vec()),
        many => Err(SqlError::protocol_violation(format!(
            "bind message has {} result formats but query has {count} columns",
            many.len()
        ))),
    }
}
