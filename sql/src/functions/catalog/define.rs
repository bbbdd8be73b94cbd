//! `pg_get_...`: the SQL that would make an object again.

use arrow::array::ArrayRef;
use gotgan_storage::{Constraint, ConstraintEntry, Snapshot, Table, View, ViewId};

use super::super::Registry;
use super::super::call::{Call, map1};
use super::super::kinds::{Bool, Int4, Int8, Text};
use super::{Reference, oid, references};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::pg_catalog::identifier::{quote, quote_qualified};
use crate::pg_catalog::lookup::{self, Named};
use crate::pg_catalog::objects::{self, Relation, column_list, schema_name, view_definition};
use crate::pg_catalog::{oids, pg_proc};

/// Functions over objects that Gotgan has none of, or whose text it does not keep.
const NULLS: &[&str] = &[
    "pg_get_functiondef(oid) -> text",
    "pg_get_function_arg_default(oid, int4) -> text",
    "pg_get_function_sqlbody(oid) -> text",
    "pg_get_partkeydef(oid) -> text",
    "pg_get_partition_constraintdef(oid) -> text",
    "pg_get_statisticsobjdef(oid) -> text",
    "pg_get_statisticsobjdef_columns(oid) -> text",
    "pg_get_triggerdef(oid) -> text",
    "pg_get_triggerdef(oid, bool) -> text",
];

pub(super) fn register(registry: &mut Registry) {
    for signature in NULLS {
        registry
            .add(signature, |call| call.constant(None::<String>))
            .stable();
    }
    registry
        .add("pg_get_expr(any, oid) -> text", expression)
        .stable();
    registry
        .add("pg_get_expr(any, oid, bool) -> text", expression)
        .stable();
    registry
        .add("pg_get_constraintdef(oid) -> text", constraint)
        .stable();
    registry
        .add("pg_get_constraintdef(oid, bool) -> text", constraint)
        .stable();
    registry.add("pg_get_indexdef(oid) -> text", index).stable();
    registry
        .add("pg_get_indexdef(oid, int4, bool) -> text", index)
        .stable();
    for signature in [
        "pg_get_viewdef(any) -> text",
        "pg_get_viewdef(any, bool) -> text",
        "pg_get_viewdef(any, int4) -> text",
    ] {
        registry.add(signature, view).stable();
    }
    registry.add("pg_get_ruledef(oid) -> text", rule).stable();
    registry
        .add("pg_get_ruledef(oid, bool) -> text", rule)
        .stable();
    registry
        .add(
            "pg_get_serial_sequence(text, text) -> text",
            serial_sequence,
        )
        .stable();
    for name in [
        "pg_get_function_arguments",
        "pg_get_function_identity_arguments",
    ] {
        let signature = format!("{name}(oid) -> text");
        registry
            .add(&signature, |call| {
                map1::<Int8, _>(call, |value| {
                    Ok(pg_proc::by_oid(oid(value)).map(pg_proc::Function::argument_list))
                })
            })
            .stable();
    }
    registry
        .add("pg_get_function_result(oid) -> text", |call| {
            map1::<Int8, _>(call, |value| {
                Ok(pg_proc::by_oid(oid(value)).map(pg_proc::Function::result_name))
            })
        })
        .stable();
}

/// Expressions are kept as text, so they come out as they went in.
fn expression(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let (texts, relations) = (references(call, 0)?, call.reader::<Int8>(1)?);
    call.rows(|row| {
        Ok(match (texts.value(row), relations.value(row)) {
            (Some(Reference::Name(text)), Some(_)) => Some(text.to_owned()),
            _ => None,
        })
    })
}

/// Whether argument `position`, a boolean that may be left out, is true.
fn is_pretty(call: &Call<'_>, position: usize, row: usize) -> Result<bool, SqlError> {
    let flags = call.optional::<Bool>(position)?;
    Ok(flags.and_then(|flags| flags.value(row)).unwrap_or(false))
}

fn constraint(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let oids_read = call.reader::<Int8>(0)?;
    call.rows(|row| {
        let Some(value) = oids_read.value(row) else {
            return Ok(None);
        };
        let pretty = is_pretty(call, 1, row)?;
        let snapshot = &call.context.snapshot;
        Ok(find_constraint(snapshot, oid(value))
            .map(|(table, entry)| constraint_definition(call.context, table, entry, pretty)))
    })
}

fn find_constraint(snapshot: &Snapshot, oid: u32) -> Option<(&Table, &ConstraintEntry)> {
    let id = oids::object_id(oid)?;
    snapshot.tables().find_map(|table| {
        let entry = table.constraints.iter().find(|entry| entry.id == id)?;
        Some((table.as_ref(), entry))
    })
}

fn constraint_definition(
    context: &StatementContext,
    table: &Table,
    entry: &ConstraintEntry,
    is_pretty: bool,
) -> String {
    let suffix = if entry.is_valid { "" } else { " NOT VALID" };
    let definition = valid_definition(context, table, entry, is_pretty);
    format!("{definition}{suffix}")
}

fn valid_definition(
    context: &StatementContext,
    table: &Table,
    entry: &ConstraintEntry,
    is_pretty: bool,
) -> String {
    match &entry.constraint {
        Constraint::PrimaryKey { columns } => {
            format!("PRIMARY KEY ({})", column_list(table, columns))
        }
        Constraint::Unique { columns } => format!("UNIQUE ({})", column_list(table, columns)),
        Constraint::Check { expression } if is_pretty => format!("CHECK ({expression})"),
        Constraint::Check { expression } => format!("CHECK (({expression}))"),
        Constraint::ForeignKey {
            columns,
            referenced_table,
            referenced_columns,
            on_delete,
            on_update,
        } => {
            let other = context.snapshot.table(*referenced_table);
            let target = other.map_or_else(String::new, |other| {
                let schema = schema_name(&context.snapshot, other.schema_id);
                let name = lookup::relation_name(
                    context,
                    &Named {
                        schema,
                        name: &other.name,
                    },
                );
                format!("{name}({})", column_list(other, referenced_columns))
            });
            format!(
                "FOREIGN KEY ({}) REFERENCES {target}{}{}",
                column_list(table, columns),
                action("UPDATE", *on_update),
                action("DELETE", *on_delete)
            )
        }
    }
}

/// ` ON DELETE CASCADE`; nothing for the default.
fn action(event: &str, letter: char) -> String {
    let rule = match letter {
        'r' => "RESTRICT",
        'c' => "CASCADE",
        'n' => "SET NULL",
        'd' => "SET DEFAULT",
        _ => return String::new(),
    };
    format!(" ON {event} {rule}")
}

/// The whole statement, or with a column number that column's name.
fn index(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let (oids_read, numbers) = (call.reader::<Int8>(0)?, call.optional::<Int4>(1)?);
    call.rows(|row| {
        let number = match &numbers {
            Some(numbers) => numbers.value(row),
            None => Some(0),
        };
        let (Some(value), Some(number)) = (oids_read.value(row), number) else {
            return Ok(None);
        };
        let snapshot = &call.context.snapshot;
        let wanted = oid(value);
        let Some(entry) = objects::all_indexes(snapshot).find(|index| index.oid == wanted) else {
            return Ok(None);
        };
        if number != 0 {
            let position = usize::try_from(number).unwrap_or(0);
            let column = position
                .checked_sub(1)
                .and_then(|position| entry.columns.get(position));
            let name = column
                .and_then(|id| entry.table.column(*id))
                .map(|c| quote(&c.name));
            return Ok(Some(name.unwrap_or_default()));
        }
        let schema = schema_name(snapshot, entry.table.schema_id);
        let relation = if is_pretty(call, 2, row)? {
            lookup::relation_name(
                call.context,
                &Named {
                    schema,
                    name: &entry.table.name,
                },
            )
        } else {
            quote_qualified(schema, &entry.table.name)
        };
        Ok(Some(entry.definition(&relation)))
    })
}

fn view(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let views = references(call, 0)?;
    call.rows(|row| {
        let found = match views.value(row) {
            None => return Ok(None),
            Some(Reference::Oid(value)) => oid(value),
            Some(Reference::Name(name)) => oid(lookup::regclass_in(call.context, name)?),
        };
        Ok(match lookup::user_relation(&call.context.snapshot, found) {
            Some(Relation::View(view)) => Some(view_definition(view)),
            _ => None,
        })
    })
}

fn rule(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    map1::<Int8, _>(call, |value| {
        let snapshot = &call.context.snapshot;
        let view = oids::rule_view(oid(value)).and_then(|id: ViewId| snapshot.view(id));
        Ok(view.map(|view| rule_definition(snapshot, view)))
    })
}

fn rule_definition(snapshot: &Snapshot, view: &View) -> String {
    let name = quote_qualified(schema_name(snapshot, view.schema_id), &view.name);
    let body = view_definition(view);
    format!("CREATE RULE \"_RETURN\" AS\n    ON SELECT TO {name} DO INSTEAD {body}")
}

/// The sequence that a column owns, with its schema.
/// Errors: `42P01`, `42703`.
fn serial_sequence(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let (tables, columns) = (call.reader::<Text>(0)?, call.reader::<Text>(1)?);
    call.rows(|row| {
        let (Some(table), Some(column)) = (tables.value(row), columns.value(row)) else {
            return Ok(None::<String>);
        };
        let found = oid(lookup::regclass_in(call.context, table)?);
        let snapshot = &call.context.snapshot;
        let Some(relation) = lookup::user_relation(snapshot, found) else {
            return Ok(None);
        };
        let has_column = relation.attributes().iter().any(|a| a.name == column);
        if !has_column {
            return Err(SqlError::undefined_column_of(column, relation.name()));
        }
        let Relation::Table(table) = relation else {
            return Ok(None);
        };
        let own = table.column_by_name(column).map(|column| column.id);
        let owned = snapshot.sequences_of(table.id).find(|sequence| {
            let owner = sequence.owned_by.map(|owner| owner.column);
            owner.is_some() && owner == own
        });
        Ok(owned.map(|sequence| {
            quote_qualified(schema_name(snapshot, sequence.schema_id), &sequence.name)
        }))
    })
}
