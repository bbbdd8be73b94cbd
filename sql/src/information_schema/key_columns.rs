//! `key_column_usage`, `constraint_column_usage` and `constraint_table_usage`: which
//! columns and tables a constraint is about.

use gotgan_storage::{ColumnId, Constraint, ConstraintEntry, Table};

use super::visible::Reader;
use crate::access::actor::Object;
use crate::context::StatementContext;
use crate::pg_catalog::Definition;
use crate::pg_catalog::objects::{self, Relation, referenced_index, schema_name};
use crate::pg_catalog::rows::{Rows, cells};

pub(super) const KEY_COLUMN_USAGE: Definition = Definition {
    name: "key_column_usage",
    oid: 13329,
    columns: "constraint_catalog:name constraint_schema:name constraint_name:name \
              table_catalog:name table_schema:name table_name:name column_name:name \
              ordinal_position:int4 position_in_unique_constraint:int4",
    current: |context, rows| for_each(context, rows, push_key_columns),
    ..Definition::VIEW
};

pub(super) const CONSTRAINT_COLUMN_USAGE: Definition = Definition {
    name: "constraint_column_usage",
    oid: 13300,
    columns: "table_catalog:name table_schema:name table_name:name column_name:name \
              constraint_catalog:name constraint_schema:name constraint_name:name",
    current: |context, rows| for_each(context, rows, push_used_columns),
    ..Definition::VIEW
};

pub(super) const CONSTRAINT_TABLE_USAGE: Definition = Definition {
    name: "constraint_table_usage",
    oid: 13305,
    columns: "table_catalog:name table_schema:name table_name:name constraint_catalog:name \
              constraint_schema:name constraint_name:name",
    current: |context, rows| for_each(context, rows, push_used_table),
    ..Definition::VIEW
};

type Push = fn(&StatementContext, &Reader, &mut Rows, &Table, &ConstraintEntry);

fn for_each(context: &StatementContext, rows: &mut Rows, push: Push) {
    let reader = Reader::of(context);
    for table in context.snapshot.tables() {
        for entry in &table.constraints {
            push(context, &reader, rows, table, entry);
        }
    }
}

fn push_key_columns(
    context: &StatementContext,
    reader: &Reader,
    rows: &mut Rows,
    table: &Table,
    entry: &ConstraintEntry,
) {
    let columns = match &entry.constraint {
        Constraint::PrimaryKey { columns }
        | Constraint::Unique { columns }
        | Constraint::ForeignKey { columns, .. } => columns,
        Constraint::Check { .. } => return,
    };
    let (database, schema) = (
        context.database.as_str(),
        schema_name(&context.snapshot, table.schema_id),
    );
    for (index, id) in columns.iter().enumerate() {
        let place = table.columns.iter().position(|column| column.id == *id);
        let shown = place.filter(|index| reader.sees_column(Relation::Table(table), *index));
        let Some(column) = shown.and_then(|index| table.columns.get(index)) else {
            continue;
        };
        rows.push(cells![
            database,
            schema,
            entry.name.as_str(),
            database,
            schema,
            table.name.as_str(),
            column.name.as_str(),
            i64::try_from(index + 1).unwrap_or(0),
            position_in_key(context, entry, index),
        ]);
    }
}

/// Position, from 1, of a foreign key's column in the key that it points to.
fn position_in_key(
    context: &StatementContext,
    entry: &ConstraintEntry,
    index: usize,
) -> Option<i64> {
    let Constraint::ForeignKey {
        referenced_table,
        referenced_columns,
        ..
    } = &entry.constraint
    else {
        return None;
    };
    let other = context.snapshot.table(*referenced_table)?;
    let key = referenced_index(other, referenced_columns)?;
    let column = referenced_columns.get(index)?;
    let position = key
        .columns
        .iter()
        .position(|candidate| candidate == column)?;
    i64::try_from(position + 1).ok()
}

/// The table that a constraint reads beside its own, and the columns it reads there.
fn used<'a>(
    context: &'a StatementContext,
    table: &'a Table,
    entry: &ConstraintEntry,
) -> Option<(&'a Table, Vec<ColumnId>)> {
    match &entry.constraint {
        Constraint::PrimaryKey { columns } | Constraint::Unique { columns } => {
            Some((table, columns.clone()))
        }
        Constraint::ForeignKey {
            referenced_table,
            referenced_columns,
            ..
        } => {
            let other = context.snapshot.table(*referenced_table)?;
            Some((other, referenced_columns.clone()))
        }
        Constraint::Check { expression } => {
            Some((table, objects::check_columns(table, expression)))
        }
    }
}

fn push_used_columns(
    context: &StatementContext,
    reader: &Reader,
    rows: &mut Rows,
    table: &Table,
    entry: &ConstraintEntry,
) {
    let found = used(context, table, entry);
    let found = found.filter(|(used, _)| reader.owns(Object::Table(used)));
    let Some((used, columns)) = found else {
        return;
    };
    let database = context.database.as_str();
    for column in columns.iter().filter_map(|id| used.column(*id)) {
        rows.push(cells![
            database,
            schema_name(&context.snapshot, used.schema_id),
            used.name.as_str(),
            column.name.as_str(),
            database,
            schema_name(&context.snapshot, table.schema_id),
            entry.name.as_str(),
        ]);
    }
}

/// As in PostgreSQL, a CHECK uses no table.
fn push_used_table(
    context: &StatementContext,
    reader: &Reader,
    rows: &mut Rows,
    table: &Table,
    entry: &ConstraintEntry,
) {
    if matches!(entry.constraint, Constraint::Check { .. }) {
        return;
    }
    let found = used(context, table, entry);
    let found = found.filter(|(used, _)| reader.owns(Object::Table(used)));
    let Some((used, _)) = found else {
        return;
    };
    let database = context.database.as_str();
    rows.push(cells![
        database,
        schema_name(&context.snapshot, used.schema_id),
        used.name.as_str(),
        database,
        schema_name(&context.snapshot, table.schema_id),
        entry.name.as_str(),
    ]);
}
