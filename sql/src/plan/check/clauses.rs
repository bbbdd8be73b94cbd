//! Aggregates and window functions where they may not stand.

use sqlparser::ast::{Expr, Function, Visit};

use super::query::Analysis;
use super::{Part, Step, is_aggregate, place, walk};
use crate::error::SqlError;

impl Analysis<'_> {
    /// Errors: `42803` for an aggregate in a clause that has no groups yet.
    pub(super) fn refuse_aggregates(
        &self,
        node: &impl Visit,
        clause: &str,
    ) -> Result<(), SqlError> {
        walk(node, &mut |part| {
            if let Part::Expr(Expr::Function(function)) = part
                && is_aggregate(function, &self.planner.ctx)
            {
                return Err(SqlError::aggregate_not_allowed(clause).at_location(place(function)));
            }
            Ok(Step::Into)
        })
    }

    /// Errors: `42803` for an aggregate within an aggregate, `42P20` for a window
    /// function within a window function.
    pub(super) fn refuse_nested(&self, node: &impl Visit) -> Result<(), SqlError> {
        walk(node, &mut |part| {
            if let Part::Expr(Expr::Function(function)) = part {
                if is_aggregate(function, &self.planner.ctx) {
                    self.refuse_within_aggregate(function)?;
                    return Ok(Step::Over);
                }
                if function.over.is_some() {
                    refuse_within_window(function)?;
                }
            }
            Ok(Step::Into)
        })
    }

    fn refuse_within_aggregate(&self, outer: &Function) -> Result<(), SqlError> {
        if let Some(filter) = &outer.filter {
            self.refuse_aggregates(filter.as_ref(), "FILTER")?;
        }
        walk(&outer.args, &mut |part| {
            let Part::Expr(Expr::Function(inner)) = part else {
                return Ok(Step::Into);
            };
            if is_aggregate(inner, &self.planner.ctx) {
                return Err(SqlError::nested_aggregate().at_location(place(inner)));
            }
            if inner.over.is_some() {
                return Err(SqlError::window_in_aggregate().at_location(place(inner)));
            }
            Ok(Step::Into)
        })
    }
}

fn refuse_within_window(outer: &Function) -> Result<(), SqlError> {
    walk(&outer.over, &mut |part| {
        if let Part::Expr(Expr::Function(inner)) = part
            && inner.over.is_some()
        {
            let error = SqlError::window_not_allowed("window definitions");
            return Err(error.at_location(place(inner)));
        }
        Ok(Step::Into)
    })?;
    walk(&outer.args, &mut |part| {
        if let Part::Expr(Expr::Function(inner)) = part
            && inner.over.is_some()
        {
            return Err(SqlError::nested_window().at_location(place(inner)));
        }
        Ok(Step::Into)
    })
}
