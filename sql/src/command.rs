//! One file per kind of statement.

use std::sync::Arc;

use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use sqlparser::ast;

use crate::error::SqlError;
use crate::physical::needs_plan;
use crate::plan::operators::cast_expr;
use crate::plan::{ColumnDescription, Planner};
use crate::session::{Parameter, Session};
use crate::sqlstate;
use crate::types::PgType;

pub(crate) mod alter_table;
pub(crate) mod alter_view;
pub(crate) mod comment;
pub(crate) mod copy;
pub(crate) mod create_index;
pub(crate) mod create_table;
pub(crate) mod create_view;
pub(crate) mod cursor;
pub(crate) mod delete;
mod dependents;
pub(crate) mod drop;
pub(crate) mod explain;
pub(crate) mod grant;
pub(crate) mod history;
mod identity;
pub(crate) mod insert;
pub(crate) mod layout;
pub(crate) mod lock;
pub(crate) mod mask;
pub(crate) mod merge;
pub(crate) mod owner;
pub(crate) mod policy;
pub(crate) mod query;
pub(crate) mod role;
pub(crate) mod row_change;
pub(crate) mod schema;
pub(crate) mod sequence;
pub(crate) mod set;
pub(crate) mod transaction;
pub(crate) mod truncate;
pub(crate) mod update;
pub(crate) mod upsert;
pub(crate) mod vacuum;
mod view_target;
pub(crate) mod writing_with;

use row_change::RowChange;

type Description = (Vec<PgType>, Option<Arc<[ColumnDescription]>>);

/// Parameters and columns of a statement, found without running it.
pub(crate) async fn describe(
    session: &mut Session,
    node: &ast::Statement,
    known: &[Option<PgType>],
) -> Result<Description, SqlError> {
    use ast::Statement as S;
    let change = match node {
        S::Query(query) if writing_with::changes(query) => None,
        S::Query(query) => RowChange::of_query(query),
        other => RowChange::of_statement(other),
    };
    if let Some(change) = change {
        return change.describe(session, known).await;
    }
    match node {
        S::Query(query) if writing_with::changes(query) => {
            Box::pin(writing_with::describe(session, query, known)).await
        }
        S::Query(query) if matches!(query.body.as_ref(), ast::SetExpr::Insert(_)) => {
            let insert = insert::with_ctes(query)?;
            insert::describe(session, &insert, known).await
        }
        S::Query(query) => query::describe(session, query, known).await,
        S::Insert(insert) => insert::describe(session, insert, known).await,
        S::CreateTable(create) => match &create.query {
            Some(query) => Ok((query::describe(session, query, known).await?.0, None)),
            None => Ok((Vec::new(), None)),
        },
        S::Declare { stmts } => match stmts.first().and_then(|one| one.for_query.as_ref()) {
            Some(query) => Ok((query::describe(session, query, known).await?.0, None)),
            None => Ok((Vec::new(), None)),
        },
        S::Explain { statement, .. } => {
            let (parameters, _) = Box::pin(describe(session, statement, known)).await?;
            Ok((
                parameters,
                Some(crate::session::text_column(explain::COLUMN)),
            ))
        }
        S::ShowVariable { variable } => {
            Ok((Vec::new(), Some(set::show_columns(session, variable)?)))
        }
        S::Execute {
            name: Some(name), ..
        } => {
            let name = crate::parse::name_parts(name).join(".");
            Ok((Vec::new(), session.prepared_columns(&name)?))
        }
        _ => Ok((Vec::new(), None)),
    }
}

/// The value of a constant expression as `target`.
///
/// Errors: those of its evaluation.
pub(crate) fn constant(
    planner: &Planner,
    expression: &ast::Expr,
    target: PgType,
) -> Result<ScalarValue, SqlError> {
    constant_with(planner, expression, target, &[])
}

/// As [`constant`], with the values of the parameters in it.
///
/// Errors: also `0A000` for a subquery or an aggregate.
pub(crate) fn constant_with(
    planner: &Planner,
    expression: &ast::Expr,
    target: PgType,
    parameters: &[Parameter],
) -> Result<ScalarValue, SqlError> {
    let schema = Arc::new(DFSchema::empty());
    let types: Vec<PgType> = parameters.iter().map(|given| given.pg_type).collect();
    let expr = planner.plan_expression_with(expression, &schema, &types)?;
    if expr.exists(|part| Ok(needs_plan(part)))? {
        let text = "a subquery or an aggregate where a constant is expected";
        return Err(SqlError::not_supported(text));
    }
    let expr = with_values(cast_expr(expr, target, &planner.ctx), parameters)?;
    let context = SimplifyContext::builder()
        .with_schema(Arc::clone(&schema))
        .with_config_options(Arc::clone(planner.state.config_options()))
        .build();
    let simplifier = ExprSimplifier::new(context);
    let expr = simplifier.simplify(simplifier.coerce(expr, &schema)?)?;
    if let Some(value) = expr.as_literal() {
        return Ok(value.clone());
    }
    // What could not be folded tells by its evaluation why.
    planner.evaluate(expr)
}

/// An expression with its parameters' values in their places.
///
/// Errors: `42P02` for a parameter that has none.
fn with_values(expr: Expr, parameters: &[Parameter]) -> Result<Expr, SqlError> {
    let replaced = expr.transform(|part| {
        let Expr::Placeholder(place) = &part else {
            return Ok(Transformed::no(part));
        };
        let number = place
            .id
            .strip_prefix('$')
            .and_then(|n| n.parse::<usize>().ok());
        let index = number.and_then(|number| number.checked_sub(1));
        let Some(given) = index.and_then(|index| parameters.get(index)) else {
            return Err(SqlError::with_code(
                sqlstate::UNDEFINED_PARAMETER,
                format!("there is no parameter {}", place.id),
            )
            .into());
        };
        let metadata = given.pg_type.metadata();
        let metadata = (!metadata.is_empty()).then(|| FieldMetadata::from(metadata));
        Ok(Transformed::yes(Expr::Literal(
            given.value.clone(),
            metadata,
        )))
    })?;
    Ok(replaced.data)
}
