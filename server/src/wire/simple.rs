//! The simple query protocol: one message with any number of statements.
//!
//! The statements of one message are one implicit transaction, unless BEGIN or
//! COMMIT among them says otherwise; it is committed before the client hears
//! that the last statement is complete. The first error ends the message.
//!
//! Source: PostgreSQL 18 manual, section 54.2.2.

use std::sync::Arc;

use gotgan_sql::{Format, Outcome, Statement};
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse};

use crate::connection::Connection;
use crate::wire::error::Failure;
use crate::wire::rows::Answer;
use crate::wire::supervise::supervise;

impl Connection {
    /// Runs every statement of `text` and answers each.
    pub(crate) async fn query(&mut self, text: String) -> Result<(), Failure> {
        self.begin_statement();
        self.record_begin(Arc::from(self.session.recorded_part(&text)));
        let session = &mut self.session;
        let parsing = async move { session.parse(text).await };
        let end = self.registration.signals.end();
        let statements = supervise(&mut self.socket, end, &self.token, parsing).await?;
        let Some((last, others)) = statements.split_last() else {
            self.feed_notices()?;
            self.socket.feed(&EmptyQueryResponse::new())?;
            self.record_nothing();
            return self.finish();
        };
        self.record_message(Some(Arc::clone(&statements[0].text)));
        for (statement, next) in others.iter().zip(&statements[1..]) {
            let tag = self.run(statement, false).await?;
            self.complete(tag)?;
            self.record_success();
            self.begin_statement();
            self.record_begin(Arc::clone(&next.text));
        }
        let tag = self.run(last, others.is_empty()).await?;
        self.commit_implicit().await?;
        self.complete(tag)?;
        self.record_success();
        self.finish()
    }

    /// Runs one statement and sends its rows; returns its tag, if it has one.
    ///
    /// `is_alone`: whether the message has no other.
    async fn run(
        &mut self,
        statement: &Statement,
        is_alone: bool,
    ) -> Result<Option<String>, Failure> {
        let session = &mut self.session;
        let executing = Box::pin(async move {
            match is_alone {
                true => session.execute_alone(statement).await,
                false => session.execute(statement).await,
            }
        });
        let end = self.registration.signals.end();
        let outcome = supervise(&mut self.socket, end, &self.token, executing).await?;
        match outcome {
            Outcome::Empty => Ok(None),
            Outcome::Command(tag) => Ok(Some(tag)),
            Outcome::Rows(stream) => {
                let formats = vec![Format::Text; stream.columns().len()];
                let mut answer = Answer::new(stream, &formats);
                self.socket.feed(&answer.description())?;
                let sent = Box::pin(self.send_rows(&mut answer, usize::MAX)).await?;
                Ok(Some(answer.tag(sent.rows)))
            }
            Outcome::CopyIn(copy) => Box::pin(self.copy_in(copy)).await.map(Some),
            Outcome::CopyOut(copy) => Box::pin(self.copy_out(*copy)).await.map(Some),
        }
    }

    /// Makes what the message did durable, unless a BEGIN holds it open.
    pub(crate) async fn commit_implicit(&mut self) -> Result<(), Failure> {
        let committing = Box::pin(self.session.commit_implicit());
        supervise(
            &mut self.socket,
            self.registration.signals.end(),
            &self.token,
            committing,
        )
        .await
    }

    /// Tells the client that a statement is complete.
    pub(crate) fn complete(&mut self, tag: Option<String>) -> Result<(), Failure> {
        tracing::debug!(tag, "complete");
        self.feed_notices()?;
        match tag {
            Some(tag) => self.socket.feed(&CommandComplete::new(tag))?,
            None => self.socket.feed(&EmptyQueryResponse::new())?,
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.drop_ended_portals();
        self.feed_ready()
    }
}
