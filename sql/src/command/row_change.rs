//! What UPDATE, DELETE and MERGE have in common as statements, with WITH before them or not.

use sqlparser::ast::{self, Statement as S};

use super::{Description, delete, merge, update};
use crate::change::Change;
use crate::error::SqlError;
use crate::plan::Planner;
use crate::session::{Outcome, Parameter, Session};
use crate::types::PgType;

/// One of them, with the CTEs before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowChange<'a> {
    kind: Kind<'a>,
    with: Option<&'a ast::With>,
}

#[derive(Clone, Copy, Debug)]
enum Kind<'a> {
    Update(&'a ast::Update),
    Delete(&'a ast::Delete),
    Merge(&'a ast::Merge),
}

impl<'a> RowChange<'a> {
    /// The statement as one of them.
    pub(crate) fn of_statement(node: &'a S) -> Option<Self> {
        let kind = match node {
            S::Update(update) => Kind::Update(update),
            S::Delete(delete) => Kind::Delete(delete),
            S::Merge(merge) => Kind::Merge(merge),
            _ => return None,
        };
        Some(Self { kind, with: None })
    }

    /// The body of a query as one of them.
    pub(crate) fn of_query(query: &'a ast::Query) -> Option<Self> {
        let (ast::SetExpr::Update(node) | ast::SetExpr::Delete(node) | ast::SetExpr::Merge(node)) =
            query.body.as_ref()
        else {
            return None;
        };
        let change = Self::of_statement(node)?;
        Some(Self {
            with: query.with.as_ref(),
            ..change
        })
    }

    fn word(self) -> &'static str {
        match self.kind {
            Kind::Update(_) => "UPDATE",
            Kind::Delete(_) => "DELETE",
            Kind::Merge(_) => "MERGE",
        }
    }

    /// Errors: those of parse analysis.
    pub(crate) async fn plan(
        self,
        session: &mut Session,
        known: &[Option<PgType>],
    ) -> Result<(Change, Planner), SqlError> {
        match self.kind {
            Kind::Update(update) => Box::pin(update::plan(session, update, self.with, known)).await,
            Kind::Delete(delete) => Box::pin(delete::plan(session, delete, self.with, known)).await,
            Kind::Merge(merge) => Box::pin(merge::plan(session, merge, self.with, known)).await,
        }
    }

    /// The table whose rows change, as the statement names it.
    ///
    /// Errors: `42601`.
    pub(super) fn target(self) -> Result<&'a ast::TableFactor, SqlError> {
        Ok(match self.kind {
            Kind::Update(update) => &update.table.relation,
            Kind::Delete(delete) => &delete::target(delete)?.relation,
            Kind::Merge(merge) => &merge.table,
        })
    }

    /// Errors: `25006`, those of parse analysis and of [`Change::run`].
    pub(crate) async fn run(
        self,
        session: &mut Session,
        parameters: &[Parameter],
    ) -> Result<Outcome, SqlError> {
        session
            .require_target_write(self.word(), self.target()?)
            .await?;
        let known: Vec<Option<PgType>> = parameters.iter().map(|p| Some(p.pg_type)).collect();
        let (change, planner) = self.plan(session, &known).await?;
        change.run(session, &planner, parameters).await
    }

    /// Types of the parameters, and the columns of RETURNING.
    pub(crate) async fn describe(
        self,
        session: &mut Session,
        known: &[Option<PgType>],
    ) -> Result<Description, SqlError> {
        let (change, _) = self.plan(session, known).await?;
        Ok(change.describe())
    }
}
