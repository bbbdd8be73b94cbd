//! CREATE, ALTER, DROP, ATTACH and DETACH MASKING POLICY. Superusers' alone.
//!
//! A policy is of the whole lake; where it is attached is kept with the table.
//!
//! Source: Redshift's developer guide, CREATE MASKING POLICY and those beside it.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::DFSchema;
use datafusion::logical_expr::ExprSchemable;
use gotgan_storage::{
    AccessTarget, LakeAccess, MaskAttachment, MaskingPolicy, ObjectAccess, PUBLIC_ROLE_ID, Table,
};
use sqlparser::ast::{DataType, Expr};

use super::{role, truncate};
use crate::access::{mask, roles};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::modify;
use crate::parse::mask::{MaskStatement, Place};
use crate::parse::role::RoleSpec;
use crate::parse::{name_parts, parse_expression};
use crate::plan::{Place as ExpressionPlace, Planner, refuse_in};
use crate::resolve::Name;
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;
use crate::types::PgType;

/// Errors: `42501` unless the role is a superuser; `42704` and `42710` for a policy that is
/// not there, or is; `42703`, `42804` for columns that do not fit; `2BP01` for one that is
/// dropped while it is attached.
pub(crate) async fn run(
    session: &mut Session,
    statement: &MaskStatement,
) -> Result<Outcome, SqlError> {
    let verb = match statement {
        MaskStatement::Create { .. } => "CREATE",
        MaskStatement::Alter { .. } => "ALTER",
        MaskStatement::Drop { .. } => "DROP",
        MaskStatement::Attach { .. } => "ATTACH",
        MaskStatement::Detach(_) => "DETACH",
    };
    let tag = format!("{verb} MASKING POLICY");
    session.require_write(&tag)?;
    let planner = session.planner().await?;
    if !roles::is_superuser(&planner.ctx.rights, planner.ctx.role_id) {
        return Err(SqlError::must_be_superuser(&format!("execute {tag}")));
    }
    match statement {
        MaskStatement::Attach {
            place,
            inputs,
            priority,
        } => attach(session, &planner, place, inputs, *priority).await?,
        MaskStatement::Detach(place) => detach(session, &planner, place).await?,
        other => change_policy(session, &planner, other).await?,
    }
    Ok(Outcome::Command(tag))
}

/// Changes the policies of the lake.
async fn change_policy(
    session: &mut Session,
    planner: &Planner,
    statement: &MaskStatement,
) -> Result<(), SqlError> {
    let mut lake = LakeAccess::clone(planner.ctx.snapshot.lake_access());
    let known = &mut lake.masking_policies;
    match statement {
        MaskStatement::Create {
            if_not_exists,
            name,
            inputs,
            values,
        } => {
            if known.iter().any(|policy| policy.name == *name) {
                let text = format!("masking policy \"{name}\" already exists");
                if *if_not_exists {
                    session.notify(Notice::info(format!("{text}, skipping")));
                    return Ok(());
                }
                return Err(SqlError::with_code(sqlstate::DUPLICATE_OBJECT, text));
            }
            let columns: Vec<(String, String)> = inputs.iter().map(declared).collect();
            let expressions = expressions(planner, &columns, values)?;
            known.push(MaskingPolicy {
                id: session.transaction().await?.storage()?.take_object_id(),
                name: name.clone(),
                columns,
                expressions,
                owner: planner.ctx.role_id,
            });
        }
        MaskStatement::Alter { name, values } => {
            let policy = known.iter_mut().find(|policy| policy.name == *name);
            let policy = policy.ok_or_else(|| missing(name))?;
            if policy.expressions.len() != values.len() {
                return Err(SqlError::not_supported(
                    "giving a masking policy another number of values",
                ));
            }
            policy.expressions = expressions(planner, &policy.columns, values)?;
        }
        MaskStatement::Drop { if_exists, name } => {
            let Some(found) = known.iter().position(|policy| policy.name == *name) else {
                if *if_exists {
                    let text = format!("masking policy \"{name}\" does not exist, skipping");
                    session.notify(Notice::info(text));
                    return Ok(());
                }
                return Err(missing(name));
            };
            require_detached(&planner.ctx, &known[found])?;
            known.remove(found);
        }
        MaskStatement::Attach { .. } | MaskStatement::Detach(_) => return Ok(()),
    }
    let storage = session.transaction().await?.storage()?;
    Ok(storage.set_lake_access(lake)?)
}

fn declared((name, data_type): &(String, DataType)) -> (String, String) {
    (name.clone(), data_type.to_string())
}

/// The texts of a policy's values.
///
/// Errors: those of parse analysis.
fn expressions(
    planner: &Planner,
    columns: &[(String, String)],
    values: &[Expr],
) -> Result<Vec<String>, SqlError> {
    let schema = inputs(columns)?;
    let texts = values.iter().map(|value| {
        refuse_in(value, ExpressionPlace::Mask, &planner.ctx)?;
        planner.plan_expression(value, &schema)?;
        Ok(value.to_string())
    });
    texts.collect()
}

/// What a policy's values are computed over.
fn inputs(columns: &[(String, String)]) -> Result<DFSchema, SqlError> {
    let fields: Result<Vec<_>, SqlError> = columns
        .iter()
        .map(|(name, declared)| Ok(mask::declared_type(declared)?.field(name, true)))
        .collect();
    Ok(DFSchema::try_from(Schema::new(fields?))?)
}

/// Errors: `2BP01`.
fn require_detached(ctx: &StatementContext, policy: &MaskingPolicy) -> Result<(), SqlError> {
    let uses = |table: &&Arc<Table>| {
        let mut masks = table.access.masks.iter();
        masks.any(|mask| mask.policy == policy.id)
    };
    let Some(table) = ctx.snapshot.tables().find(uses) else {
        return Ok(());
    };
    let name = &policy.name;
    Err(SqlError::with_code(
        sqlstate::DEPENDENT_OBJECTS_STILL_EXIST,
        format!("cannot drop masking policy \"{name}\" because other objects depend on it"),
    )
    .with_detail(format!("It is attached to table {}.", table.name))
    .with_hint("Use DETACH MASKING POLICY first."))
}

fn missing(name: &str) -> SqlError {
    SqlError::undefined_object("masking policy", name)
}

/// What a statement names, found.
struct Found<'a> {
    table: Arc<Table>,
    access: ObjectAccess,
    policy: &'a MaskingPolicy,
    output: Vec<i64>,
    role: i64,
}

fn find<'a>(ctx: &'a StatementContext, place: &Place) -> Result<Found<'a>, SqlError> {
    let mut policies = ctx.snapshot.lake_access().masking_policies.iter();
    let policy = policies.find(|policy| policy.name == place.policy);
    let policy = policy.ok_or_else(|| missing(&place.policy))?;
    let table = truncate::table(ctx, &Name::from_parts(&name_parts(&place.table))?)?;
    if ctx.snapshot.is_temporary(table.schema_id) {
        return Err(SqlError::not_supported(
            "a masking policy on a temporary table",
        ));
    }
    Ok(Found {
        access: ObjectAccess::clone(&table.access),
        policy,
        output: ids(&table, &place.columns)?,
        role: match &place.grantee {
            RoleSpec::Public => PUBLIC_ROLE_ID,
            named => role::resolve(ctx, named)?.id,
        },
        table,
    })
}

/// Ids of columns by their names.
///
/// Errors: `42703`.
fn ids(table: &Table, names: &[String]) -> Result<Vec<i64>, SqlError> {
    let ids = names.iter().map(|name| {
        let found = table.columns.iter().find(|column| column.name == *name);
        let found = found.ok_or_else(|| SqlError::undefined_column_of(name, &table.name))?;
        Ok(found.id.0)
    });
    ids.collect()
}

async fn attach(
    session: &mut Session,
    planner: &Planner,
    place: &Place,
    inputs: &[String],
    priority: i64,
) -> Result<(), SqlError> {
    let Found {
        table,
        mut access,
        policy,
        output,
        role,
    } = find(&planner.ctx, place)?;
    let input = match inputs {
        [] => output.clone(),
        named => ids(&table, named)?,
    };
    if input.len() != policy.columns.len() || output.len() != policy.expressions.len() {
        return Err(SqlError::syntax(format!(
            "masking policy \"{}\" has another number of columns",
            policy.name
        )));
    }
    require_types(planner, &table, policy, &output, &input)?;
    let is_taken = access.masks.iter().any(|mask| {
        mask.role == role
            && mask.priority == priority
            && mask.output.iter().any(|column| output.contains(column))
    });
    if is_taken {
        return Err(SqlError::with_code(
            sqlstate::DUPLICATE_OBJECT,
            "a masking policy with this priority is already attached to the column",
        )
        .with_hint("Use another PRIORITY."));
    }
    access.masks.push(MaskAttachment {
        policy: policy.id,
        output,
        input,
        role,
        priority,
        grantor: planner.ctx.role_id,
    });
    let storage = session.transaction().await?.storage()?;
    Ok(storage.set_access(AccessTarget::Table(table.id), access)?)
}

/// Errors: `42804` if a column's values do not fit the policy's names, or its values the
/// column.
fn require_types(
    planner: &Planner,
    table: &Table,
    policy: &MaskingPolicy,
    output: &[i64],
    input: &[i64],
) -> Result<(), SqlError> {
    let type_of = |id: i64| {
        let column = table.columns.iter().find(|column| column.id.0 == id);
        let column = column.ok_or_else(|| SqlError::internal("a column was lost"))?;
        Ok::<_, SqlError>((&column.name, PgType::of_column(&column.column_type)))
    };
    for ((name, declared), id) in policy.columns.iter().zip(input) {
        let (column, own) = type_of(*id)?;
        let wanted = mask::declared_type(declared)?;
        if !modify::is_assignable(own, wanted) {
            return Err(SqlError::datatype_mismatch(format!(
                "column \"{column}\" is of type {} but \"{name}\" of masking policy \"{}\" is of \
                 type {declared}",
                own.display(),
                policy.name
            )));
        }
    }
    let schema = inputs(&policy.columns)?;
    for (text, id) in policy.expressions.iter().zip(output) {
        let (column, own) = type_of(*id)?;
        let value = planner.plan_expression(&parse_expression(text)?, &schema)?;
        let (_, field) = value.to_field(&schema)?;
        let made = PgType::of_field(&field);
        if !field.data_type().is_null() && !modify::is_assignable(made, own) {
            return Err(SqlError::datatype_mismatch(format!(
                "column \"{column}\" is of type {} but masking policy \"{}\" gives type {}",
                own.display(),
                policy.name,
                made.display()
            )));
        }
    }
    Ok(())
}

async fn detach(session: &mut Session, planner: &Planner, place: &Place) -> Result<(), SqlError> {
    let Found {
        table,
        mut access,
        policy,
        output,
        role,
    } = find(&planner.ctx, place)?;
    let count = access.masks.len();
    access
        .masks
        .retain(|mask| mask.policy != policy.id || mask.role != role || mask.output != output);
    if access.masks.len() == count {
        return Err(SqlError::with_code(
            sqlstate::UNDEFINED_OBJECT,
            format!(
                "masking policy \"{}\" is not attached to these columns of table \"{}\"",
                policy.name, table.name
            ),
        ));
    }
    let storage = session.transaction().await?.storage()?;
    Ok(storage.set_access(AccessTarget::Table(table.id), access)?)
}
