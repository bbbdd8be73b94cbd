//! Columns outside aggregates, which GROUP BY must have.

use sqlparser::ast::{Expr, Select, Spanned};

use super::names::{Meaning, Scope, reference};
use super::query::Analysis;
use super::targets::Target;
use super::{Part, Step, walk};
use crate::error::SqlError;
use crate::parse::name_parts;

impl Analysis<'_> {
    /// Errors: `42803` for a column of the select list, HAVING or ORDER BY that is
    /// neither grouped nor within an aggregate.
    pub(super) fn grouping(
        &self,
        select: &Select,
        targets: Option<&[Target]>,
        groups: &[Expr],
        order: &[Expr],
        scope: &Scope<'_>,
    ) -> Result<(), SqlError> {
        let Some(targets) = targets else {
            return Ok(());
        };
        let shown = targets.iter().map(|target| &target.expr);
        let checked: Vec<&Expr> = shown.chain(order).chain(&select.having).collect();
        let is_grouped = !groups.is_empty()
            || select.having.is_some()
            || checked
                .iter()
                .any(|expression| self.has_aggregate(expression));
        if !is_grouped {
            return Ok(());
        }
        let groups: Vec<Expr> = groups.iter().map(|key| scope.canonical(key)).collect();
        for expression in checked {
            self.require_grouped(expression, &groups, scope)?;
        }
        Ok(())
    }

    fn require_grouped(
        &self,
        expression: &Expr,
        groups: &[Expr],
        scope: &Scope<'_>,
    ) -> Result<(), SqlError> {
        walk(expression, &mut |part| {
            let Part::Expr(part) = part else {
                return Ok(Step::Into);
            };
            if groups.contains(&scope.canonical(part)) {
                return Ok(Step::Over);
            }
            if let Expr::Function(function) = part
                && (self.aggregates(function) || name_parts(&function.name) == ["grouping"])
            {
                return Ok(Step::Over);
            }
            if let Some(parts) = reference(part)
                && let Meaning::Own { relation, column } = scope.meaning(parts)
            {
                let shown = scope.shown(relation, &column);
                return Err(SqlError::ungrouped_column(&shown).at_location(part.span().start));
            }
            Ok(Step::Into)
        })
    }
}
