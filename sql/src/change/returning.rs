//! What RETURNING gives, over the changed rows and what was joined with them.

use std::collections::BTreeSet;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, TableReference};
use datafusion::logical_expr::{Expr, LogicalPlan};
use sqlparser::ast::{SelectItem, SelectItemQualifiedWildcardKind};

use super::PLACE_COLUMNS;
use super::base::Target;
use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::plan::{Named, Place, Planner, explain_expression, refuse_in};
use crate::rewrite::output_name;
use crate::types::PgType;

/// The expressions of RETURNING with their output names.
///
/// `plan`: new values under the target's name, then the other relations' columns.
pub(super) fn expressions(
    planner: &Planner,
    items: &[SelectItem],
    plan: &LogicalPlan,
    target: &Target,
    parameters: &[PgType],
) -> Result<Vec<(String, Expr)>, SqlError> {
    let schema = plan.schema();
    let all = |relation: Option<&str>| -> Vec<(String, Expr)> {
        let columns = schema.columns().into_iter();
        let visible = columns.filter(|column| !column.name.starts_with('\0'));
        let wanted = visible.filter(|column| match relation {
            None => true,
            Some(name) => column.relation.as_ref() == Some(&TableReference::bare(name)),
        });
        wanted
            .map(|column| (column.name.clone(), Expr::Column(column)))
            .collect()
    };
    let mut found = Vec::new();
    for item in items {
        match item {
            SelectItem::Wildcard(_) => found.extend(all(None)),
            SelectItem::QualifiedWildcard(kind, _) => {
                let SelectItemQualifiedWildcardKind::ObjectName(name) = kind else {
                    return Err(SqlError::not_supported("RETURNING of a row's fields"));
                };
                let name = name_parts(name).pop().unwrap_or_default();
                let columns = all(Some(&name));
                if columns.is_empty() && name != target.alias {
                    return Err(SqlError::missing_from_entry(&name));
                }
                found.extend(columns);
            }
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                refuse_in(expr, Place::Returning, &planner.ctx)?;
                let planned = planner
                    .plan_expression_with(expr, schema, parameters)
                    .map_err(|error| {
                        explain_expression(planner, expr, relations(plan, target), error)
                    })?;
                let name = match item {
                    SelectItem::ExprWithAlias { alias, .. } => fold(alias),
                    _ => output_name(expr),
                };
                found.push((name, planned));
            }
            SelectItem::ExprWithAliases { .. } => {
                return Err(SqlError::syntax("RETURNING takes one name for each value"));
            }
        }
    }
    Ok(found)
}

/// Notes for the check of privileges what the expressions read.
///
/// `has_values`: whether what they name of the target are new values.
pub(super) fn note_reads(
    planner: &Planner,
    wanted: &[(String, Expr)],
    plan: &LogicalPlan,
    target: &Target,
    has_values: bool,
) -> Result<(), SqlError> {
    let mut own = BTreeSet::new();
    let mut noted = Ok(());
    let mut note = |column: &Column| {
        let Some(index) = plan.schema().maybe_index_of_column(column) else {
            return;
        };
        match index.checked_sub(PLACE_COLUMNS) {
            Some(value) if has_values && value < target.table.columns.len() => {
                own.insert(value);
            }
            _ if noted.is_ok() => noted = planner.need_passenger(index),
            _ => {}
        }
    };
    for (_, expr) in wanted {
        expr.apply(|part| {
            match part {
                Expr::Column(column) => note(column),
                Expr::ScalarSubquery(subquery) => {
                    note_outer(&subquery.outer_ref_columns, &mut note)
                }
                Expr::Exists(exists) => note_outer(&exists.subquery.outer_ref_columns, &mut note),
                Expr::InSubquery(inside) => {
                    note_outer(&inside.subquery.outer_ref_columns, &mut note);
                }
                _ => {}
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        planner.watch_expression(expr)?;
    }
    planner.need_target_columns(&target.table, &own);
    noted
}

fn note_outer(outer: &[Expr], note: &mut impl FnMut(&Column)) {
    for expr in outer {
        if let Expr::OuterReferenceColumn(_, column) = expr {
            note(column);
        }
    }
}

/// The expressions over new values as the statement's role sees these.
///
/// Errors: `0A000` for a subquery that refers to a masked value.
pub(super) fn masked(
    planner: &Planner,
    wanted: Vec<(String, Expr)>,
    plan: &LogicalPlan,
    target: &Target,
    has_values: bool,
) -> Result<Vec<(String, Expr)>, SqlError> {
    if !has_values || target.masked.is_empty() {
        return Ok(wanted);
    }
    let schema = plan.schema();
    let columns = schema.columns();
    let value = |index: usize| Expr::Column(columns[PLACE_COLUMNS + index].clone());
    let mut masks = Vec::new();
    for index in &target.masked {
        let masked = planner.masked_column(&target.table, *index, &value)?;
        masks.push((PLACE_COLUMNS + index, masked));
    }
    let mask_of = |column: &Column| {
        let index = schema.maybe_index_of_column(column)?;
        let mut masks = masks.iter();
        masks.find(|(own, _)| *own == index).map(|(_, mask)| mask)
    };
    let shown = wanted.into_iter().map(|(name, expr)| {
        let expr = expr.transform(|part| match &part {
            Expr::Column(column) => match mask_of(column) {
                Some(mask) => Ok(Transformed::new(
                    mask.clone(),
                    true,
                    TreeNodeRecursion::Jump,
                )),
                None => Ok(Transformed::no(part)),
            },
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) => {
                let text = "a subquery in RETURNING of a table with masked columns";
                Err(SqlError::not_supported(text).into())
            }
            _ => Ok(Transformed::no(part)),
        })?;
        Ok((name, expr.data))
    });
    shown.collect()
}

/// What the expressions may name: the target, then the other relations.
fn relations(plan: &LogicalPlan, target: &Target) -> Vec<Named> {
    let mut found: Vec<Named> = Vec::new();
    for column in plan.schema().columns() {
        if column.name.starts_with('\0') {
            continue;
        }
        let name = column.relation.map(|relation| relation.table().to_owned());
        match found.iter_mut().find(|other| other.name == name) {
            Some(other) => other.columns.push(column.name),
            None => {
                let is_alias =
                    name.as_ref() == Some(&target.alias) && target.alias != target.table.name;
                found.push(Named {
                    table: is_alias.then(|| target.table.name.clone()),
                    name,
                    columns: vec![column.name],
                });
            }
        }
    }
    found
}
