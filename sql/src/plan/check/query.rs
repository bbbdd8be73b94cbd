//! One query after the other, in the order in which PostgreSQL analyses its parts.

use sqlparser::ast::{
    Expr, JoinConstraint, ObjectName, OrderBy, Query, Select, SetExpr, SetOperator, Spanned,
    TableAlias, TableFactor, TableWithJoins, With,
};

use super::from::{alias, conditions_of, constraint, is_natural, merged_columns, of_tree};
use super::names::{Relation, Scope, reference};
use super::refuse::before;
use super::{Part, Step, walk};
use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::plan::Planner;
use crate::resolve::Resolved;

/// Names of a query's output columns; none if they cannot be told.
type Columns = Option<Vec<String>>;

/// Common table expressions in reach, the newest last.
#[derive(Clone, Debug, Default)]
pub(super) struct Ctes(Vec<(String, Columns)>);

/// The search for what is wrong with a query.
pub(super) struct Analysis<'a> {
    pub(super) planner: &'a Planner,
    /// Whether references to columns are checked.
    pub(super) checks_names: bool,
}

impl Analysis<'_> {
    /// Returns the names of the query's columns.
    ///
    /// Errors: what PostgreSQL refuses the query with.
    pub(super) fn query(
        &self,
        query: &Query,
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
    ) -> Result<Columns, SqlError> {
        let ctes = self.ctes(query.with.as_ref(), ctes, outer)?;
        self.body(&query.body, query.order_by.as_ref(), &ctes, outer)
    }

    /// The common table expressions in reach behind `with`.
    pub(super) fn ctes(
        &self,
        with: Option<&With>,
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
    ) -> Result<Ctes, SqlError> {
        let mut ctes = ctes.clone();
        if let Some(with) = with {
            let mut own: Vec<String> = Vec::new();
            for cte in &with.cte_tables {
                let name = fold(&cte.alias.name);
                if own.contains(&name) {
                    let error = SqlError::duplicate_cte(&name);
                    return Err(error.at_location(cte.alias.name.span.start));
                }
                if with.recursive {
                    ctes.0
                        .push((name.clone(), renamed(None, Some(&cte.alias), "")?));
                }
                let columns = self.query(&cte.query, &ctes, outer)?;
                let what = format!("WITH query \"{name}\"");
                ctes.0.push((
                    name.clone(),
                    renamed(columns, Some(&cte.alias), &what)
                        .map_err(|error| error.at_location(cte.alias.name.span.start))?,
                ));
                own.push(name);
            }
        }
        Ok(ctes)
    }

    fn body(
        &self,
        body: &SetExpr,
        order_by: Option<&OrderBy>,
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
    ) -> Result<Columns, SqlError> {
        match body {
            SetExpr::Select(select) => self.select(select, order_by, ctes, outer),
            SetExpr::Query(query) => self.query(query, ctes, outer),
            SetExpr::SetOperation {
                left, op, right, ..
            } => {
                let columns = self.body(left, None, ctes, outer)?;
                let others = self.body(right, None, ctes, outer)?;
                if let (Some(columns), Some(others)) = (&columns, &others)
                    && columns.len() != others.len()
                {
                    let error = SqlError::unequal_set_columns(set_name(*op));
                    return Err(error.at_location(first_item(right)));
                }
                self.order_of_set(order_by, columns.as_deref())?;
                Ok(columns)
            }
            SetExpr::Values(values) => {
                let scope = Scope {
                    outer,
                    ..Scope::default()
                };
                let width = values.rows.first().map_or(0, |row| row.content.len());
                for row in &values.rows {
                    if row.content.len() != width {
                        let error = SqlError::unequal_values();
                        return Err(match row.content.first() {
                            Some(cell) => error.at_location(cell.span().start),
                            None => error,
                        });
                    }
                    for cell in &row.content {
                        self.expression(cell, &scope, ctes)?;
                        self.refuse_aggregates(cell, "VALUES")?;
                    }
                }
                Ok(Some((1..=width).map(|n| format!("column{n}")).collect()))
            }
            _ => Ok(None),
        }
    }

    fn select(
        &self,
        select: &Select,
        order_by: Option<&OrderBy>,
        ctes: &Ctes,
        outer: Option<&Scope<'_>>,
    ) -> Result<Columns, SqlError> {
        let mut scope = Scope {
            outer,
            is_natural: is_natural(&select.from),
            ..Scope::default()
        };
        for table in &select.from {
            self.table(table, &mut scope, ctes)?;
        }
        let targets = self.targets(select, &scope, ctes)?;
        let targets = targets.as_deref();
        if let Some(condition) = &select.selection {
            self.expression(condition, &scope, ctes)?;
            self.refuse_aggregates(condition, "WHERE")?;
        }
        if let Some(condition) = &select.having {
            self.expression(condition, &scope, ctes)?;
            self.refuse_nested(condition)?;
        }
        let order = self.order_keys(order_by, targets, &scope, ctes)?;
        let groups = self.group_expressions(select, targets, &scope, ctes)?;
        self.distinct(select, targets, &order, &scope)?;
        if !is_natural(&select.from) {
            self.grouping(select, targets, &groups, &order, &scope)?;
        }
        Ok(targets.map(|targets| targets.iter().map(|t| t.name.clone()).collect()))
    }

    /// Adds the items of one tree of joins to what may be referred to.
    pub(super) fn table(
        &self,
        table: &TableWithJoins,
        scope: &mut Scope<'_>,
        ctes: &Ctes,
    ) -> Result<(), SqlError> {
        let preceding = scope.relations.len();
        for item in of_tree(table) {
            let columns = self.item_columns(item.factor, scope, ctes)?;
            let behind = match item.factor {
                TableFactor::Table {
                    name,
                    args: None,
                    alias: Some(_),
                    ..
                } => self.known_as(name),
                _ => None,
            };
            scope.relations.push(Relation {
                table: behind.filter(|behind| item.name.as_ref() != Some(behind)),
                name: item.name,
                columns,
            });
        }
        self.using_columns(table, &scope.relations[preceding..])?;
        scope
            .merged
            .extend(merged_columns(table).into_iter().map(fold));
        let mut found = Vec::new();
        conditions_of(table, &mut found);
        for condition in found {
            let (hidden, visible) = scope.relations.split_at(preceding);
            let own = Scope {
                relations: visible.to_vec(),
                hidden: hidden.to_vec(),
                merged: scope.merged.clone(),
                is_natural: scope.is_natural,
                outer: scope.outer,
            };
            self.expression(condition, &own, ctes)?;
            self.refuse_aggregates(condition, "JOIN conditions")?;
        }
        Ok(())
    }

    /// Errors: `42703` for a column of USING that one side lacks.
    fn using_columns(
        &self,
        table: &TableWithJoins,
        relations: &[Relation],
    ) -> Result<(), SqlError> {
        // Joins in parentheses have several relations, which are not told apart here.
        if relations.len() != table.joins.len() + 1 {
            return Ok(());
        }
        for (index, join) in table.joins.iter().enumerate() {
            let Some(JoinConstraint::Using(columns)) = constraint(&join.join_operator) else {
                continue;
            };
            let (left, right) = relations.split_at(index + 1);
            for column in columns {
                let name = name_parts(column).pop().unwrap_or_default();
                for (side, items) in [("left", left), ("right", &right[..1])] {
                    let lacks = items.iter().all(|item| {
                        item.columns
                            .as_ref()
                            .is_some_and(|columns| !columns.contains(&name))
                    });
                    if lacks {
                        return Err(SqlError::undefined_using_column(&name, side));
                    }
                }
            }
        }
        Ok(())
    }

    fn item_columns(
        &self,
        factor: &TableFactor,
        scope: &Scope<'_>,
        ctes: &Ctes,
    ) -> Result<Columns, SqlError> {
        let columns = match factor {
            TableFactor::Table {
                name, args: None, ..
            } => self.table_columns(name, ctes),
            TableFactor::Derived {
                lateral, subquery, ..
            } => {
                let sealed = Scope {
                    hidden: scope.relations.clone(),
                    outer: scope.outer,
                    ..Scope::default()
                };
                let outer = if *lateral { scope } else { &sealed };
                self.query(subquery, ctes, Some(outer))?
            }
            _ => None,
        };
        let own = alias(factor);
        let what = own.map_or_else(String::new, |own| format!("table \"{}\"", fold(&own.name)));
        renamed(columns, own, &what)
    }

    /// What users call the relation of this name.
    fn known_as(&self, name: &ObjectName) -> Option<String> {
        let written = name_parts(name).pop()?;
        match self.planner.local_names(&written) {
            Some((known, _)) => known,
            None => Some(written),
        }
    }

    /// The columns of a table, view, system relation or common table expression.
    fn table_columns(&self, name: &ObjectName, ctes: &Ctes) -> Columns {
        let parts = name_parts(name);
        if let [own] = parts.as_slice()
            && let Some((_, columns)) = ctes.0.iter().rev().find(|(cte, _)| cte == own)
        {
            return columns.clone();
        }
        if let [own] = parts.as_slice()
            && let Some((_, columns)) = self.planner.local_names(own)
        {
            return Some(columns);
        }
        match self.planner.named(name)? {
            Resolved::System(relation) => Some(
                relation
                    .fields
                    .fields()
                    .iter()
                    .map(|field| field.name().clone())
                    .collect(),
            ),
            Resolved::Stored(gotgan_storage::Relation::Table(table)) => {
                Some(table.columns.iter().map(|c| c.name.clone()).collect())
            }
            Resolved::Stored(gotgan_storage::Relation::View(view)) => {
                let columns: Vec<String> = view.columns.iter().map(|c| c.name.clone()).collect();
                (!columns.is_empty()).then_some(columns)
            }
            Resolved::Sequence(_) => Some(
                crate::plan::SEQUENCE_COLUMNS
                    .iter()
                    .map(|(name, _)| (*name).to_owned())
                    .collect(),
            ),
        }
    }

    /// Checks references and subqueries of an expression.
    pub(super) fn expression(
        &self,
        expression: &Expr,
        scope: &Scope<'_>,
        ctes: &Ctes,
    ) -> Result<(), SqlError> {
        walk(expression, &mut |part| match part {
            Part::Query(query) => {
                self.only_column(query, scope, ctes)?;
                Ok(Step::Over)
            }
            Part::Expr(Expr::Subquery(query)) => {
                self.only_column(query, scope, ctes)?;
                Ok(Step::Over)
            }
            Part::Expr(Expr::Exists { subquery, .. }) => {
                self.query(subquery, ctes, Some(scope))?;
                Ok(Step::Over)
            }
            Part::Expr(Expr::InSubquery { expr, subquery, .. }) => {
                self.expression(expr, scope, ctes)?;
                self.same_width(expr, subquery, scope, ctes)?;
                Ok(Step::Over)
            }
            Part::Expr(Expr::BinaryOp { left, right, .. })
                if matches!(left.as_ref(), Expr::Tuple(_)) && subquery_of(right).is_some() =>
            {
                if let Some(subquery) = subquery_of(right) {
                    self.expression(left, scope, ctes)?;
                    self.same_width(left, subquery, scope, ctes)?;
                }
                Ok(Step::Over)
            }
            Part::Expr(Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. }) => {
                if let Some(subquery) = subquery_of(right) {
                    self.expression(left, scope, ctes)?;
                    self.same_width(left, subquery, scope, ctes)?;
                    return Ok(Step::Over);
                }
                Ok(Step::Into)
            }
            Part::Expr(Expr::Function(function)) if is_exempt(function) => Ok(Step::Over),
            Part::Expr(other) => {
                if let Some(parts) = reference(other)
                    && self.checks_names
                {
                    scope.require(parts)?;
                }
                Ok(Step::Into)
            }
        })
    }

    fn only_column(&self, query: &Query, scope: &Scope<'_>, ctes: &Ctes) -> Result<(), SqlError> {
        match self.query(query, ctes, Some(scope))? {
            Some(columns) if columns.len() != 1 => {
                Err(SqlError::subquery_columns().at_location(before(query.span().start)))
            }
            _ => Ok(()),
        }
    }

    fn same_width(
        &self,
        left: &Expr,
        query: &Query,
        scope: &Scope<'_>,
        ctes: &Ctes,
    ) -> Result<(), SqlError> {
        let mut left = left;
        while let Expr::Nested(inner) = left {
            left = inner;
        }
        let width = match left {
            Expr::Tuple(parts) => parts.len(),
            _ => 1,
        };
        match self.query(query, ctes, Some(scope))? {
            Some(columns) if columns.len() > width => Err(SqlError::subquery_width("many")),
            Some(columns) if columns.len() < width => Err(SqlError::subquery_width("few")),
            _ => Ok(()),
        }
    }
}

/// Functions with arguments that look like columns and are none.
fn is_exempt(function: &sqlparser::ast::Function) -> bool {
    name_parts(&function.name)
        .pop()
        .is_some_and(|name| crate::rewrite::DATE_PART_FIRST.contains(&name.as_str()))
}

fn subquery_of(mut operand: &Expr) -> Option<&Query> {
    while let Expr::Nested(inner) = operand {
        operand = inner;
    }
    match operand {
        Expr::Subquery(query) => Some(query),
        _ => None,
    }
}

/// Columns under the names that an alias gives the first of them.
///
/// Errors: `42P10` for more names than columns; `what` has them.
fn renamed(columns: Columns, alias: Option<&TableAlias>, what: &str) -> Result<Columns, SqlError> {
    let Some(alias) = alias else {
        return Ok(columns);
    };
    let given = alias.columns.iter().map(|column| fold(&column.name));
    match columns {
        None if alias.columns.is_empty() => Ok(None),
        None => Ok(Some(given.collect())),
        Some(columns) if columns.len() < alias.columns.len() => Err(SqlError::too_many_aliases(
            what,
            columns.len(),
            alias.columns.len(),
        )),
        Some(columns) => Ok(Some(
            given
                .chain(columns.into_iter().skip(alias.columns.len()))
                .collect(),
        )),
    }
}

/// Where the select list of a query begins.
fn first_item(body: &SetExpr) -> sqlparser::tokenizer::Location {
    match body {
        SetExpr::Select(select) => match select.projection.first() {
            Some(item) => item.span().start,
            None => select.span().start,
        },
        SetExpr::Query(query) => first_item(&query.body),
        SetExpr::SetOperation { left, .. } => first_item(left),
        other => other.span().start,
    }
}

fn set_name(op: SetOperator) -> &'static str {
    match op {
        SetOperator::Union => "UNION",
        SetOperator::Intersect => "INTERSECT",
        SetOperator::Except | SetOperator::Minus => "EXCEPT",
    }
}
