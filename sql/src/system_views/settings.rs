//! `gotgan.settings`: the settings of our own, whose they are and what they are.
//!
//! Scopes: `lake`, which ALTER SYSTEM sets for all nodes; `session`, which SET sets. What
//! the configuration of a node says is not shown, since it may name places and keys.

use std::time::Duration;

use arrow::array::RecordBatch;
use futures::stream::BoxStream;
use gotgan_storage::{RETENTION, RetentionOrigin};

use super::retention::origin;
use super::{LakeRows, LakeView, one_page};
use crate::error::SqlError;
use crate::pg_catalog::Definition;
use crate::pg_catalog::rows::cells;
use crate::session::AS_OF;

pub(super) const SETTINGS: Definition = Definition {
    name: "settings",
    oid: 15_007,
    columns: "name:text value:text scope:text set_at:text description:text",
    lake: Some(LakeView::Settings),
    ..Definition::VIEW
};

pub(super) fn pages(source: LakeRows) -> BoxStream<'static, Result<RecordBatch, SqlError>> {
    one_page(async move {
        let mut rows = source.page();
        let picture = source.lake.head().await?;
        let retention = source.lake.retention(&picture);
        let set_at = match retention.origin {
            RetentionOrigin::Table | RetentionOrigin::Schema => "system",
            other => origin(other),
        };
        rows.push(cells![
            RETENTION,
            shown(retention.duration),
            "lake",
            set_at,
            "how long a state stays after it was replaced, where no schema or table says otherwise",
        ]);
        let as_of = source.ctx.settings.get(AS_OF).map_or("", String::as_str);
        rows.push(cells![
            AS_OF,
            as_of,
            "session",
            if as_of.is_empty() {
                "default"
            } else {
                "session"
            },
            "the time, snapshot or hold that the session reads",
        ]);
        Ok(rows)
    })
}

/// A length of time as ALTER SYSTEM takes it.
fn shown(duration: Duration) -> String {
    const DAY: u64 = 86_400;
    let seconds = duration.as_secs();
    match seconds % DAY {
        0 => format!("{} days", seconds / DAY),
        _ => format!("{seconds} seconds"),
    }
}
