//! Names whose meaning depends on the columns of relations: those that a join merges,
//! short lists of column aliases, qualifiers that also name a column.
//!
//! Runs before the other idioms are rewritten, on names as they were written. Every
//! SELECT has a [`Scope`]; they are searched from the inside out, as PostgreSQL does.
//! What the columns of a FROM item are is asked of the catalog; where nobody knows
//! them, as for some functions, names are left to the engine.
//!
//! The engine takes the left side's column for a merged one, which is null where only
//! the right side has a row. So USING and NATURAL become ON, a merged name becomes the
//! left, the right or COALESCE of both sides, and `*` the list of all columns.
//!
//! Source: PostgreSQL 15 manual, section 7.2.1.1 (Joined Tables); `parse_relation.c`.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Cte, Expr, Ident, ObjectName, OrderByKind, Query, Select, SelectItem, SetExpr, VisitMut,
    VisitorMut, With,
};

use super::build::raw_number;
use super::naming::output_name;
use super::{Flow, flow, row_in};
use crate::error::SqlError;
use crate::parse::fold;

mod item;
mod join;
mod list;
pub(crate) mod sample;
pub(crate) mod whole_row;

use item::Source;

/// What the pass asks of the catalog.
pub(crate) trait Columns {
    /// The columns of a relation; none if there is no relation of this name.
    fn columns(&self, name: &ObjectName) -> Option<Vec<String>>;
    /// Whether the name is a table's, so that it can be sampled.
    fn is_table(&self, name: &ObjectName) -> bool;
    /// Whether the name is an aggregate's.
    fn is_aggregate(&self, name: &str) -> bool;
}

/// Resolves what depends on columns, in a whole query.
///
/// Errors: `42703` and `42702` for columns of USING, `0A000` where a merged column
/// cannot be told.
pub(crate) fn resolve(query: &mut Query, catalog: &dyn Columns) -> Result<(), SqlError> {
    let mut walker = Walker {
        catalog,
        scopes: Vec::new(),
        ctes: Vec::new(),
        plain: Vec::new(),
        withs: Vec::new(),
    };
    walker.walk(query)
}

/// The names of a WITH and their columns, if known.
type Ctes = Vec<(String, Option<Vec<String>>)>;

struct Walker<'a> {
    catalog: &'a dyn Columns,
    scopes: Vec<Scope>,
    ctes: Vec<Ctes>,
    /// For each query that is being visited, whether its body is one SELECT, whose
    /// scope was pushed with the query.
    plain: Vec<bool>,
    /// For each query that is being visited its WITH, which was visited before.
    withs: Vec<Option<With>>,
}

/// What the names of one SELECT can mean.
#[derive(Default)]
struct Scope {
    source: Source,
}

/// What a bare name means in one scope.
enum Found {
    Merged(Box<Expr>),
    Here,
    Unknown,
    No,
}

impl Scope {
    fn find(&self, name: &str) -> Found {
        let Some(output) = &self.source.output else {
            let merged = self.source.merged.iter().find(|entry| entry.name == name);
            return match merged {
                Some(entry) => Found::Merged(Box::new(entry.value.clone())),
                None => Found::Unknown,
            };
        };
        let mut named = output.iter().filter(|entry| entry.name == name);
        match (named.next(), named.next()) {
            (Some(entry), None) if entry.is_merged => Found::Merged(Box::new(entry.value.clone())),
            (Some(_), _) => Found::Here,
            (None, _) => Found::No,
        }
    }

    fn has_relation(&self, name: &str) -> bool {
        self.source
            .relations
            .iter()
            .any(|relation| relation.name == name)
    }

    fn may_have_column(&self, name: &str) -> bool {
        match &self.source.output {
            Some(output) => output.iter().any(|entry| entry.name == name),
            None => true,
        }
    }
}

impl Walker<'_> {
    fn walk(&mut self, query: &mut Query) -> Result<(), SqlError> {
        match query.visit(self) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(*error),
        }
    }

    fn enter_query(&mut self, query: &mut Query) -> Result<(), SqlError> {
        self.ctes.push(Vec::new());
        // Each WITH query sees only those before it, so they are visited here.
        let mut with = query.with.take();
        if let Some(with) = &mut with {
            for cte in &mut with.cte_tables {
                self.enter_cte(cte, with.recursive)?;
            }
        }
        self.withs.push(with);
        let is_plain = matches!(query.body.as_ref(), SetExpr::Select(_));
        self.plain.push(is_plain);
        let mut scope = Scope::default();
        if let SetExpr::Select(select) = query.body.as_mut() {
            scope = self.enter_select(select)?;
            if let Some(order_by) = &mut query.order_by
                && let OrderByKind::Expressions(keys) = &mut order_by.kind
            {
                for key in keys {
                    fix_key(&mut key.expr, select, &scope)?;
                }
            }
        } else {
            scope.source.output = Some(Vec::new());
        }
        self.scopes.push(scope);
        Ok(())
    }

    /// Notes the columns of a WITH query, and completes its list of names.
    fn enter_cte(&mut self, cte: &mut Cte, is_recursive: bool) -> Result<(), SqlError> {
        if !is_recursive {
            self.walk(&mut cte.query)?;
        }
        self.define_cte(cte, is_recursive)?;
        // It sees itself, so it is visited when its columns are known.
        if is_recursive {
            self.walk(&mut cte.query)?;
        }
        Ok(())
    }

    fn define_cte(&mut self, cte: &mut Cte, is_recursive: bool) -> Result<(), SqlError> {
        let name = fold(&cte.alias.name);
        if is_recursive {
            let given: Vec<String> = cte.alias.columns.iter().map(|c| fold(&c.name)).collect();
            let first = match cte.query.body.as_ref() {
                SetExpr::SetOperation { left, .. } => self.body_columns(left)?,
                _ => None,
            };
            let columns = first.map(|first| item::renamed(first, &given));
            self.note_cte(name.clone(), columns);
        }
        let own = self.query_columns(&cte.query)?;
        let columns = item::complete(&mut cte.alias, own);
        if is_recursive && let Some(frame) = self.ctes.last_mut() {
            frame.pop();
        }
        self.note_cte(name, columns);
        Ok(())
    }

    fn note_cte(&mut self, name: String, columns: Option<Vec<String>>) {
        if let Some(frame) = self.ctes.last_mut() {
            frame.push((name, columns));
        }
    }

    /// Resolves the FROM of a SELECT and what depends on it at once.
    fn enter_select(&self, select: &mut Select) -> Result<Scope, SqlError> {
        let mut source = Source::empty();
        for table in &mut select.from {
            let joined = self.joined(table)?;
            source.add(joined);
        }
        let scope = Scope { source };
        if scope.source.has_merged() {
            list::expand(select, &scope.source)?;
        }
        Ok(scope)
    }

    fn leave_query(&mut self, query: &mut Query) {
        query.with = self.withs.pop().flatten();
        self.ctes.pop();
        self.plain.pop();
        self.scopes.pop();
    }

    /// A bare name: a merged column of the nearest scope that has it, or a whole row.
    fn bare(&self, ident: &Ident) -> Result<Option<Expr>, SqlError> {
        let name = fold(ident);
        for (index, scope) in self.scopes.iter().enumerate().rev() {
            match scope.find(&name) {
                Found::No => {}
                Found::Here | Found::Unknown => return Ok(None),
                Found::Merged(value) => {
                    let inner = &self.scopes[index + 1..];
                    let hides = |relation: &item::Relation| {
                        inner.iter().any(|other| other.has_relation(&relation.name))
                    };
                    if scope.source.relations.iter().any(hides) {
                        return Err(SqlError::not_supported(format!(
                            "the merged column \"{name}\" below a relation of the same name"
                        )));
                    }
                    return Ok(Some(*value));
                }
            }
        }
        self.whole_row(ident)
    }

    /// `q.c`: a column of a join's alias, or of an outer relation whose name is also a
    /// column's further in, which the engine would take first.
    fn qualified(&self, qualifier: &Ident, column: &Ident) -> Result<Option<Expr>, SqlError> {
        let (name, own) = (fold(qualifier), fold(column));
        for (index, scope) in self.scopes.iter().enumerate().rev() {
            let alias = scope.source.aliases.iter().find(|alias| alias.name == name);
            if let Some(alias) = alias {
                let entry = alias.columns.iter().find(|entry| entry.name == own);
                let Some(entry) = entry else {
                    return Err(SqlError::undefined_column(Some(&name), &own));
                };
                return Ok(Some(entry.value.clone()));
            }
            let found = scope
                .source
                .relations
                .iter()
                .find(|relation| relation.name == name);
            let Some(relation) = found else {
                continue;
            };
            let inner = &self.scopes[index + 1..];
            if !inner.iter().any(|other| other.may_have_column(&name)) {
                return Ok(None);
            }
            return Ok(Some(relation.distinct_reference(&own)));
        }
        Ok(None)
    }
}

/// ORDER BY prefers the names of the select list, which merged columns must not take.
fn fix_key(key: &mut Expr, select: &Select, scope: &Scope) -> Result<(), SqlError> {
    let Expr::Identifier(ident) = key else {
        return Ok(());
    };
    let name = fold(ident);
    if !matches!(scope.find(&name), Found::Merged(_)) {
        return Ok(());
    }
    let mut found: Option<(usize, &Expr)> = None;
    for (index, item) in select.projection.iter().enumerate() {
        let (own, value) = match item {
            SelectItem::UnnamedExpr(value) => (output_name(value), value),
            SelectItem::ExprWithAlias { expr, alias } => (fold(alias), expr),
            _ => return Ok(()),
        };
        if own != name {
            continue;
        }
        match found {
            Some((_, other)) if other != value => {
                return Err(SqlError::with_code(
                    crate::sqlstate::AMBIGUOUS_COLUMN,
                    format!("ORDER BY \"{name}\" is ambiguous"),
                ));
            }
            Some(_) => {}
            None => found = Some((index, value)),
        }
    }
    if let Some((index, _)) = found {
        *key = raw_number((index + 1).to_string());
    }
    Ok(())
}

impl VisitorMut for Walker<'_> {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &mut Query) -> Flow {
        flow(self.enter_query(query))
    }

    fn post_visit_query(&mut self, query: &mut Query) -> Flow {
        self.leave_query(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> Flow {
        if self.plain.last() == Some(&true) {
            return ControlFlow::Continue(());
        }
        match self.enter_select(select) {
            Ok(scope) => {
                self.scopes.push(scope);
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> Flow {
        if self.plain.last() != Some(&true) {
            self.scopes.pop();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> Flow {
        if let Expr::InSubquery { expr: row, .. } = expression
            && matches!(**row, Expr::Tuple(_))
        {
            let checked = row_in::refuse_aggregates(row, |name| self.catalog.is_aggregate(name));
            return flow(checked);
        }
        self.replace_row_uses(expression);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> Flow {
        if let Expr::CompoundFieldAccess { access_chain, .. } = expression {
            whole_row::show_fields(access_chain);
        }
        let replaced = match expression {
            Expr::Identifier(ident) => self.bare(ident),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [qualifier, column] => self.qualified(qualifier, column),
                _ => Ok(None),
            },
            _ => Ok(None),
        };
        match replaced {
            Ok(Some(value)) => {
                *expression = value;
                ControlFlow::Continue(())
            }
            Ok(None) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}
