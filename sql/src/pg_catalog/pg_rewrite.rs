//! `pg_rewrite`: the `_RETURN` rule of each view. `ev_action` is the view's text.

use super::rows::cells;
use super::{Definition, oids};

pub(super) const PG_REWRITE: Definition = Definition {
    name: "pg_rewrite",
    oid: 2618,
    columns: "oid:oid rulename:name ev_class:oid ev_type:char ev_enabled:char is_instead:bool \
              ev_qual:pg_node_tree ev_action:pg_node_tree",
    current: |context, rows| {
        for view in context.snapshot.views() {
            rows.push(cells![
                oids::rule(view.id),
                "_RETURN",
                oids::view(view.id),
                '1',
                'O',
                true,
                "<>",
                view.text.as_str(),
            ]);
        }
    },
    ..Definition::TABLE
};
