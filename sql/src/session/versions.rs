//! AS OF: relations with a version, before the statement around them is planned.
//!
//! Each gets a name that tells its snapshot (`plan/past.rs`), and the planner gets the
//! pictures of those snapshots. So everything behind knows no versions, only names. When a
//! statement is described before its parameters have values, a version that depends on one
//! is left out: the present tells the columns, and what other columns it then gives is an
//! error.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use gotgan_storage::{Snapshot, SnapshotId};
use sqlparser::ast::{
    self, Expr, Ident, ObjectName, TableAlias, TableFactor, TableVersion, Visit, VisitMut, Visitor,
    VisitorMut,
};

use super::run::Parameter;
use super::{Outcome, Session};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::moment::Point;
use crate::parse::{Node, Statement, name_parts};
use crate::plan::{ColumnDescription, past_name};
use crate::resolve::{Name, Resolved, Resolver};
use crate::types::{PgType, oid};

impl Session {
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
        self.bind_node(&mut bound.node, Values::Known(parameters))
            .await?;
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
        self.bind_node(&mut bound.node, Values::Types(known))
            .await?;
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

/// What is known of parameters while versions are bound.
enum Values<'a> {
    Known(&'a [Parameter]),
    Types(&'a mut Vec<Option<PgType>>),
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
    let resolver = Resolver::of(there);
    let missing = || {
        SqlError::undefined_table(&name.display())
            .with_detail(format!("It did not exist at snapshot {snapshot}."))
            .at_location(span.start)
    };
    let schema = match resolver.find(&name)?.ok_or_else(missing)? {
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
