//! Which stored column an output column is: what RowDescription tells of tables.
//!
//! A plain reference keeps its origin through subqueries, joins and grouping, as in
//! PostgreSQL; a column of a view is the view's own. A view is planned in place, so it
//! stands under an alias that names its OID ([`view_alias`]).
//!
//! Source: PostgreSQL 15, `parse_target.c` (`markTargetListOrigin`).

use datafusion::logical_expr::{Distinct, Expr, Join, JoinType, LogicalPlan, TableScan};

use super::protected::Protected;
use super::system_table::SystemTable;
use crate::pg_catalog::oids;
use crate::scan::LakeTable;

/// Begins the alias of a view's plan. No client can send such a name, so none can pass a
/// table off as a view.
const VIEW: &str = "\0view/";

/// A relation's OID and the column's number in it, from 1.
pub(crate) type Origin = (u32, i16);

/// The alias that the plan of a view stands under.
pub(super) fn view_alias(view_oid: u32) -> String {
    format!("{VIEW}{view_oid}")
}

/// The OID of the view whose plan stands under an alias, if one does.
pub(super) fn view_of_alias(alias: &str) -> Option<u32> {
    alias.strip_prefix(VIEW)?.parse().ok()
}

/// The origin of each output column, in order.
pub(crate) fn origins(plan: &LogicalPlan) -> Vec<Option<Origin>> {
    (0..plan.schema().fields().len())
        .map(|index| origin(plan, index))
        .collect()
}

fn origin(plan: &LogicalPlan, index: usize) -> Option<Origin> {
    match plan {
        LogicalPlan::Projection(projection) => {
            of_expression(projection.expr.get(index)?, &projection.input)
        }
        LogicalPlan::SubqueryAlias(alias) => match view_of_alias(alias.alias.table()) {
            Some(oid) => Some((oid, number(index)?)),
            None => origin(&alias.input, index),
        },
        LogicalPlan::Filter(filter) => origin(&filter.input, index),
        LogicalPlan::Sort(sort) => origin(&sort.input, index),
        LogicalPlan::Limit(limit) => origin(&limit.input, index),
        LogicalPlan::Repartition(repartition) => origin(&repartition.input, index),
        LogicalPlan::Distinct(Distinct::All(input)) => origin(input, index),
        LogicalPlan::Distinct(Distinct::On(on)) => {
            of_expression(on.select_expr.get(index)?, &on.input)
        }
        LogicalPlan::Join(join) => of_join(join, index),
        LogicalPlan::Aggregate(aggregate) => {
            of_expression(aggregate.group_expr.get(index)?, &aggregate.input)
        }
        // What it computes stands after the columns of its input.
        LogicalPlan::Window(window) if index < window.input.schema().fields().len() => {
            origin(&window.input, index)
        }
        LogicalPlan::TableScan(scan) => of_scan(scan, index),
        LogicalPlan::Extension(_) => {
            let protected = Protected::of(plan)?;
            let table = protected.table.as_ref()?;
            Some((oids::table(table.id), number(index)?))
        }
        _ => None,
    }
}

/// The origin of a plain column over `input`.
fn of_expression(expression: &Expr, input: &LogicalPlan) -> Option<Origin> {
    match expression {
        Expr::Alias(alias) => of_expression(&alias.expr, input),
        Expr::Column(column) => {
            let index = input.schema().maybe_index_of_column(column)?;
            origin(input, index)
        }
        _ => None,
    }
}

fn of_join(join: &Join, index: usize) -> Option<Origin> {
    let only_right = matches!(
        join.join_type,
        JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark
    );
    if only_right {
        return origin(&join.right, index);
    }
    match index.checked_sub(join.left.schema().fields().len()) {
        None => origin(&join.left, index),
        Some(index) if join.join_type != JoinType::LeftMark => origin(&join.right, index),
        Some(_) => None,
    }
}

fn of_scan(scan: &TableScan, index: usize) -> Option<Origin> {
    let index = match &scan.projection {
        Some(projection) => *projection.get(index)?,
        None => index,
    };
    if let Some(table) = LakeTable::downcast(&scan.source) {
        return Some((oids::table(table.table().id), number(index)?));
    }
    let relation = SystemTable::downcast(&scan.source)?;
    Some((relation, number(index)?))
}

fn number(index: usize) -> Option<i16> {
    i16::try_from(index + 1).ok()
}
