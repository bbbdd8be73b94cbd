//! Comparisons of rows, column by column, and long chains of AND and OR.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectNamePart, Query, SelectItem, SetExpr, TableAliasColumnDef, TableFactor,
};

use super::build::negate_if;
use crate::error::SqlError;

/// `(a, b) = (c, d)` and the other comparisons of rows.
pub(super) fn row_comparison(
    left: &Expr,
    op: &BinaryOperator,
    right: &Expr,
) -> Result<Option<Expr>, SqlError> {
    if let (Expr::Tuple(row), Expr::Subquery(query)) = (left, right) {
        return with_subquery(row, op, query).map(Some);
    }
    let (Expr::Tuple(left), Expr::Tuple(right)) = (left, right) else {
        return Ok(None);
    };
    if left.len() != right.len() || left.is_empty() {
        return Err(SqlError::syntax(
            "unequal number of entries in row expressions",
        ));
    }
    let pairs = || left.iter().cloned().zip(right.iter().cloned());
    let binary = |left: Expr, op: BinaryOperator, right: Expr| Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    };
    let joined = |op: BinaryOperator, join: BinaryOperator| {
        pairs()
            .map(|(left, right)| binary(left, op.clone(), right))
            .reduce(|all, one| binary(all, join.clone(), one))
            .map(|all| Expr::Nested(Box::new(all)))
    };
    match op {
        BinaryOperator::Eq => Ok(joined(BinaryOperator::Eq, BinaryOperator::And)),
        BinaryOperator::NotEq => Ok(joined(BinaryOperator::NotEq, BinaryOperator::Or)),
        BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq => {
            let strict = match op {
                BinaryOperator::Lt | BinaryOperator::LtEq => BinaryOperator::Lt,
                _ => BinaryOperator::Gt,
            };
            let mut result: Option<Expr> = None;
            for (left, right) in pairs().rev() {
                result = Some(Expr::Nested(Box::new(match result {
                    None => binary(left, op.clone(), right),
                    Some(rest) => {
                        let equal = binary(left.clone(), BinaryOperator::Eq, right.clone());
                        let tail = Expr::Nested(Box::new(binary(equal, BinaryOperator::And, rest)));
                        binary(
                            binary(left, strict.clone(), right),
                            BinaryOperator::Or,
                            tail,
                        )
                    }
                })));
            }
            Ok(result)
        }
        other => Err(SqlError::not_supported(format!(
            "the operator {other} on rows"
        ))),
    }
}

/// `(a, b) IS NULL` and `(a, b) IS DISTINCT FROM (c, d)`, with or without NOT; none if the
/// operands are no rows. A row is NULL, and not NULL, if all of its columns are.
///
/// Errors: `42601` for rows of different length.
pub(super) fn row_test(test: &Expr) -> Result<Option<Expr>, SqlError> {
    let columns = |operand: &Expr| match operand {
        Expr::Tuple(columns) => Some(columns.clone()),
        Expr::Function(function) => constructor_columns(function),
        _ => None,
    };
    let pairs = |left: &Expr, right: &Expr| match (columns(left), columns(right)) {
        (Some(left), Some(right)) if left.len() == right.len() => {
            let boxed = left.into_iter().map(Box::new);
            Ok(Some(boxed.zip(right.into_iter().map(Box::new)).collect()))
        }
        (Some(_), Some(_)) => Err(SqlError::syntax(
            "unequal number of entries in row expressions",
        )),
        _ => Ok(None),
    };
    type Pairs = Option<Vec<(Box<Expr>, Box<Expr>)>>;
    let (parts, op): (Option<Vec<Expr>>, _) = match test {
        Expr::IsNull(row) => {
            let each = |column| Expr::IsNull(Box::new(column));
            let parts = columns(row).map(|row| row.into_iter().map(each).collect());
            (parts, BinaryOperator::And)
        }
        Expr::IsNotNull(row) => {
            let each = |column| Expr::IsNotNull(Box::new(column));
            let parts = columns(row).map(|row| row.into_iter().map(each).collect());
            (parts, BinaryOperator::And)
        }
        Expr::IsDistinctFrom(left, right) => {
            let found: Pairs = pairs(left, right)?;
            let each = |(a, b)| Expr::IsDistinctFrom(a, b);
            let parts = found.map(|pairs| pairs.into_iter().map(each).collect());
            (parts, BinaryOperator::Or)
        }
        Expr::IsNotDistinctFrom(left, right) => {
            let found: Pairs = pairs(left, right)?;
            let each = |(a, b)| Expr::IsNotDistinctFrom(a, b);
            let parts = found.map(|pairs| pairs.into_iter().map(each).collect());
            (parts, BinaryOperator::And)
        }
        _ => (None, BinaryOperator::And),
    };
    let whole = parts
        .filter(|parts| !parts.is_empty())
        .map(|parts| Expr::Nested(Box::new(joined(parts, &op))));
    Ok(whole)
}

/// The columns of `ROW(a, b)`.
fn constructor_columns(function: &Function) -> Option<Vec<Expr>> {
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else {
        return None;
    };
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    if name.quote_style.is_some() || !name.value.eq_ignore_ascii_case("row") {
        return None;
    }
    let columns = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(column)) => Some(column.clone()),
        _ => None,
    });
    columns.collect()
}

/// `(a, b) = (SELECT x, y ...)` as one subquery that compares its row, for its columns
/// must be of one row.
fn with_subquery(row: &[Expr], op: &BinaryOperator, query: &Query) -> Result<Expr, SqlError> {
    const ROW: &str = "\u{1}row";
    let names: Vec<Ident> = (0..row.len())
        .map(|index| Ident::with_quote('"', format!("\u{1}{index}")))
        .collect();
    let columns = names
        .iter()
        .map(|name| Expr::CompoundIdentifier(vec![Ident::with_quote('"', ROW), name.clone()]));
    let left = Expr::Tuple(row.to_vec());
    let compared = row_comparison(&left, op, &Expr::Tuple(columns.collect()))?;
    let mut outer = crate::parse::parse_query(&format!("SELECT 1 FROM (SELECT 1) AS \"{ROW}\""))?;
    if let SetExpr::Select(select) = outer.body.as_mut() {
        select.projection = compared.into_iter().map(SelectItem::UnnamedExpr).collect();
        for table in &mut select.from {
            if let TableFactor::Derived {
                subquery, alias, ..
            } = &mut table.relation
            {
                **subquery = query.clone();
                let given = names.iter().map(|name| TableAliasColumnDef {
                    name: name.clone(),
                    data_type: None,
                });
                if let Some(alias) = alias {
                    alias.columns = given.collect();
                }
            }
        }
    }
    Ok(Expr::Subquery(Box::new(outer)))
}

pub(super) fn row_in_list(row: &Expr, list: &[Expr], negated: bool) -> Result<Expr, SqlError> {
    let mut any: Option<Expr> = None;
    for item in list {
        let equal = row_comparison(row, &BinaryOperator::Eq, item)?
            .ok_or_else(|| SqlError::syntax("a list of rows was expected"))?;
        any = Some(match any {
            None => equal,
            Some(others) => Expr::BinaryOp {
                left: Box::new(others),
                op: BinaryOperator::Or,
                right: Box::new(equal),
            },
        });
    }
    let any = any.ok_or_else(|| SqlError::syntax("an empty list of rows"))?;
    Ok(negate_if(negated, Expr::Nested(Box::new(any))))
}

/// A chain of AND or of OR as a tree of little depth: it means the same, and what is
/// done for each level of an expression is done less often.
pub(super) fn balance(expression: &mut Expr) {
    let Expr::BinaryOp { op, .. } = expression else {
        return;
    };
    let op = op.clone();
    let mut members = Vec::new();
    let mut current = super::build::take(expression);
    while let Expr::BinaryOp {
        left,
        op: own,
        right,
    } = current
    {
        if own != op {
            current = Expr::BinaryOp {
                left,
                op: own,
                right,
            };
            break;
        }
        members.push(*right);
        current = *left;
    }
    members.push(current);
    members.reverse();
    *expression = joined(members, &op);
}

fn joined(mut members: Vec<Expr>, op: &BinaryOperator) -> Expr {
    if members.len() == 1
        && let Some(only) = members.pop()
    {
        return only;
    }
    let right = members.split_off(members.len() / 2);
    Expr::BinaryOp {
        left: Box::new(joined(members, op)),
        op: op.clone(),
        right: Box::new(joined(right, op)),
    }
}
