//! The query that finds the rows to change, as a syntax tree.

use std::collections::BTreeSet;
use std::sync::Arc;

use gotgan_storage::{Snapshot, Table};
use sqlparser::ast::{
    self, Expr, Ident, ObjectName, ObjectNamePart, SelectItem, SelectItemQualifiedWildcardKind,
    TableFactor, TableWithJoins,
};

use super::{PLACE_COLUMNS, action};
use crate::command::truncate;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::plan::{KEPT, LocalRelation, Place, Planner, TARGET_RELATION, refuse_in, stored_name};
use crate::resolve::Name;
use crate::rewrite::build;
use crate::scan::{FILE_COLUMN, POSITION_COLUMN};
use crate::sequence;
use crate::types::{PgType, oid};

/// Name of the column that says what is done with a row.
const ACTION_COLUMN: &str = "\0action";

/// The table that is changed.
pub(crate) struct Target {
    pub(crate) table: Arc<Table>,
    /// Where its identity columns are found.
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) ctx: Arc<StatementContext>,
    /// What the statement calls it.
    pub(crate) alias: String,
    /// Indexes of the columns whose values its reader sees masked.
    pub(crate) masked: BTreeSet<usize>,
}

impl Target {
    /// The target that a statement names, and a planner that reads it with places.
    ///
    /// `commands`: whose policies tell which rows it has.
    /// Errors: `42P01`, `42809` for a view, `42501` for a system relation.
    pub(crate) fn resolve(
        planner: &Planner,
        factor: &TableFactor,
        commands: &[char],
    ) -> Result<(Self, Planner), SqlError> {
        let TableFactor::Table { name, alias, .. } = factor else {
            return Err(SqlError::syntax("a table is expected as the target"));
        };
        let alias = alias.as_ref().map(|alias| fold(&alias.name));
        Self::named(planner, name, alias, commands)
    }

    /// As [`Self::resolve`], by name.
    pub(crate) fn named(
        planner: &Planner,
        name: &ObjectName,
        alias: Option<String>,
        commands: &[char],
    ) -> Result<(Self, Planner), SqlError> {
        let table = truncate::table(&planner.ctx, &Name::from_parts(&name_parts(name))?)?;
        let alias = alias.unwrap_or_else(|| table.name.clone());
        let local = LocalRelation::Target {
            table: Arc::clone(&table),
            commands: commands.to_vec(),
        };
        let planner = planner.with_relation(TARGET_RELATION, local);
        let snapshot = Arc::clone(&planner.ctx.snapshot);
        let target = Self {
            masked: planner.masked_columns(&table),
            table,
            snapshot,
            ctx: Arc::clone(&planner.ctx),
            alias,
        };
        Ok((target, planner))
    }

    /// The target in FROM.
    pub(crate) fn factor(&self) -> TableFactor {
        relation(TARGET_RELATION, &self.alias)
    }

    /// A column of the target.
    pub(crate) fn column(&self, name: &str) -> Expr {
        Expr::CompoundIdentifier(vec![quoted(&self.alias), quoted(name)])
    }

    /// Whether a row of the target is there, in an outer join.
    pub(crate) fn is_there(&self) -> Expr {
        Expr::IsNotNull(Box::new(self.column(FILE_COLUMN)))
    }

    /// The index of a column that is assigned to.
    ///
    /// Errors: `42703`.
    pub(crate) fn column_index(&self, name: &ObjectName) -> Result<usize, SqlError> {
        let parts = name_parts(name);
        let [column] = parts.as_slice() else {
            let first = parts.first().map_or("", String::as_str);
            return Err(SqlError::undefined_column_of(first, &self.table.name));
        };
        let found = self.table.columns.iter().position(|c| c.name == *column);
        found.ok_or_else(|| SqlError::undefined_column_of(column, &self.table.name))
    }

    /// The columns' own values, as the statement reads them.
    pub(crate) fn old_values(&self) -> Vec<Expr> {
        let columns = self.table.columns.iter();
        columns.map(|column| self.column(&column.name)).collect()
    }

    /// The columns' own values as they are stored, for a row that keeps them. The
    /// statement does not read them.
    pub(crate) fn kept_values(&self) -> Vec<Expr> {
        let columns = self.table.columns.iter().enumerate();
        let stored = columns.map(|(index, column)| match self.masked.contains(&index) {
            true => self.column(&stored_name(index)),
            false => self.column(&column.name),
        });
        stored.map(kept).collect()
    }

    /// The columns that assignments name, keyed as grants on them are.
    ///
    /// Errors: `42703`.
    pub(crate) fn assigned_columns(
        &self,
        assignments: &[ast::Assignment],
    ) -> Result<BTreeSet<i64>, SqlError> {
        let names = assignments
            .iter()
            .flat_map(|assignment| match &assignment.target {
                ast::AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
                ast::AssignmentTarget::Tuple(names) => names.as_slice(),
            });
        names
            .map(|name| Ok(self.table.columns[self.column_index(name)?].id.0))
            .collect()
    }

    /// What assignments make of a row: a value for each column.
    ///
    /// Errors: `42703`; `42601` for a column that is assigned twice; `42803` and `42P20`
    /// for functions over several rows.
    pub(crate) fn assigned(&self, assignments: &[ast::Assignment]) -> Result<Vec<Expr>, SqlError> {
        let mut values = self.kept_values();
        let mut seen = vec![false; values.len()];
        let mut assign = |name: &ObjectName, value: Expr| {
            let index = self.column_index(name)?;
            if std::mem::replace(&mut seen[index], true) {
                return Err(SqlError::syntax(format!(
                    "multiple assignments to same column \"{}\"",
                    self.table.columns[index].name
                )));
            }
            if !is_default(&value) {
                refuse_in(&value, Place::Update, &self.ctx)?;
                let column = &self.table.columns[index];
                sequence::refuse_update(&self.snapshot, &self.table, column)?;
            }
            values[index] = self.cell(value, index)?;
            Ok(())
        };
        for assignment in assignments {
            match &assignment.target {
                ast::AssignmentTarget::ColumnName(name) => {
                    assign(name, assignment.value.clone())?;
                }
                ast::AssignmentTarget::Tuple(names) => {
                    for (name, value) in names.iter().zip(spread(names, &assignment.value)?) {
                        assign(name, value)?;
                    }
                }
            }
        }
        Ok(values)
    }

    /// A value for a column: its default in place of DEFAULT, cast to the column's type.
    ///
    /// Errors: those of parsing a stored default.
    pub(crate) fn cell(&self, value: Expr, index: usize) -> Result<Expr, SqlError> {
        let column = &self.table.columns[index];
        let value = if is_default(&value) {
            let default = sequence::column_default(&self.snapshot, &self.table, column)?;
            default.unwrap_or_else(|| build::value(ast::Value::Null))
        } else {
            value
        };
        if parameter_number(&value).is_some() {
            return Ok(value);
        }
        let target = PgType::of_column(&column.column_type);
        Ok(build::assignment_cast(value, target, &column.name))
    }
}

/// The values of a row that is assigned to several columns.
fn spread(names: &[ObjectName], value: &Expr) -> Result<Vec<Expr>, SqlError> {
    let values = match value {
        Expr::Tuple(values) => values.clone(),
        Expr::Nested(inner) if names.len() == 1 => vec![inner.as_ref().clone()],
        Expr::Nested(inner) => return spread(names, inner),
        Expr::Function(function) if name_parts(&function.name) == ["row"] => {
            row_arguments(function)
        }
        Expr::Subquery(query) => return spread_subquery(names.len(), query),
        _ if names.len() == 1 => vec![value.clone()],
        _ => {
            let text = "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() \
                        expression";
            return Err(SqlError::with_code(
                crate::sqlstate::FEATURE_NOT_SUPPORTED,
                text,
            ));
        }
    };
    if values.len() != names.len() {
        return Err(SqlError::syntax(
            "number of columns does not match number of values",
        ));
    }
    Ok(values)
}

fn row_arguments(function: &ast::Function) -> Vec<Expr> {
    let ast::FunctionArguments::List(list) = &function.args else {
        return Vec::new();
    };
    let values = list.args.iter().filter_map(|argument| match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(value)) => Some(value.clone()),
        _ => None,
    });
    values.collect()
}

/// A subquery of several columns as one subquery for each.
fn spread_subquery(count: usize, query: &ast::Query) -> Result<Vec<Expr>, SqlError> {
    let wrong = || SqlError::syntax("number of columns does not match number of values");
    let ast::SetExpr::Select(select) = query.body.as_ref() else {
        return Err(SqlError::not_supported(
            "assigning several columns from this kind of subquery",
        ));
    };
    let is_listed = select.projection.iter().all(|item| {
        matches!(
            item,
            SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }
        )
    });
    if !is_listed {
        return Err(SqlError::not_supported(
            "assigning several columns from a subquery with *",
        ));
    }
    if select.projection.len() != count {
        return Err(wrong());
    }
    let single = |item: &SelectItem| {
        let mut query = query.clone();
        if let ast::SetExpr::Select(select) = query.body.as_mut() {
            select.projection = vec![item.clone()];
        }
        Expr::Subquery(Box::new(query))
    };
    Ok(select.projection.iter().map(single).collect())
}

/// A value that a statement passes on without reading it.
pub(crate) fn kept(value: Expr) -> Expr {
    build::call(KEPT, vec![value])
}

/// Whether an expression is the keyword DEFAULT.
pub(crate) fn is_default(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(ident)
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}

fn parameter_number(expr: &Expr) -> Option<usize> {
    let Expr::Value(literal) = expr else {
        return None;
    };
    let ast::Value::Placeholder(name) = &literal.value else {
        return None;
    };
    name.strip_prefix('$')?.parse().ok()
}

/// The parts of a base query.
pub(crate) struct Base {
    pub(crate) with: Option<ast::With>,
    pub(crate) from: Vec<TableWithJoins>,
    pub(crate) selection: Option<Expr>,
    /// What is done with a row.
    pub(crate) action: Expr,
    /// The new value of each column; none where rows are only deleted.
    pub(crate) values: Option<Vec<Expr>>,
    /// Values that must fulfil the table's constraints whatever is done.
    pub(crate) proposed: Option<Vec<Expr>>,
    /// Whether the target is in `from`; else no row has a place.
    pub(crate) has_places: bool,
    /// Whether RETURNING may name the other relations.
    pub(crate) returns_joined: bool,
}

impl Base {
    pub(crate) fn has_values(&self) -> bool {
        self.values.is_some()
    }

    /// Types of parameters that stand alone for a column's value.
    pub(super) fn parameter_types(
        &self,
        known: &[Option<PgType>],
        table: &Table,
    ) -> Vec<Option<PgType>> {
        let mut types = known.to_vec();
        for (value, column) in self.values.iter().flatten().zip(&table.columns) {
            let Some(index) = parameter_number(value).and_then(|number| number.checked_sub(1))
            else {
                continue;
            };
            if types.len() <= index {
                types.resize(index + 1, None);
            }
            let target = PgType::new(PgType::of_column(&column.column_type).oid);
            types[index] = types[index].or(Some(target));
        }
        types
    }

    /// The whole query: place, action, values, the old values with `has_old`, and with
    /// `is_returning` all that RETURNING may name besides.
    pub(super) fn query(
        &self,
        target: &Target,
        is_returning: bool,
        has_old: bool,
    ) -> Result<ast::Query, SqlError> {
        let place = |column: &str| match self.has_places {
            true => target.column(column),
            false => build::cast(build::value(ast::Value::Null), PgType::new(oid::INT8)),
        };
        let mut items = vec![
            aliased(place(FILE_COLUMN), FILE_COLUMN),
            aliased(place(POSITION_COLUMN), POSITION_COLUMN),
            aliased(self.action.clone(), ACTION_COLUMN),
        ];
        debug_assert_eq!(items.len(), PLACE_COLUMNS);
        let values = self.values.iter().flatten().zip(&target.table.columns);
        for (index, (value, column)) in values.enumerate() {
            let of_column = PgType::of_column(&column.column_type);
            let value = match parameter_number(value) {
                Some(_) => build::assignment_cast(value.clone(), of_column, &column.name),
                None => value.clone(),
            };
            items.push(aliased(value, &format!("\0value{index}")));
        }
        for (index, value) in self.proposed.iter().flatten().enumerate() {
            items.push(aliased(value.clone(), &format!("\0proposed{index}")));
        }
        if has_old {
            for (index, value) in target.kept_values().into_iter().enumerate() {
                items.push(aliased(value, &format!("\0old{index}")));
            }
        }
        if is_returning {
            if self.values.is_none() {
                let old = target.old_values().into_iter();
                items.extend(old.map(SelectItem::UnnamedExpr));
            }
            for name in self.from.iter().flat_map(relations_of) {
                if self.returns_joined && fold(&name) != target.alias {
                    items.push(all_of(name));
                }
            }
        }
        let mut query = crate::parse::parse_query("SELECT 1")?;
        query.with.clone_from(&self.with);
        if let ast::SetExpr::Select(select) = query.body.as_mut() {
            select.projection = items;
            select.from.clone_from(&self.from);
            select.selection.clone_from(&self.selection);
        }
        Ok(query)
    }
}

/// Names of the relations in an item of FROM, in order.
fn relations_of(item: &TableWithJoins) -> Vec<Ident> {
    let joined = item.joins.iter().map(|join| &join.relation);
    let mut names = Vec::new();
    for factor in std::iter::once(&item.relation).chain(joined) {
        match factor {
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => names.extend(relations_of(table_with_joins)),
            TableFactor::Table { name, alias, .. } => match (alias, name.0.last()) {
                (Some(alias), _) => names.push(alias.name.clone()),
                (None, Some(ObjectNamePart::Identifier(ident))) => names.push(ident.clone()),
                (None, Some(ObjectNamePart::Function(function))) => {
                    names.push(function.name.clone());
                }
                (None, None) => {}
            },
            TableFactor::Derived { alias, .. }
            | TableFactor::NestedJoin { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. } => {
                names.extend(alias.as_ref().map(|alias| alias.name.clone()));
            }
            _ => {}
        }
    }
    names
}

fn all_of(name: Ident) -> SelectItem {
    SelectItem::QualifiedWildcard(
        SelectItemQualifiedWildcardKind::ObjectName(ObjectName::from(vec![name])),
        ast::WildcardAdditionalOptions::default(),
    )
}

/// One of our relations under a name of the statement.
pub(crate) fn relation(name: &str, alias: &str) -> TableFactor {
    TableFactor::Table {
        name: ObjectName::from(vec![quoted(name)]),
        alias: Some(ast::TableAlias {
            explicit: true,
            name: quoted(alias),
            columns: Vec::new(),
            at: None,
        }),
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

/// A value of a select list under a name.
pub(crate) fn aliased(expr: Expr, name: &str) -> SelectItem {
    SelectItem::ExprWithAlias {
        expr,
        alias: quoted(name),
    }
}

pub(crate) fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

/// An action as a constant.
pub(crate) fn constant_action(action: i32) -> Expr {
    debug_assert!((action::NOTHING..=action::INSERT).contains(&action));
    build::cast(
        build::raw_number(action.to_string()),
        PgType::new(oid::INT4),
    )
}
