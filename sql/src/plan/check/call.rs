//! Calls: what kind of function a name is, and which clauses go with that kind.

use std::sync::Arc;

use sqlparser::ast::{
    DuplicateTreatment, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use super::place;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::name_parts;
use crate::plan::provider;

/// Functions that need OVER. Four of them are aggregates too, with WITHIN GROUP.
const WINDOW_FUNCTIONS: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
];

/// Errors: `42809` for a clause that the kind of function does not take, `42883`
/// for an aggregate without arguments, `42601` for `f(DISTINCT *)`.
pub(super) fn check(function: &Function, ctx: &Arc<StatementContext>) -> Result<(), SqlError> {
    let mut parts = name_parts(&function.name);
    let Some(name) = parts.pop() else {
        return Ok(());
    };
    let place = place(function);
    if let Some(schema) = parts.pop()
        && !crate::rewrite::SYSTEM_SCHEMAS.contains(&schema.as_str())
        && ctx.snapshot.schema_by_name(&schema).is_none()
    {
        return Err(SqlError::undefined_schema(&schema).at_location(place));
    }
    if function.over.is_none()
        && function.within_group.is_empty()
        && WINDOW_FUNCTIONS.contains(&name.as_str())
    {
        return Err(SqlError::wrong_function_kind(format!(
            "window function {name} requires an OVER clause"
        ))
        .at_location(place));
    }
    let FunctionArguments::List(list) = &function.args else {
        return Ok(());
    };
    let is_distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    let is_star = list.args.iter().any(is_wildcard);
    if is_distinct && is_star {
        return Err(SqlError::syntax("syntax error at or near \"*\""));
    }
    if provider::is_scalar(&name, ctx) {
        return of_scalar(function, &name, is_distinct).map_err(|error| error.at_location(place));
    }
    let takes_none = list.args.is_empty() && function.within_group.is_empty();
    if provider::is_aggregate(&name, ctx) && name != "grouping" && (takes_none || is_star) {
        if name == "count" {
            if is_star {
                return Ok(());
            }
            let message = "count(*) must be used to call a parameterless aggregate function";
            return Err(SqlError::wrong_function_kind(message).at_location(place));
        }
        if !WINDOW_FUNCTIONS.contains(&name.as_str()) {
            return Err(SqlError::undefined_function(&format!("{name}()")).at_location(place));
        }
    }
    Ok(())
}

fn is_wildcard(arg: &FunctionArg) -> bool {
    matches!(
        arg,
        FunctionArg::Unnamed(FunctionArgExpr::Wildcard | FunctionArgExpr::WildcardWithOptions(_))
    )
}

fn of_scalar(function: &Function, name: &str, is_distinct: bool) -> Result<(), SqlError> {
    if is_distinct {
        return Err(SqlError::wrong_function_kind(format!(
            "DISTINCT specified, but {name} is not an aggregate function"
        )));
    }
    if !function.within_group.is_empty() {
        return Err(SqlError::wrong_function_kind(format!(
            "{name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP"
        )));
    }
    if function.filter.is_some() {
        return Err(SqlError::wrong_function_kind(format!(
            "FILTER specified, but {name} is not an aggregate function"
        )));
    }
    if function.over.is_some() {
        return Err(SqlError::wrong_function_kind(format!(
            "OVER specified, but {name} is not a window function nor an aggregate function"
        )));
    }
    Ok(())
}
