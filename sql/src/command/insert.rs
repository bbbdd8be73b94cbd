//! INSERT: from VALUES, a query, or defaults alone.

use std::sync::Arc;

use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use gotgan_storage::{Column, Relation, Snapshot, Table};
use sqlparser::ast::{self, SelectItem, SetExpr, Spanned, TableObject};

use super::{Description, query, upsert, view_target};
use crate::change::{Change, Target, is_default};
use crate::error::SqlError;
use crate::modify;
use crate::parse::idiom::identity::{SYSTEM_VALUE, USER_VALUE};
use crate::parse::{self, name_parts};
use crate::plan::Planner;
use crate::resolve::{Name, Resolved};
use crate::rewrite::build;
use crate::sequence::{self, Overriding};
use crate::session::{Outcome, Parameter, Session};
use crate::sqlstate;
use crate::types::PgType;

mod rows;
mod uses;

pub(crate) use rows::insert_plan;
pub(crate) use uses::need;
use uses::{given_columns, is_guarded};

pub(crate) async fn run(
    session: &mut Session,
    insert: &ast::Insert,
    parameters: &[Parameter],
) -> Result<Outcome, SqlError> {
    match &insert.table {
        TableObject::TableName(name) => session.require_rows_write("INSERT", name).await?,
        _ => session.require_write("INSERT")?,
    }
    refuse_unbuilt(insert)?;
    let planner = session.planner().await?;
    if changes_or_returns(insert) || is_guarded(&planner, insert)? {
        let known: Vec<Option<PgType>> = parameters.iter().map(|p| Some(p.pg_type)).collect();
        let change = change(&planner, insert, &known).await?;
        return change.run(session, &planner, parameters).await;
    }
    let (table, columns, overriding) = target(&planner, insert)?;
    let plan = match &insert.source {
        None => {
            let source = LogicalPlanBuilder::empty(true).build()?;
            need(&planner, &table, &[], 0);
            with_targets(&planner, &table, source, &[], None)?
        }
        Some(source) => {
            let unchecked = is_query(source).then_some(overriding);
            let snapshot = &planner.ctx.snapshot;
            let source = typed_source(source, snapshot, &table, &columns, overriding)?;
            let planned = query::plan(&planner, &source, parameters).await?;
            need(&planner, &table, &columns, planned.schema().fields().len());
            with_targets(&planner, &table, planned, &columns, unchecked)?
        }
    };
    let rows = insert_plan(session, &planner, &table, &plan).await?;
    Ok(Outcome::Command(format!("INSERT 0 {rows}")))
}

/// `WITH ... INSERT`: the common table expressions move to the source.
pub(crate) fn with_ctes(query: &ast::Query) -> Result<ast::Insert, SqlError> {
    let SetExpr::Insert(ast::Statement::Insert(insert)) = query.body.as_ref() else {
        return Err(SqlError::not_supported("WITH before this statement"));
    };
    let mut insert = insert.clone();
    match (&mut insert.source, &query.with) {
        (Some(source), Some(with)) if source.with.is_none() => source.with = Some(with.clone()),
        (_, None) => {}
        _ => return Err(SqlError::not_supported("WITH twice in one INSERT")),
    }
    Ok(insert)
}

/// Types of the parameters, as the target columns and operators tell them, and the
/// columns of RETURNING.
pub(crate) async fn describe(
    session: &mut Session,
    insert: &ast::Insert,
    known: &[Option<PgType>],
) -> Result<Description, SqlError> {
    refuse_unbuilt(insert)?;
    let planner = session.planner().await?;
    if changes_or_returns(insert) {
        return Ok(change(&planner, insert, known).await?.describe());
    }
    let (table, columns, overriding) = target(&planner, insert)?;
    let Some(source) = &insert.source else {
        return Ok((Vec::new(), None));
    };
    let known = with_bare_parameters(source, &table, &columns, known);
    let snapshot = &planner.ctx.snapshot;
    let source = typed_source(source, snapshot, &table, &columns, overriding)?;
    let planned = planner.plan_cancellable(&source, &known).await?;
    Ok((planned.parameters, None))
}

/// The statement as a change of rows, and the planner that it was planned with.
///
/// Errors: those of parse analysis.
pub(super) async fn plan(
    session: &mut Session,
    insert: &ast::Insert,
    known: &[Option<PgType>],
) -> Result<(Change, Planner), SqlError> {
    refuse_unbuilt(insert)?;
    let planner = session.planner().await?;
    let change = change(&planner, insert, known).await?;
    Ok((change, planner))
}

/// Whether more is asked for than rows to be added.
fn changes_or_returns(insert: &ast::Insert) -> bool {
    insert.on.is_some() || insert.returning.is_some()
}

/// INSERT with ON CONFLICT or RETURNING.
async fn change(
    planner: &Planner,
    insert: &ast::Insert,
    known: &[Option<PgType>],
) -> Result<Change, SqlError> {
    let (table, columns, overriding) = target(planner, insert)?;
    let mut known = known.to_vec();
    let mut width = 0;
    let plan = match &insert.source {
        None => {
            let source = LogicalPlanBuilder::empty(true).build()?;
            target_rows(planner, &table, source, &[], None)?
        }
        Some(source) => {
            known = with_bare_parameters(source, &table, &columns, &known);
            let unchecked = is_query(source).then_some(overriding);
            let snapshot = &planner.ctx.snapshot;
            let source = typed_source(source, snapshot, &table, &columns, overriding)?;
            let planned = planner.plan_cancellable(&source, &known).await?;
            known = planned.parameters.into_iter().map(Some).collect();
            width = planned.plan.schema().fields().len();
            target_rows(planner, &table, planned.plan, &columns, unchecked)?
        }
    };
    let on = match &insert.on {
        None => None,
        Some(ast::OnInsert::OnConflict(on)) => Some(on),
        Some(_) => return Err(SqlError::syntax("ON DUPLICATE KEY is ON CONFLICT here")),
    };
    let TableObject::TableName(name) = &insert.table else {
        return Err(SqlError::not_supported("INSERT INTO a function or query"));
    };
    let alias = insert.table_alias.as_ref();
    let alias = alias.map(|alias| parse::fold(&alias.alias));
    let (target, planner) = Target::named(planner, name, alias, &[])?;
    let returning = insert.returning.as_deref();
    let inserted = given_columns(&table, &columns, width);
    upsert::plan(&planner, &target, plan, on, returning, &known, inserted).await
}

fn refuse_unbuilt(insert: &ast::Insert) -> Result<(), SqlError> {
    if insert.overwrite {
        return Err(SqlError::not_supported("INSERT OVERWRITE"));
    }
    Ok(())
}

/// The table, the indexes of the columns that the statement names, or of all, and what
/// it says of values for identity columns.
fn target(
    planner: &Planner,
    insert: &ast::Insert,
) -> Result<(Arc<Table>, Vec<usize>, Overriding), SqlError> {
    let TableObject::TableName(name) = &insert.table else {
        return Err(SqlError::not_supported("INSERT INTO a function or query"));
    };
    let place = name.span().start;
    let name = Name::from_parts(&name_parts(name))?;
    let found = planner.resolver().find(&name)?;
    if let Some(Resolved::Sequence(sequence)) = &found {
        return Err(SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!("cannot change sequence \"{}\"", sequence.name),
        ));
    }
    if let Some(Resolved::Stored(Relation::View(view))) = found {
        return Err(view_target::refusal(
            &view,
            view_target::Change::Insert,
            &planner.ctx,
        ));
    }
    let table =
        super::truncate::table(&planner.ctx, &name).map_err(|error| error.at_location(place))?;
    let (overriding, named) = overriding(&insert.columns);
    let names: Vec<String> = named
        .iter()
        .filter_map(|column| name_parts(column).pop())
        .collect();
    let columns = column_indexes(&table, &names)?;
    Ok((table, columns, overriding))
}

/// What a list of columns says of values for identity columns, and the list without it;
/// see `parse/idiom/identity.rs`.
pub(super) fn overriding(columns: &[ast::ObjectName]) -> (Overriding, &[ast::ObjectName]) {
    let Some((last, rest)) = columns.split_last() else {
        return (Overriding::None, columns);
    };
    match name_parts(last).as_slice() {
        [name] if name == SYSTEM_VALUE => (Overriding::System, rest),
        [name] if name == USER_VALUE => (Overriding::User, rest),
        _ => (Overriding::None, columns),
    }
}

/// Whether rows come from a query, whose columns are known only when it is planned.
fn is_query(source: &ast::Query) -> bool {
    !matches!(source.body.as_ref(), SetExpr::Values(_))
}

/// Indexes of named columns; of all columns if none is named.
pub(crate) fn column_indexes(table: &Table, names: &[String]) -> Result<Vec<usize>, SqlError> {
    if names.is_empty() {
        return Ok((0..table.columns.len()).collect());
    }
    let mut indexes = Vec::with_capacity(names.len());
    for name in names {
        let found = table.columns.iter().position(|column| column.name == *name);
        let index = found.ok_or_else(|| SqlError::undefined_column_of(name, &table.name))?;
        if indexes.contains(&index) {
            return Err(SqlError::duplicate_column(name));
        }
        indexes.push(index);
    }
    Ok(indexes)
}

/// The source with untyped literals cast to their columns' types, and DEFAULT
/// replaced by the columns' defaults.
fn typed_source(
    source: &ast::Query,
    snapshot: &Snapshot,
    table: &Table,
    columns: &[usize],
    overriding: Overriding,
) -> Result<ast::Query, SqlError> {
    let mut source = source.clone();
    match source.body.as_mut() {
        SetExpr::Values(values) => {
            let rows: Vec<&mut Vec<ast::Expr>> =
                values.rows.iter_mut().map(|row| &mut row.content).collect();
            let width = rows.first().map_or(0, |row| row.len());
            for row in rows {
                if row.len() != width {
                    return Err(SqlError::syntax("VALUES lists must all be the same length"));
                }
                check_width(row.len(), columns.len())?;
                for (cell, column) in row.iter_mut().zip(columns) {
                    value_cell(cell, snapshot, table, *column, overriding)?;
                }
            }
        }
        SetExpr::Select(select) => {
            for (item, column) in select.projection.iter_mut().zip(columns) {
                if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
                    && is_untyped(expr)
                {
                    type_cell(expr, &table.columns[*column]);
                }
            }
        }
        _ => {}
    }
    Ok(source)
}

fn check_width(given: usize, wanted: usize) -> Result<(), SqlError> {
    if given > wanted {
        return Err(SqlError::syntax(
            "INSERT has more expressions than target columns",
        ));
    }
    Ok(())
}

fn is_untyped(expr: &ast::Expr) -> bool {
    build::string_text(expr).is_some() || parameter_number(expr).is_some()
}

/// A value of VALUES: DEFAULT becomes the column's default.
///
/// Errors: `428C9` for another value of a column that is GENERATED ALWAYS.
fn value_cell(
    cell: &mut ast::Expr,
    snapshot: &Snapshot,
    table: &Table,
    column: usize,
    overriding: Overriding,
) -> Result<(), SqlError> {
    let column = &table.columns[column];
    let is_identity = sequence::identity_of(snapshot, table, column).is_some();
    if is_default(cell) || (is_identity && overriding == Overriding::User) {
        let default = sequence::column_default(snapshot, table, column)?;
        *cell = default.unwrap_or_else(|| build::value(ast::Value::Null));
    } else {
        sequence::refuse_insert(snapshot, table, column, overriding)?;
    }
    type_cell(cell, column);
    Ok(())
}

/// Rows of one list must agree: each cell becomes its column's type. A parameter has that
/// type already.
fn type_cell(cell: &mut ast::Expr, column: &Column) {
    if parameter_number(cell).is_none() {
        let target = PgType::of_column(&column.column_type);
        let plain = build::take(cell);
        *cell = build::assignment_cast(plain, target, &column.name);
    }
}

fn parameter_number(expr: &ast::Expr) -> Option<usize> {
    let ast::Expr::Value(literal) = expr else {
        return None;
    };
    let ast::Value::Placeholder(name) = &literal.value else {
        return None;
    };
    name.strip_prefix('$')?.parse().ok()
}

/// Parameters that stand alone in a column's place: index from 0, and its type.
fn bare_parameters(source: &ast::Query, table: &Table, columns: &[usize]) -> Vec<(usize, PgType)> {
    let mut found = Vec::new();
    let mut note = |expr: &ast::Expr, column: usize| {
        if let Some(number) = parameter_number(expr)
            && number > 0
        {
            let target = PgType::of_column(&table.columns[column].column_type);
            found.push((
                number - 1,
                PgType {
                    typmod: -1,
                    ..target
                },
            ));
        }
    };
    match source.body.as_ref() {
        SetExpr::Values(values) => {
            for row in &values.rows {
                row.content
                    .iter()
                    .zip(columns)
                    .for_each(|(cell, column)| note(cell, *column));
            }
        }
        SetExpr::Select(select) => {
            for (item, column) in select.projection.iter().zip(columns) {
                if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
                {
                    note(expr, *column);
                }
            }
        }
        _ => {}
    }
    found
}

/// `known` with the types of parameters that stand alone in a column's place.
fn with_bare_parameters(
    source: &ast::Query,
    table: &Table,
    columns: &[usize],
    known: &[Option<PgType>],
) -> Vec<Option<PgType>> {
    let mut known = known.to_vec();
    for (index, target) in bare_parameters(source, table, columns) {
        if known.len() <= index {
            known.resize(index + 1, None);
        }
        known[index] = known[index].or(Some(target));
    }
    known
}

/// The source projected to the table's columns and checks.
///
/// `unchecked`: what the statement says of identity columns, if values for them are not
/// checked yet.
pub(crate) fn with_targets(
    planner: &Planner,
    table: &Arc<Table>,
    source: LogicalPlan,
    columns: &[usize],
    unchecked: Option<Overriding>,
) -> Result<LogicalPlan, SqlError> {
    let values = target_values(planner, table, &source, columns, unchecked)?;
    modify::with_checks(planner, table, source, values)
}

/// The source projected to the table's columns.
fn target_rows(
    planner: &Planner,
    table: &Arc<Table>,
    source: LogicalPlan,
    columns: &[usize],
    unchecked: Option<Overriding>,
) -> Result<LogicalPlan, SqlError> {
    let values = target_values(planner, table, &source, columns, unchecked)?;
    Ok(LogicalPlanBuilder::from(source).project(values)?.build()?)
}

fn target_values(
    planner: &Planner,
    table: &Arc<Table>,
    source: &LogicalPlan,
    columns: &[usize],
    unchecked: Option<Overriding>,
) -> Result<Vec<Expr>, SqlError> {
    let schema = Arc::clone(source.schema());
    let takes_source = !columns.is_empty();
    if takes_source {
        check_width(schema.fields().len(), columns.len())?;
    }
    let snapshot = &planner.ctx.snapshot;
    let mut given: Vec<(usize, Expr)> = Vec::with_capacity(columns.len());
    for (index, source) in columns.iter().zip(schema.columns()) {
        let column = &table.columns[*index];
        if let Some(overriding) = unchecked {
            sequence::refuse_insert(snapshot, table, column, overriding)?;
            let is_identity = sequence::identity_of(snapshot, table, column).is_some();
            if is_identity && overriding == Overriding::User {
                continue;
            }
        }
        given.push((*index, Expr::Column(source)));
    }
    if takes_source && schema.fields().len() < columns.len() && columns.len() < usize::MAX {
        let is_explicit = columns.len() != table.columns.len();
        if is_explicit {
            return Err(SqlError::syntax(
                "INSERT has more target columns than expressions",
            ));
        }
    }
    modify::target_values(planner, table, &given, &schema)
}
