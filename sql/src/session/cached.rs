//! Prepared statements as tables and views change under them.

use std::sync::atomic::Ordering;

use sqlparser::ast;

use super::Session;
use super::extended::Prepared;
use crate::command;
use crate::error::SqlError;
use crate::parse::Node;
use crate::plan::ColumnDescription;
use crate::sqlstate;
use crate::types::PgType;

impl Session {
    /// The version of tables and views that the last statement saw.
    pub(super) fn seen_schema_version(&self) -> i64 {
        let context = self.last_context.as_ref();
        context.map_or(0, |context| context.snapshot.schema_version())
    }

    /// A client decodes rows by what it was told when the statement was prepared.
    ///
    /// Errors: `0A000` if the statement gives other columns by now.
    pub(super) async fn require_same_columns(
        &mut self,
        prepared: &Prepared,
    ) -> Result<(), SqlError> {
        use ast::Statement as S;
        let (Some(columns), Some(statement)) = (&prepared.columns, &prepared.statement) else {
            return Ok(());
        };
        // Its columns depend on the moments that it reads, so the rows are looked at.
        if statement.looks_back {
            return Ok(());
        }
        let Node::Ast(node) = &statement.node else {
            return Ok(());
        };
        let reads = matches!(
            node.as_ref(),
            S::Query(_) | S::Insert(_) | S::Update(_) | S::Delete(_) | S::Merge(_)
        );
        if !reads || self.transaction.as_ref().is_some_and(|t| t.has_failed()) {
            return Ok(());
        }
        let (snapshot, _) = self.seen().await?;
        let version = snapshot.schema_version();
        if prepared.schema_version.load(Ordering::Relaxed) == version {
            return Ok(());
        }
        let known: Vec<Option<PgType>> = prepared.parameters.iter().copied().map(Some).collect();
        let (_, now) = Box::pin(command::describe(self, node, &known)).await?;
        if !now.is_some_and(|now| are_same(&now, columns)) {
            return Err(changed_result());
        }
        prepared.schema_version.store(version, Ordering::Relaxed);
        Ok(())
    }
}

/// Whether a client that expects the one columns can take the others.
pub(super) fn are_same(now: &[ColumnDescription], before: &[ColumnDescription]) -> bool {
    let is_same = |(now, before): (&ColumnDescription, &ColumnDescription)| {
        now.name == before.name && now.type_oid == before.type_oid
    };
    now.len() == before.len() && now.iter().zip(before).all(is_same)
}

/// `0A000`: a prepared statement gives other columns than it did.
pub(super) fn changed_result() -> SqlError {
    SqlError::with_code(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "cached plan must not change result type",
    )
}

/// Errors: `42601` for a statement that PREPARE does not take.
pub(super) fn require_preparable(statement: &ast::Statement) -> Result<(), SqlError> {
    use ast::Statement as S;
    if matches!(
        statement,
        S::Query(_) | S::Insert(_) | S::Update(_) | S::Delete(_) | S::Merge(_)
    ) {
        return Ok(());
    }
    let text = statement.to_string();
    let word = text.split_whitespace().next().unwrap_or_default();
    Err(SqlError::syntax(format!(
        "syntax error at or near \"{word}\""
    )))
}
