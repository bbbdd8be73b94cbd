//! ORDER BY, GROUP BY and DISTINCT: what their keys stand for in the select list.

use sqlparser::ast::{
    Distinct, Expr, Function, GroupByExpr, OrderBy, OrderByKind, Select, Spanned, Value,
};

use super::names::{Meaning, Scope};
use super::query::Analysis;
use super::targets::Target;
use super::{Part, Step, is_aggregate, place, walk};
use crate::error::SqlError;
use crate::parse::fold;

/// A key that is a bare literal: its position, or that it is none.
pub(super) enum Literal {
    Position(usize),
    Other,
}

/// What a key is that is a bare literal.
pub(super) fn literal(key: &Expr) -> Option<Literal> {
    let Expr::Value(literal) = key else {
        return None;
    };
    match &literal.value {
        Value::Number(text, _) => Some(text.parse().map_or(Literal::Other, Literal::Position)),
        Value::SingleQuotedString(_) => Some(Literal::Other),
        _ => None,
    }
}

/// The keys of ORDER BY.
pub(super) fn keys(order_by: Option<&OrderBy>) -> Vec<&Expr> {
    match order_by.map(|order| &order.kind) {
        Some(OrderByKind::Expressions(keys)) => keys.iter().map(|key| &key.expr).collect(),
        _ => Vec::new(),
    }
}

/// The keys of GROUP BY, those of grouping sets too.
pub(super) fn group_keys(group_by: &GroupByExpr) -> Vec<&Expr> {
    let GroupByExpr::Expressions(keys, _) = group_by else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for key in keys {
        match key {
            Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => {
                all.extend(sets.iter().flatten());
            }
            Expr::Tuple(parts) => all.extend(parts),
            other => all.push(other),
        }
    }
    all
}

/// The expression that a position in the select list stands for; none if the list
/// is not known that far.
///
/// Errors: `42P10` for a position outside the list, `42601` for another constant.
fn at_position<'t>(
    key: &Expr,
    clause: &str,
    targets: Option<&'t [Target]>,
) -> Result<Option<&'t Target>, SqlError> {
    match literal(key) {
        Some(Literal::Position(position)) => {
            let Some(targets) = targets else {
                return Ok(None);
            };
            let index = position.checked_sub(1);
            match index.and_then(|index| targets.get(index)) {
                Some(target) => Ok(Some(target)),
                None => {
                    Err(SqlError::position_not_in_list(clause, position)
                        .at_location(key.span().start))
                }
            }
        }
        Some(Literal::Other) => {
            Err(SqlError::non_integer_constant(clause).at_location(key.span().start))
        }
        None => Ok(None),
    }
}

impl Analysis<'_> {
    /// ORDER BY of a SELECT: positions, output names, then any expression over FROM.
    ///
    /// Returns what the keys stand for, as expressions over FROM.
    pub(super) fn order_keys(
        &self,
        order_by: Option<&OrderBy>,
        targets: Option<&[Target]>,
        scope: &Scope<'_>,
        ctes: &super::query::Ctes,
    ) -> Result<Vec<Expr>, SqlError> {
        let mut meant = Vec::new();
        for key in keys(order_by) {
            if literal(key).is_some() {
                if let Some(target) = at_position(key, "ORDER BY", targets)? {
                    meant.push(target.expr.clone());
                }
                continue;
            }
            if let Expr::Identifier(ident) = key
                && let Some(targets) = targets
                && let Some(target) = targets.iter().find(|t| t.name == fold(ident))
            {
                meant.push(target.expr.clone());
                continue;
            }
            self.expression(key, scope, ctes)?;
            meant.push(key.clone());
        }
        Ok(meant)
    }

    /// ORDER BY after a set operation, which knows output names only.
    pub(super) fn order_of_set(
        &self,
        order_by: Option<&OrderBy>,
        columns: Option<&[String]>,
    ) -> Result<(), SqlError> {
        let Some(columns) = columns else {
            return Ok(());
        };
        let targets: Vec<Target> = columns
            .iter()
            .map(|name| Target {
                name: name.clone(),
                expr: Expr::Identifier(name.as_str().into()),
            })
            .collect();
        for key in keys(order_by) {
            if literal(key).is_some() {
                at_position(key, "ORDER BY", Some(&targets))?;
                continue;
            }
            match key {
                Expr::Identifier(ident) if columns.contains(&fold(ident)) => {}
                Expr::Identifier(ident) => {
                    return Err(SqlError::undefined_column(None, &fold(ident))
                        .at_location(ident.span.start));
                }
                other => {
                    return Err(SqlError::invalid_set_order().at_location(other.span().start));
                }
            }
        }
        Ok(())
    }

    /// What the keys of GROUP BY stand for, as expressions over FROM: an input
    /// column goes before an output name.
    pub(super) fn group_expressions(
        &self,
        select: &Select,
        targets: Option<&[Target]>,
        scope: &Scope<'_>,
        ctes: &super::query::Ctes,
    ) -> Result<Vec<Expr>, SqlError> {
        let mut meant = Vec::new();
        for key in group_keys(&select.group_by) {
            let by_position = at_position(key, "GROUP BY", targets)?;
            let by_name = match key {
                Expr::Identifier(ident)
                    if scope.meaning(std::slice::from_ref(ident)) == Meaning::Missing =>
                {
                    targets.and_then(|targets| targets.iter().find(|t| t.name == fold(ident)))
                }
                _ => None,
            };
            match by_position.or(by_name) {
                Some(target) => {
                    self.refuse_grouped_aggregate(&target.expr)?;
                    meant.push(target.expr.clone());
                }
                None if literal(key).is_some() => {}
                None => {
                    self.expression(key, scope, ctes)?;
                    self.refuse_grouped_aggregate(key)?;
                    meant.push(key.clone());
                }
            }
        }
        Ok(meant)
    }

    fn refuse_grouped_aggregate(&self, key: &Expr) -> Result<(), SqlError> {
        self.refuse_aggregates(key, "GROUP BY")?;
        walk(key, &mut |part| {
            if let Part::Expr(Expr::Function(function)) = part
                && function.over.is_some()
            {
                let error = SqlError::window_not_allowed("GROUP BY");
                return Err(error.at_location(place(function)));
            }
            Ok(Step::Into)
        })
    }

    /// Errors: `42P10` for an ORDER BY that DISTINCT does not keep.
    pub(super) fn distinct(
        &self,
        select: &Select,
        targets: Option<&[Target]>,
        order: &[Expr],
        scope: &Scope<'_>,
    ) -> Result<(), SqlError> {
        let Some(targets) = targets else {
            return Ok(());
        };
        let listed: Vec<Expr> = targets.iter().map(|t| scope.canonical(&t.expr)).collect();
        match &select.distinct {
            Some(Distinct::Distinct) => {
                let missing = order
                    .iter()
                    .find(|key| !listed.contains(&scope.canonical(key)));
                match missing {
                    Some(key) => Err(SqlError::distinct_order().at_location(key.span().start)),
                    None => Ok(()),
                }
            }
            Some(Distinct::On(keys)) => {
                let mut wanted: Vec<(Expr, &Expr)> = Vec::new();
                for key in keys {
                    let meant = match at_position(key, "SELECT DISTINCT ON", Some(targets))? {
                        Some(target) => target.expr.clone(),
                        None => named(key, targets).unwrap_or_else(|| key.clone()),
                    };
                    wanted.push((scope.canonical(&meant), key));
                }
                let mut remaining: Vec<Expr> = wanted.iter().map(|(key, _)| key.clone()).collect();
                for key in order {
                    if remaining.is_empty() {
                        break;
                    }
                    let key = scope.canonical(key);
                    if !wanted.iter().any(|(wanted, _)| *wanted == key) {
                        let left = wanted.iter().find(|(key, _)| remaining.contains(key));
                        let place = left.map(|(_, key)| key.span().start);
                        let error = SqlError::distinct_on_order();
                        return Err(match place {
                            Some(place) => error.at_location(place),
                            None => error,
                        });
                    }
                    remaining.retain(|other| *other != key);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether a call of an aggregate stands somewhere in an expression.
    pub(super) fn has_aggregate(&self, expression: &Expr) -> bool {
        let mut found = false;
        let _ = walk(expression, &mut |part| {
            if let Part::Expr(Expr::Function(function)) = part {
                found |= self.aggregates(function);
            }
            Ok(Step::Into)
        });
        found
    }

    pub(super) fn aggregates(&self, function: &Function) -> bool {
        is_aggregate(function, &self.planner.ctx)
    }
}

fn named(key: &Expr, targets: &[Target]) -> Option<Expr> {
    let Expr::Identifier(ident) = key else {
        return None;
    };
    let name = fold(ident);
    targets
        .iter()
        .find(|target| target.name == name)
        .map(|target| target.expr.clone())
}
