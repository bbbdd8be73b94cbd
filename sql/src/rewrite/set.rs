//! VALUES that refer to other queries, and EXCEPT ALL and INTERSECT ALL.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, Query, SelectItem, SetExpr, SetOperator, SetQuantifier, TableFactor, Visit,
    Visitor,
};

use crate::error::SqlError;

/// Rows of VALUES that refer to other queries are SELECTs without FROM, joined by UNION
/// ALL, which the engine can plan.
///
/// Errors: `42601` if the rows differ in length.
pub(super) fn values_to_select(query: &mut Query) -> Result<(), SqlError> {
    let SetExpr::Values(values) = query.body.as_mut() else {
        return Ok(());
    };
    let cells = values.rows.iter().flat_map(|row| &row.content);
    if !cells.into_iter().any(refers_elsewhere) {
        return Ok(());
    }
    let width = values.rows.first().map_or(0, |row| row.content.len());
    let cells = values.rows.iter().flat_map(|row| &row.content);
    let is_ordered =
        values.rows.len() > 1 && query.order_by.is_none() && !cells.into_iter().any(names_column);
    let mut branches = Vec::with_capacity(values.rows.len());
    for (place, row) in values.rows.iter_mut().enumerate() {
        if row.content.len() != width {
            return Err(SqlError::syntax("VALUES lists must all be the same length"));
        }
        let mut branch = row_select(std::mem::take(&mut row.content))?;
        if let SetExpr::Select(select) = branch.as_mut()
            && is_ordered
        {
            select.projection.push(SelectItem::ExprWithAlias {
                expr: super::build::raw_number(place.to_string()),
                alias: Ident::with_quote('"', PLACE_COLUMN),
            });
        }
        branches.push(branch);
    }
    let Some(body) = united(branches) else {
        return Ok(());
    };
    query.body = body;
    if is_ordered {
        put_in_order(query, width)?;
    }
    Ok(())
}

/// Name of the column that tells where a row of VALUES stands.
const PLACE_COLUMN: &str = "\u{1}place";

/// The branches of a union may come in any order, rows of VALUES come as written.
fn put_in_order(query: &mut Query, width: usize) -> Result<(), SqlError> {
    let columns: Vec<String> = (1..=width).map(|n| format!("\"column{n}\"")).collect();
    let columns = columns.join(", ");
    let text =
        format!("SELECT {columns} FROM (SELECT 1) AS \"\u{1}rows\" ORDER BY \"{PLACE_COLUMN}\"");
    let mut ordered = crate::parse::parse_query(&text)?;
    if let SetExpr::Select(select) = ordered.body.as_mut() {
        for table in &mut select.from {
            if let TableFactor::Derived { subquery, .. } = &mut table.relation {
                std::mem::swap(&mut subquery.body, &mut query.body);
            }
        }
    }
    query.body = ordered.body;
    query.order_by = ordered.order_by;
    Ok(())
}

/// Whether a cell names a column outside its subqueries: one of an outer query.
fn names_column(cell: &Expr) -> bool {
    struct Names(usize);
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            self.0 -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            let is_name = matches!(
                expression,
                Expr::Identifier(_) | Expr::CompoundIdentifier(_)
            );
            match is_name && self.0 == 0 {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    cell.visit(&mut Names(0)).is_break()
}

fn row_select(cells: Vec<Expr>) -> Result<Box<SetExpr>, SqlError> {
    let mut plain = crate::parse::parse_query("SELECT 1")?;
    if let SetExpr::Select(select) = plain.body.as_mut() {
        select.projection = cells
            .into_iter()
            .enumerate()
            .map(|(index, expr)| SelectItem::ExprWithAlias {
                expr,
                alias: Ident::with_quote('"', format!("column{}", index + 1)),
            })
            .collect();
    }
    Ok(plain.body)
}

/// The branches as a tree of little depth.
#[expect(clippy::vec_box, reason = "a branch is large, and is moved often")]
fn united(mut branches: Vec<Box<SetExpr>>) -> Option<Box<SetExpr>> {
    if branches.len() < 2 {
        return branches.pop();
    }
    let right = branches.split_off(branches.len() / 2);
    Some(Box::new(SetExpr::SetOperation {
        op: SetOperator::Union,
        set_quantifier: SetQuantifier::All,
        left: united(branches)?,
        right: united(right)?,
    }))
}

/// Whether a cell of VALUES has a subquery or a name, which can only be an outer
/// query's column.
pub(super) fn refers_elsewhere(cell: &Expr) -> bool {
    struct References;
    impl Visitor for References {
        type Break = ();
        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            match expression {
                Expr::Identifier(ident)
                    if ident.quote_style.is_none()
                        && ident.value.eq_ignore_ascii_case("default") =>
                {
                    ControlFlow::Continue(())
                }
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    cell.visit(&mut References).is_break()
}

/// Prefix of the alias of a UNION ALL that stands for EXCEPT ALL; see `plan/bag.rs`.
pub(crate) const EXCEPT_ALL: &str = "\u{1}except all";

/// As [`EXCEPT_ALL`], for INTERSECT ALL.
pub(crate) const INTERSECT_ALL: &str = "\u{1}intersect all";

/// The engine takes EXCEPT ALL and INTERSECT ALL for their versions on sets. Here they
/// become a UNION ALL, whose branches have common types, under a telling alias.
pub(super) fn mark_bags(body: &mut SetExpr) -> Result<(), SqlError> {
    let SetExpr::SetOperation {
        left,
        op,
        set_quantifier,
        right,
    } = body
    else {
        return Ok(());
    };
    mark_bags(left)?;
    mark_bags(right)?;
    let name = match (&op, &set_quantifier) {
        (SetOperator::Except, SetQuantifier::All) => EXCEPT_ALL,
        (SetOperator::Intersect, SetQuantifier::All) => INTERSECT_ALL,
        _ => return Ok(()),
    };
    *op = SetOperator::Union;
    let mut outer = crate::parse::parse_query("SELECT * FROM (SELECT 1) AS bag")?;
    if let SetExpr::Select(select) = outer.body.as_mut()
        && let Some(item) = select.from.first_mut()
        && let TableFactor::Derived {
            subquery,
            alias: Some(alias),
            ..
        } = &mut item.relation
    {
        alias.name = Ident::with_quote('"', name);
        std::mem::swap(subquery.body.as_mut(), body);
    }
    std::mem::swap(outer.body.as_mut(), body);
    Ok(())
}
