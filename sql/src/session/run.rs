//! One statement by its kind.

use datafusion::common::ScalarValue;
use futures::FutureExt;
use sqlparser::ast;

use super::{Outcome, SHORT_BYTES_MAX, Session};
use crate::command;
use crate::command::row_change::RowChange;
use crate::error::SqlError;
use crate::parse::{Node, Statement};
use crate::types::PgType;

/// A parameter's value with its type.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) pg_type: PgType,
    pub(crate) value: ScalarValue,
}

impl Session {
    pub(crate) async fn run(
        &mut self,
        statement: &Statement,
        parameters: &[Parameter],
    ) -> Result<Outcome, SqlError> {
        if self.transaction.as_ref().is_some_and(|t| t.has_failed()) && !ends_failure(statement) {
            return Err(SqlError::in_failed_transaction());
        }
        self.note_length(statement);
        self.record_run();
        self.show_running(statement);
        if !statement.looks_back {
            let outcome = self.run_node(statement, parameters).await;
            self.release_past();
            return outcome;
        }
        let outcome = match Box::pin(self.bind_versions(statement, parameters)).await {
            Ok(bound) => self.run_node(&bound, parameters).await,
            Err(error) => Err(error),
        };
        self.release_past();
        outcome
    }

    async fn run_node(
        &mut self,
        statement: &Statement,
        parameters: &[Parameter],
    ) -> Result<Outcome, SqlError> {
        match &statement.node {
            Node::Copy(copy) => command::copy::run(self, copy).await,
            Node::Alter(alter) => command::alter_view::run(self, alter).await,
            Node::Sequence(statement) => command::sequence::run(self, statement).boxed().await,
            Node::Fetch(fetch) => command::cursor::fetch(self, fetch).await,
            Node::Role(statement) => command::role::run(self, statement).boxed().await,
            Node::Layout(alter) => command::layout::alter(self, alter).boxed().await,
            Node::Vacuum(vacuum) => {
                command::vacuum::run(self, vacuum, statement.has_others)
                    .boxed()
                    .await
            }
            Node::Grant(grant) => command::grant::run(self, grant).boxed().await,
            Node::DefaultPrivileges(statement) => {
                command::grant::alter_defaults(self, statement)
                    .boxed()
                    .await
            }
            Node::Mask(statement) => command::mask::run(self, statement).boxed().await,
            Node::Comment(comment) => command::comment::on_part(self, comment).boxed().await,
            Node::Policy(statement) => command::policy::run(self, statement).boxed().await,
            Node::History(statement) => {
                command::history::run(self, statement, parameters)
                    .boxed()
                    .await
            }
            Node::Ast(node) => match node.as_ref() {
                ast::Statement::Prepare {
                    name,
                    data_types,
                    statement: inner,
                } => self.prepare_sql(name, data_types, inner, statement).await,
                node => self.run_ast(node, parameters).await,
            },
        }
    }

    async fn run_ast(
        &mut self,
        node: &ast::Statement,
        parameters: &[Parameter],
    ) -> Result<Outcome, SqlError> {
        use ast::Statement as S;
        if let Some(change) = RowChange::of_statement(node) {
            return Box::pin(change.run(self, parameters)).await;
        }
        match node {
            S::Query(query) => self.run_query(query, parameters).await,
            S::Insert(insert) => command::insert::run(self, insert, parameters).boxed().await,
            S::Explain {
                statement,
                analyze,
                verbose,
                options,
                ..
            } => {
                let ask = command::explain::Ask::new(*analyze, *verbose, options.as_deref())?;
                command::explain::run(self, statement, ask, parameters)
                    .boxed()
                    .await
            }
            S::CreateTable(create) => {
                command::create_table::run(self, create, parameters)
                    .boxed()
                    .await
            }
            S::CreateView(create) => command::create_view::run(self, create).boxed().await,
            S::CreateIndex(create) => command::create_index::run(self, create).boxed().await,
            S::CreateSchema {
                schema_name,
                if_not_exists,
                ..
            } => command::schema::create(self, schema_name, *if_not_exists).await,
            S::AlterSchema(alter) => command::schema::alter(self, alter).await,
            S::AlterTable(alter) => command::alter_table::run(self, alter).boxed().await,
            S::Drop {
                object_type,
                if_exists,
                names,
                cascade,
                ..
            } => {
                let what = command::drop::What {
                    kind: *object_type,
                    if_exists: *if_exists,
                    cascade: *cascade,
                };
                command::drop::run(self, what, names).await
            }
            S::Truncate(truncate) => command::truncate::run(self, truncate).await,
            S::Comment {
                object_type,
                object_name,
                comment,
                if_exists,
            } => {
                let text = comment.as_deref();
                command::comment::run(self, object_type, object_name, text, *if_exists).await
            }
            other => self.run_session(other, parameters).await,
        }
    }

    /// A query, or a statement that changes rows behind WITH.
    async fn run_query(
        &mut self,
        query: &ast::Query,
        parameters: &[Parameter],
    ) -> Result<Outcome, SqlError> {
        if command::writing_with::changes(query) {
            return Box::pin(command::writing_with::run(self, query, parameters)).await;
        }
        if let Some(change) = RowChange::of_query(query) {
            return Box::pin(change.run(self, parameters)).await;
        }
        if matches!(query.body.as_ref(), ast::SetExpr::Insert(_)) {
            let insert = command::insert::with_ctes(query)?;
            return Box::pin(command::insert::run(self, &insert, parameters)).await;
        }
        if let Some(clause) = query.locks.first() {
            self.require_write(match clause.lock_type {
                ast::LockType::Update => "SELECT FOR UPDATE",
                ast::LockType::Share => "SELECT FOR SHARE",
            })?;
        }
        command::query::run(self, query, parameters).boxed().await
    }

    /// Statements that change nothing stored by themselves.
    async fn run_session(
        &mut self,
        node: &ast::Statement,
        parameters: &[Parameter],
    ) -> Result<Outcome, SqlError> {
        use ast::Statement as S;
        match node {
            S::Analyze(_) if self.engine.is_replica => Err(SqlError::during_recovery("ANALYZE")),
            S::Analyze(analyze) => command::vacuum::analyze(self, analyze).await,
            S::Execute {
                name: Some(name),
                parameters: values,
                ..
            } => Box::pin(self.execute_sql(name, values)).await,
            S::Deallocate { name, .. } => self.deallocate(name),
            S::Set(set) => command::set::run(self, set).await,
            S::ShowVariable { variable } => command::set::show(self, variable),
            S::Reset(reset) => command::set::reset(self, reset),
            S::Discard { object_type } => command::set::discard(self, object_type).await,
            S::StartTransaction { modes, begin, .. } => {
                command::transaction::begin(self, modes, *begin).await
            }
            S::Commit { chain, .. } => command::transaction::commit(self, *chain).await,
            S::Rollback {
                chain,
                savepoint: None,
            } => command::transaction::rollback(self, *chain).await,
            S::Rollback {
                savepoint: Some(name),
                ..
            } => command::transaction::rollback_to(self, name),
            S::Lock(lock) => command::lock::run(self, lock).boxed().await,
            S::Savepoint { name } => command::transaction::savepoint(self, name).await,
            S::ReleaseSavepoint { name } => command::transaction::release(self, name),
            S::Declare { stmts } => match stmts.as_slice() {
                [one] => {
                    command::cursor::declare(self, one, parameters)
                        .boxed()
                        .await
                }
                _ => Err(SqlError::not_supported("DECLARE of several cursors")),
            },
            S::Close { cursor } => command::cursor::close(self, cursor),
            S::UNLISTEN { .. } => Ok(Outcome::Command("UNLISTEN".to_owned())),
            other => Err(SqlError::not_supported(leading_words(other))),
        }
    }

    /// Lets other sessions see what runs: the whole message.
    pub(super) fn show_running(&self, statement: &Statement) {
        let now = self.statement_start;
        let open = self.transaction.as_ref().filter(|open| open.is_explicit);
        let start = open.map_or(now, |open| open.started);
        self.enrolled.run(&statement.source, start, now);
    }

    pub(super) fn note_length(&mut self, statement: &Statement) {
        self.is_long = statement.text.len() > SHORT_BYTES_MAX;
    }

    /// Portals end with their transaction, and cursors that are not held.
    pub(crate) fn close_transaction_portals(&mut self, is_committed: bool) {
        self.portals.clear();
        self.cursors
            .retain(|_, cursor| cursor.survives(is_committed));
    }

    /// Drops portals and statements, as DISCARD ALL does.
    pub(crate) fn discard_prepared(&mut self) {
        self.prepared.clear();
        self.portals.clear();
        self.cursors.clear();
    }
}

/// What may run in a failed transaction.
pub(super) fn ends_failure(statement: &Statement) -> bool {
    let Node::Ast(node) = &statement.node else {
        return false;
    };
    matches!(
        node.as_ref(),
        ast::Statement::Commit { .. } | ast::Statement::Rollback { .. }
    )
}

/// The statement's kind, for an error: its first two words.
fn leading_words(node: &ast::Statement) -> String {
    let text = node.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    words.join(" ").to_uppercase()
}
