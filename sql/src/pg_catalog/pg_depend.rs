//! `pg_depend`: relations on their schemas, row types on relations, views on what
//! they read, keys and CHECKs on columns, key indexes on their constraints, defaults
//! on their columns and sequences, owned sequences on columns.
//!
//! Not guaranteed: which columns a view reads; it depends on whole relations here.

use gotgan_storage::{ColumnId, Constraint, ConstraintEntry, Sequence, Snapshot, Table};

use super::objects::{self, Relation, attribute_numbers, check_columns, referenced_index};
use super::rows::{Rows, cells};
use super::{Definition, oids};
use crate::sequence::sequences_in;

/// `pg_type`, which row types are in.
const TYPE: u32 = 1247;

pub(super) const PG_DEPEND: Definition = Definition {
    name: "pg_depend",
    oid: 2608,
    columns: "classid:oid objid:oid objsubid:int4 refclassid:oid refobjid:oid refobjsubid:int4 \
              deptype:char",
    current: |context, rows| {
        for relation in Relation::all(&context.snapshot) {
            push_relation(rows, relation);
        }
        for view in context.snapshot.views() {
            let rule = Object::new(oids::class::REWRITE, oids::rule(view.id));
            let own = Object::new(oids::class::CLASS, oids::view(view.id));
            push(rows, &rule, &own, 'i');
            for &dependency in &view.dependencies {
                let other = Object::new(oids::class::CLASS, oids::object(dependency));
                push(rows, &rule, &other, 'n');
            }
        }
        for table in context.snapshot.tables() {
            push_table(rows, &context.snapshot, table);
        }
        for sequence in context.snapshot.sequences() {
            push_sequence(rows, &context.snapshot, sequence);
        }
    },
    ..Definition::TABLE
};

/// One end of a dependency; `number` is 0 for a whole object.
struct Object {
    class: u32,
    oid: u32,
    number: i64,
}

impl Object {
    fn new(class: u32, oid: u32) -> Self {
        Self {
            class,
            oid,
            number: 0,
        }
    }

    fn column(table: &Table, number: i64) -> Self {
        Self {
            class: oids::class::CLASS,
            oid: oids::table(table.id),
            number,
        }
    }
}

fn push_relation(rows: &mut Rows, relation: Relation<'_>) {
    let own = Object::new(oids::class::CLASS, relation.oid());
    let schema = Object::new(oids::class::NAMESPACE, oids::schema(relation.schema_id()));
    push(rows, &own, &schema, 'n');
    push(
        rows,
        &Object::new(TYPE, oids::row_type(relation.id())),
        &own,
        'i',
    );
}

fn push_sequence(rows: &mut Rows, snapshot: &Snapshot, sequence: &Sequence) {
    let own = Object::new(oids::class::CLASS, oids::sequence(sequence.id));
    let schema = Object::new(oids::class::NAMESPACE, oids::schema(sequence.schema_id));
    push(rows, &own, &schema, 'n');
    let Some(owner) = sequence.owned_by else {
        return;
    };
    let Some(table) = snapshot.table(owner.table) else {
        return;
    };
    let kind = if owner.kind.is_identity() { 'i' } else { 'a' };
    push_columns(rows, &own, table, &[owner.column], kind);
}

fn push_table(rows: &mut Rows, snapshot: &Snapshot, table: &Table) {
    for (index, stored) in table.columns.iter().enumerate() {
        if let Some(text) = &stored.default {
            let default = Object::new(oids::class::ATTRDEF, oids::default(table.id, stored.id));
            let number = i64::try_from(index + 1).unwrap_or(0);
            push(rows, &default, &Object::column(table, number), 'a');
            for sequence in sequences_in(snapshot, text) {
                let used = Object::new(oids::class::CLASS, oids::sequence(sequence));
                push(rows, &default, &used, 'n');
            }
        }
    }
    for entry in &table.constraints {
        push_constraint(rows, snapshot, table, entry);
    }
    for index in objects::indexes(table) {
        let own = Object::new(oids::class::CLASS, index.oid);
        match index.constraint {
            Some(oid) => push(rows, &own, &Object::new(oids::class::CONSTRAINT, oid), 'i'),
            None => push_columns(rows, &own, table, index.columns, 'a'),
        }
    }
}

fn push_constraint(rows: &mut Rows, snapshot: &Snapshot, table: &Table, entry: &ConstraintEntry) {
    let own = Object::new(oids::class::CONSTRAINT, oids::object(entry.id));
    match &entry.constraint {
        Constraint::PrimaryKey { columns } | Constraint::Unique { columns } => {
            push_columns(rows, &own, table, columns, 'a');
        }
        Constraint::ForeignKey {
            columns,
            referenced_table,
            referenced_columns,
            ..
        } => {
            push_columns(rows, &own, table, columns, 'a');
            let Some(other) = snapshot.table(*referenced_table) else {
                return;
            };
            push_columns(rows, &own, other, referenced_columns, 'n');
            if let Some(index) = referenced_index(other, referenced_columns) {
                push(rows, &own, &Object::new(oids::class::CLASS, index.oid), 'n');
            }
        }
        Constraint::Check { expression } => {
            push_columns(rows, &own, table, &check_columns(table, expression), 'a');
        }
    }
}

fn push_columns(rows: &mut Rows, own: &Object, table: &Table, columns: &[ColumnId], kind: char) {
    for number in attribute_numbers(table, columns) {
        push(rows, own, &Object::column(table, number), kind);
    }
}

fn push(rows: &mut Rows, object: &Object, on: &Object, kind: char) {
    rows.push(cells![
        object.class,
        object.oid,
        object.number,
        on.class,
        on.oid,
        on.number,
        kind,
    ]);
}
