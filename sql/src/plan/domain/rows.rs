//! Nodes that count, number or multiply rows: for each value of the domain apart.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Expr, Limit, LogicalPlan, LogicalPlanBuilder, Projection, Unnest, Window,
    WindowFunctionDefinition, lit,
};

use super::Domain;
use crate::error::SqlError;

impl Domain {
    /// LIMIT counts the rows of each value of the domain.
    pub(super) fn limit(&self, limit: &Limit) -> Result<LogicalPlan> {
        let (input, keys) = match limit.input.as_ref() {
            LogicalPlan::Sort(sort) => (sort.input.as_ref(), self.sort_keys(&sort.expr)?),
            // A select list keeps the rows and their order: it may come after the limit.
            LogicalPlan::Projection(projection)
                if matches!(projection.input.as_ref(), LogicalPlan::Sort(_)) =>
            {
                let inner = Limit {
                    input: Arc::clone(&projection.input),
                    ..limit.clone()
                };
                let swapped = Projection::try_new(
                    projection.expr.clone(),
                    Arc::new(LogicalPlan::Limit(inner)),
                )?;
                return self.projection(&swapped);
            }
            other => (other, Vec::new()),
        };
        let applied = self.apply(input)?;
        let name = format!("\u{1}row{}", self.number);
        let row_number = datafusion::functions_window::row_number::row_number_udwf();
        let mut window =
            WindowFunction::new(WindowFunctionDefinition::WindowUDF(row_number), Vec::new());
        window.params.partition_by = self.columns();
        window.params.order_by = keys;
        let window = Expr::WindowFunction(Box::new(window)).alias(name.as_str());
        let numbered = LogicalPlanBuilder::from(applied)
            .window(vec![window])?
            .build()?;
        let skip = count_of(limit.skip.as_deref())?.unwrap_or(0);
        let row = Expr::Column(Column::new_unqualified(name));
        let mut wanted = row.clone().gt(lit(skip));
        if let Some(fetch) = count_of(limit.fetch.as_deref())? {
            wanted = wanted.and(row.lt_eq(lit(skip + fetch)));
        }
        let mut exprs: Vec<Expr> = input
            .schema()
            .columns()
            .into_iter()
            .map(Expr::Column)
            .collect();
        exprs.extend(self.columns());
        LogicalPlanBuilder::from(numbered)
            .filter(wanted)?
            .project(exprs)?
            .build()
    }

    pub(super) fn unnest(&self, unnest: &Unnest) -> Result<LogicalPlan> {
        let input = self.apply(&unnest.input)?;
        LogicalPlanBuilder::from(input)
            .unnest_columns_with_options(unnest.exec_columns.clone(), unnest.options.clone())?
            .build()
    }

    pub(super) fn window(&self, window: &Window) -> Result<LogicalPlan> {
        let input = self.apply(&window.input)?;
        let mut exprs = Vec::with_capacity(window.window_expr.len());
        let first = window.schema.fields().len() - window.window_expr.len();
        for (expr, field) in window
            .window_expr
            .iter()
            .zip(&window.schema.fields()[first..])
        {
            let replaced = self.replace(expr.clone())?.transform_up(|e| match e {
                Expr::WindowFunction(mut function) => {
                    function.params.partition_by.extend(self.columns());
                    Ok(Transformed::yes(Expr::WindowFunction(function)))
                }
                other => Ok(Transformed::no(other)),
            })?;
            // The engine's rules expect one alias at most.
            let plain = replaced.data.unalias_nested().data;
            exprs.push(plain.alias(field.name().as_str()));
        }
        let computed = LogicalPlanBuilder::from(input).window(exprs)?.build()?;
        let mut shown: Vec<Expr> = window
            .schema
            .columns()
            .into_iter()
            .map(Expr::Column)
            .collect();
        shown.extend(self.columns());
        LogicalPlanBuilder::from(computed).project(shown)?.build()
    }
}

fn count_of(expr: Option<&Expr>) -> Result<Option<u64>> {
    match expr {
        None => Ok(None),
        Some(Expr::Literal(ScalarValue::Int64(Some(count)), _)) => Ok(u64::try_from(*count).ok()),
        Some(_) => Err(SqlError::not_supported("LIMIT with an expression here").into()),
    }
}
