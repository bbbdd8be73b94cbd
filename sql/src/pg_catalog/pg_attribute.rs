//! `pg_attribute`: one row for each column of each table, view, sequence and index,
//! and for the system columns of tables.

use gotgan_storage::{Sequence, SequenceOwnerKind};

use super::objects::{self, Attribute, IndexEntry, Relation};
use super::pg_type;
use super::rows::{NULL, Rows, cells};
use super::{Definition, oids, relations};
use crate::access::shown;
use crate::plan::SEQUENCE_COLUMNS;
use crate::types::{PgType, oid};

/// `tid`, which is no type of a user's column.
const TID: u32 = 27;
/// `cid`, likewise.
const CID: u32 = 29;

/// Columns that every table of PostgreSQL has: name, type, number.
const SYSTEM_COLUMNS: [(&str, u32, i64); 6] = [
    ("tableoid", oid::OID, -6),
    ("cmax", CID, -5),
    ("xmax", oid::XID, -4),
    ("cmin", CID, -3),
    ("xmin", oid::XID, -2),
    ("ctid", TID, -1),
];

pub(super) const PG_ATTRIBUTE: Definition = Definition {
    name: "pg_attribute",
    oid: 1249,
    columns: "attrelid:oid attname:name atttypid:oid attstattarget:int4 attlen:int2 attnum:int2 \
              attndims:int4 attcacheoff:int4 atttypmod:int4 attbyval:bool attalign:char \
              attstorage:char attcompression:char attnotnull:bool atthasdef:bool \
              atthasmissing:bool attidentity:char attgenerated:char attisdropped:bool \
              attislocal:bool attinhcount:int4 attcollation:oid attacl:aclitem[] \
              attoptions:text[] attfdwoptions:text[] attmissingval:anyarray",
    fixed: |rows| {
        for relation in relations() {
            for (index, field) in relation.fields.fields().iter().enumerate() {
                push(
                    rows,
                    relation.oid,
                    number(index),
                    &Attribute::of_field(field),
                    "",
                );
            }
            if relation.kind == 'r' {
                push_system_columns(rows, relation.oid);
            }
        }
    },
    current: |context, rows| {
        let identities = objects::identities(&context.snapshot);
        for relation in Relation::all(&context.snapshot) {
            for (index, attribute) in relation.attributes().iter().enumerate() {
                let identity = letter(relation.identity(&identities, index));
                let key = relation.column_key(index);
                let acl = shown::column_items(&context.rights, relation.object(), key);
                push_granted(
                    rows,
                    (relation.oid(), number(index)),
                    attribute,
                    identity,
                    acl,
                );
            }
            if matches!(relation, Relation::Table(_)) {
                push_system_columns(rows, relation.oid());
            }
        }
        for index in objects::all_indexes(&context.snapshot) {
            push_index(rows, &index);
        }
        for sequence in context.snapshot.sequences() {
            push_sequence(rows, oids::sequence(sequence.id));
        }
    },
    ..Definition::TABLE
};

/// `attidentity` of a column that a sequence numbers.
fn letter(sequence: Option<&Sequence>) -> &'static str {
    let kind = sequence.and_then(|sequence| sequence.owned_by);
    match kind.map(|owner| owner.kind) {
        Some(SequenceOwnerKind::IdentityAlways) => "a",
        Some(SequenceOwnerKind::IdentityByDefault) => "d",
        Some(SequenceOwnerKind::Auto) | None => "",
    }
}

/// The columns that a sequence has as a relation.
fn push_sequence(rows: &mut Rows, relation: u32) {
    for (index, (name, type_oid)) in SEQUENCE_COLUMNS.iter().enumerate() {
        let attribute = Attribute {
            name,
            pg_type: PgType::new(*type_oid),
            not_null: true,
            default: None,
            comment: None,
        };
        push(rows, relation, number(index), &attribute, "");
    }
    push_system_columns(rows, relation);
}

fn number(index: usize) -> i64 {
    i64::try_from(index + 1).unwrap_or(0)
}

fn push_system_columns(rows: &mut Rows, relation: u32) {
    for (name, type_oid, number) in SYSTEM_COLUMNS {
        let pg_type = PgType::new(type_oid);
        let attribute = Attribute {
            name,
            pg_type,
            not_null: true,
            default: None,
            comment: None,
        };
        push(rows, relation, number, &attribute, "");
    }
}

fn push_index(rows: &mut Rows, index: &IndexEntry<'_>) {
    let columns = index.columns.iter().filter_map(|id| {
        let column = index.table.columns.iter().find(|column| column.id == *id)?;
        Some((column.name.as_str(), PgType::of_column(&column.column_type)))
    });
    for (position, (name, pg_type)) in columns.enumerate() {
        let attribute = Attribute {
            name,
            pg_type,
            not_null: false,
            default: None,
            comment: None,
        };
        push(rows, index.oid, number(position), &attribute, "");
    }
}

fn push(
    rows: &mut Rows,
    relation: u32,
    number: i64,
    attribute: &Attribute<'_>,
    identity: &'static str,
) {
    push_granted(rows, (relation, number), attribute, identity, None);
}

/// `acl`: what was granted on the column alone, if anything was.
fn push_granted(
    rows: &mut Rows,
    (relation, number): (u32, i64),
    attribute: &Attribute<'_>,
    identity: &'static str,
    acl: Option<Vec<String>>,
) {
    let pg_type = attribute.pg_type;
    let entry = pg_type.entry();
    let physical = pg_type::physical(entry);
    let is_array = pg_type.element().is_some() && !pg_type.is_vector();
    rows.push(cells![
        relation,
        attribute.name,
        entry.oid,
        if number > 0 { -1 } else { 0 },
        entry.bytes,
        number,
        i32::from(is_array),
        -1,
        pg_type.typmod,
        physical.by_value,
        physical.align,
        physical.storage,
        "",
        attribute.not_null,
        attribute.default.is_some(),
        false,
        identity,
        "",
        false,
        true,
        0,
        objects::collation(pg_type),
        acl,
        NULL,
        NULL,
        NULL,
    ]);
}
