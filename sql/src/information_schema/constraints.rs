//! `table_constraints`, `referential_constraints` and `check_constraints`.

use gotgan_storage::{Constraint, Table};

use super::visible::Reader;
use crate::access::actor::Object;
use crate::context::StatementContext;
use crate::pg_catalog::identifier::quote;
use crate::pg_catalog::objects::{referenced_index, schema_name};
use crate::pg_catalog::rows::{NULL, Rows, cells};
use crate::pg_catalog::{Definition, oids};

pub(super) const TABLE_CONSTRAINTS: Definition = Definition {
    name: "table_constraints",
    oid: 13411,
    columns: "constraint_catalog:name constraint_schema:name constraint_name:name \
              table_catalog:name table_schema:name table_name:name constraint_type:varchar \
              is_deferrable:varchar/7 initially_deferred:varchar/7 enforced:varchar/7 \
              nulls_distinct:varchar/7",
    current: |context, rows| {
        let reader = Reader::of(context);
        let tables = context.snapshot.tables();
        for table in tables.filter(|table| reader.sees_constraints(table)) {
            push_table(context, rows, table);
        }
    },
    ..Definition::VIEW
};

pub(super) const REFERENTIAL_CONSTRAINTS: Definition = Definition {
    name: "referential_constraints",
    oid: 13339,
    columns: "constraint_catalog:name constraint_schema:name constraint_name:name \
              unique_constraint_catalog:name unique_constraint_schema:name \
              unique_constraint_name:name match_option:varchar update_rule:varchar \
              delete_rule:varchar",
    current: |context, rows| {
        let reader = Reader::of(context);
        let tables = context.snapshot.tables();
        for table in tables.filter(|table| reader.sees_constraints(table)) {
            push_foreign_keys(context, rows, table);
        }
    },
    ..Definition::VIEW
};

pub(super) const CHECK_CONSTRAINTS: Definition = Definition {
    name: "check_constraints",
    oid: 13260,
    columns: "constraint_catalog:name constraint_schema:name constraint_name:name \
              check_clause:varchar",
    current: |context, rows| {
        let reader = Reader::of(context);
        let tables = context.snapshot.tables();
        for table in tables.filter(|table| reader.owns(Object::Table(table))) {
            let schema = schema_name(&context.snapshot, table.schema_id);
            let database = context.database.as_str();
            for entry in &table.constraints {
                if let Constraint::Check { expression } = &entry.constraint {
                    let clause = format!("({expression})");
                    rows.push(cells![database, schema, entry.name.as_str(), clause]);
                }
            }
            for (name, column) in not_nulls(table) {
                let clause = format!("{} IS NOT NULL", quote(column));
                rows.push(cells![database, schema, name, clause]);
            }
        }
    },
    ..Definition::VIEW
};

/// The made-up name of each NOT NULL, with its column.
fn not_nulls(table: &Table) -> impl Iterator<Item = (String, &str)> {
    let (schema, oid) = (oids::schema(table.schema_id), oids::table(table.id));
    let columns = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| !column.nullable);
    columns.map(move |(index, column)| {
        (
            format!("{schema}_{oid}_{}_not_null", index + 1),
            column.name.as_str(),
        )
    })
}

fn push_table(context: &StatementContext, rows: &mut Rows, table: &Table) {
    let (database, schema) = (
        context.database.as_str(),
        schema_name(&context.snapshot, table.schema_id),
    );
    let named = table.constraints.iter().map(|entry| {
        let kind = match &entry.constraint {
            Constraint::PrimaryKey { .. } => "PRIMARY KEY",
            Constraint::Unique { .. } => "UNIQUE",
            Constraint::ForeignKey { .. } => "FOREIGN KEY",
            Constraint::Check { .. } => "CHECK",
        };
        (entry.name.clone(), kind)
    });
    let implied = not_nulls(table).map(|(name, _)| (name, "CHECK"));
    for (name, kind) in named.chain(implied) {
        // Keys are informational; what holds is NOT NULL and CHECK.
        let enforced = if kind == "CHECK" { "YES" } else { "NO" };
        let nulls_distinct = (kind == "UNIQUE").then_some("YES");
        rows.push(cells![
            database,
            schema,
            name,
            database,
            schema,
            table.name.as_str(),
            kind,
            "NO",
            "NO",
            enforced,
            nulls_distinct,
        ]);
    }
}

fn push_foreign_keys(context: &StatementContext, rows: &mut Rows, table: &Table) {
    let (database, snapshot) = (context.database.as_str(), &context.snapshot);
    for entry in &table.constraints {
        let Constraint::ForeignKey {
            referenced_table,
            referenced_columns,
            on_delete,
            on_update,
            ..
        } = &entry.constraint
        else {
            continue;
        };
        let key = snapshot.table(*referenced_table).and_then(|other| {
            let index = referenced_index(other, referenced_columns)?;
            Some((schema_name(snapshot, other.schema_id), index.name))
        });
        rows.push(cells![
            database,
            schema_name(snapshot, table.schema_id),
            entry.name.as_str(),
            key.map(|_| database),
            key.map(|(schema, _)| schema),
            key.map(|(_, name)| name),
            "NONE",
            rule(*on_update),
            rule(*on_delete),
        ]);
    }
}

/// The rule behind PostgreSQL's letter.
fn rule(letter: char) -> crate::pg_catalog::rows::Cell<'static> {
    match letter {
        'a' => "NO ACTION".into(),
        'r' => "RESTRICT".into(),
        'c' => "CASCADE".into(),
        'n' => "SET NULL".into(),
        'd' => "SET DEFAULT".into(),
        _ => NULL,
    }
}
