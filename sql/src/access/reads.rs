//! Which relations and columns a logical plan reads.
//!
//! A column counts as read where an expression of any kind names it, used or not, as
//! PostgreSQL has it; so this looks at the plan before anything is optimised or turned
//! into joins. A view is read as such; what stands behind it was looked at when the view
//! was planned.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Distinct, Expr, Join, JoinType, LogicalPlan, Projection};
use sqlparser::ast::{Query, TableFactor, Visit, Visitor};

use crate::error::SqlError;
use crate::parse::fold;
use crate::plan::{Leaf, is_kept, leaf};

/// A relation as it stands once in a plan, and the indexes of its columns that are read.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) leaf: Leaf,
    pub(crate) columns: BTreeSet<usize>,
}

/// The aliases in a query that give a relation's columns other names, as `t AS y (a, b)`
/// does. The engine makes a projection of all its columns of that, but the query reads
/// only those that it names.
pub(crate) fn renamings(query: &Query) -> BTreeSet<String> {
    struct Find(BTreeSet<String>);
    impl Visitor for Find {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table {
                alias: Some(alias), ..
            } = factor
                && !alias.columns.is_empty()
            {
                self.0.insert(fold(&alias.name));
            }
            ControlFlow::Continue(())
        }
    }
    let mut find = Find(BTreeSet::new());
    let _ = query.visit(&mut find);
    find.0
}

/// What a plan reads, in order.
///
/// `renamings`: see [`renamings`].
/// `passengers_from`: of the outermost select list, the items from this index on are left
/// out; what each of them reads is given for itself.
pub(crate) fn of_plan(
    plan: &LogicalPlan,
    renamings: &BTreeSet<String>,
    passengers_from: Option<usize>,
) -> Result<(Vec<Read>, Vec<Vec<Read>>), SqlError> {
    let new = || Walk {
        renamings: renamings.clone(),
        ..Walk::default()
    };
    let mut walk = new();
    let mut passengers = Vec::new();
    let mut root = plan;
    if let Some(first) = passengers_from
        && let LogicalPlan::Projection(projection) = plan
    {
        for (index, expr) in projection.expr.iter().enumerate() {
            if index < first {
                walk.expression(expr, &[&projection.input], None)?;
                continue;
            }
            let mut own = new();
            own.expression(expr, &[&projection.input], None)?;
            passengers.push(own.found);
        }
        root = &projection.input;
    }
    walk.plan(root, None)?;
    Ok((walk.found, passengers))
}

/// What the subqueries of an expression read; not its own columns.
pub(crate) fn of_subqueries(expr: &Expr) -> Result<Vec<Read>, SqlError> {
    let mut walk = Walk::default();
    walk.expression(expr, &[], None)?;
    Ok(walk.found)
}

/// The plan without the marks of values that are only kept.
pub(crate) fn without_marks(plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
    let stripped = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let saved = names.save(&expr);
            let inner = expr.transform_up(|part| match part {
                Expr::ScalarFunction(mut call) if is_kept(&call) && call.args.len() == 1 => {
                    Ok(Transformed::yes(call.args.swap_remove(0)))
                }
                other => Ok(Transformed::no(other)),
            })?;
            Ok(match inner.transformed {
                true => Transformed::yes(saved.restore(inner.data)),
                false => inner,
            })
        })
    })?;
    Ok(stripped.data)
}

/// The inputs of the nodes around a subquery, from the inside out.
struct Outer<'a> {
    inputs: &'a [&'a LogicalPlan],
    around: Option<&'a Outer<'a>>,
}

#[derive(Default)]
struct Walk {
    found: Vec<Read>,
    renamings: BTreeSet<String>,
}

impl Walk {
    fn plan(&mut self, plan: &LogicalPlan, outer: Option<&Outer<'_>>) -> Result<()> {
        if let Some(leaf) = leaf(plan) {
            self.note(leaf, None);
            return Ok(());
        }
        if let Some(renamed) = self.renamed(plan) {
            return self.plan(&renamed.input, outer);
        }
        let inputs = plan.inputs();
        plan.apply_expressions(|expr| {
            self.expression(expr, &inputs, outer)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        if let LogicalPlan::Join(join) = plan {
            self.plan(&join.left, outer)?;
            // The right side of LATERAL refers to the left one.
            let beside = Outer {
                inputs: &[&join.left],
                around: outer,
            };
            return self.plan(&join.right, Some(&beside));
        }
        for input in inputs {
            self.plan(input, outer)?;
        }
        Ok(())
    }

    fn expression(
        &mut self,
        expr: &Expr,
        inputs: &[&LogicalPlan],
        outer: Option<&Outer<'_>>,
    ) -> Result<()> {
        let within = Outer {
            inputs,
            around: outer,
        };
        expr.apply(|part| {
            match part {
                Expr::ScalarFunction(call) if is_kept(call) => return Ok(TreeNodeRecursion::Jump),
                Expr::Column(column) => {
                    self.column(column, inputs);
                }
                Expr::OuterReferenceColumn(_, column) => {
                    let mut next = outer;
                    while let Some(outer) = next {
                        if self.column(column, outer.inputs) {
                            break;
                        }
                        next = outer.around;
                    }
                }
                Expr::ScalarSubquery(subquery) => self.plan(&subquery.subquery, Some(&within))?,
                Expr::Exists(exists) => self.plan(&exists.subquery.subquery, Some(&within))?,
                Expr::InSubquery(inside) => self.plan(&inside.subquery.subquery, Some(&within))?,
                Expr::SetComparison(comparison) => {
                    self.plan(&comparison.subquery.subquery, Some(&within))?;
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(())
    }

    /// Notes what a column of one of the inputs is; returns whether one has it.
    fn column(&mut self, column: &Column, inputs: &[&LogicalPlan]) -> bool {
        for input in inputs {
            if let Some(index) = input.schema().maybe_index_of_column(column) {
                self.trace(input, index);
                return true;
            }
        }
        false
    }

    /// Follows an output column down to the relation that it is of. Where a node computes
    /// it, its expressions tell what is read.
    fn trace(&mut self, plan: &LogicalPlan, index: usize) {
        if let Some(leaf) = leaf(plan) {
            self.note(leaf, Some(index));
            return;
        }
        if let Some(renamed) = self.renamed(plan) {
            if let Some(column) = renamed.expr.get(index).and_then(plain_column) {
                self.column(column, &[&renamed.input]);
            }
            return;
        }
        match plan {
            LogicalPlan::SubqueryAlias(alias) => self.trace(&alias.input, index),
            LogicalPlan::Filter(filter) => self.trace(&filter.input, index),
            LogicalPlan::Sort(sort) => self.trace(&sort.input, index),
            LogicalPlan::Limit(limit) => self.trace(&limit.input, index),
            LogicalPlan::Repartition(repartition) => self.trace(&repartition.input, index),
            LogicalPlan::Subquery(subquery) => self.trace(&subquery.subquery, index),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                self.trace(input, index);
            }
            LogicalPlan::Window(window) if index < window.input.schema().fields().len() => {
                self.trace(&window.input, index);
            }
            LogicalPlan::Join(join) => self.trace_join(join, index),
            LogicalPlan::Union(union) => {
                union
                    .inputs
                    .iter()
                    .for_each(|input| self.trace(input, index));
            }
            // Their columns are expressions of their own, or of nothing stored.
            LogicalPlan::Projection(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Window(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Values(_)
            | LogicalPlan::EmptyRelation(_)
            | LogicalPlan::TableScan(_) => {}
            other => {
                for input in other.inputs() {
                    (0..input.schema().fields().len()).for_each(|index| self.trace(input, index));
                }
            }
        }
    }

    /// The projection by which an alias gives all columns of a relation other names.
    fn renamed<'a>(&self, plan: &'a LogicalPlan) -> Option<&'a Projection> {
        let LogicalPlan::SubqueryAlias(alias) = plan else {
            return None;
        };
        let LogicalPlan::Projection(projection) = alias.input.as_ref() else {
            return None;
        };
        let is_plain = self.renamings.contains(alias.alias.table())
            && projection.expr.len() == projection.input.schema().fields().len()
            && projection
                .expr
                .iter()
                .all(|expr| plain_column(expr).is_some());
        is_plain.then_some(projection)
    }

    fn trace_join(&mut self, join: &Join, index: usize) {
        let is_right = matches!(
            join.join_type,
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark
        );
        if is_right {
            return self.trace(&join.right, index);
        }
        match index.checked_sub(join.left.schema().fields().len()) {
            None => self.trace(&join.left, index),
            Some(index) if index < join.right.schema().fields().len() => {
                self.trace(&join.right, index);
            }
            Some(_) => {}
        }
    }

    fn note(&mut self, leaf: Leaf, column: Option<usize>) {
        self.found.push(Read {
            leaf,
            columns: column.into_iter().collect(),
        });
    }
}

/// The column that an expression is, under whatever name.
fn plain_column(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Alias(alias) => plain_column(&alias.expr),
        _ => None,
    }
}
