//! `pg_constraint`: keys, which are informational, and CHECK constraints, which hold.
//! `conbin` is the expression's text.

use gotgan_storage::{Constraint, ConstraintEntry, Snapshot, Table};

use super::objects::{attribute_numbers, check_columns, referenced_index};
use super::rows::{Cell, NULL, Rows, cells};
use super::{Definition, oids};

pub(super) const PG_CONSTRAINT: Definition = Definition {
    name: "pg_constraint",
    oid: 2606,
    columns: "oid:oid conname:name connamespace:oid contype:char condeferrable:bool \
              condeferred:bool convalidated:bool conrelid:oid contypid:oid conindid:oid \
              conparentid:oid confrelid:oid confupdtype:char confdeltype:char \
              confmatchtype:char conislocal:bool coninhcount:int4 connoinherit:bool \
              conkey:int2[] confkey:int2[] conpfeqop:oid[] conppeqop:oid[] conffeqop:oid[] \
              confdelsetcols:int2[] conexclop:oid[] conbin:pg_node_tree",
    current: |context, rows| {
        for table in context.snapshot.tables() {
            for entry in &table.constraints {
                push(rows, &context.snapshot, table, entry);
            }
        }
    },
    ..Definition::TABLE
};

/// The cells that differ between the kinds of constraints.
struct Row<'a> {
    kind: char,
    index: u32,
    referenced: u32,
    on_update: char,
    on_delete: char,
    match_kind: char,
    columns: Cell<'a>,
    referenced_columns: Cell<'a>,
    expression: Cell<'a>,
}

fn push(rows: &mut Rows, snapshot: &Snapshot, table: &Table, entry: &ConstraintEntry) {
    let row = row(snapshot, table, entry);
    rows.push(cells![
        oids::object(entry.id),
        entry.name.as_str(),
        oids::schema(table.schema_id),
        row.kind,
        false,
        false,
        entry.is_valid,
        oids::table(table.id),
        0,
        row.index,
        0,
        row.referenced,
        row.on_update,
        row.on_delete,
        row.match_kind,
        true,
        0,
        row.kind != 'c',
        row.columns,
        row.referenced_columns,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        row.expression,
    ]);
}

fn row<'a>(snapshot: &Snapshot, table: &Table, entry: &'a ConstraintEntry) -> Row<'a> {
    let base = Row {
        kind: 'u',
        index: 0,
        referenced: 0,
        on_update: ' ',
        on_delete: ' ',
        match_kind: ' ',
        columns: Cell::Null,
        referenced_columns: Cell::Null,
        expression: Cell::Null,
    };
    match &entry.constraint {
        Constraint::PrimaryKey { columns } => Row {
            kind: 'p',
            index: oids::key_index(entry.id),
            columns: attribute_numbers(table, columns).into(),
            ..base
        },
        Constraint::Unique { columns } => Row {
            index: oids::key_index(entry.id),
            columns: attribute_numbers(table, columns).into(),
            ..base
        },
        Constraint::ForeignKey {
            columns,
            referenced_table,
            referenced_columns,
            on_delete,
            on_update,
        } => {
            let other = snapshot.table(*referenced_table);
            let index = other.and_then(|other| referenced_index(other, referenced_columns));
            Row {
                kind: 'f',
                index: index.map_or(0, |index| index.oid),
                referenced: oids::table(*referenced_table),
                on_update: *on_update,
                on_delete: *on_delete,
                match_kind: 's',
                columns: attribute_numbers(table, columns).into(),
                referenced_columns: other
                    .map(|other| attribute_numbers(other, referenced_columns))
                    .into(),
                ..base
            }
        }
        Constraint::Check { expression } => Row {
            kind: 'c',
            columns: attribute_numbers(table, &check_columns(table, expression)).into(),
            expression: expression.as_str().into(),
            ..base
        },
    }
}
