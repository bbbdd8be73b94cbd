//! Columns that number their rows: `serial` and identity columns.
//!
//! Both own a sequence. Of `serial` it is an ordinary one, which a default uses; the
//! sequence of an identity column is told by its owner alone.
//!
//! Source: PostgreSQL 15, `parse_utilcmd.c`, `transformColumnDefinition`; `tablecmds.c`.

use std::sync::Arc;

use gotgan_storage::{
    AccessTarget, Column, ColumnId, NewSequence, Relation, SchemaId, SequenceId, SequenceOptions,
    SequenceOwner, SequenceOwnerKind, Snapshot, Table, TableId,
};
use sqlparser::ast::{ArrayElemTypeDef, ColumnDef, ColumnOption, DataType};

use super::grant::give_defaults;
use super::sequence::{is_taken, set_options};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::sequence::{IdentityAction, IdentityClause, SequenceOption, identity};
use crate::parse::{fold, name_parts, type_name};
use crate::pg_catalog::identifier::quote_qualified;
use crate::sequence::{Kind, Reading, check_type, identity_of};
use crate::session::{Notice, Session};
use crate::sqlstate;
use crate::types::{PgType, oid};

/// Longest name, in bytes, as PostgreSQL's.
const NAME_BYTES_MAX: usize = 63;

/// How a column numbers its rows.
#[derive(Clone, Debug)]
pub(super) struct Numbering {
    pub(super) kind: SequenceOwnerKind,
    /// The column's type.
    pub(super) data_type: PgType,
    pub(super) options: SequenceOptions,
    restart: Option<i64>,
    name: Option<String>,
}

impl Numbering {
    /// What a column's definition says of it.
    ///
    /// Errors: `42601` for what contradicts it; `22023` for a type or options that do not
    /// fit; `0A000` for an array of `serial`.
    pub(super) fn of(table: &str, column: &ColumnDef) -> Result<Option<Self>, SqlError> {
        let named = |what: &str| {
            let name = fold(&column.name);
            SqlError::syntax(format!("{what} for column \"{name}\" of table \"{table}\""))
        };
        let serial = serial_type(&column.data_type)?;
        let mut clause: Option<IdentityClause> = None;
        let mut default_count = usize::from(serial.is_some());
        let (mut is_null, mut is_not_null) = (false, serial.is_some());
        for option in &column.options {
            match &option.option {
                ColumnOption::Null => is_null = true,
                ColumnOption::NotNull => is_not_null = true,
                ColumnOption::Default(value) => match identity(value)? {
                    Some(_) if clause.is_some() => {
                        return Err(named("multiple identity specifications"));
                    }
                    Some(found) => clause = Some(found),
                    None => default_count += 1,
                },
                _ => {}
            }
        }
        if default_count > 1 {
            return Err(named("multiple default values specified"));
        }
        if default_count > 0 && clause.is_some() {
            return Err(named("both default and identity specified"));
        }
        if is_null && (is_not_null || clause.is_some()) {
            return Err(named("conflicting NULL/NOT NULL declarations"));
        }
        let (kind, data_type, written) = match (serial, clause) {
            (Some(data_type), _) => (SequenceOwnerKind::Auto, data_type, Vec::new()),
            (None, Some(clause)) => {
                let data_type = type_name::resolve(&column.data_type)?;
                (kind_of(clause.action), data_type, clause.options)
            }
            (None, None) => return Ok(None),
        };
        let reading = Reading::new(&written, Kind::Identity, Some(data_type))?;
        Self::read(kind, data_type, reading).map(Some)
    }

    fn read(
        kind: SequenceOwnerKind,
        data_type: PgType,
        reading: Reading,
    ) -> Result<Self, SqlError> {
        if reading.owned_by.is_some() {
            return Err(SqlError::syntax("conflicting or redundant options"));
        }
        let name = reading.name.as_ref();
        Ok(Self {
            kind,
            data_type,
            options: reading.options,
            restart: reading.restart,
            name: name.and_then(|name| name_parts(name).pop()),
        })
    }

    /// The same as another column numbers its rows.
    pub(super) fn like(snapshot: &Snapshot, table: &Table, column: &Column) -> Option<Self> {
        let (sequence, kind) = identity_of(snapshot, table, column)?;
        Some(Self {
            kind,
            data_type: PgType::of_column(&column.column_type),
            options: sequence.options.clone(),
            restart: None,
            name: None,
        })
    }

    /// Makes the sequence, which belongs to nothing yet. Returns its name, too.
    pub(super) async fn create(
        &self,
        session: &mut Session,
        (schema, table, column): (SchemaId, &str, &str),
    ) -> Result<(SequenceId, String), SqlError> {
        let ctx = session.context().await?;
        let name = match &self.name {
            Some(name) => name.clone(),
            None => free_name(&ctx.snapshot, schema, table, column),
        };
        if is_taken(&ctx.snapshot, schema, &name) {
            return Err(SqlError::duplicate_table(&name));
        }
        // What a table owns belongs to whom the table does.
        let owner = match ctx.snapshot.relation(schema, table) {
            Some(Relation::Table(table)) => ctx.snapshot.role_name(table.owner_id),
            _ => session.role_name(),
        };
        let storage = session.transaction().await?.storage()?;
        let id = storage.create_sequence(NewSequence {
            schema_id: schema,
            name: name.clone(),
            owner,
            options: self.options.clone(),
            owned_by: None,
        })?;
        if let Some(value) = self.restart {
            storage.restart_sequence(id, value)?;
        }
        give_defaults(session, AccessTarget::Sequence(id)).await?;
        let schema = super::alter_table::schema_name(&ctx, schema);
        Ok((id, quote_qualified(schema, &name)))
    }
}

/// The default of a column that numbers its rows by a sequence of this name.
pub(super) fn default_text(sequence: &str) -> String {
    format!("nextval('{}'::regclass)", sequence.replace('\'', "''"))
}

/// Makes the sequences of a new table; `numberings` by the index of the column.
pub(super) async fn number_columns(
    session: &mut Session,
    id: TableId,
    numberings: &[(usize, Numbering)],
) -> Result<(), SqlError> {
    if numberings.is_empty() {
        return Ok(());
    }
    let snapshot = session.transaction().await?.snapshot();
    let table = snapshot.table(id).map(Arc::clone);
    let table = table.ok_or_else(|| SqlError::internal("a new table is not visible"))?;
    for (index, numbering) in numberings {
        let column = &table.columns[*index];
        let place = (table.schema_id, table.name.as_str(), column.name.as_str());
        let (sequence, name) = numbering.create(session, place).await?;
        own(session, sequence, (id, column.id, numbering.kind)).await?;
        if numbering.kind == SequenceOwnerKind::Auto {
            let storage = session.transaction().await?.storage()?;
            storage.set_default(id, column.id, Some(default_text(&name)))?;
        }
    }
    Ok(())
}

/// Makes a sequence belong to a column.
pub(super) async fn own(
    session: &mut Session,
    sequence: SequenceId,
    (table, column, kind): (TableId, ColumnId, SequenceOwnerKind),
) -> Result<(), SqlError> {
    let owner = SequenceOwner {
        table,
        column,
        kind,
    };
    let storage = session.transaction().await?.storage()?;
    Ok(storage.set_sequence_owned_by(sequence, Some(owner))?)
}

/// `ALTER COLUMN ... { ADD GENERATED | SET GENERATED | RESTART | DROP IDENTITY }`
///
/// Errors: `55000` if the column is not such as it takes; those of the options.
pub(super) async fn alter(
    session: &mut Session,
    table: &Table,
    column: &Column,
    clause: &IdentityClause,
) -> Result<(), SqlError> {
    let ctx = session.context().await?;
    let found = identity_of(&ctx.snapshot, table, column);
    let wrong = |what: &str| {
        let (name, relation) = (&column.name, &table.name);
        let text = format!("column \"{name}\" of relation \"{relation}\" {what}");
        SqlError::with_code(sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE, text)
    };
    match (clause.action, found) {
        (IdentityAction::Add { .. }, found) => {
            let data_type = PgType::of_column(&column.column_type);
            let reading = Reading::new(&clause.options, Kind::Identity, Some(data_type))?;
            if column.nullable {
                return Err(wrong(
                    "must be declared NOT NULL before identity can be added",
                ));
            }
            if found.is_some() {
                return Err(wrong("is already an identity column"));
            }
            if column.default.is_some() {
                return Err(wrong("already has a default value"));
            }
            let numbering = Numbering::read(kind_of(clause.action), data_type, reading)?;
            let place = (table.schema_id, table.name.as_str(), column.name.as_str());
            let (sequence, _) = numbering.create(session, place).await?;
            own(session, sequence, (table.id, column.id, numbering.kind)).await
        }
        (IdentityAction::Drop { if_exists: true }, None) => {
            session.notify(Notice::info(format!(
                "column \"{}\" of relation \"{}\" is not an identity column, skipping",
                column.name, table.name
            )));
            Ok(())
        }
        (_, None) => Err(wrong("is not an identity column")),
        (IdentityAction::Drop { .. }, Some((sequence, _))) => {
            let storage = session.transaction().await?.storage()?;
            storage.set_sequence_owned_by(sequence.id, None)?;
            Ok(storage.drop_sequence(sequence.id)?)
        }
        (IdentityAction::Set { is_always }, Some((sequence, _))) => {
            if !clause.options.is_empty() {
                set_options(session, &ctx, sequence, &clause.options).await?;
            }
            let Some(is_always) = is_always else {
                return Ok(());
            };
            let kind = kind_of(IdentityAction::Add { is_always });
            own(session, sequence.id, (table.id, column.id, kind)).await
        }
    }
}

/// Refuses what an identity column does not allow.
///
/// Errors: `42601`.
pub(super) fn refuse(
    ctx: &StatementContext,
    table: &Table,
    column: &Column,
) -> Result<(), SqlError> {
    if identity_of(&ctx.snapshot, table, column).is_none() {
        return Ok(());
    }
    Err(SqlError::syntax(format!(
        "column \"{}\" of relation \"{}\" is an identity column",
        column.name, table.name
    )))
}

/// ALTER COLUMN ... TYPE: the sequence of an identity column counts in the same type.
///
/// Errors: `22023` for a type that no sequence has, or that the values do not fit.
pub(super) async fn set_type(
    session: &mut Session,
    table: &Table,
    column: &str,
    data_type: &DataType,
) -> Result<(), SqlError> {
    let ctx = session.context().await?;
    let found = table
        .column_by_name(column)
        .and_then(|column| identity_of(&ctx.snapshot, table, column));
    let Some((sequence, _)) = found else {
        return Ok(());
    };
    check_type(type_name::resolve(data_type)?, Kind::Identity)?;
    let option = SequenceOption::Type(data_type.clone());
    set_options(session, &ctx, sequence, &[option]).await
}

fn kind_of(action: IdentityAction) -> SequenceOwnerKind {
    match action {
        IdentityAction::Add { is_always: true } => SequenceOwnerKind::IdentityAlways,
        _ => SequenceOwnerKind::IdentityByDefault,
    }
}

/// The integer type that a `serial` stands for.
///
/// Errors: `0A000` for an array of one.
fn serial_type(data_type: &DataType) -> Result<Option<PgType>, SqlError> {
    let name = match data_type {
        DataType::Custom(name, modifiers) if modifiers.is_empty() => name_parts(name),
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(element, _)
            | ArrayElemTypeDef::AngleBracket(element)
            | ArrayElemTypeDef::Parenthesis(element),
        ) => {
            return match serial_type(element)? {
                Some(_) => Err(SqlError::with_code(
                    sqlstate::FEATURE_NOT_SUPPORTED,
                    "array of serial is not implemented",
                )),
                None => Ok(None),
            };
        }
        _ => return Ok(None),
    };
    let [name] = name.as_slice() else {
        return Ok(None);
    };
    Ok(match name.as_str() {
        "smallserial" | "serial2" => Some(PgType::new(oid::INT2)),
        "serial" | "serial4" => Some(PgType::new(oid::INT4)),
        "bigserial" | "serial8" => Some(PgType::new(oid::INT8)),
        _ => None,
    })
}

/// `table_column_seq`, with a number behind it if that is taken.
fn free_name(snapshot: &Snapshot, schema: SchemaId, table: &str, column: &str) -> String {
    let name = |number: Option<u64>| {
        let label = number.map_or_else(|| "_seq".to_owned(), |number| format!("_seq{number}"));
        shortened(table, column, &label)
    };
    let numbers = std::iter::once(None).chain((1_u64..).map(Some));
    let mut names = numbers.map(name);
    names
        .find(|name| !is_taken(snapshot, schema, name))
        .unwrap_or_default()
}

/// `table_column` and the label, of which the longer name loses its end if all is too long.
fn shortened(table: &str, column: &str, label: &str) -> String {
    let (mut table, mut column) = (table, column);
    while table.len() + column.len() + label.len() + 1 > NAME_BYTES_MAX {
        let longer = match table.len() > column.len() {
            true => &mut table,
            false => &mut column,
        };
        let end = longer.char_indices().next_back();
        *longer = &longer[..end.map_or(0, |(index, _)| index)];
    }
    format!("{table}_{column}{label}")
}
