//! The distinct outer values that a subquery refers to, and the subquery joined
//! with them: afterwards it refers to nothing outside, and each of its rows tells
//! for which outer values it holds.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, JoinType, Result};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, Expr, Join, LogicalPlan, LogicalPlanBuilder, Operator,
    Projection, SubqueryAlias, lit,
};

use crate::error::SqlError;

mod outer;
mod recursive;
mod rows;

pub(super) use outer::{
    has_outer_reference, outer_columns, refers_beyond, refers_outside, refers_to,
};

/// Outer columns, each with the name that it has inside.
pub(super) struct Domain {
    number: usize,
    outer: Vec<Column>,
    plan: LogicalPlan,
    /// Inside a recursive query, the table that has the domain's columns.
    work_table: Option<String>,
}

impl Domain {
    /// The outer columns of `subquery` that `input` has; others belong further out.
    pub(super) fn of(input: &LogicalPlan, subquery: &LogicalPlan, number: usize) -> Result<Self> {
        let mut columns = outer_columns(subquery);
        columns.retain(|column| input.schema().has_column(column));
        Self::over(input, columns, number)
    }

    /// These columns of `input`.
    pub(super) fn over(
        input: &LogicalPlan,
        columns: impl IntoIterator<Item = Column>,
        number: usize,
    ) -> Result<Self> {
        let mut domain = Self {
            number,
            outer: Vec::new(),
            plan: LogicalPlanBuilder::empty(true).build()?,
            work_table: None,
        };
        for column in columns {
            if !domain.outer.contains(&column) {
                domain.outer.push(column);
            }
        }
        if domain.outer.is_empty() {
            return Ok(domain);
        }
        let named = domain.outer.iter().enumerate();
        let named =
            named.map(|(index, column)| Expr::Column(column.clone()).alias(domain.name(index)));
        domain.plan = LogicalPlanBuilder::from(input.clone())
            .project(named.collect::<Vec<_>>())?
            .distinct()?
            .build()?;
        Ok(domain)
    }

    /// The domain itself.
    pub(super) fn plan(&self) -> &LogicalPlan {
        &self.plan
    }

    pub(super) fn is_empty(&self) -> bool {
        self.outer.is_empty()
    }

    fn name(&self, index: usize) -> String {
        format!("\u{1}outer{}_{index}", self.number)
    }

    fn renamed(&self, index: usize) -> String {
        format!("\u{1}other{}_{index}", self.number)
    }

    /// The domain's columns inside the applied subquery.
    pub(super) fn columns(&self) -> Vec<Expr> {
        (0..self.outer.len())
            .map(|index| Expr::Column(Column::new_unqualified(self.name(index))))
            .collect()
    }

    /// An expression over the outer rows as one over the domain.
    pub(super) fn inner(&self, expr: Expr) -> Result<Expr> {
        let replaced = expr.transform_up(|e| match &e {
            Expr::Column(column) => match self.outer.iter().position(|own| own == column) {
                Some(index) => Ok(Transformed::yes(self.column(index))),
                None => Ok(Transformed::no(e)),
            },
            _ => Ok(Transformed::no(e)),
        })?;
        Ok(replaced.data)
    }

    fn column(&self, index: usize) -> Expr {
        Expr::Column(Column::new_unqualified(self.name(index)))
    }

    /// A reference to an outer column as one to the domain's, where that stays outside.
    pub(super) fn outer(&self, expr: Expr) -> Result<Transformed<Expr>> {
        Ok(match expr {
            Expr::OuterReferenceColumn(field, column) => {
                match self.outer.iter().position(|own| *own == column) {
                    Some(index) => {
                        let own = Column::new_unqualified(self.name(index));
                        Transformed::yes(Expr::OuterReferenceColumn(field, own))
                    }
                    None => Transformed::no(Expr::OuterReferenceColumn(field, column)),
                }
            }
            other => Transformed::no(other),
        })
    }

    /// That outer rows are those of the domain's rows beside them.
    pub(super) fn equations(&self) -> impl Iterator<Item = Expr> {
        let outer = self.outer.iter().enumerate();
        outer.map(|(index, column)| same(Expr::Column(column.clone()), self.column(index)))
    }

    fn replace(&self, expr: Expr) -> Result<Expr> {
        let replaced = expr.transform_up(|e| match &e {
            Expr::OuterReferenceColumn(_, column) => {
                match self.outer.iter().position(|own| own == column) {
                    Some(index) => Ok(Transformed::yes(self.column(index))),
                    None => Ok(Transformed::no(e)),
                }
            }
            _ => Ok(Transformed::no(e)),
        })?;
        Ok(replaced.data)
    }

    fn replace_all(&self, exprs: &[Expr]) -> Result<Vec<Expr>> {
        exprs
            .iter()
            .map(|expr| self.replace(expr.clone()))
            .collect()
    }

    fn is_referred_by(&self, plan: &LogicalPlan) -> bool {
        outer_columns(plan)
            .iter()
            .any(|column| self.outer.contains(column))
            || self.reads_work_table(plan)
    }

    /// `input` joined with an applied subquery on the domain's columns.
    pub(super) fn join(
        &self,
        input: &LogicalPlan,
        applied: LogicalPlan,
        join_type: JoinType,
        condition: Option<Expr>,
    ) -> Result<LogicalPlan> {
        let filter = conjunction(condition.into_iter().chain(self.equations()));
        let filter = filter.unwrap_or_else(|| lit(true));
        LogicalPlanBuilder::from(input.clone())
            .join_on(applied, join_type, [filter])?
            .build()
    }

    /// The subquery for all values of the domain at once; the domain's columns come
    /// after its own.
    pub(super) fn apply(&self, plan: &LogicalPlan) -> Result<LogicalPlan> {
        if !self.is_referred_by(plan) {
            if self.is_empty() {
                return Ok(plan.clone());
            }
            return LogicalPlanBuilder::from(plan.clone())
                .cross_join(self.plan.clone())?
                .build();
        }
        match plan {
            LogicalPlan::Filter(filter) => {
                let input = self.apply(&filter.input)?;
                let predicate = self.replace(filter.predicate.clone())?;
                LogicalPlanBuilder::from(input).filter(predicate)?.build()
            }
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::SubqueryAlias(alias) => self.alias(alias),
            LogicalPlan::Subquery(subquery) => self.apply(&subquery.subquery),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Join(join) => self.inner_join(join),
            LogicalPlan::Sort(sort) => {
                let input = self.apply(&sort.input)?;
                LogicalPlanBuilder::from(input)
                    .sort(self.sort_keys(&sort.expr)?)?
                    .build()
            }
            LogicalPlan::Limit(limit) => self.limit(limit),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                LogicalPlanBuilder::from(self.apply(input)?)
                    .distinct()?
                    .build()
            }
            LogicalPlan::Union(union) => {
                let mut branches = union.inputs.iter().map(|input| self.branch(input));
                let first = branches.next().transpose()?;
                let first = first.ok_or_else(|| SqlError::internal("a union of nothing"))?;
                branches.try_fold(first, |all, branch| {
                    LogicalPlanBuilder::from(all).union(branch?)?.build()
                })
            }
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            LogicalPlan::RecursiveQuery(query) => self.recursive(query),
            LogicalPlan::TableScan(scan) => self.work_table(scan),
            LogicalPlan::Window(window) => self.window(window),
            other => Err(SqlError::not_supported(format!(
                "a reference to an outer query below {}",
                other.display()
            ))
            .into()),
        }
    }

    fn sort_keys(&self, keys: &[Sort]) -> Result<Vec<Sort>> {
        keys.iter()
            .map(|key| {
                Ok(Sort {
                    expr: self.replace(key.expr.clone())?,
                    ..key.clone()
                })
            })
            .collect()
    }

    fn projection(&self, projection: &Projection) -> Result<LogicalPlan> {
        let input = self.apply(&projection.input)?;
        let mut exprs = Vec::with_capacity(projection.expr.len());
        for (expr, field) in projection.expr.iter().zip(projection.schema.fields()) {
            let replaced = self.replace(expr.clone())?;
            // The name of an expression tells its columns, and must stay.
            let plain = matches!(replaced, Expr::Alias(_))
                || matches!((&replaced, expr), (Expr::Column(_), Expr::Column(_)));
            exprs.push(if plain {
                replaced
            } else {
                replaced.alias(field.name().as_str())
            });
        }
        exprs.extend(self.columns());
        LogicalPlanBuilder::from(input).project(exprs)?.build()
    }

    /// An alias renames the domain's columns too; a projection names them back.
    fn alias(&self, alias: &SubqueryAlias) -> Result<LogicalPlan> {
        let input = self.branch(&alias.input)?;
        let aliased = LogicalPlanBuilder::from(input)
            .alias(alias.alias.clone())?
            .build()?;
        let own = alias.schema.columns().into_iter().map(Expr::Column);
        let domain = (0..self.outer.len()).map(|index| {
            let name = self.name(index);
            Expr::Column(Column::new(Some(alias.alias.clone()), name.as_str())).alias(name)
        });
        LogicalPlanBuilder::from(aliased)
            .project(own.chain(domain).collect::<Vec<_>>())?
            .build()
    }

    /// The applied input with its own columns first and the domain's last.
    fn branch(&self, input: &LogicalPlan) -> Result<LogicalPlan> {
        let applied = self.apply(input)?;
        let mut exprs: Vec<Expr> = input
            .schema()
            .columns()
            .into_iter()
            .map(Expr::Column)
            .collect();
        exprs.extend(self.columns());
        LogicalPlanBuilder::from(applied).project(exprs)?.build()
    }

    fn aggregate(&self, aggregate: &Aggregate) -> Result<LogicalPlan> {
        let input = self.apply(&aggregate.input)?;
        let names: Vec<String> = aggregate
            .schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let group_count = names.len() - aggregate.aggr_expr.len();
        let mut groups = self.replace_all(&aggregate.group_expr)?;
        groups.extend(self.columns());
        let aggregates: Result<Vec<Expr>> = aggregate
            .aggr_expr
            .iter()
            .zip(&names[group_count..])
            .map(|(expr, name)| {
                let replaced = self.replace(expr.clone())?;
                let unchanged = replaced.schema_name().to_string() == *name;
                Ok(if unchanged {
                    replaced
                } else {
                    replaced.alias(name.as_str())
                })
            })
            .collect();
        let grouped = LogicalPlanBuilder::from(input)
            .aggregate(groups, aggregates?)?
            .build()?;
        if aggregate.group_expr.is_empty() {
            return self.with_empty_groups(aggregate, grouped, &names);
        }
        let mut exprs: Vec<Expr> = aggregate
            .schema
            .columns()
            .into_iter()
            .map(Expr::Column)
            .collect();
        exprs.extend(self.columns());
        LogicalPlanBuilder::from(grouped).project(exprs)?.build()
    }

    /// An aggregate without groups has a row also where no row came in: counts are
    /// zero there and everything else null.
    fn with_empty_groups(
        &self,
        aggregate: &Aggregate,
        grouped: LogicalPlan,
        names: &[String],
    ) -> Result<LogicalPlan> {
        let mut renamed: Vec<Expr> = names
            .iter()
            .map(|name| Expr::Column(Column::new_unqualified(name.as_str())))
            .collect();
        renamed.extend(
            (0..self.outer.len()).map(|index| self.column(index).alias(self.renamed(index))),
        );
        let grouped = LogicalPlanBuilder::from(grouped)
            .project(renamed)?
            .build()?;
        let mut filter = lit(true);
        for index in 0..self.outer.len() {
            let other = Expr::Column(Column::new_unqualified(self.renamed(index)));
            filter = filter.and(same(self.column(index), other));
        }
        let joined = LogicalPlanBuilder::from(self.plan.clone())
            .join_on(grouped, JoinType::Left, [filter])?
            .build()?;
        let mut exprs: Vec<Expr> = Vec::new();
        for (expr, name) in aggregate.aggr_expr.iter().zip(names) {
            let column = Expr::Column(Column::new_unqualified(name.as_str()));
            exprs.push(if is_count(expr) {
                datafusion::functions::core::expr_fn::coalesce(vec![column, lit(0_i64)])
                    .alias(name.as_str())
            } else {
                column
            });
        }
        exprs.extend(self.columns());
        LogicalPlanBuilder::from(joined).project(exprs)?.build()
    }

    fn inner_join(&self, join: &Join) -> Result<LogicalPlan> {
        if !matches!(
            join.join_type,
            JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti
        ) {
            return Err(SqlError::not_supported(format!(
                "a reference to an outer query below a {} join",
                join.join_type
            ))
            .into());
        }
        let right_refers = self.is_referred_by(&join.right);
        let left_refers = self.is_referred_by(&join.left) || join.join_type != JoinType::Inner;
        let condition_refers =
            join.filter.as_ref().is_some_and(has_outer_reference) && !right_refers;
        let left = if left_refers || condition_refers || !right_refers {
            self.apply(&join.left)?
        } else {
            join.left.as_ref().clone()
        };
        let both = right_refers && (left_refers || condition_refers);
        let mut filter = lit(true);
        let right = match (right_refers, both) {
            (true, true) => {
                for index in 0..self.outer.len() {
                    let other = Expr::Column(Column::new_unqualified(self.renamed(index)));
                    filter = filter.and(same(self.column(index), other));
                }
                self.renamed_branch(&join.right)?
            }
            (true, false) => self.apply(&join.right)?,
            (false, _) => join.right.as_ref().clone(),
        };
        for (left, right) in &join.on {
            filter = filter.and(self.replace(left.clone())?.eq(self.replace(right.clone())?));
        }
        if let Some(condition) = &join.filter {
            filter = filter.and(self.replace(condition.clone())?);
        }
        let joined = LogicalPlanBuilder::from(left)
            .join_on(right, join.join_type, [filter])?
            .build()?;
        let mut exprs: Vec<Expr> = join
            .schema
            .columns()
            .into_iter()
            .map(Expr::Column)
            .collect();
        exprs.extend(self.columns());
        LogicalPlanBuilder::from(joined).project(exprs)?.build()
    }

    fn renamed_branch(&self, input: &LogicalPlan) -> Result<LogicalPlan> {
        let applied = self.apply(input)?;
        let mut exprs: Vec<Expr> = input
            .schema()
            .columns()
            .into_iter()
            .map(Expr::Column)
            .collect();
        exprs.extend(
            (0..self.outer.len()).map(|index| self.column(index).alias(self.renamed(index))),
        );
        LogicalPlanBuilder::from(applied).project(exprs)?.build()
    }
}

/// Equality in which null equals null.
pub(super) fn same(left: Expr, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(
        Box::new(left),
        Operator::IsNotDistinctFrom,
        Box::new(right),
    ))
}

fn is_count(expr: &Expr) -> bool {
    match expr {
        Expr::AggregateFunction(function) => function.func.name() == "count",
        Expr::Alias(alias) => is_count(&alias.expr),
        _ => false,
    }
}
