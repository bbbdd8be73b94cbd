//! The items of FROM: what each is called, and the conditions between them.

use sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableFactor, TableWithJoins,
};

use crate::parse::{fold, name_parts};

/// An item of FROM.
pub(super) struct Item<'a> {
    pub(super) factor: &'a TableFactor,
    /// What its columns are qualified with.
    pub(super) name: Option<String>,
    /// The name of its table as written, if it has no alias.
    pub(super) table: Option<Vec<String>>,
}

/// The items of FROM in order; a join in parentheses with an alias is one item.
pub(super) fn of_tables(from: &[TableWithJoins]) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    for table in from {
        collect(table, &mut items);
    }
    items
}

/// The same of one tree of joins.
pub(super) fn of_tree(table: &TableWithJoins) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    collect(table, &mut items);
    items
}

fn collect<'a>(table: &'a TableWithJoins, items: &mut Vec<Item<'a>>) {
    let joined = table.joins.iter().map(|join| &join.relation);
    for factor in std::iter::once(&table.relation).chain(joined) {
        match factor {
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => collect(table_with_joins, items),
            _ => items.push(item(factor)),
        }
    }
}

fn item(factor: &TableFactor) -> Item<'_> {
    let alias = alias(factor);
    let written = table_name(factor);
    let name = match (alias, written) {
        (Some(alias), _) => Some(fold(&alias.name)),
        (None, Some(name)) => name_parts(name).pop(),
        (None, None) => None,
    };
    let table = match (alias, written) {
        (None, Some(name)) => Some(name_parts(name)),
        _ => None,
    };
    Item {
        factor,
        name,
        table,
    }
}

/// The alias of a FROM item.
pub(super) fn alias(factor: &TableFactor) -> Option<&TableAlias> {
    match factor {
        TableFactor::Table { alias, .. }
        | TableFactor::Derived { alias, .. }
        | TableFactor::TableFunction { alias, .. }
        | TableFactor::Function { alias, .. }
        | TableFactor::UNNEST { alias, .. }
        | TableFactor::NestedJoin { alias, .. } => alias.as_ref(),
        _ => None,
    }
}

/// The name of the table or function that a FROM item is made of.
fn table_name(factor: &TableFactor) -> Option<&ObjectName> {
    match factor {
        TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => Some(name),
        _ => None,
    }
}

/// The conditions of all joins.
pub(super) fn conditions(from: &[TableWithJoins]) -> Vec<&Expr> {
    let mut found = Vec::new();
    for table in from {
        conditions_of(table, &mut found);
    }
    found
}

/// The same of one tree of joins.
pub(super) fn conditions_of<'a>(table: &'a TableWithJoins, found: &mut Vec<&'a Expr>) {
    let joined = table.joins.iter().map(|join| &join.relation);
    for factor in std::iter::once(&table.relation).chain(joined) {
        if let TableFactor::NestedJoin {
            table_with_joins, ..
        } = factor
        {
            conditions_of(table_with_joins, found);
        }
    }
    for join in &table.joins {
        if let Some(JoinConstraint::On(condition)) = constraint(&join.join_operator) {
            found.push(condition);
        }
    }
}

/// The columns that the joins of a tree merge.
pub(super) fn merged_columns(table: &TableWithJoins) -> Vec<&Ident> {
    let mut found = Vec::new();
    for join in &table.joins {
        if let Some(JoinConstraint::Using(columns)) = constraint(&join.join_operator) {
            found.extend(
                columns
                    .iter()
                    .filter_map(|column| column.0.last().and_then(|part| part.as_ident())),
            );
        }
    }
    found
}

/// Whether columns are merged by their names alone somewhere in FROM.
pub(super) fn is_natural(from: &[TableWithJoins]) -> bool {
    from.iter().any(|table| {
        let nested = std::iter::once(&table.relation)
            .chain(table.joins.iter().map(|join| &join.relation))
            .any(|factor| match factor {
                TableFactor::NestedJoin {
                    table_with_joins, ..
                } => is_natural(std::slice::from_ref(table_with_joins)),
                _ => false,
            });
        nested
            || table.joins.iter().any(|join| {
                matches!(
                    constraint(&join.join_operator),
                    Some(JoinConstraint::Natural)
                )
            })
    })
}

pub(super) fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::CrossJoin(constraint) => Some(constraint),
        _ => None,
    }
}
