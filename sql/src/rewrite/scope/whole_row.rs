//! A bare name that no column has but a relation: the relation's row as a value.
//!
//! `t` becomes a call of a function that makes a row of the columns and whose name tells
//! theirs; `(t).c` becomes the column, `t IS NULL` a test of each. `t.*` as an argument is
//! the same as `t`.
//!
//! Not built: the row of a relation that an outer join may leave out, which is NULL then
//! and not a row of NULLs.
//!
//! Source: PostgreSQL 15 manual, section 8.16.5; `parse_relation.c`, `colNameToVar`.

use sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectNamePart,
};

use super::item::Relation;
use super::{Found, Walker};
use crate::error::SqlError;
use crate::parse::fold;
use crate::rewrite::build::call;

/// Prefix of the function's name; the relation and its columns follow, as JSON.
const WHOLE_ROW: &str = "$whole_row/";

/// The names of the fields that a function of this name gives a row.
pub(crate) fn fields_of(function: &str) -> Option<Vec<String>> {
    let mut names = names_of(function)?;
    (!names.is_empty()).then(|| names.split_off(1))
}

/// The relation whose row a function of this name makes.
pub(in crate::rewrite) fn relation_of(function: &str) -> Option<String> {
    names_of(function)?.into_iter().next()
}

fn names_of(function: &str) -> Option<Vec<String>> {
    serde_json::from_str(function.strip_prefix(WHOLE_ROW)?).ok()
}

impl Walker<'_> {
    /// The relation that a bare name means, with its columns; none if the name is or may
    /// be a column's.
    fn named_row(&self, ident: &Ident) -> Option<(&Relation, &[String])> {
        let name = fold(ident);
        for scope in self.scopes.iter().rev() {
            if !matches!(scope.find(&name), Found::No) {
                return None;
            }
        }
        let relations = self
            .scopes
            .iter()
            .rev()
            .map(|scope| &scope.source.relations);
        let relation = relations.flatten().find(|relation| relation.name == name)?;
        Some((relation, relation.columns.as_deref()?))
    }

    /// The row that a bare name means.
    ///
    /// Errors: `0A000` if an outer join may leave it out.
    pub(super) fn whole_row(&self, ident: &Ident) -> Result<Option<Expr>, SqlError> {
        let Some((relation, columns)) = self.named_row(ident) else {
            return Ok(None);
        };
        if relation.is_optional {
            return Err(SqlError::not_supported(format!(
                "the whole row of \"{}\", which an outer join may leave out,",
                relation.name
            ))
            .at_location(ident.span.start));
        }
        let names = std::iter::once(&relation.name).chain(columns);
        let names = serde_json::to_string(&names.collect::<Vec<_>>())
            .map_err(|_| SqlError::internal("names of columns have no JSON form"))?;
        let values = columns.iter().map(|column| relation.reference(column));
        Ok(Some(call(&format!("{WHOLE_ROW}{names}"), values.collect())))
    }

    /// Replaces what asks only for columns of a whole row, and `t.*` as an argument.
    pub(super) fn replace_row_uses(&self, expression: &mut Expr) {
        let replaced = match expression {
            Expr::CompoundFieldAccess { root, access_chain } => self.field(root, access_chain),
            Expr::IsNull(operand) => self.all_columns(operand, Expr::IsNull),
            Expr::IsNotNull(operand) => self.all_columns(operand, Expr::IsNotNull),
            Expr::Function(function) => {
                if let FunctionArguments::List(list) = &mut function.args {
                    list.args.iter_mut().for_each(|arg| self.name_row(arg));
                }
                None
            }
            _ => None,
        };
        if let Some(replaced) = replaced {
            *expression = replaced;
        }
        if let Expr::CompoundFieldAccess { access_chain, .. } = expression {
            hide_fields(access_chain);
        }
    }

    /// `(t).c`, or `t.c[1]`, as a column, with what is accessed in it.
    fn field(&self, root: &Expr, access_chain: &[AccessExpr]) -> Option<Expr> {
        let (AccessExpr::Dot(Expr::Identifier(column)), rest) = access_chain.split_first()? else {
            return None;
        };
        let column = match root {
            // Without parentheses it can only be a relation.
            Expr::Identifier(relation) => {
                Expr::CompoundIdentifier(vec![relation.clone(), column.clone()])
            }
            _ => {
                let (relation, _) = self.named_row(bare_name(root)?)?;
                relation.reference(&fold(column))
            }
        };
        Some(match rest {
            [] => column,
            rest => Expr::CompoundFieldAccess {
                root: Box::new(column),
                access_chain: rest.to_vec(),
            },
        })
    }

    /// A row is NULL if all its columns are, and is not NULL if none is.
    fn all_columns(&self, operand: &Expr, test: fn(Box<Expr>) -> Expr) -> Option<Expr> {
        let (relation, columns) = self.named_row(bare_name(operand)?)?;
        let tests = columns
            .iter()
            .map(|column| test(Box::new(relation.reference(column))));
        let all = tests.reduce(|all, one| Expr::BinaryOp {
            left: Box::new(all),
            op: BinaryOperator::And,
            right: Box::new(one),
        });
        all.map(|all| Expr::Nested(Box::new(all)))
    }

    /// `f(t.*)` is `f(t)`.
    fn name_row(&self, argument: &mut FunctionArg) {
        let FunctionArg::Unnamed(value) = argument else {
            return;
        };
        if let FunctionArgExpr::QualifiedWildcard(name) = value
            && let [ObjectNamePart::Identifier(ident)] = name.0.as_slice()
            && self.named_row(ident).is_some()
        {
            *value = FunctionArgExpr::Expr(Expr::Identifier(ident.clone()));
        }
    }
}

/// Turns names of fields into what the walk takes for no names of columns.
fn hide_fields(access_chain: &mut [AccessExpr]) {
    for access in access_chain {
        if let AccessExpr::Dot(Expr::Identifier(field)) = access {
            *access = AccessExpr::Dot(Expr::CompoundIdentifier(vec![field.clone()]));
        }
    }
}

/// Undoes [`hide_fields`] behind the walk.
pub(super) fn show_fields(access_chain: &mut [AccessExpr]) {
    for access in access_chain {
        if let AccessExpr::Dot(Expr::CompoundIdentifier(parts)) = access
            && let [field] = parts.as_slice()
        {
            *access = AccessExpr::Dot(Expr::Identifier(field.clone()));
        }
    }
}

fn bare_name(expression: &Expr) -> Option<&Ident> {
    match expression {
        Expr::Identifier(ident) => Some(ident),
        Expr::Nested(inner) => bare_name(inner),
        _ => None,
    }
}
