//! `pg_class`: one row for each table, view, sequence and index, system relations included.

use gotgan_storage::{Constraint, SchemaId, Sequence, Snapshot, Table, TableId};

use super::objects::{self, IndexEntry, Relation};
use super::rows::{NULL, Rows, cells};
use super::{Definition, oids, relations};
use crate::access::actor::Object;
use crate::access::shown;
use crate::context::StatementContext;
use crate::plan::SEQUENCE_COLUMNS;

/// Bytes that `relpages` counts in.
const PAGE_BYTES: u64 = 8192;

pub(super) const PG_CLASS: Definition = Definition {
    name: "pg_class",
    oid: 1259,
    columns: "oid:oid relname:name relnamespace:oid reltype:oid reloftype:oid relowner:oid \
              relam:oid relfilenode:oid reltablespace:oid relpages:int4 reltuples:float4 \
              relallvisible:int4 reltoastrelid:oid relhasindex:bool relisshared:bool \
              relpersistence:char relkind:char relnatts:int2 relchecks:int2 relhasrules:bool \
              relhastriggers:bool relhassubclass:bool relrowsecurity:bool \
              relforcerowsecurity:bool relispopulated:bool relreplident:char \
              relispartition:bool relrewrite:oid relfrozenxid:xid relminmxid:xid \
              relacl:aclitem[] reloptions:text[] relpartbound:pg_node_tree",
    fixed: |rows| {
        for relation in relations() {
            push(rows, &Row::system(relation), (None, None));
        }
    },
    current: |context, rows| {
        let with_triggers = objects::foreign_key_tables(&context.snapshot);
        for relation in Relation::all(&context.snapshot) {
            let has_triggers = with_triggers.contains(&TableId(relation.id()));
            let row = Row::relation(&context.snapshot, relation);
            let row = Row {
                has_triggers,
                ..row
            };
            let items = shown::object_items(&context.rights, relation.object());
            push(rows, &row, (items, options(context, relation)));
        }
        for sequence in context.snapshot.sequences() {
            let items = shown::object_items(&context.rights, Object::Sequence(sequence));
            push(
                rows,
                &Row::sequence(&context.snapshot, sequence),
                (items, None),
            );
        }
        for index in objects::all_indexes(&context.snapshot) {
            push(rows, &Row::index(&context.snapshot, &index), (None, None));
        }
    },
    ..Definition::TABLE
};

/// The cells that differ between the kinds of relations.
struct Row<'a> {
    oid: u32,
    name: &'a str,
    schema: u32,
    row_type: u32,
    owner: i64,
    access_method: u32,
    file_node: u32,
    pages: u64,
    /// -1: unknown.
    row_count: f64,
    has_index: bool,
    kind: char,
    column_count: usize,
    check_count: usize,
    has_rules: bool,
    has_triggers: bool,
    replica_identity: char,
    /// 'p' or, of what one session sees only, 't'.
    persistence: char,
    row_security: bool,
    force_row_security: bool,
}

impl<'a> Row<'a> {
    fn system(relation: &'a super::SystemRelation) -> Self {
        let is_table = relation.kind == 'r';
        Row {
            oid: relation.oid,
            name: relation.name,
            schema: relation.schema_oid(),
            row_type: 0,
            owner: i64::from(oids::SUPERUSER),
            access_method: if is_table { oids::HEAP } else { 0 },
            file_node: if is_table { relation.oid } else { 0 },
            pages: 0,
            row_count: -1.0,
            has_index: false,
            kind: relation.kind,
            column_count: relation.fields.fields().len(),
            check_count: 0,
            has_rules: !is_table,
            has_triggers: false,
            replica_identity: 'n',
            persistence: 'p',
            row_security: false,
            force_row_security: false,
        }
    }

    fn relation(snapshot: &Snapshot, relation: Relation<'a>) -> Self {
        let base = Row {
            oid: relation.oid(),
            name: relation.name(),
            schema: oids::schema(relation.schema_id()),
            row_type: oids::row_type(relation.id()),
            owner: relation.owner_id(),
            access_method: 0,
            file_node: 0,
            pages: 0,
            row_count: -1.0,
            has_index: false,
            kind: 'v',
            column_count: 0,
            check_count: 0,
            has_rules: true,
            has_triggers: false,
            replica_identity: 'n',
            persistence: persistence(snapshot, relation.schema_id()),
            row_security: false,
            force_row_security: false,
        };
        match relation {
            Relation::Table(table) => base.of_table(table),
            Relation::View(view) => Row {
                column_count: view.columns.len(),
                ..base
            },
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "an estimate, shown as real")]
    fn of_table(self, table: &Table) -> Self {
        let constraints = table.constraints.iter().map(|entry| &entry.constraint);
        Row {
            access_method: oids::HEAP,
            file_node: self.oid,
            pages: table.bytes.div_ceil(PAGE_BYTES),
            row_count: table.row_count as f64,
            has_index: objects::has_index(table),
            kind: 'r',
            column_count: table.columns.len(),
            check_count: constraints
                .clone()
                .filter(|constraint| matches!(constraint, Constraint::Check { .. }))
                .count(),
            has_rules: false,
            replica_identity: 'd',
            row_security: table.access.row_security,
            force_row_security: table.access.force_row_security,
            ..self
        }
    }

    fn sequence(snapshot: &Snapshot, sequence: &'a Sequence) -> Self {
        let oid = oids::sequence(sequence.id);
        Row {
            oid,
            name: &sequence.name,
            schema: oids::schema(sequence.schema_id),
            row_type: 0,
            owner: sequence.owner_id,
            access_method: 0,
            file_node: oid,
            pages: 1,
            row_count: 1.0,
            has_index: false,
            kind: 'S',
            column_count: SEQUENCE_COLUMNS.len(),
            check_count: 0,
            has_rules: false,
            has_triggers: false,
            replica_identity: 'n',
            persistence: persistence(snapshot, sequence.schema_id),
            row_security: false,
            force_row_security: false,
        }
    }

    fn index(snapshot: &Snapshot, index: &IndexEntry<'a>) -> Self {
        Row {
            oid: index.oid,
            name: index.name,
            schema: oids::schema(index.table.schema_id),
            row_type: 0,
            owner: index.table.owner_id,
            access_method: oids::BTREE,
            file_node: index.oid,
            pages: 0,
            row_count: 0.0,
            has_index: false,
            kind: 'i',
            column_count: index.columns.len(),
            check_count: 0,
            has_rules: false,
            has_triggers: false,
            replica_identity: 'n',
            persistence: persistence(snapshot, index.table.schema_id),
            row_security: false,
            force_row_security: false,
        }
    }
}

/// `relpersistence` of what is in a schema.
fn persistence(snapshot: &Snapshot, schema: SchemaId) -> char {
    if snapshot.is_temporary(schema) {
        't'
    } else {
        'p'
    }
}

/// `reloptions` of a view.
fn options(context: &StatementContext, relation: Relation<'_>) -> Option<Vec<String>> {
    let Relation::View(view) = relation else {
        return None;
    };
    let access = context.rights.view(view.id)?.access;
    let given = [
        ("security_barrier", access.security_barrier),
        ("security_invoker", access.security_invoker),
    ];
    let given = given.iter().filter(|(_, is_on)| *is_on);
    let given: Vec<String> = given.map(|(name, _)| format!("{name}=true")).collect();
    (!given.is_empty()).then_some(given)
}

/// `acl`: what was granted, if anything was; `options` likewise.
fn push(
    rows: &mut Rows,
    row: &Row<'_>,
    (acl, options): (Option<Vec<String>>, Option<Vec<String>>),
) {
    let count = |value: usize| i64::try_from(value).unwrap_or(0);
    rows.push(cells![
        row.oid,
        row.name,
        row.schema,
        row.row_type,
        0,
        row.owner,
        row.access_method,
        row.file_node,
        0,
        i64::from(i32::try_from(row.pages).unwrap_or(i32::MAX)),
        row.row_count,
        0,
        0,
        row.has_index,
        false,
        row.persistence,
        row.kind,
        count(row.column_count),
        count(row.check_count),
        row.has_rules,
        row.has_triggers,
        false,
        row.row_security,
        row.force_row_security,
        true,
        row.replica_identity,
        false,
        0,
        0,
        0,
        acl,
        options,
        NULL,
    ]);
}
