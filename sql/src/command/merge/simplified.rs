//! Redshift's `MERGE INTO t USING s ON condition REMOVE DUPLICATES`.
//!
//! Rows of the target that match a row of the source go, and each different row of the
//! source is inserted once. As a query: the places of the former beside the latter.
//! The tag counts both.
//!
//! Source: Redshift's developer guide, MERGE.

use sqlparser::ast::{self, Expr, MergeAction, SelectItem, SetExpr};

use crate::change::{Base, Target, action, aliased, constant_action, quoted};
use crate::error::SqlError;
use crate::parse::idiom::merge::REMOVE_DUPLICATES;
use crate::parse::parse_query;
use crate::plan::Planner;
use crate::rewrite::build;
use crate::scan::{FILE_COLUMN, POSITION_COLUMN};
use crate::sequence::{self, Overriding};
use crate::sqlstate;
use crate::types::{PgType, oid};

/// Name of the source's different rows.
const NEW_ROWS: &str = "\0new rows";

/// Whether the statement is of this form.
///
/// Errors: `42601` where it has branches, too.
pub(super) fn is_simplified(merge: &ast::Merge) -> Result<bool, SqlError> {
    let is_mark = |clause: &ast::MergeClause| match &clause.action {
        MergeAction::Update(update) => super::assigns_to(&update.assignments, REMOVE_DUPLICATES),
        _ => false,
    };
    match merge
        .clauses
        .iter()
        .filter(|clause| is_mark(clause))
        .count()
    {
        0 => Ok(false),
        1 if merge.clauses.len() == 1 => Ok(true),
        _ => Err(SqlError::syntax("syntax error at or near \"REMOVE\"")),
    }
}

/// The query of both kinds of rows, under the target's name.
///
/// Errors: `42804` for a source with other columns; `428C9` for a column that is always
/// generated; those of the source.
pub(super) fn base(
    planner: &Planner,
    target: &Target,
    merge: &ast::Merge,
    with: Option<&ast::With>,
    known: &[Option<PgType>],
) -> Result<Base, SqlError> {
    require_same_columns(planner, target, merge, with, known)?;
    let mut union = parse_query("SELECT 1 UNION ALL SELECT 1")?;
    if let SetExpr::SetOperation { left, right, .. } = union.body.as_mut() {
        *left.as_mut() = old_rows(target, merge)?;
        *right.as_mut() = new_rows(target, merge)?;
    }
    let is_new = build::negate_if(true, target.is_there());
    Ok(Base {
        with: with.cloned(),
        from: vec![derived(union, &target.alias)],
        selection: None,
        action: Expr::Case {
            case_token: ast::helpers::attached_token::AttachedToken::empty(),
            end_token: ast::helpers::attached_token::AttachedToken::empty(),
            operand: None,
            conditions: vec![ast::CaseWhen {
                condition: is_new,
                result: constant_action(action::INSERT),
            }],
            else_result: Some(Box::new(constant_action(action::DELETE))),
        },
        values: Some(target.old_values()),
        proposed: None,
        has_places: true,
        returns_joined: false,
    })
}

fn require_same_columns(
    planner: &Planner,
    target: &Target,
    merge: &ast::Merge,
    with: Option<&ast::With>,
    known: &[Option<PgType>],
) -> Result<(), SqlError> {
    let mut query = query_of(all_columns(merge)?)?;
    query.with = with.cloned();
    let planned = planner.plan_query(&query, known)?;
    let fields = planned.plan.schema().fields();
    let columns = &target.table.columns;
    let names = columns.iter().map(|column| &column.name);
    if fields.iter().map(|field| field.name()).eq(names) {
        return Ok(());
    }
    let text = "MERGE with REMOVE DUPLICATES needs a source with the target's columns, in their \
                order";
    Err(SqlError::with_code(sqlstate::DATATYPE_MISMATCH, text))
}

/// The places of the target's rows that match, with nothing for values.
fn old_rows(target: &Target, merge: &ast::Merge) -> Result<SetExpr, SqlError> {
    let mut matching = select()?;
    matching.from = vec![ast::TableWithJoins {
        relation: merge.source.clone(),
        joins: Vec::new(),
    }];
    matching.selection = Some(merge.on.as_ref().clone());
    let mut rows = select()?;
    rows.projection = [FILE_COLUMN, POSITION_COLUMN]
        .map(|name| aliased(target.column(name), name))
        .to_vec();
    for (index, column) in target.table.columns.iter().enumerate() {
        let nothing = target.cell(build::value(ast::Value::Null), index)?;
        rows.projection.push(aliased(nothing, &column.name));
    }
    rows.from = vec![ast::TableWithJoins {
        relation: target.factor(),
        joins: Vec::new(),
    }];
    rows.selection = Some(Expr::Exists {
        subquery: Box::new(query_of(matching)?),
        negated: false,
    });
    Ok(SetExpr::Select(Box::new(rows)))
}

/// The source's different rows as rows of the target, which have no place.
fn new_rows(target: &Target, merge: &ast::Merge) -> Result<SetExpr, SqlError> {
    let mut source = all_columns(merge)?;
    source.distinct = Some(ast::Distinct::Distinct);
    let mut rows = select()?;
    rows.projection = [FILE_COLUMN, POSITION_COLUMN]
        .map(|name| {
            let nothing = build::value(ast::Value::Null);
            aliased(build::cast(nothing, PgType::new(oid::INT8)), name)
        })
        .to_vec();
    for (index, column) in target.table.columns.iter().enumerate() {
        sequence::refuse_insert(&target.snapshot, &target.table, column, Overriding::None)?;
        let value = Expr::CompoundIdentifier(vec![quoted(NEW_ROWS), quoted(&column.name)]);
        rows.projection
            .push(aliased(target.cell(value, index)?, &column.name));
    }
    rows.from = vec![derived(query_of(source)?, NEW_ROWS)];
    Ok(SetExpr::Select(Box::new(rows)))
}

/// `SELECT * FROM source`
fn all_columns(merge: &ast::Merge) -> Result<ast::Select, SqlError> {
    let mut all = select()?;
    all.projection = vec![SelectItem::Wildcard(
        ast::WildcardAdditionalOptions::default(),
    )];
    all.from = vec![ast::TableWithJoins {
        relation: merge.source.clone(),
        joins: Vec::new(),
    }];
    Ok(all)
}

/// A SELECT to be filled in.
fn select() -> Result<ast::Select, SqlError> {
    match *parse_query("SELECT 1")?.body {
        SetExpr::Select(select) => Ok(*select),
        _ => Err(SqlError::internal("SELECT was parsed as something else")),
    }
}

fn query_of(select: ast::Select) -> Result<ast::Query, SqlError> {
    let mut query = parse_query("SELECT 1")?;
    *query.body = SetExpr::Select(Box::new(select));
    Ok(query)
}

fn derived(query: ast::Query, alias: &str) -> ast::TableWithJoins {
    let relation = ast::TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query),
        alias: Some(ast::TableAlias {
            explicit: true,
            name: quoted(alias),
            columns: Vec::new(),
            at: None,
        }),
        sample: None,
    };
    ast::TableWithJoins {
        relation,
        joins: Vec::new(),
    }
}
