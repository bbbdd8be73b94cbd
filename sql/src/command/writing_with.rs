//! WITH whose parts change rows: `WITH gone AS (DELETE ... RETURNING ...) SELECT ...`.
//!
//! ```text
//! each part that changes rows, in order ──▶ its RETURNING as a relation, in memory
//! the statement itself, planned with these relations in place of the parts
//! then all changes are handed to the transaction
//! ```
//!
//! So every part reads the rows that were there before the statement. A row that an
//! earlier part changed is left alone by a later one.
//!
//! Source: PostgreSQL 15 manual, WITH Queries, "Data-Modifying Statements in WITH".

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::MemoryReservation;
use gotgan_storage::TableId;
use sqlparser::ast::{self, Expr, Query, SetExpr, TableFactor, Value, Visit, Visitor, With};

use super::row_change::RowChange;
use super::{Description, insert, query};
use crate::change::{Change, Pending, Places, relation};
use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::plan::{LocalRelation, Planner};
use crate::session::{Outcome, Parameter, Session};
use crate::sqlstate;
use crate::types::{PgType, oid};

/// Whether a part of WITH changes rows.
pub(crate) fn changes(query: &Query) -> bool {
    let mut parts = query.with.iter().flat_map(|with| &with.cte_tables);
    parts.any(|part| is_change(&part.query.body))
}

/// Whether the body of a query changes rows.
pub(super) fn is_change(body: &SetExpr) -> bool {
    matches!(
        body,
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)
    )
}

/// Errors: those of all parts; nothing is changed then.
pub(crate) async fn run(
    session: &mut Session,
    query: &Query,
    parameters: &[Parameter],
) -> Result<Outcome, SqlError> {
    require_writes(session, query).await?;
    session.hold_snapshot().await?;
    let mut pending = Vec::new();
    let result = Box::pin(run_parts(session, query, parameters, &mut pending)).await;
    session.release_snapshot();
    for part in pending {
        part.abort().await;
    }
    result
}

/// Errors: `25006` if a part changes a table that may not change.
async fn require_writes(session: &mut Session, query: &Query) -> Result<(), SqlError> {
    let word = word(&query.body);
    let parts = query.with.iter().flat_map(|with| &with.cte_tables);
    let parts = parts.map(|part| part.query.as_ref()).chain([query]);
    for part in parts.filter(|part| is_change(&part.body)) {
        if let Some(change) = RowChange::of_query(part) {
            session.require_target_write(word, change.target()?).await?;
        } else if let SetExpr::Insert(ast::Statement::Insert(insert)) = part.body.as_ref()
            && let ast::TableObject::TableName(name) = &insert.table
        {
            session.require_rows_write(word, name).await?;
        } else {
            session.require_write(word)?;
        }
    }
    Ok(())
}

/// What the command is called where nothing may be changed.
fn word(body: &SetExpr) -> &'static str {
    match body {
        SetExpr::Insert(_) => "INSERT",
        SetExpr::Update(_) => "UPDATE",
        SetExpr::Delete(_) => "DELETE",
        SetExpr::Merge(_) => "MERGE",
        _ => "SELECT",
    }
}

/// `pending`: what is not handed over yet; left behind after an error.
async fn run_parts(
    session: &mut Session,
    query: &Query,
    parameters: &[Parameter],
    pending: &mut Vec<Pending>,
) -> Result<Outcome, SqlError> {
    let known: Vec<Option<PgType>> = parameters.iter().map(|p| Some(p.pg_type)).collect();
    let mut parts = Parts::new(query);
    let mut places: HashMap<TableId, Places> = HashMap::new();
    while let Some(part) = parts.next()? {
        let (change, planner) = plan(session, &part.query, &known).await?;
        let filled = change.fill(session, &planner, parameters, &places).await?;
        places.insert(filled.table(), filled.places(&places));
        let rows = filled.rows()?;
        pending.push(filled);
        session.relate(part.relation, rows);
    }
    let main = parts.rest(query)?;
    if is_change(&main.body) {
        let (change, planner) = plan(session, &main, &known).await?;
        let mut last = change.fill(session, &planner, parameters, &places).await?;
        last.delete_rows(session).await?;
        finish(session, pending).await?;
        return last.finish(session).await;
    }
    let outcome = Box::pin(query::run(session, &main, parameters)).await?;
    let memory = finish(session, pending).await?;
    Ok(match outcome {
        Outcome::Rows(rows) => Outcome::Rows(rows.keeping(memory)),
        other => other,
    })
}

/// Hands the changes to the transaction, in order; returns what holds the memory of
/// their rows.
async fn finish(
    session: &mut Session,
    pending: &mut Vec<Pending>,
) -> Result<Vec<MemoryReservation>, SqlError> {
    for part in pending.iter_mut() {
        part.delete_rows(session).await?;
    }
    let mut memory = Vec::with_capacity(pending.len());
    for part in std::mem::take(pending) {
        memory.push(part.finish_silently(session).await?);
    }
    Ok(memory)
}

/// Parameters' types and the columns of the statement itself.
pub(crate) async fn describe(
    session: &mut Session,
    query: &Query,
    known: &[Option<PgType>],
) -> Result<Description, SqlError> {
    session.hold_snapshot().await?;
    let result = describe_parts(session, query, known).await;
    session.release_snapshot();
    result
}

async fn describe_parts(
    session: &mut Session,
    query: &Query,
    known: &[Option<PgType>],
) -> Result<Description, SqlError> {
    let mut known = known.to_vec();
    let mut parts = Parts::new(query);
    while let Some(part) = parts.next()? {
        let (change, _) = plan(session, &part.query, &known).await?;
        let rows = change.no_rows()?;
        let (types, _) = change.describe();
        learn(&mut known, &part.query, &types);
        session.relate(part.relation, rows);
    }
    let main = parts.rest(query)?;
    let node = ast::Statement::Query(Box::new(main.clone()));
    let (types, columns) = Box::pin(super::describe(session, &node, &known)).await?;
    learn(&mut known, &main, &types);
    let text = PgType::new(oid::TEXT);
    let types = known.into_iter().map(|known| known.unwrap_or(text));
    Ok((types.collect(), columns))
}

/// Takes over the types of the parameters that a part names.
fn learn(known: &mut Vec<Option<PgType>>, part: &Query, types: &[PgType]) {
    let _ = ast::visit_expressions(part, |expr| {
        if let Expr::Value(literal) = expr
            && let Value::Placeholder(name) = &literal.value
            && let Some(number) = name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok())
            && let Some(index) = number.checked_sub(1)
            && let Some(found) = types.get(index)
        {
            if known.len() <= index {
                known.resize(index + 1, None);
            }
            known[index] = known[index].or(Some(*found));
        }
        ControlFlow::<()>::Continue(())
    });
}

/// A statement that changes rows, as the body of a query.
///
/// Errors: those of parse analysis.
pub(super) async fn plan(
    session: &mut Session,
    query: &Query,
    known: &[Option<PgType>],
) -> Result<(Change, Planner), SqlError> {
    if let Some(change) = RowChange::of_query(query) {
        return change.plan(session, known).await;
    }
    if !matches!(query.body.as_ref(), SetExpr::Insert(_)) {
        return Err(SqlError::internal("a part of WITH changes nothing"));
    }
    let insert = insert::with_ctes(query)?;
    Box::pin(insert::plan(session, &insert, known)).await
}

/// One part that changes rows.
struct Part {
    /// The part with those before it that it may name.
    query: Query,
    /// Name of the relation that its rows become.
    relation: String,
}

/// The parts of a WITH, those that change rows being replaced one after the other.
struct Parts {
    with: Option<With>,
    /// Index of the next part to look at.
    index: usize,
    count: usize,
    /// Parts without RETURNING, which nothing can name.
    silent: Vec<String>,
}

impl Parts {
    fn new(query: &Query) -> Self {
        Self {
            with: query.with.clone(),
            index: 0,
            count: 0,
            silent: Vec::new(),
        }
    }

    /// The next part that changes rows; in what follows its name stands for a relation
    /// of the statement's own.
    ///
    /// Errors: `0A000` if it names a part without RETURNING.
    fn next(&mut self) -> Result<Option<Part>, SqlError> {
        let Some(with) = &mut self.with else {
            return Ok(None);
        };
        let rest = with.cte_tables.iter().skip(self.index);
        let Some(offset) = rest.clone().position(|part| is_change(&part.query.body)) else {
            return Ok(None);
        };
        self.index += offset;
        let mut query = with.cte_tables[self.index].query.as_ref().clone();
        let mut before = with.cte_tables[..self.index].to_vec();
        if let Some(own) = query.with.take() {
            before.extend(own.cte_tables);
        }
        if !before.is_empty() {
            query.with = Some(With {
                cte_tables: before,
                ..with.clone()
            });
        }
        refuse_silent(&query, &self.silent)?;
        let name = format!("\0with{}", self.count);
        self.count += 1;
        if returns(&query.body) {
            let mut replaced = crate::parse::parse_query("SELECT * FROM t")?;
            if let SetExpr::Select(select) = replaced.body.as_mut() {
                for table in &mut select.from {
                    table.relation = relation(&name, &name);
                }
            }
            *with.cte_tables[self.index].query = replaced;
            self.index += 1;
        } else {
            let part = with.cte_tables.remove(self.index);
            self.silent.push(fold(&part.alias.name));
        }
        Ok(Some(Part {
            query,
            relation: name,
        }))
    }

    /// The statement itself, when all parts are replaced.
    ///
    /// Errors: `0A000` if it names a part without RETURNING.
    fn rest(self, query: &Query) -> Result<Query, SqlError> {
        let mut main = query.clone();
        main.with = self.with.filter(|with| !with.cte_tables.is_empty());
        refuse_silent(&main, &self.silent)?;
        Ok(main)
    }
}

fn returns(body: &SetExpr) -> bool {
    use ast::Statement as S;
    match body {
        SetExpr::Insert(S::Insert(insert)) => insert.returning.is_some(),
        SetExpr::Update(S::Update(update)) => update.returning.is_some(),
        SetExpr::Delete(S::Delete(delete)) => delete.returning.is_some(),
        SetExpr::Merge(S::Merge(merge)) => merge.output.is_some(),
        _ => false,
    }
}

/// Errors: `0A000` for a query that names one of these parts.
fn refuse_silent(query: &Query, silent: &[String]) -> Result<(), SqlError> {
    struct Finder<'a>(&'a [String]);
    impl Visitor for Finder<'_> {
        type Break = String;
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<String> {
            if let TableFactor::Table { name, .. } = factor
                && let [name] = name_parts(name).as_slice()
                && self.0.contains(name)
            {
                return ControlFlow::Break(name.clone());
            }
            ControlFlow::Continue(())
        }
    }
    match Visit::visit(query, &mut Finder(silent)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(name) => Err(SqlError::with_code(
            sqlstate::FEATURE_NOT_SUPPORTED,
            format!("WITH query \"{name}\" does not have a RETURNING clause"),
        )),
    }
}

impl Session {
    /// Lets the statement's plans know one more relation.
    fn relate(&mut self, name: String, rows: MemTable) {
        self.relations
            .push((name, LocalRelation::Rows(Arc::new(rows))));
    }

    /// All of the statement's parts see one snapshot.
    async fn hold_snapshot(&mut self) -> Result<(), SqlError> {
        self.context().await?;
        self.transaction().await?.hold(true);
        Ok(())
    }

    pub(crate) fn release_snapshot(&mut self) {
        self.relations.clear();
        if let Some(active) = &mut self.transaction {
            active.hold(false);
        }
    }
}
