//! The past: `gotgan.as_of` for a whole session, AS OF for one relation.
//!
//! Before a statement runs, each relation with a version gets a name that tells its
//! snapshot (`plan/past.rs`), and the planner gets the pictures of those snapshots. So
//! everything behind knows no versions, only names. When a statement is described before
//! its parameters have values, a version that depends on one is left out: the present
//! tells the columns, and what other columns it then gives is an error.
//!
//! Invariants:
//! - A statement never sees a snapshot later than its own.
//! - Where the session reads the past, nothing can be written.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::DateTime;
use datafusion::common::ScalarValue;
use gotgan_storage::{ErrorKind, Snapshot, SnapshotId};
use sqlparser::ast::{
    self, Expr, Ident, ObjectName, TableAlias, TableFactor, TableVersion, Visit, VisitMut, Visitor,
    VisitorMut,
};

use super::run::Parameter;
use super::{Outcome, Session};
use crate::command;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::{Node, Statement, name_parts};
use crate::parse::moment::Point;
use crate::plan::{ColumnDescription, past_name};
use crate::resolve::{DATABASE, Name, Resolved, Resolver};
use crate::sqlstate;
use crate::types::{PgType, oid};

/// The setting that puts a session into the past.
pub(crate) const AS_OF: &str = "gotgan.as_of";

/// A state of the warehouse, as a statement or the setting tells it.
#[derive(Clone, Debug)]
pub(crate) enum Moment {
    /// Microseconds since 1970, UTC.
    Time(i64),
    /// The number of a snapshot, or the name of a hold.
    Snapshot(String),
}

/// What `gotgan.as_of` meant when it was looked up.
#[derive(Clone, Debug)]
pub(super) struct AsOf {
    /// The setting and the time zone in which it was read.
    text: (String, String),
    snapshot: Arc<Snapshot>,
}

impl Session {
    /// The snapshot that the session reads, if it reads the past.
    ///
    /// Errors: `22023` if the setting names no snapshot that is kept.
    pub(crate) async fn as_of(&mut self) -> Result<Option<Arc<Snapshot>>, SqlError> {
        let text = self.settings.show(AS_OF)?;
        if text.is_empty() {
            self.as_of = None;
            return Ok(None);
        }
        let text = (text.to_owned(), self.settings.show("TimeZone")?.to_owned());
        let known = self.as_of.as_ref().filter(|known| known.text == text);
        let known = known.map(|known| Arc::clone(&known.snapshot));
        let snapshot = match known {
            Some(known) if self.is_pinned(known.id()) => return Ok(Some(known)),
            Some(known) => self.pinned_snapshot(known.id()).await?,
            None => {
                let moment = self.setting_moment(&text.0).await?;
                self.snapshot_of(&moment).await?
            }
        };
        self.as_of = Some(AsOf {
            text,
            snapshot: Arc::clone(&snapshot),
        });
        Ok(Some(snapshot))
    }

    /// Whether the session reads the past.
    pub(crate) fn is_in_past(&self) -> bool {
        self.settings.show(AS_OF).is_ok_and(|text| !text.is_empty())
    }

    /// A number or the name of a hold is a snapshot; anything else must be a time.
    async fn setting_moment(&self, text: &str) -> Result<Moment, SqlError> {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number || self.held(text).await?.is_some() {
            return Ok(Moment::Snapshot(text.to_owned()));
        }
        let style = self.settings.input_style(self.statement_start);
        let time = crate::types::datetime::parse_timestamptz(text, -1, &style);
        time.map(Moment::Time).map_err(|_| {
            SqlError::invalid_setting(AS_OF, text)
                .with_hint("Give a time, the number of a snapshot or the name of a hold.")
        })
    }

    /// The picture of a state of the warehouse.
    ///
    /// Errors: `22023` if there is none, with those that there are.
    pub(crate) async fn snapshot_of(&mut self, moment: &Moment) -> Result<Arc<Snapshot>, SqlError> {
        match moment {
            Moment::Time(micros) => {
                let time = DateTime::from_timestamp_micros(*micros).ok_or_else(|| {
                    SqlError::invalid_parameter("the moment must be a time that is not infinite")
                })?;
                let found = self.engine.lake.snapshot_at(time).await;
                self.pinned_snapshot(found.map_err(not_kept)?.id()).await
            }
            Moment::Snapshot(text) => {
                let id = self.snapshot_id(text).await?;
                self.pinned_snapshot(id).await
            }
        }
    }

    /// The picture of a snapshot, which does not expire while the statement is planned.
    ///
    /// Later, its files are kept for the grace time.
    async fn pinned_snapshot(&mut self, id: SnapshotId) -> Result<Arc<Snapshot>, SqlError> {
        let lake = &self.engine.lake;
        let snapshot = lake.snapshot(id).await.map_err(not_kept)?;
        if self.is_pinned(id) {
            return Ok(snapshot);
        }
        self.pins.push(lake.pin(id).await.map_err(not_kept)?);
        // It may have begun to expire before it was pinned.
        lake.snapshot(id).await.map_err(not_kept)
    }

    fn is_pinned(&self, id: SnapshotId) -> bool {
        self.pins.iter().any(|pin| pin.id() == id)
    }

    /// Lets go of what a statement has read of the past.
    pub(super) fn release_past(&mut self) {
        self.pins.clear();
        if !self.past.is_empty() {
            self.past = Arc::default();
        }
    }

    /// The snapshot that a number or the name of a hold stands for.
    async fn snapshot_id(&self, text: &str) -> Result<SnapshotId, SqlError> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = text.parse().map_err(|_| {
                SqlError::invalid_parameter(format!("snapshot {text} does not exist"))
            })?;
            return Ok(SnapshotId(number));
        }
        let held = self.held(text).await?;
        held.ok_or_else(|| SqlError::undefined_object("snapshot", text))
    }

    /// The snapshot that is held under a name.
    async fn held(&self, name: &str) -> Result<Option<SnapshotId>, SqlError> {
        let hold = self.engine.lake.hold(name).await?;
        Ok(hold.map(|hold| hold.snapshot))
    }

    /// As [`Self::snapshot_of`], of a moment that a statement tells.
    ///
    /// Errors: also `22023` for a snapshot later than the one that the statement sees.
    pub(crate) async fn visible_snapshot(
        &mut self,
        moment: &Moment,
        ctx: &StatementContext,
    ) -> Result<Arc<Snapshot>, SqlError> {
        let found = self.snapshot_of(moment).await?;
        if found.id() <= ctx.snapshot.id() {
            return Ok(found);
        }
        Err(SqlError::invalid_parameter(format!(
            "snapshot {} is later than snapshot {}, which this statement sees",
            found.id(),
            ctx.snapshot.id()
        )))
    }

    /// The value of a moment that a statement tells by constants and parameters.
    pub(crate) async fn moment(
        &mut self,
        point: &Point,
        parameters: &[Parameter],
    ) -> Result<Moment, SqlError> {
        let planner = self.planner().await?;
        let target = PgType::new(point.type_oid());
        let value = command::constant_with(&planner, point.expression(), target, parameters)?;
        let is_null = || {
            SqlError::with_code(
                sqlstate::NULL_VALUE_NOT_ALLOWED,
                "the moment of AS OF must not be null",
            )
        };
        match value {
            ScalarValue::TimestampMicrosecond(Some(micros), _) => Ok(Moment::Time(micros)),
            value if value.is_null() => Err(is_null()),
            value => match value.try_as_str() {
                Some(Some(text)) => Ok(Moment::Snapshot(text.to_owned())),
                _ => Err(SqlError::internal("a moment is neither a time nor a text")),
            },
        }
    }

    /// The statement with every version resolved; its pictures are kept for the planner.
    ///
    /// Errors: `42P01` for a relation that the snapshot lacks, `22023` for a snapshot that
    /// is not kept, `0A000` for a version where none can be.
    pub(super) async fn bind_versions(
        &mut self,
        statement: &Statement,
        parameters: &[Parameter],
    ) -> Result<Statement, SqlError> {
        let mut bound = statement.clone();
        self.bind_node(&mut bound.node, Values::Known(parameters)).await?;
        Ok(bound)
    }

    /// As [`Self::bind_versions`], where parameters have types at most; adds those that
    /// versions give them.
    pub(super) async fn bind_described(
        &mut self,
        statement: &Statement,
        known: &mut Vec<Option<PgType>>,
    ) -> Result<Statement, SqlError> {
        let mut bound = statement.clone();
        self.bind_node(&mut bound.node, Values::Types(known)).await?;
        Ok(bound)
    }

    async fn bind_node(&mut self, node: &mut Node, mut values: Values<'_>) -> Result<(), SqlError> {
        let found = match node {
            // What is prepared is resolved when it is executed.
            Node::Ast(node) if matches!(node.as_ref(), ast::Statement::Prepare { .. }) => {
                return Ok(());
            }
            Node::Ast(node) => {
                refuse_targets(node)?;
                versions(node.as_ref())?
            }
            Node::Copy(copy) => match &copy.source {
                crate::parse::copy::CopySource::Query(query) => versions(query.as_ref())?,
                crate::parse::copy::CopySource::Table { .. } => return Ok(()),
            },
            _ => return Ok(()),
        };
        let ctx = self.context().await?;
        let mut past = BTreeMap::new();
        let mut names = Vec::with_capacity(found.len());
        for (relation, point) in found {
            let parameters: &[Parameter] = match &mut values {
                Values::Known(parameters) => parameters,
                Values::Types(known) if !point.parameters().is_empty() => {
                    let planner = self.planner().await?;
                    add_types(&planner, &point, known)?;
                    names.push(relation);
                    continue;
                }
                Values::Types(_) => &[],
            };
            let moment = self.moment(&point, parameters).await?;
            let snapshot = self.visible_snapshot(&moment, &ctx).await?;
            let id = snapshot.id();
            let there: &Arc<StatementContext> = past
                .entry(id)
                .or_insert_with(|| Arc::new(self.context_at(&ctx, snapshot)));
            names.push(named_at(&relation, id, there)?);
        }
        self.past = Arc::new(past);
        let mut names = names.into_iter();
        let mut bind = Bind { names: &mut names };
        let _: ControlFlow<()> = match node {
            Node::Ast(node) => node.visit(&mut bind),
            Node::Copy(copy) => match &mut copy.source {
                crate::parse::copy::CopySource::Query(query) => query.visit(&mut bind),
                crate::parse::copy::CopySource::Table { .. } => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        };
        Ok(())
    }

    /// Refuses rows of other columns than the client was told, which a moment that moves
    /// can give.
    pub(super) fn require_described(
        outcome: &Outcome,
        described: Option<&[ColumnDescription]>,
    ) -> Result<(), SqlError> {
        let (Outcome::Rows(rows), Some(described)) = (outcome, described) else {
            return Ok(());
        };
        match super::cached::are_same(&rows.columns(), described) {
            true => Ok(()),
            false => Err(super::cached::changed_result()),
        }
    }
}

/// Gives relations of the database that the client connected to the database's own name.
pub(super) fn name_database(statements: &mut [Statement], connected: &str) {
    for statement in statements {
        if let Node::Ast(node) = &mut statement.node {
            let _: ControlFlow<()> = ast::visit_relations_mut(node.as_mut(), |relation| {
                if let [database, _, _] = relation.0.as_mut_slice()
                    && database.as_ident().is_some_and(|part| part.value == connected)
                {
                    *database = ast::ObjectNamePart::Identifier(Ident::new(DATABASE));
                }
                ControlFlow::Continue(())
            });
        }
    }
}

/// What is known of parameters while versions are bound.
enum Values<'a> {
    Known(&'a [Parameter]),
    Types(&'a mut Vec<Option<PgType>>),
}

/// A snapshot that cannot be had is a wrong value, not a missing object of the user's.
pub(crate) fn not_kept(error: gotgan_storage::Error) -> SqlError {
    if error.kind != ErrorKind::NotFound {
        return SqlError::from(error);
    }
    SqlError::invalid_parameter(error.message.clone())
        .with_hint("Choose one of gotgan.snapshots.")
        .caused_by(error)
}

/// Relations with a version, in the order in which they are visited.
fn versions(node: &impl Visit) -> Result<Vec<(ObjectName, Point)>, SqlError> {
    struct Find(Vec<(ObjectName, Point)>);
    impl Visitor for Find {
        type Break = SqlError;
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<SqlError> {
            let TableFactor::Table {
                name,
                version: Some(version),
                args,
                ..
            } = factor
            else {
                return ControlFlow::Continue(());
            };
            let point = match (version, args) {
                (
                    TableVersion::ForSystemTimeAsOf(moment) | TableVersion::TimestampAsOf(moment),
                    None,
                ) => Point::of(moment.clone()),
                (TableVersion::VersionAsOf(number), None) => Point::Snapshot(number.clone()),
                _ => return ControlFlow::Break(SqlError::not_supported(version.to_string())),
            };
            if point.has_subquery() {
                let error = SqlError::not_supported("a subquery in AS OF");
                return ControlFlow::Break(error);
            }
            self.0.push((name.clone(), point));
            ControlFlow::Continue(())
        }
    }
    let mut find = Find(Vec::new());
    match node.visit(&mut find) {
        ControlFlow::Continue(()) => Ok(find.0),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Errors: `0A000` where a version is stored, `42601` where rows would be changed.
fn refuse_targets(node: &ast::Statement) -> Result<(), SqlError> {
    use ast::Statement as S;
    let target = match node {
        S::CreateView(create) if !versions(create.query.as_ref())?.is_empty() => {
            return Err(SqlError::not_supported("AS OF in a view")
                .with_hint("Read the view itself AS OF an earlier moment."));
        }
        S::Explain { statement, .. } | S::Prepare { statement, .. } => {
            return refuse_targets(statement);
        }
        S::Update(update) => Some(&update.table.relation),
        S::Merge(merge) => Some(&merge.table),
        S::Delete(delete) => match &delete.from {
            ast::FromTable::WithFromKeyword(from) | ast::FromTable::WithoutKeyword(from) => {
                from.first().map(|item| &item.relation)
            }
        },
        _ => None,
    };
    match target {
        Some(TableFactor::Table {
            version: Some(_), ..
        }) => Err(SqlError::syntax(
            "rows of an earlier moment cannot be changed",
        )),
        _ => Ok(()),
    }
}

/// The name of a relation at a snapshot, which has it.
fn named_at(
    relation: &ObjectName,
    snapshot: SnapshotId,
    there: &StatementContext,
) -> Result<ObjectName, SqlError> {
    let span = ast::Spanned::span(relation);
    let name = Name::from_parts(&name_parts(relation))?;
    let resolver = Resolver {
        snapshot: &there.snapshot,
        search_path: &there.search_path,
    };
    let missing = || {
        SqlError::undefined_table(&name.display())
            .with_detail(format!("It did not exist at snapshot {snapshot}."))
            .at_location(span.start)
    };
    let schema = match resolver.find(&name).ok_or_else(missing)? {
        Resolved::System(relation) => relation.schema.to_owned(),
        Resolved::Stored(gotgan_storage::Relation::Table(table)) => {
            schema_name(&there.snapshot, table.schema_id)
        }
        Resolved::Stored(gotgan_storage::Relation::View(view)) => {
            schema_name(&there.snapshot, view.schema_id)
        }
        Resolved::Sequence(sequence) => {
            return Err(SqlError::not_supported(format!(
                "AS OF for the sequence \"{}\"",
                sequence.name
            )));
        }
    };
    let parts = [past_name(snapshot), schema, name.name];
    Ok(ObjectName::from(
        parts
            .map(|part| Ident::with_quote_and_span('"', span, part))
            .to_vec(),
    ))
}

fn schema_name(snapshot: &Snapshot, id: gotgan_storage::SchemaId) -> String {
    let schema = snapshot.schema(id);
    schema.map_or_else(String::new, |schema| schema.name.clone())
}

/// Puts names in the place of versions, in the order of [`versions`].
struct Bind<'a, I: Iterator<Item = ObjectName>> {
    names: &'a mut I,
}

impl<I: Iterator<Item = ObjectName>> VisitorMut for Bind<'_, I> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name,
            version,
            alias,
            ..
        } = factor
            && version.take().is_some()
            && let Some(bound) = self.names.next()
        {
            let own = name.0.last().and_then(|part| part.as_ident()).cloned();
            if let (None, Some(own)) = (&alias, own) {
                *alias = Some(TableAlias {
                    explicit: true,
                    name: own,
                    columns: Vec::new(),
                    at: None,
                });
            }
            *name = bound;
        }
        ControlFlow::Continue(())
    }
}

/// Types of the parameters in a moment that the client left open.
fn add_types(
    planner: &crate::plan::Planner,
    point: &Point,
    known: &mut Vec<Option<PgType>>,
) -> Result<(), SqlError> {
    let mut query = crate::parse::parse_query("SELECT CAST(1 AS text)")?;
    let target = match point.type_oid() {
        oid::TIMESTAMPTZ => "timestamptz",
        _ => "text",
    };
    if let ast::SetExpr::Select(select) = query.body.as_mut() {
        let data_type = ast::DataType::Custom(ObjectName::from(vec![Ident::new(target)]), vec![]);
        select.projection = vec![ast::SelectItem::UnnamedExpr(Expr::Cast {
            kind: ast::CastKind::Cast,
            expr: Box::new(point.expression().clone()),
            data_type,
            format: None,
            array: false,
        })];
    }
    let planned = planner.plan_query(&query, known)?;
    known.resize(known.len().max(planned.parameters.len()), None);
    for number in point.parameters() {
        let Some(index) = number.checked_sub(1) else {
            continue;
        };
        if let (Some(slot), Some(found)) = (known.get_mut(index), planned.parameters.get(index)) {
            *slot = slot.or(Some(*found));
        }
    }
    Ok(())
}
