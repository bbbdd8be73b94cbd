//! `sequences`: one row for each sequence but those of identity columns.

use crate::pg_catalog::objects::schema_name;
use crate::pg_catalog::rows::cells;
use crate::pg_catalog::{Definition, pg_sequence};

use super::columns::Facets;
use super::visible::Reader;

pub(super) const SEQUENCES: Definition = Definition {
    name: "sequences",
    oid: 13386,
    columns: "sequence_catalog:name sequence_schema:name sequence_name:name data_type:varchar \
              numeric_precision:int4 numeric_precision_radix:int4 numeric_scale:int4 \
              start_value:varchar minimum_value:varchar maximum_value:varchar \
              increment:varchar cycle_option:varchar/7",
    current: |context, rows| {
        let reader = Reader::of(context);
        let sequences = context.snapshot.sequences();
        for sequence in sequences.filter(|own| reader.sees_sequence(own)) {
            let owner = sequence.owned_by;
            if owner.is_some_and(|owner| owner.kind.is_identity()) {
                continue;
            }
            let facets = Facets::of(pg_sequence::data_type(sequence));
            let options = &sequence.options;
            rows.push(cells![
                context.database.as_str(),
                schema_name(&context.snapshot, sequence.schema_id),
                sequence.name.as_str(),
                facets.data_type,
                facets.numeric_precision,
                facets.numeric_radix,
                facets.numeric_scale,
                options.start.to_string(),
                options.min.to_string(),
                options.max.to_string(),
                options.increment.to_string(),
                if options.cycle { "YES" } else { "NO" },
            ]);
        }
    },
    ..Definition::VIEW
};
