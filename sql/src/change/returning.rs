//! What RETURNING gives, over the changed rows and what was joined with them.

use datafusion::common::TableReference;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Expr, LogicalPlan};
use sqlparser::ast::{SelectItem, SelectItemQualifiedWildcardKind};

use super::base::Target;
use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::plan::Planner;
use crate::rewrite::output_name;
use crate::sqlstate;
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
                let planned = planner.plan_expression_with(expr, schema, parameters)?;
                if planned.exists(|part| Ok(matches!(part, Expr::AggregateFunction(_))))? {
                    return Err(SqlError::with_code(
                        sqlstate::GROUPING_ERROR,
                        "aggregate functions are not allowed in RETURNING",
                    ));
                }
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
