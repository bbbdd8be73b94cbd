//! CREATE SEQUENCE, ALTER SEQUENCE, and dropping them with what uses them.
//!
//! Source: PostgreSQL 15 manual, CREATE SEQUENCE, ALTER SEQUENCE.

use std::sync::Arc;

use gotgan_storage::{
    AccessTarget, NewSequence, Sequence, SequenceOwner, SequenceOwnerKind, Snapshot, Table,
};
use sqlparser::ast::{AlterTableOperation, Ident, ObjectName, Owner, RenameTableNameKind};

use super::dependents::{Root, drop_all, notify_cascade, shown_sequence, shown_table};
use super::grant::give_defaults;
use super::owner;
use crate::access::actor::Object;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::sequence::{SequenceAction, SequenceChange, SequenceOption, SequenceStatement};
use crate::parse::{fold, name_parts};
use crate::resolve::{Name, Resolved, Resolver};
use crate::sequence::{Kind, Reading, renamed, sequences_in};
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;

pub(crate) async fn run(
    session: &mut Session,
    statement: &SequenceStatement,
) -> Result<Outcome, SqlError> {
    match &statement.action {
        SequenceAction::Create {
            if_not_exists,
            options,
            is_temporary,
        } => {
            let name = Name::from_parts(&name_parts(&statement.name))?;
            let is_temporary = session.makes_temporary(*is_temporary, &name)?;
            create(session, name, options, *if_not_exists, is_temporary).await
        }
        SequenceAction::Alter { if_exists, change } => {
            alter(session, &statement.name, change, *if_exists).await
        }
    }
}

async fn create(
    session: &mut Session,
    name: Name,
    written: &[SequenceOption],
    if_not_exists: bool,
    is_temporary: bool,
) -> Result<Outcome, SqlError> {
    const TAG: &str = "CREATE SEQUENCE";
    if is_temporary {
        session.require_temporary_creation(TAG)?;
        owner::require_temporary(&*session.context().await?)?;
        let storage = session.transaction().await?.storage()?;
        storage.make_temporary_schema()?;
    } else {
        session.require_write(TAG)?;
    }
    let ctx = session.context().await?;
    let schema = match ctx.snapshot.temporary_schema() {
        Some(schema) if is_temporary => Arc::clone(schema),
        _ => resolver(&ctx).creation_schema(&name)?,
    };
    if is_taken(&ctx.snapshot, schema.id, &name.name) {
        if if_not_exists {
            let text = format!("relation \"{}\" already exists, skipping", name.name);
            session.notify(Notice::info(text));
            return Ok(Outcome::Command(TAG.to_owned()));
        }
        return Err(SqlError::duplicate_table(&name.name));
    }
    let reading = Reading::new(written, Kind::Sequence, None)?;
    let owned_by = match reading.owned_by.flatten() {
        Some(owner) => Some(owning_column(&ctx, &owner, (schema.id, ctx.role_id))?),
        None => None,
    };
    let owner = session.role_name();
    let storage = session.transaction().await?.storage()?;
    let id = storage.create_sequence(NewSequence {
        schema_id: schema.id,
        name: name.name,
        owner,
        options: reading.options,
        owned_by,
    })?;
    if let Some(value) = reading.restart {
        storage.restart_sequence(id, value)?;
    }
    give_defaults(session, AccessTarget::Sequence(id)).await?;
    Ok(Outcome::Command(TAG.to_owned()))
}

async fn alter(
    session: &mut Session,
    name: &ObjectName,
    change: &SequenceChange,
    if_exists: bool,
) -> Result<Outcome, SqlError> {
    const TAG: &str = "ALTER SEQUENCE";
    session.require_write(TAG)?;
    let ctx = session.context().await?;
    let name = Name::from_parts(&name_parts(name))?;
    let sequence = match resolver(&ctx).relation(&name) {
        Ok(Resolved::Sequence(sequence)) => sequence,
        Ok(_) => return Err(SqlError::not_a_sequence(&name.name)),
        Err(_) if if_exists => {
            let text = format!("relation \"{}\" does not exist, skipping", name.name);
            session.notify(Notice::info(text));
            return Ok(Outcome::Command(TAG.to_owned()));
        }
        Err(error) => return Err(error),
    };
    owner::require(&ctx, Object::Sequence(&sequence))?;
    match change {
        SequenceChange::Options(written) => {
            set_options(session, &ctx, &sequence, written).await?;
        }
        SequenceChange::Rename(new_name) => rename(session, &ctx, &sequence, new_name).await?,
        SequenceChange::Owner(owner) => give(session, &ctx, &sequence, owner).await?,
        SequenceChange::Schema(schema) => set_schema(session, &ctx, &sequence, schema).await?,
    }
    Ok(Outcome::Command(TAG.to_owned()))
}

/// OWNER TO: a sequence that a table owns goes with the table.
///
/// Errors: `0A000`, `42501`, `42704`.
async fn give(
    session: &mut Session,
    ctx: &StatementContext,
    sequence: &Sequence,
    owner: &Owner,
) -> Result<(), SqlError> {
    if let Some(table) = owner_table(&ctx.snapshot, sequence) {
        return Err(SqlError::with_code(
            sqlstate::FEATURE_NOT_SUPPORTED,
            format!("cannot change owner of sequence \"{}\"", sequence.name),
        )
        .with_detail(format!(
            "Sequence \"{}\" is linked to table \"{}\".",
            sequence.name, table.name
        )));
    }
    owner::give(session, Object::Sequence(sequence), owner).await
}

/// ALTER TABLE of a sequence, which older dumps write for its owner.
///
/// Errors: `42809` for what only a table takes.
pub(super) async fn alter_as_table(
    session: &mut Session,
    sequence: &Sequence,
    operation: &AlterTableOperation,
) -> Result<(), SqlError> {
    let ctx = session.context().await?;
    match operation {
        AlterTableOperation::RenameTable {
            table_name: RenameTableNameKind::To(new_name) | RenameTableNameKind::As(new_name),
        } => {
            let new_name = name_parts(new_name).pop().unwrap_or_default();
            rename(session, &ctx, sequence, &Ident::with_quote('"', new_name)).await
        }
        AlterTableOperation::OwnerTo { new_owner } => {
            give(session, &ctx, sequence, new_owner).await
        }
        _ => Err(SqlError::with_code(
            sqlstate::WRONG_OBJECT_TYPE,
            format!("\"{}\" is not a table", sequence.name),
        )),
    }
}

/// Changes how a sequence counts, and what it belongs to.
///
/// Errors: those of the options; `0A000` for the owner of an identity.
pub(super) async fn set_options(
    session: &mut Session,
    ctx: &StatementContext,
    sequence: &Sequence,
    written: &[SequenceOption],
) -> Result<(), SqlError> {
    let state = ctx.sequences.state(sequence.id).await?;
    let reading = Reading::changed(written, &sequence.options, state)?;
    let owned_by = match &reading.owned_by {
        None => None,
        Some(_) if is_identity(sequence) => {
            return Err(SqlError::with_code(
                sqlstate::FEATURE_NOT_SUPPORTED,
                "cannot change ownership of identity sequence",
            )
            .with_detail(format!(
                "Sequence \"{}\" is linked to table \"{}\".",
                sequence.name,
                owner_table(&ctx.snapshot, sequence).map_or("", |table| table.name.as_str())
            )));
        }
        Some(None) => Some(None),
        Some(Some(owner)) => {
            let own = (sequence.schema_id, sequence.owner_id);
            Some(Some(owning_column(ctx, owner, own)?))
        }
    };
    let storage = session.transaction().await?.storage()?;
    storage.alter_sequence(sequence.id, reading.options)?;
    if let Some(owned_by) = owned_by {
        storage.set_sequence_owned_by(sequence.id, owned_by)?;
    }
    if let Some(value) = reading.restart {
        storage.restart_sequence(sequence.id, value)?;
    }
    Ok(())
}

/// Errors: `42P07`.
pub(super) async fn rename(
    session: &mut Session,
    ctx: &StatementContext,
    sequence: &Sequence,
    new_name: &Ident,
) -> Result<(), SqlError> {
    let new_name = fold(new_name);
    owner::require_create(ctx, sequence.schema_id)?;
    if is_taken(&ctx.snapshot, sequence.schema_id, &new_name) {
        return Err(SqlError::duplicate_table(&new_name));
    }
    let storage = session.transaction().await?.storage()?;
    storage.rename_sequence(sequence.id, &new_name)?;
    let schema = super::alter_table::schema_name(ctx, sequence.schema_id);
    follow(session, [schema, &sequence.name], [schema, &new_name]).await?;
    let (old, new) = ([schema, &sequence.name], [schema, new_name.as_str()]);
    super::alter_table::follow(session, sequence.id.0, old, new).await
}

async fn set_schema(
    session: &mut Session,
    ctx: &StatementContext,
    sequence: &Sequence,
    schema: &Ident,
) -> Result<(), SqlError> {
    let schema = resolver(ctx).schema(&fold(schema))?;
    if schema.id == sequence.schema_id {
        return Ok(());
    }
    if sequence.owned_by.is_some() {
        return Err(SqlError::with_code(
            sqlstate::FEATURE_NOT_SUPPORTED,
            "cannot move an owned sequence into another schema",
        )
        .with_detail(format!(
            "Sequence \"{}\" is linked to table \"{}\".",
            sequence.name,
            owner_table(&ctx.snapshot, sequence).map_or("", |table| table.name.as_str())
        )));
    }
    owner::require_create(ctx, schema.id)?;
    if is_taken(&ctx.snapshot, schema.id, &sequence.name) {
        return Err(SqlError::duplicate_table(&sequence.name));
    }
    let storage = session.transaction().await?.storage()?;
    storage.set_sequence_schema(sequence.id, schema.id)?;
    let old = [
        super::alter_table::schema_name(ctx, sequence.schema_id),
        &sequence.name,
    ];
    let new = [schema.name.as_str(), &sequence.name];
    follow(session, old, new).await?;
    super::alter_table::follow(session, sequence.id.0, old, new).await
}

/// DROP SEQUENCE: defaults that use it go with CASCADE.
///
/// Errors: `2BP01`.
pub(super) async fn drop(
    session: &mut Session,
    sequence: &Sequence,
    cascade: bool,
) -> Result<(), SqlError> {
    let ctx = session.context().await?;
    if is_identity(sequence)
        && let Some(table) = owner_table(&ctx.snapshot, sequence)
    {
        let column = sequence
            .owned_by
            .and_then(|owner| table.column(owner.column));
        let column = column.map_or("", |column| column.name.as_str());
        let object = shown_sequence(&ctx, sequence);
        let needs = format!("column {column} of {}", shown_table(&ctx, table));
        return Err(SqlError::with_code(
            sqlstate::DEPENDENT_OBJECTS_STILL_EXIST,
            format!("cannot drop {object} because {needs} requires it"),
        )
        .with_hint(format!("You can drop {needs} instead.")));
    }
    drop_all(session, &ctx, Root::Sequence(sequence), cascade).await?;
    let storage = session.transaction().await?.storage()?;
    Ok(storage.drop_sequence(sequence.id)?)
}

/// Drops the defaults that use sequences, of the tables that it `concerns`.
///
/// `object`: what is to be dropped, such as `sequence s`.
/// Errors: `2BP01` unless with CASCADE.
pub(super) async fn drop_defaults(
    session: &mut Session,
    sequences: &[&Sequence],
    object: &str,
    concerns: impl Fn(&Table) -> bool,
    cascade: bool,
) -> Result<(), SqlError> {
    let ctx = session.context().await?;
    let mut found = Vec::new();
    let tables = ctx.snapshot.tables();
    for table in tables.filter(|table| concerns(table)) {
        for column in &table.columns {
            let used = column.default.as_deref();
            let used = used.map(|text| sequences_in(&ctx.snapshot, text));
            let used = used.unwrap_or_default();
            if let Some(sequence) = sequences.iter().find(|own| used.contains(&own.id)) {
                let of = shown_table(&ctx, table);
                let name = format!("default value for column {} of {of}", column.name);
                found.push((table.id, column.id, name, shown_sequence(&ctx, sequence)));
            }
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    if !cascade {
        let listed: Vec<(String, String)> = found
            .into_iter()
            .map(|(_, _, name, on)| (name, on))
            .collect();
        return Err(SqlError::dependents_exist(object, &listed));
    }
    let names: Vec<String> = found.iter().map(|(_, _, name, _)| name.clone()).collect();
    notify_cascade(session, &names);
    let storage = session.transaction().await?.storage()?;
    for (table, column, _, _) in found {
        storage.set_default(table, column, None)?;
    }
    Ok(())
}

/// After a sequence got another name or schema: defaults name it anew.
///
/// `old`, `new`: schema and name.
pub(super) async fn follow(
    session: &mut Session,
    old: [&str; 2],
    new: [&str; 2],
) -> Result<(), SqlError> {
    let snapshot = Arc::clone(&session.context().await?.snapshot);
    let storage = session.transaction().await?.storage()?;
    for table in snapshot.tables() {
        for column in &table.columns {
            let text = column.default.as_deref();
            if let Some(text) = text.and_then(|text| renamed(text, old, new)) {
                storage.set_default(table.id, column.id, Some(text))?;
            }
        }
    }
    Ok(())
}

/// Whether a relation, index or sequence has this name.
pub(super) fn is_taken(snapshot: &Snapshot, schema: gotgan_storage::SchemaId, name: &str) -> bool {
    snapshot.relation(schema, name).is_some()
        || snapshot.sequence_by_name(schema, name).is_some()
        || snapshot.index_by_name(schema, name).is_some()
}

fn is_identity(sequence: &Sequence) -> bool {
    let owner = sequence.owned_by;
    owner.is_some_and(|owner| owner.kind.is_identity())
}

fn owner_table<'a>(snapshot: &'a Snapshot, sequence: &Sequence) -> Option<&'a Arc<Table>> {
    snapshot.table(sequence.owned_by?.table)
}

/// The column that OWNED BY names.
///
/// `schema`, `owner`: of the sequence.
/// Errors: `42601`, `42P01`, `42703`, `55000` for a table of another schema or owner.
fn owning_column(
    ctx: &StatementContext,
    name: &ObjectName,
    (schema, owner): (gotgan_storage::SchemaId, i64),
) -> Result<SequenceOwner, SqlError> {
    let parts = name_parts(name);
    let Some((column, relation)) = parts.split_last().filter(|(_, rest)| !rest.is_empty()) else {
        return Err(SqlError::syntax("invalid OWNED BY option")
            .with_hint("Specify OWNED BY table.column or OWNED BY NONE."));
    };
    let name = Name::from_parts(relation)?;
    let table = match resolver(ctx).relation(&name)? {
        Resolved::Stored(gotgan_storage::Relation::Table(table)) => table,
        _ => {
            return Err(SqlError::with_code(
                sqlstate::WRONG_OBJECT_TYPE,
                format!("sequence cannot be owned by relation \"{}\"", name.name),
            ));
        }
    };
    if table.owner_id != owner {
        return Err(SqlError::with_code(
            sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "sequence must have same owner as table it is linked to",
        ));
    }
    if table.schema_id != schema {
        return Err(SqlError::with_code(
            sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "sequence must be in same schema as table it is linked to",
        ));
    }
    let found = table.column_by_name(column);
    let found = found.ok_or_else(|| SqlError::undefined_column_of(column, &table.name))?;
    Ok(SequenceOwner {
        table: table.id,
        column: found.id,
        kind: SequenceOwnerKind::Auto,
    })
}

fn resolver(ctx: &StatementContext) -> Resolver<'_> {
    Resolver::of(ctx)
}
