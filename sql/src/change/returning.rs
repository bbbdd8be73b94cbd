//! What RETURNING gives, over the changed rows and what was joined with them.

use datafusion::common::TableReference;
use datafusion::logical_expr::{Expr, LogicalPlan};
use sqlparser::ast::{SelectItem, SelectItemQualifiedWildcardKind};

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
