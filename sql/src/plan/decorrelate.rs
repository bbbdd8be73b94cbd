//! Subqueries that the engine cannot plan, turned into joins.
//!
//! The engine joins correlated subqueries itself where they stand in WHERE, and
//! scalar ones whose only correlation is an equation below an aggregate. The rest,
//! among them EXISTS and IN in a select list, scalar subqueries without aggregate,
//! with LIMIT or with other comparisons, and LATERAL, is done here, in one way:
//!
//!   domain   = the distinct outer values that the subquery refers to
//!   subquery = itself, joined with the domain (see `domain.rs`)
//!   result   = outer rows LEFT JOIN subquery ON outer values = domain, nulls equal
//!
//! A scalar subquery is grouped by the domain under `single_value`, which raises
//! 21000 for a second row.
//!
//! Source: T. Neumann, A. Kemper: Unnesting Arbitrary Queries (BTW 2015).

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType, ScalarValue};
use datafusion::functions_aggregate::expr_fn::bool_or;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Subquery, lit, when,
};

mod lateral;

use super::domain::{self, Domain};
use crate::context::StatementContext;
use crate::error::SqlError;

/// Numbers the domains of one statement, so that their columns differ.
struct Counter {
    last: usize,
    ctx: Arc<StatementContext>,
}

impl Counter {
    fn next(&mut self) -> usize {
        self.last += 1;
        self.last
    }
}

/// Rewrites what the engine would refuse; everything else stays.
pub(super) fn decorrelate(
    plan: LogicalPlan,
    ctx: &Arc<StatementContext>,
) -> Result<LogicalPlan, SqlError> {
    let mut counter = Counter {
        last: 0,
        ctx: Arc::clone(ctx),
    };
    Ok(rewrite(plan, &mut counter)?.data)
}

type Rewritten = datafusion::common::Result<Transformed<LogicalPlan>>;

fn rewrite(plan: LogicalPlan, counter: &mut Counter) -> Rewritten {
    plan.transform_up(|node| {
        // Subqueries of this node first, so that inner ones are plain when it is done.
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|expr| {
            let saved = names.save(&expr);
            let inner = expr.transform_up(|e| inner_subquery(e, counter))?;
            Ok(if inner.transformed {
                Transformed::yes(saved.restore(inner.data))
            } else {
                inner
            })
        })?;
        node.transform_data(|node| rewrite_node(node, counter))
    })
}

fn inner_subquery(
    expr: Expr,
    counter: &mut Counter,
) -> datafusion::common::Result<Transformed<Expr>> {
    let mut rewritten = |subquery: Subquery| -> datafusion::common::Result<Transformed<Subquery>> {
        let inner = rewrite(Arc::unwrap_or_clone(subquery.subquery), counter)?;
        let changed = inner.transformed;
        let subquery = Subquery {
            subquery: Arc::new(inner.data),
            outer_ref_columns: subquery.outer_ref_columns,
            spans: subquery.spans,
        };
        Ok(Transformed::new(
            subquery,
            changed,
            TreeNodeRecursion::Continue,
        ))
    };
    match expr {
        Expr::ScalarSubquery(subquery) => {
            let inner = rewritten(subquery)?;
            let changed = inner.transformed;
            let subquery = inner.data;
            if domain::refers_outside(&subquery.subquery) || has_one_row(&subquery.subquery) {
                let whole = Expr::ScalarSubquery(subquery);
                return Ok(Transformed::new(
                    whole,
                    changed,
                    TreeNodeRecursion::Continue,
                ));
            }
            Ok(Transformed::yes(Expr::ScalarSubquery(single_row(
                subquery, counter,
            )?)))
        }
        Expr::Exists(Exists { subquery, negated }) => {
            Ok(rewritten(subquery)?
                .update_data(|subquery| Expr::Exists(Exists { subquery, negated })))
        }
        Expr::InSubquery(InSubquery {
            expr,
            subquery,
            negated,
        }) => Ok(rewritten(subquery)?.update_data(|subquery| {
            Expr::InSubquery(InSubquery {
                expr,
                subquery,
                negated,
            })
        })),
        other => Ok(Transformed::no(other)),
    }
}

/// Whether a plan gives one row by its form.
fn has_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(projection) => has_one_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => has_one_row(&alias.input),
        _ => false,
    }
}

/// A subquery whose second row is 21000, and whose value is null without a row.
fn single_row(subquery: Subquery, counter: &Counter) -> datafusion::common::Result<Subquery> {
    let column = subquery.subquery.schema().columns().into_iter().next();
    let column = column.ok_or_else(|| SqlError::internal("a subquery without a column"))?;
    let name = column.name.clone();
    let value = single_value(counter)?
        .call(vec![Expr::Column(column)])
        .alias(name);
    let plan = LogicalPlanBuilder::from(Arc::unwrap_or_clone(subquery.subquery))
        .aggregate(Vec::<Expr>::new(), vec![value])?
        .build()?;
    Ok(Subquery {
        subquery: Arc::new(plan),
        ..subquery
    })
}

fn single_value(
    counter: &Counter,
) -> datafusion::common::Result<Arc<datafusion::logical_expr::AggregateUDF>> {
    let found = crate::functions::aggregate("single_value", &counter.ctx);
    Ok(found.ok_or_else(|| SqlError::internal("the aggregate single_value is missing"))?)
}

fn rewrite_node(node: LogicalPlan, counter: &mut Counter) -> Rewritten {
    match node {
        LogicalPlan::Join(join) => lateral::rewrite_lateral(join, counter),
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Window(_) => rewrite_expressions(node, counter),
        other => Ok(Transformed::no(other)),
    }
}

/// Replaces the node's subqueries by columns of its input, joined with them.
fn rewrite_expressions(node: LogicalPlan, counter: &mut Counter) -> Rewritten {
    let place = Place::of(&node);
    if !node
        .expressions()
        .iter()
        .any(|expr| has_foreign_subquery(expr, place))
    {
        return Ok(Transformed::no(node));
    }
    let shown: Vec<Column> = node.schema().columns();
    let mut input = node.inputs()[0].clone();
    let names = NamePreserver::new(&node);
    let mut expressions = Vec::new();
    for expr in node.expressions() {
        let saved = names.save(&expr);
        let replaced = expr.transform_up(|e| {
            if !is_foreign(&e, place) {
                return Ok(Transformed::no(e));
            }
            let (joined, value) = join_subquery(&input, e, counter)?;
            input = joined;
            Ok(Transformed::yes(value))
        })?;
        expressions.push(saved.restore(replaced.data));
    }
    let rebuilt = node.with_new_exprs(expressions, vec![input])?;
    // Filters and sorts show their input's columns: those of the joins go again.
    if rebuilt.schema().fields().len() == shown.len() {
        return Ok(Transformed::yes(rebuilt));
    }
    let columns: Vec<Expr> = shown.into_iter().map(Expr::Column).collect();
    Ok(Transformed::yes(
        LogicalPlanBuilder::from(rebuilt)
            .project(columns)?
            .build()?,
    ))
}

/// Where a subquery stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Filter,
    Projection,
    Elsewhere,
}

impl Place {
    fn of(node: &LogicalPlan) -> Self {
        match node {
            LogicalPlan::Filter(_) => Self::Filter,
            LogicalPlan::Projection(_) => Self::Projection,
            _ => Self::Elsewhere,
        }
    }
}

fn has_foreign_subquery(expr: &Expr, place: Place) -> bool {
    let mut found = false;
    let visited = expr.apply(|e| {
        found |= is_foreign(e, place);
        Ok(if found {
            TreeNodeRecursion::Stop
        } else {
            TreeNodeRecursion::Continue
        })
    });
    found && visited.is_ok()
}

/// Whether the engine would refuse this subquery where it stands.
fn is_foreign(expr: &Expr, place: Place) -> bool {
    let is_filter = place == Place::Filter;
    match expr {
        Expr::ScalarSubquery(subquery) => {
            domain::refers_outside(&subquery.subquery)
                && (place == Place::Elsewhere || !is_plain_aggregate(&subquery.subquery))
        }
        Expr::Exists(exists) => !is_filter || is_deep(&exists.subquery.subquery),
        Expr::InSubquery(membership) => !is_filter || is_deep(&membership.subquery.subquery),
        _ => false,
    }
}

/// An aggregate without groups over rows that meet the outer ones in equations only.
fn is_plain_aggregate(plan: &LogicalPlan) -> bool {
    let mut current = plan;
    loop {
        match current {
            LogicalPlan::Projection(projection)
                if !projection.expr.iter().any(domain::has_outer_reference) =>
            {
                current = &projection.input;
            }
            LogicalPlan::SubqueryAlias(alias) => current = &alias.input,
            LogicalPlan::Aggregate(aggregate) => {
                return aggregate.group_expr.is_empty()
                    && !aggregate.aggr_expr.iter().any(domain::has_outer_reference)
                    && only_equations(&aggregate.input);
            }
            _ => return false,
        }
    }
}

/// Whether outer references stand only in `inner = outer` conjuncts of filters above
/// inner joins.
fn only_equations(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Filter(filter) => {
            let conjuncts = datafusion::logical_expr::utils::split_conjunction(&filter.predicate);
            conjuncts.into_iter().all(is_plain_conjunct) && only_equations(&filter.input)
        }
        LogicalPlan::SubqueryAlias(alias) => only_equations(&alias.input),
        LogicalPlan::Projection(projection) => {
            !projection.expr.iter().any(domain::has_outer_reference)
                && only_equations(&projection.input)
        }
        other => !domain::refers_outside(other),
    }
}

fn is_plain_conjunct(conjunct: &Expr) -> bool {
    if !domain::has_outer_reference(conjunct) {
        return true;
    }
    let Expr::BinaryExpr(binary) = conjunct else {
        return false;
    };
    let is_outer = |expr: &Expr| matches!(expr, Expr::OuterReferenceColumn(_, _));
    let is_inner = |expr: &Expr| !domain::has_outer_reference(expr);
    binary.op == datafusion::logical_expr::Operator::Eq
        && ((is_outer(&binary.left) && is_inner(&binary.right))
            || (is_outer(&binary.right) && is_inner(&binary.left)))
}

/// Outer references where the engine's own rule for EXISTS and IN does not look, or
/// loses columns: below a query in FROM.
fn is_deep(plan: &LogicalPlan) -> bool {
    is_deep_below(plan, false)
}

fn is_deep_below(plan: &LogicalPlan, in_from: bool) -> bool {
    let refers = match plan {
        LogicalPlan::Filter(filter) => in_from && domain::has_outer_reference(&filter.predicate),
        LogicalPlan::Limit(_) => domain::refers_outside(plan),
        other => other.expressions().iter().any(domain::has_outer_reference),
    };
    let in_from = in_from || matches!(plan, LogicalPlan::SubqueryAlias(_));
    refers
        || plan
            .inputs()
            .into_iter()
            .any(|input| is_deep_below(input, in_from))
}

/// Joins `input` with a subquery; the expression that stands for its value.
fn join_subquery(
    input: &LogicalPlan,
    expr: Expr,
    counter: &mut Counter,
) -> datafusion::common::Result<(LogicalPlan, Expr)> {
    match expr {
        Expr::ScalarSubquery(subquery) => join_scalar(input, &subquery, counter),
        Expr::Exists(Exists { subquery, negated }) => {
            let (plan, found) = join_marked(input, &subquery, None, counter)?;
            let exists = found.is_not_null();
            Ok((
                plan,
                if negated {
                    datafusion::logical_expr::not(exists)
                } else {
                    exists
                },
            ))
        }
        Expr::InSubquery(InSubquery {
            expr,
            subquery,
            negated,
        }) => {
            let (plan, value) = join_marked(input, &subquery, Some(*expr), counter)?;
            let member = when(value.clone().is_null(), lit(false))
                .when(value.clone().eq(lit(2)), lit(true))
                .when(value.eq(lit(1)), lit(ScalarValue::Boolean(None)))
                .otherwise(lit(false))?;
            Ok((
                plan,
                if negated {
                    datafusion::logical_expr::not(member)
                } else {
                    member
                },
            ))
        }
        other => Ok((input.clone(), other)),
    }
}

fn join_scalar(
    input: &LogicalPlan,
    subquery: &Subquery,
    counter: &mut Counter,
) -> datafusion::common::Result<(LogicalPlan, Expr)> {
    let number = counter.next();
    let domain = Domain::of(input, &subquery.subquery, number)?;
    let applied = domain.apply(&subquery.subquery)?;
    let output = applied.schema().columns();
    let value_column = Expr::Column(output[0].clone());
    let name = format!("\u{1}value{number}");
    let aggregate = single_value(counter)?
        .call(vec![value_column])
        .alias(name.as_str());
    let grouped = LogicalPlanBuilder::from(applied)
        .aggregate(domain.columns(), vec![aggregate])?
        .build()?;
    let joined = domain.join(input, grouped, JoinType::Left, None)?;
    Ok((joined, Expr::Column(Column::new_unqualified(name))))
}

/// For EXISTS, a column that is null where there is no row. For IN, one that is 2
/// for a match, 1 if a comparison was null, 0 if none matched, null without rows.
fn join_marked(
    input: &LogicalPlan,
    subquery: &Subquery,
    member: Option<Expr>,
    counter: &mut Counter,
) -> datafusion::common::Result<(LogicalPlan, Expr)> {
    let number = counter.next();
    let mut domain = Domain::of(input, &subquery.subquery, number)?;
    if let Some(expr) = &member {
        domain.add(input, expr.column_refs().into_iter().cloned())?;
    }
    let applied = domain.apply(&subquery.subquery)?;
    let name = format!("\u{1}mark{number}");
    let mark = match member {
        None => datafusion::functions_aggregate::expr_fn::count(lit(1)),
        Some(expr) => {
            let element = Expr::Column(applied.schema().columns()[0].clone());
            let inner = domain.inner(expr, input.schema())?;
            let element = element.cast_to(&inner.get_type(applied.schema())?, applied.schema())?;
            let equal = inner.eq(element);
            when(bool_or(equal.clone()), lit(2))
                .when(bool_or(equal.is_null()), lit(1))
                .otherwise(lit(0))?
        }
    };
    let plan = marked(applied, &domain, mark, &name)?;
    let joined = domain.join(input, plan, JoinType::Left, None)?;
    Ok((joined, Expr::Column(Column::new_unqualified(name))))
}

/// Groups by the domain; an expression over aggregates needs a projection above.
fn marked(
    applied: LogicalPlan,
    domain: &Domain,
    mark: Expr,
    name: &str,
) -> datafusion::common::Result<LogicalPlan> {
    let aggregates = datafusion::logical_expr::utils::find_aggregate_exprs([&mark]);
    let grouped = LogicalPlanBuilder::from(applied)
        .aggregate(domain.columns(), aggregates.clone())?
        .build()?;
    let shown = mark.transform_up(|e| {
        Ok(if aggregates.contains(&e) {
            Transformed::yes(Expr::Column(Column::new_unqualified(
                e.schema_name().to_string(),
            )))
        } else {
            Transformed::no(e)
        })
    })?;
    let mut value = shown.data;
    if domain.is_empty() {
        // Without groups there is always a row: none was seen if the count is zero.
        value = match &value {
            Expr::Column(_) => datafusion::logical_expr::expr_fn::when(
                value.clone().eq(lit(0_i64)),
                lit(ScalarValue::Int64(None)),
            )
            .otherwise(value.clone())?,
            _ => value,
        };
    }
    let mut columns = domain.columns();
    columns.push(value.alias(name));
    LogicalPlanBuilder::from(grouped).project(columns)?.build()
}
