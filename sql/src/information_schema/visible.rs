//! Which objects the views of the standard show to a role: those that it owns or has some
//! right on. The relations of `pg_catalog` show all to everybody.
//!
//! Source: PostgreSQL 15, `information_schema.sql`.

use gotgan_storage::{Privileges, Schema, Sequence, Table};

use crate::access::actor::{Actor, Object};
use crate::context::StatementContext;
use crate::pg_catalog::objects::Relation;

/// Who reads one of the views.
pub(super) struct Reader(Actor);

impl Reader {
    pub(super) fn of(context: &StatementContext) -> Self {
        Self(Actor::of(context))
    }

    /// Whether the reader has what the owner of an object has.
    pub(super) fn owns(&self, object: Object<'_>) -> bool {
        self.0.owns(object)
    }

    /// Whether a table or view is shown.
    pub(super) fn sees(&self, relation: Relation<'_>) -> bool {
        let object = relation.object();
        self.owns(object)
            || !self.0.privileges(object).is_empty()
            || !self.0.any_column_privileges(object).is_empty()
    }

    /// Whether the column at `index` is shown.
    pub(super) fn sees_column(&self, relation: Relation<'_>, index: usize) -> bool {
        let of_columns = Privileges::SELECT
            .union(Privileges::INSERT)
            .union(Privileges::UPDATE)
            .union(Privileges::REFERENCES);
        let object = relation.object();
        let whole = self.0.privileges(object).intersection(of_columns);
        self.owns(object)
            || !whole.is_empty()
            || !self
                .0
                .column_privileges(object, relation.column_key(index))
                .is_empty()
    }

    /// Whether the constraints of a table are shown, for which reading it is not enough.
    pub(super) fn sees_constraints(&self, table: &Table) -> bool {
        let object = Object::Table(table);
        let without_read = |all: Privileges| all.difference(Privileges::SELECT);
        self.owns(object)
            || !without_read(self.0.privileges(object)).is_empty()
            || !without_read(self.0.any_column_privileges(object)).is_empty()
    }

    pub(super) fn sees_schema(&self, schema: &Schema) -> bool {
        let object = Object::Schema(schema);
        self.owns(object) || !self.0.privileges(object).is_empty()
    }

    pub(super) fn sees_sequence(&self, sequence: &Sequence) -> bool {
        let object = Object::Sequence(sequence);
        self.owns(object) || !self.0.privileges(object).is_empty()
    }
}
