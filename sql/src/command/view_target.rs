//! Why rows cannot be changed through a view.
//!
//! Source: PostgreSQL 15 manual, CREATE VIEW, "Updatable Views".

use std::sync::Arc;

use gotgan_storage::{Relation, View};
use sqlparser::ast::{GroupByExpr, Query, Select, SelectItem, SetExpr, TableFactor};

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::{self, name_parts};
use crate::plan::{self, Planner};
use crate::resolve::{Name, Resolved};
use crate::rewrite;
use crate::sqlstate;

/// What a statement wants to do to the rows of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Insert,
    Update,
    Delete,
    Merge,
}

/// Errors: those of [`refusal`] if the target of a statement is a view.
pub(crate) fn refuse(
    planner: &Planner,
    target: &TableFactor,
    change: Change,
) -> Result<(), SqlError> {
    let TableFactor::Table { name, .. } = target else {
        return Ok(());
    };
    let name = Name::from_parts(&name_parts(name))?;
    match planner.resolver().find(&name)? {
        Some(Resolved::Stored(Relation::View(view))) => Err(refusal(&view, change, &planner.ctx)),
        _ => Ok(()),
    }
}

/// The error for a change of a view's rows: `55000` with the reason that PostgreSQL
/// gives, `0A000` for a view through which PostgreSQL would change its table.
pub(crate) fn refusal(view: &View, change: Change, ctx: &Arc<StatementContext>) -> SqlError {
    let (verb, enabling, event) = match change {
        Change::Insert => ("insert into", "inserting into", "INSERT"),
        Change::Update => ("update", "updating", "UPDATE"),
        Change::Delete => ("delete from", "deleting from", "DELETE"),
        Change::Merge => {
            let text = format!("cannot execute MERGE on relation \"{}\"", view.name);
            return SqlError::with_code(sqlstate::FEATURE_NOT_SUPPORTED, text)
                .with_detail("This operation is not supported for views.");
        }
    };
    let query = match parse::parse_query(&view.text) {
        Ok(query) => query,
        Err(error) => return error.unplaced(),
    };
    match obstacle(&query, ctx) {
        None => SqlError::not_supported(format!("{event} through a view")),
        Some(obstacle) => SqlError::with_code(
            sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("cannot {verb} view \"{}\"", view.name),
        )
        .with_detail(format!("Views {obstacle} are not automatically updatable."))
        .with_hint(format!(
            "To enable {enabling} the view, provide an INSTEAD OF {event} trigger or an \
             unconditional ON {event} DO INSTEAD rule."
        )),
    }
}

/// What keeps a view from being updatable.
fn obstacle(query: &Query, ctx: &Arc<StatementContext>) -> Option<&'static str> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return Some(match query.body.as_ref() {
            SetExpr::SetOperation { .. } => "containing UNION, INTERSECT, or EXCEPT",
            _ => "that do not select from a single table or view",
        });
    };
    let is_grouped =
        !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    let is_limited = query.limit_clause.is_some() || query.fetch.is_some();
    let obstacles = [
        (select.distinct.is_some(), "containing DISTINCT"),
        (is_grouped, "containing GROUP BY"),
        (select.having.is_some(), "containing HAVING"),
        (query.with.is_some(), "containing WITH"),
        (is_limited, "containing LIMIT or OFFSET"),
    ];
    let clause = obstacles.iter().find(|(is_there, _)| *is_there);
    clause
        .map(|(_, name)| *name)
        .or_else(|| of_select_list(select, ctx))
        .or_else(|| of_tables(select))
}

fn of_select_list(select: &Select, ctx: &Arc<StatementContext>) -> Option<&'static str> {
    let (mut aggregates, mut windows, mut sets) = (false, false, false);
    for item in &select.projection {
        let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else {
            continue;
        };
        plan::for_each_call(expr, &mut |function| {
            let name = name_parts(&function.name).pop().unwrap_or_default();
            if function.over.is_some() {
                windows = true;
            } else if rewrite::is_set_returning(&name) {
                sets = true;
            } else {
                aggregates |= plan::is_aggregate(&name, ctx);
            }
        });
    }
    if aggregates {
        return Some("that return aggregate functions");
    }
    if windows {
        return Some("that return window functions");
    }
    sets.then_some("that return set-returning functions")
}

fn of_tables(select: &Select) -> Option<&'static str> {
    const SEVERAL: &str = "that do not select from a single table or view";
    let [table] = select.from.as_slice() else {
        return Some(SEVERAL);
    };
    let is_table = matches!(&table.relation, TableFactor::Table { args: None, .. });
    (!is_table || !table.joins.is_empty()).then_some(SEVERAL)
}
