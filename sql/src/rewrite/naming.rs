//! The names of output columns, as PostgreSQL chooses them.
//!
//! Source: PostgreSQL 15, `parse_target.c`, FigureColname: a column or function
//! gives its own name, a cast the name of its argument or else of its type, CASE
//! and COALESCE and the like their keyword, anything else `?column?`.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArguments, Query, SelectItem, SetExpr, UnaryOperator,
};

use crate::parse::{fold, name_parts, type_name};

/// Marks what follows as ours: it keeps equal output names apart in a plan and is
/// cut off before a client sees the name.
const SUFFIX: char = '\u{1}';

/// How sure a name is: a cast prefers its argument's name only if that is sure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Strength {
    None,
    Weak,
    Strong,
}

/// The name of an output column that was given none.
pub(crate) fn output_name(expression: &Expr) -> String {
    match figure(expression) {
        (Strength::None, _) => "?column?".to_owned(),
        (_, name) => name,
    }
}

/// `name`, or a variant of it that none of `taken` has.
pub(super) fn distinct_name(name: &str, taken: &[String]) -> String {
    let mut candidate = name.to_owned();
    let mut number = 1;
    while taken.contains(&candidate) {
        number += 1;
        candidate = format!("{name}{SUFFIX}{number}");
    }
    candidate
}

/// `name` in a form that no reference of the user can mean.
pub(super) fn hidden_name(name: &str) -> String {
    format!("{name}{SUFFIX}")
}

/// The name without what keeps it apart.
pub(crate) fn strip_suffix(name: &str) -> &str {
    name.split(SUFFIX).next().unwrap_or(name)
}

fn figure(expression: &Expr) -> (Strength, String) {
    let strong = |name: &str| (Strength::Strong, name.to_owned());
    let weak = |name: &str| (Strength::Weak, name.to_owned());
    match expression {
        Expr::Identifier(ident) => strong(&fold(ident)),
        Expr::CompoundIdentifier(parts) => match parts.last() {
            Some(last) => strong(&fold(last)),
            None => (Strength::None, String::new()),
        },
        Expr::Function(function) => of_function(function),
        Expr::Cast {
            expr, data_type, ..
        } => of_cast(expr, data_type),
        Expr::TypedString(typed) => match type_name::resolve(&typed.data_type) {
            Ok(target) => weak(target.entry().name),
            Err(_) => (Strength::None, String::new()),
        },
        Expr::Interval(_) => weak("interval"),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => figure(inner),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|access| match access {
                sqlparser::ast::AccessExpr::Dot(Expr::Identifier(ident)) => Some(fold(ident)),
                _ => None,
            });
            match field {
                Some(name) => strong(&name),
                None => figure(root),
            }
        }
        Expr::Exists { .. } => strong("exists"),
        Expr::Subquery(query) => of_subquery(query),
        Expr::Case { else_result, .. } => match else_result.as_deref().map(figure) {
            Some((Strength::Strong, name)) => strong(&name),
            _ => weak("case"),
        },
        Expr::Array(_) => strong("array"),
        Expr::Tuple(_) => strong("row"),
        Expr::BinaryOp {
            op: BinaryOperator::Overlaps,
            ..
        } => strong("overlaps"),
        Expr::Extract { .. } => strong("extract"),
        Expr::Position { .. } => strong("position"),
        Expr::Substring {
            shorthand: true, ..
        } => strong("substr"),
        Expr::Substring { .. } => strong("substring"),
        Expr::Overlay { .. } => strong("overlay"),
        Expr::AtTimeZone { .. } => strong("timezone"),
        Expr::Ceil { .. } => strong("ceil"),
        Expr::Floor { .. } => strong("floor"),
        Expr::Trim { trim_where, .. } => strong(match trim_where {
            Some(sqlparser::ast::TrimWhereField::Leading) => "ltrim",
            Some(sqlparser::ast::TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        Expr::UnaryOp {
            op: UnaryOperator::Plus,
            expr,
        } if matches!(**expr, Expr::Nested(_)) => (Strength::None, String::new()),
        _ => (Strength::None, String::new()),
    }
}

fn of_function(function: &Function) -> (Strength, String) {
    let name = name_parts(&function.name).pop().unwrap_or_default();
    if matches!(function.args, FunctionArguments::Subquery(_)) {
        return (Strength::Strong, "array".to_owned());
    }
    match super::scope::whole_row::relation_of(&name) {
        Some(relation) => (Strength::Strong, relation),
        None => (Strength::Strong, name),
    }
}

fn of_cast(argument: &Expr, data_type: &sqlparser::ast::DataType) -> (Strength, String) {
    match figure(argument) {
        (Strength::Strong, name) => (Strength::Strong, name),
        _ => match type_name::resolve(data_type) {
            Ok(target) => {
                let target = target.element().unwrap_or(target);
                (Strength::Weak, target.entry().name.to_owned())
            }
            Err(_) => (Strength::None, String::new()),
        },
    }
}

fn of_subquery(query: &Query) -> (Strength, String) {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return (Strength::None, String::new());
    };
    match select.projection.first() {
        Some(SelectItem::ExprWithAlias { alias, .. }) => (Strength::Strong, fold(alias)),
        Some(SelectItem::UnnamedExpr(expression)) => figure(expression),
        _ => (Strength::None, String::new()),
    }
}
