//! CREATE, ALTER and DROP POLICY, and ALTER TABLE ... ROW LEVEL SECURITY.
//!
//! A policy is kept with its table, as text whose relations have their schemas named.
//!
//! Source: PostgreSQL 15, `policy.c`.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::DFSchema;
use gotgan_storage::{AccessTarget, ObjectAccess, PUBLIC_ROLE_ID, Policy, Relation, Table};
use sqlparser::ast;

use super::alter_table::guarded;
use super::{create_view, role, truncate};
use crate::access::actor::{Actor, Object};
use crate::access::policy::{Condition, command, merged};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::modify;
use crate::parse::name_parts;
use crate::parse::policy::{PolicyParts, PolicyStatement, Switch};
use crate::parse::role::RoleSpec;
use crate::plan::{Place, Planner, refuse_in};
use crate::resolve::{Name, Resolved, Resolver};
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;

/// Errors: `42P01`, `42501` unless the table is the role's own, `42704` and `42710` for a
/// policy that is not there, or is; those of its conditions.
pub(crate) async fn run(
    session: &mut Session,
    statement: &PolicyStatement,
) -> Result<Outcome, SqlError> {
    use PolicyStatement as S;
    let (tag, name) = match statement {
        S::Create { table, .. } => ("CREATE POLICY", table),
        S::Alter { table, .. } | S::Rename { table, .. } => ("ALTER POLICY", table),
        S::Drop { table, .. } => ("DROP POLICY", table),
        S::Switch { table, .. } => ("ALTER TABLE", table),
    };
    session.require_definition_write(tag, &[name]).await?;
    let done = Ok(Outcome::Command(tag.to_owned()));
    let ctx = session.context().await?;
    let table = match target(&ctx, statement, name) {
        Err(error) if is_forgiven(statement, &error) => {
            let name = Name::from_parts(&name_parts(name))?;
            let text = format!("relation \"{}\" does not exist, skipping", name.name);
            session.notify(Notice::info(text));
            return done;
        }
        found => found?,
    };
    let Some(access) = changed(session, &ctx, &table, statement).await? else {
        return done;
    };
    let storage = session.transaction().await?.storage()?;
    storage.set_access(AccessTarget::Table(table.id), access)?;
    done
}

/// What a statement makes of a table's policies; none if there is nothing to do.
async fn changed(
    session: &mut Session,
    ctx: &StatementContext,
    table: &Arc<Table>,
    statement: &PolicyStatement,
) -> Result<Option<ObjectAccess>, SqlError> {
    use PolicyStatement as S;
    let mut access = ObjectAccess::clone(&table.access);
    match statement {
        S::Create {
            name,
            permissive,
            command,
            parts,
            ..
        } => {
            require_parts(*command, parts)?;
            let mut policy = Policy {
                id: session.transaction().await?.storage()?.take_object_id(),
                name: name.clone(),
                permissive: *permissive,
                command: *command,
                roles: vec![PUBLIC_ROLE_ID],
                using: None,
                check: None,
                columns: Vec::new(),
                relation: String::new(),
                comment: None,
            };
            fill(session, table, &mut policy, parts).await?;
            require_free(&access, table, name)?;
            access.policies.push(policy);
        }
        S::Alter { name, parts, .. } => {
            let mut policy = find(&mut access, table, name)?.clone();
            require_parts(policy.command, parts)?;
            fill(session, table, &mut policy, parts).await?;
            *find(&mut access, table, name)? = policy;
        }
        S::Rename { name, new_name, .. } => {
            find(&mut access, table, name)?;
            require_free(&access, table, new_name)?;
            find(&mut access, table, name)?.name.clone_from(new_name);
        }
        S::Drop {
            if_exists, name, ..
        } => match find(&mut access, table, name).err() {
            Some(_) if *if_exists => {
                let relation = &table.name;
                session.notify(Notice::info(format!(
                    "policy \"{name}\" for relation \"{relation}\" does not exist, skipping"
                )));
                return Ok(None);
            }
            Some(error) => return Err(error),
            None => {
                Actor::of(ctx).require_owner(Object::Table(table))?;
                access.policies.retain(|policy| policy.name != *name);
            }
        },
        S::Switch { switches, .. } => switches.iter().for_each(|one| turn(&mut access, *one)),
    }
    Ok(Some(access))
}

fn turn(access: &mut ObjectAccess, switch: Switch) {
    match switch {
        Switch::Enable => access.row_security = true,
        Switch::Disable => access.row_security = false,
        Switch::Force => access.force_row_security = true,
        Switch::NoForce => access.force_row_security = false,
    }
}

/// The table of a statement, and whether the role may change it; a policy that is dropped
/// is looked for before that.
///
/// Errors: `42P01`, `42501`, `42809`.
fn target(
    ctx: &StatementContext,
    statement: &PolicyStatement,
    name: &ast::ObjectName,
) -> Result<Arc<Table>, SqlError> {
    let name = Name::from_parts(&name_parts(name))?;
    let actor = Actor::of(ctx);
    if let PolicyStatement::Create { parts, .. } = statement {
        roles(ctx, parts.roles.as_deref().unwrap_or_default())?;
    }
    match Resolver::of(ctx).relation(&name)? {
        Resolved::System(relation) => actor.require_owner(Object::SystemRelation(relation.name))?,
        Resolved::Stored(Relation::View(view)) => actor.require_owner(Object::View(&view))?,
        Resolved::Stored(Relation::Table(table)) => {
            if !matches!(statement, PolicyStatement::Drop { .. }) {
                actor.require_owner(Object::Table(&table))?;
            }
        }
        Resolved::Sequence(sequence) => actor.require_owner(Object::Sequence(&sequence))?,
    }
    truncate::table(ctx, &name)
}

/// Whether a table that is missing is no error.
fn is_forgiven(statement: &PolicyStatement, error: &SqlError) -> bool {
    let forgives = match statement {
        PolicyStatement::Drop { if_exists, .. } | PolicyStatement::Switch { if_exists, .. } => {
            *if_exists
        }
        _ => false,
    };
    forgives && error.code == sqlstate::UNDEFINED_TABLE
}

/// Errors: `42601` for a condition that the command has no use for.
fn require_parts(command: char, parts: &PolicyParts) -> Result<(), SqlError> {
    if matches!(command, command::SELECT | command::DELETE) && parts.check.is_some() {
        return Err(SqlError::syntax(
            "WITH CHECK cannot be applied to SELECT or DELETE",
        ));
    }
    if command == command::INSERT && parts.using.is_some() {
        return Err(SqlError::syntax(
            "only WITH CHECK expression allowed for INSERT",
        ));
    }
    Ok(())
}

/// Errors: `42710`.
fn require_free(access: &ObjectAccess, table: &Table, name: &str) -> Result<(), SqlError> {
    match access.policies.iter().any(|policy| policy.name == name) {
        false => Ok(()),
        true => Err(SqlError::with_code(
            sqlstate::DUPLICATE_OBJECT,
            format!(
                "policy \"{name}\" for table \"{}\" already exists",
                table.name
            ),
        )),
    }
}

/// Errors: `42704`.
fn find<'a>(
    access: &'a mut ObjectAccess,
    table: &Table,
    name: &str,
) -> Result<&'a mut Policy, SqlError> {
    let found = access
        .policies
        .iter_mut()
        .find(|policy| policy.name == name);
    found.ok_or_else(|| {
        SqlError::with_code(
            sqlstate::UNDEFINED_OBJECT,
            format!(
                "policy \"{name}\" for table \"{}\" does not exist",
                table.name
            ),
        )
    })
}

/// Takes over what a statement says of a policy; the rest stays.
async fn fill(
    session: &mut Session,
    table: &Arc<Table>,
    policy: &mut Policy,
    parts: &PolicyParts,
) -> Result<(), SqlError> {
    let planner = session.planner().await?;
    fill_names(table, policy, parts)?;
    if let Some(specs) = &parts.roles {
        if specs.len() > 1 && specs.contains(&RoleSpec::Public) {
            let text = "ignoring specified roles other than PUBLIC";
            session.notify(Notice {
                hint: Some("All roles are members of the PUBLIC role.".to_owned()),
                ..Notice::warning(sqlstate::WARNING, text)
            });
        }
        policy.roles = roles(&planner.ctx, specs)?;
    }
    if let Some(condition) = &parts.using {
        policy.using = Some(stored(&planner, table, condition)?);
    }
    if let Some(condition) = &parts.check {
        policy.check = Some(stored(&planner, table, condition)?);
    }
    match (&parts.using, &parts.check) {
        (None, None) => Ok(()),
        _ => guarded::refuse_masked_policy(session, table, policy).await,
    }
}

/// Notes what the names in a policy's conditions mean.
///
/// Errors: `0A000` where a condition stays whose names mean something else by now.
fn fill_names(table: &Table, policy: &mut Policy, parts: &PolicyParts) -> Result<(), SqlError> {
    if parts.using.is_none() && parts.check.is_none() {
        return Ok(());
    }
    let columns = table.columns.iter();
    let now: BTreeMap<String, i64> = columns
        .map(|column| (column.name.clone(), column.id.0))
        .collect();
    let keeps = (policy.using.is_some() && parts.using.is_none())
        || (policy.check.is_some() && parts.check.is_none());
    let is_renamed = policy.relation != table.name;
    let names = match keeps {
        true if is_renamed => None,
        true => merged(&policy.columns.iter().cloned().collect(), &now),
        false => Some(now),
    };
    let Some(names) = names else {
        let text =
            "altering one condition of a policy whose table or columns have other names by now";
        return Err(SqlError::not_supported(text)
            .with_hint("Give both USING and WITH CHECK, or make the policy anew."));
    };
    policy.columns = names.into_iter().collect();
    policy.relation.clone_from(&table.name);
    Ok(())
}

/// Ids of the roles that a policy is for.
///
/// Errors: `42704`.
fn roles(ctx: &StatementContext, specs: &[RoleSpec]) -> Result<Vec<i64>, SqlError> {
    if specs.contains(&RoleSpec::Public) {
        return Ok(vec![PUBLIC_ROLE_ID]);
    }
    let found = specs.iter().map(|spec| Ok(role::resolve(ctx, spec)?.id));
    found.collect()
}

/// The text of a condition as it is kept.
///
/// Errors: those of parse analysis, `42804` among them unless it is a truth value.
fn stored(
    planner: &Planner,
    table: &Arc<Table>,
    condition: &ast::Expr,
) -> Result<String, SqlError> {
    refuse_in(condition, Place::Policy, &planner.ctx)?;
    let mut condition = condition.clone();
    create_view::qualify_expression(planner, &mut condition)?;
    let columns = modify::arrow_schema(table);
    let schema = DFSchema::try_from_qualified_schema(table.name.as_str(), &columns)?;
    // Whose rights apply is asked when rows are read.
    let planner = planner.clone().unrestricted();
    let tested = Condition {
        expr: condition.clone(),
        names: BTreeMap::new(),
        relation: String::new(),
    };
    planner.policy_expression(&tested, table, &schema)?;
    Ok(condition.to_string())
}
