//! `columns`: one row for each column of each table and view, and the facets of a
//! type that other relations show too.

use gotgan_storage::{Sequence, SequenceOwnerKind};

use super::visible::Reader;
use crate::context::StatementContext;
use crate::pg_catalog::objects::{Attribute, Relation, identities, schema_name};
use crate::pg_catalog::rows::{Cell, NULL, Rows, cells};
use crate::pg_catalog::{self, Definition, relations};
use crate::sequence::shown;
use crate::types::{PgType, oid};

/// `character_octet_length` of text without a length.
const OCTETS_MAX: i64 = 1 << 30;
/// Most bytes of a character in UTF-8.
const OCTETS_PER_CHARACTER: i64 = 4;

pub(super) const COLUMNS: Definition = Definition {
    name: "columns",
    oid: 13295,
    columns: "table_catalog:name table_schema:name table_name:name column_name:name \
              ordinal_position:int4 column_default:varchar is_nullable:varchar/7 \
              data_type:varchar character_maximum_length:int4 character_octet_length:int4 \
              numeric_precision:int4 numeric_precision_radix:int4 numeric_scale:int4 \
              datetime_precision:int4 interval_type:varchar interval_precision:int4 \
              character_set_catalog:name character_set_schema:name character_set_name:name \
              collation_catalog:name collation_schema:name collation_name:name \
              domain_catalog:name domain_schema:name domain_name:name udt_catalog:name \
              udt_schema:name udt_name:name scope_catalog:name scope_schema:name \
              scope_name:name maximum_cardinality:int4 dtd_identifier:name \
              is_self_referencing:varchar/7 is_identity:varchar/7 identity_generation:varchar \
              identity_start:varchar identity_increment:varchar identity_maximum:varchar \
              identity_minimum:varchar identity_cycle:varchar/7 is_generated:varchar \
              generation_expression:varchar is_updatable:varchar/7",
    current: |context, rows| {
        let database = context.database.as_str();
        for relation in relations() {
            let place = Place {
                database,
                schema: relation.schema,
                table: relation.name,
                is_updatable: relation.kind == 'r',
            };
            for (index, field) in relation.fields.fields().iter().enumerate() {
                push(
                    rows,
                    context,
                    &place,
                    index + 1,
                    &Attribute::of_field(field),
                    None,
                );
            }
        }
        let identities = identities(&context.snapshot);
        let reader = Reader::of(context);
        for relation in Relation::all(&context.snapshot) {
            let place = Place {
                database,
                schema: schema_name(&context.snapshot, relation.schema_id()),
                table: relation.name(),
                is_updatable: matches!(relation, Relation::Table(_)),
            };
            for (index, attribute) in relation.attributes().iter().enumerate() {
                if !reader.sees_column(relation, index) {
                    continue;
                }
                let identity = relation.identity(&identities, index);
                push(rows, context, &place, index + 1, attribute, identity);
            }
        }
    },
    ..Definition::VIEW
};

/// Where a column stands.
struct Place<'a> {
    database: &'a str,
    schema: &'a str,
    table: &'a str,
    is_updatable: bool,
}

/// What SQL's standard tells of a type.
pub(super) struct Facets {
    pub(super) data_type: String,
    pub(super) character_length: Option<i64>,
    pub(super) character_octets: Option<i64>,
    pub(super) numeric_precision: Option<i64>,
    pub(super) numeric_radix: Option<i64>,
    pub(super) numeric_scale: Option<i64>,
    pub(super) datetime_precision: Option<i64>,
}

impl Facets {
    /// The facets of a type; an array has none but its name.
    pub(super) fn of(pg_type: PgType) -> Self {
        let is_array = pg_type.element().is_some() && !pg_type.is_vector();
        let data_type = if is_array {
            "ARRAY"
        } else {
            pg_type.entry().display
        };
        let character_length = pg_type
            .character_length()
            .and_then(|n| i64::try_from(n).ok());
        let is_text = matches!(pg_type.oid, oid::TEXT | oid::VARCHAR | oid::BPCHAR);
        let unbounded = is_text.then_some(OCTETS_MAX);
        let declared = pg_type.precision_scale();
        let (precision, radix, scale) = match pg_type.oid {
            oid::INT2 => (Some(16), Some(2), Some(0)),
            oid::INT4 => (Some(32), Some(2), Some(0)),
            oid::INT8 => (Some(64), Some(2), Some(0)),
            oid::FLOAT4 => (Some(24), Some(2), None),
            oid::FLOAT8 => (Some(53), Some(2), None),
            oid::NUMERIC => (
                declared.map(|(precision, _)| i64::from(precision)),
                Some(10),
                declared.map(|(_, scale)| i64::from(scale)),
            ),
            _ => (None, None, None),
        };
        let datetime_precision = match pg_type.oid {
            oid::DATE => Some(0),
            oid::TIME | oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::INTERVAL => {
                Some(match pg_type.typmod & 0xffff {
                    digits @ 0..=6 => i64::from(digits),
                    _ => 6,
                })
            }
            _ => None,
        };
        Self {
            data_type: data_type.to_owned(),
            character_length,
            character_octets: character_length
                .map(|n| n * OCTETS_PER_CHARACTER)
                .or(unbounded),
            numeric_precision: precision,
            numeric_radix: radix,
            numeric_scale: scale,
            datetime_precision,
        }
    }
}

fn yes(claim: bool) -> &'static str {
    if claim { "YES" } else { "NO" }
}

/// The cells of an identity column, from `is_identity` to `identity_cycle`.
fn identity_cells(sequence: Option<&Sequence>) -> [Cell<'static>; 7] {
    let owned = sequence.and_then(|own| Some((&own.options, own.owned_by?.kind)));
    let Some((options, kind)) = owned else {
        return [
            Cell::Text("NO"),
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Text("NO"),
        ];
    };
    let generation = match kind {
        SequenceOwnerKind::IdentityAlways => "ALWAYS",
        _ => "BY DEFAULT",
    };
    [
        Cell::Text("YES"),
        Cell::Text(generation),
        options.start.to_string().into(),
        options.increment.to_string().into(),
        options.max.to_string().into(),
        options.min.to_string().into(),
        Cell::Text(yes(options.cycle)),
    ]
}

fn push(
    rows: &mut Rows,
    context: &StatementContext,
    place: &Place<'_>,
    number: usize,
    attribute: &Attribute<'_>,
    identity: Option<&Sequence>,
) {
    let facets = Facets::of(attribute.pg_type);
    // PostgreSQL names a collation only where it is not the database's.
    let is_name = attribute.pg_type.oid == oid::NAME;
    let collation = |text: &'static str| {
        if is_name {
            Cell::Text(text)
        } else {
            Cell::Null
        }
    };
    let database = place.database;
    let [
        is_identity,
        generation,
        start,
        increment,
        maximum,
        minimum,
        cycle,
    ] = identity_cells(identity);
    rows.push(cells![
        database,
        place.schema,
        place.table,
        attribute.name,
        i64::try_from(number).unwrap_or(0),
        attribute.default.map(|text| shown(context, text)),
        yes(!attribute.not_null),
        facets.data_type,
        facets.character_length,
        facets.character_octets,
        facets.numeric_precision,
        facets.numeric_radix,
        facets.numeric_scale,
        facets.datetime_precision,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        if is_name {
            Cell::Text(database)
        } else {
            Cell::Null
        },
        collation(pg_catalog::SCHEMA),
        collation("C"),
        NULL,
        NULL,
        NULL,
        database,
        pg_catalog::SCHEMA,
        attribute.pg_type.entry().name,
        NULL,
        NULL,
        NULL,
        NULL,
        number.to_string(),
        "NO",
        is_identity,
        generation,
        start,
        increment,
        maximum,
        minimum,
        cycle,
        "NEVER",
        NULL,
        yes(place.is_updatable),
    ]);
}
