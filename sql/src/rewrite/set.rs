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
    let mut branches = Vec::with_capacity(values.rows.len());
    for row in &mut values.rows {
        if row.content.len() != width {
            return Err(SqlError::syntax("VALUES lists must all be the same length"));
        }
        branches.push(row_select(std::mem::take(&mut row.content))?);
    }
    if let Some(body) = united(branches) {
        query.body = body;
    }
    Ok(())
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
