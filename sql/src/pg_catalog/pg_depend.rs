//! `pg_depend`: views on what they read, key indexes on their constraints, defaults
//! on their columns, foreign keys on the tables they point to.

use gotgan_storage::Constraint;

use super::objects::{self, attribute_number};
use super::rows::{Rows, cells};
use super::{Definition, oids};

pub(super) const PG_DEPEND: Definition = Definition {
    name: "pg_depend",
    oid: 2608,
    columns: "classid:oid objid:oid objsubid:int4 refclassid:oid refobjid:oid refobjsubid:int4 \
              deptype:char",
    current: |context, rows| {
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
            push_table(rows, table);
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
}

fn push_table(rows: &mut Rows, table: &gotgan_storage::Table) {
    let column = |number: i64| Object {
        class: oids::class::CLASS,
        oid: oids::table(table.id),
        number,
    };
    for (index, stored) in table.columns.iter().enumerate() {
        if stored.default.is_some() {
            let default = Object::new(oids::class::ATTRDEF, oids::default(table.id, stored.id));
            push(
                rows,
                &default,
                &column(i64::try_from(index + 1).unwrap_or(0)),
                'a',
            );
        }
    }
    for entry in &table.constraints {
        let constraint = Object::new(oids::class::CONSTRAINT, oids::object(entry.id));
        let columns = match &entry.constraint {
            Constraint::PrimaryKey { columns }
            | Constraint::Unique { columns }
            | Constraint::ForeignKey { columns, .. } => columns.as_slice(),
            Constraint::Check { .. } => {
                push(rows, &constraint, &column(0), 'a');
                &[]
            }
        };
        for number in columns.iter().filter_map(|&id| attribute_number(table, id)) {
            push(rows, &constraint, &column(number), 'a');
        }
        if let Constraint::ForeignKey {
            referenced_table, ..
        } = &entry.constraint
        {
            let other = Object::new(oids::class::CLASS, oids::table(*referenced_table));
            push(rows, &constraint, &other, 'n');
        }
    }
    for index in objects::indexes(table) {
        let own = Object::new(oids::class::CLASS, index.oid);
        match index.constraint {
            Some(oid) => push(rows, &own, &Object::new(oids::class::CONSTRAINT, oid), 'i'),
            None => {
                let numbers = index
                    .columns
                    .iter()
                    .filter_map(|&id| attribute_number(table, id));
                for number in numbers {
                    push(rows, &own, &column(number), 'a');
                }
            }
        }
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
