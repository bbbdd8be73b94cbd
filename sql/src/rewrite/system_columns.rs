//! `tableoid`, `xmin` and `xmax`: columns that a table has and `*` leaves out.
//!
//! A FROM item whose system columns a query reads is renamed to `$system_columns/t`,
//! which `resolve.rs` finds with those columns; `*` beside it is told to leave them
//! out. Only relations of the system catalog have them.
//!
//! Errors: `0A000` for `*` over several such relations.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableAlias, TableFactor, TableWithJoins, Visit, VisitMut,
    Visitor, VisitorMut, WildcardAdditionalOptions,
};

use crate::error::SqlError;
use crate::parse::{fold, name_parts};

/// Marks the name of a relation that shall have its system columns.
pub(crate) const PREFIX: &str = "$system_columns/";

const NAMES: [&str; 3] = ["tableoid", "xmin", "xmax"];

/// Renames what needs it in a whole query.
pub(super) fn prepare(query: &mut Query) -> Result<(), SqlError> {
    let mut survey = Survey::default();
    let _ = Visit::visit(&*query, &mut survey);
    if !survey.reads_any {
        return Ok(());
    }
    match VisitMut::visit(
        query,
        &mut Marker {
            common: survey.common,
        },
    ) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// Whether a query reads system columns, and its WITH names, which hide relations.
#[derive(Default)]
struct Survey {
    reads_any: bool,
    common: BTreeSet<String>,
}

impl Visitor for Survey {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.common
            .extend(tables.map(|table| fold(&table.alias.name)));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        self.reads_any |= system_column(expression).is_some();
        ControlFlow::Continue(())
    }
}

/// The qualifier of a reference to a system column; empty if it has none.
fn system_column(expression: &Expr) -> Option<String> {
    let (column, qualifier) = match expression {
        Expr::Identifier(column) => (column, None),
        Expr::CompoundIdentifier(parts) => {
            let (column, rest) = parts.split_last()?;
            (column, rest.last())
        }
        _ => return None,
    };
    let is_system = NAMES.contains(&fold(column).as_str());
    is_system.then(|| qualifier.map_or_else(String::new, fold))
}

struct Marker {
    common: BTreeSet<String>,
}

impl VisitorMut for Marker {
    type Break = Box<SqlError>;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        match mark(select, &self.common) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}

/// What one SELECT reads: qualifiers at any depth, since a subquery may mean a table
/// of this SELECT, and bare names of its own level only.
#[derive(Default)]
struct Reads {
    qualifiers: BTreeSet<String>,
    has_bare: bool,
    depth: usize,
}

impl Visitor for Reads {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match system_column(expression) {
            Some(qualifier) if qualifier.is_empty() => self.has_bare |= self.depth == 0,
            Some(qualifier) => {
                self.qualifiers.insert(qualifier);
            }
            None => {}
        }
        ControlFlow::Continue(())
    }
}

fn mark(select: &mut Select, common: &BTreeSet<String>) -> Result<(), SqlError> {
    let mut reads = Reads::default();
    let _ = Visit::visit(&*select, &mut reads);
    if reads.qualifiers.is_empty() && !reads.has_bare {
        return Ok(());
    }
    let mut factors = Vec::new();
    for item in &mut select.from {
        collect(item, &mut factors);
    }
    let is_alone = factors.len() == 1;
    let mut marked = Vec::new();
    for factor in factors {
        let TableFactor::Table {
            name,
            alias,
            args: None,
            ..
        } = factor
        else {
            continue;
        };
        let parts = name_parts(name);
        let Some(last) = parts.last() else { continue };
        if parts.len() == 1 && common.contains(last) {
            continue;
        }
        let exposed = alias
            .as_ref()
            .map_or_else(|| last.clone(), |alias| fold(&alias.name));
        if !reads.qualifiers.contains(&exposed) && !(reads.has_bare && is_alone) {
            continue;
        }
        if alias.is_none() {
            *alias = Some(TableAlias {
                explicit: true,
                name: Ident::with_quote('"', last.clone()),
                columns: Vec::new(),
                at: None,
            });
        }
        let renamed = Ident::with_quote('"', format!("{PREFIX}{last}"));
        if let Some(part) = name.0.last_mut() {
            *part = ObjectNamePart::Identifier(renamed);
        }
        marked.push(exposed);
    }
    hide(&mut select.projection, &marked)
}

/// The FROM items in a join tree.
fn collect<'a>(item: &'a mut TableWithJoins, found: &mut Vec<&'a mut TableFactor>) {
    collect_factor(&mut item.relation, found);
    for join in &mut item.joins {
        collect_factor(&mut join.relation, found);
    }
}

fn collect_factor<'a>(factor: &'a mut TableFactor, found: &mut Vec<&'a mut TableFactor>) {
    match factor {
        TableFactor::NestedJoin {
            table_with_joins, ..
        } => collect(table_with_joins, found),
        other => found.push(other),
    }
}

/// Keeps the system columns of the marked relations out of `*`.
fn hide(projection: &mut [SelectItem], marked: &[String]) -> Result<(), SqlError> {
    if marked.is_empty() {
        return Ok(());
    }
    for item in projection {
        match item {
            SelectItem::Wildcard(_) if marked.len() > 1 => {
                return Err(SqlError::not_supported(
                    "* beside system columns of several tables",
                ));
            }
            SelectItem::Wildcard(options) => exclude(options),
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) if name_parts(name)
                .last()
                .is_some_and(|last| marked.contains(last)) =>
            {
                exclude(options);
            }
            _ => {}
        }
    }
    Ok(())
}

fn exclude(options: &mut WildcardAdditionalOptions) {
    let names = NAMES.map(|name| ObjectName::from(vec![Ident::new(name)]));
    options.opt_exclude = Some(ExcludeSelectItem::Multiple(names.to_vec()));
}
