//! Settings of the lake, and how long each table's history is kept by them.
//!
//! A setting is current only and takes effect at once; see `holds`. An option of a schema
//! or table is a part of it, with history, and is set in a transaction. A retention is
//! stored as whole seconds.

use std::time::Duration;

use crate::catalog::{Condition, Write};
use crate::error::Error;
use crate::lake::Lake;
use crate::snapshot::{Snapshot, Table};
use crate::spec::side::SettingRow;
use crate::spec::table::Row;

/// Name of the setting, and of the option of a schema or table, that says how long what
/// was is kept.
pub const RETENTION: &str = "gotgan.retention";

/// The longest retention that may be set.
pub const RETENTION_MAX: Duration = Duration::from_secs(3653 * 24 * 3600);

/// How long a table's history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Counted from the commit that superseded a snapshot.
    pub duration: Duration,
    /// What says so.
    pub origin: RetentionOrigin,
}

/// Where a retention is set, the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionOrigin {
    /// The table's own option.
    Table,
    /// The option of its schema.
    Schema,
    /// The lake's setting.
    Lake,
    /// The configuration of this process.
    Config,
}

impl Lake {
    /// Sets a setting of the lake; without a value it is as configured again.
    ///
    /// At once and for all nodes. What values a setting takes is the caller's to check.
    /// Cost: 1 transaction of the catalog.
    pub async fn store_setting(&self, name: &str, value: Option<&str>) -> Result<(), Error> {
        self.check_primary()?;
        let _turn = self.commit_turn().await;
        let catalog = self.writer()?.begin_commit().await?;
        let mut writes = vec![Write::Delete {
            table: SettingRow::TABLE,
            conditions: vec![Condition::Is("setting_name", name.to_owned())],
        }];
        writes.extend(value.map(|value| {
            Write::insert(&[SettingRow {
                setting_name: name.to_owned(),
                value: value.to_owned(),
            }])
        }));
        self.store_current(catalog, writes).await
    }

    /// How long snapshots are kept where no schema or table says otherwise.
    pub fn retention(&self, picture: &Snapshot) -> Retention {
        match picture.setting(RETENTION).and_then(parse_retention) {
            Some(duration) => Retention {
                duration,
                origin: RetentionOrigin::Lake,
            },
            None => Retention {
                duration: self.retention_options().default,
                origin: RetentionOrigin::Config,
            },
        }
    }

    /// How long a table's history is kept, and what says so.
    pub fn retention_of(&self, picture: &Snapshot, table: &Table) -> Retention {
        let of_table = table.options.get(RETENTION);
        if let Some(duration) = of_table.and_then(|text| parse_retention(text)) {
            return Retention {
                duration,
                origin: RetentionOrigin::Table,
            };
        }
        let schema = picture.schema(table.schema_id);
        let of_schema = schema.and_then(|schema| schema.options.get(RETENTION));
        match of_schema.and_then(|text| parse_retention(text)) {
            Some(duration) => Retention {
                duration,
                origin: RetentionOrigin::Schema,
            },
            None => self.retention(picture),
        }
    }
}

/// A retention as it is stored.
pub fn retention_text(retention: Duration) -> String {
    retention.as_secs().to_string()
}

/// A retention from what is stored; nothing if it is none.
pub fn parse_retention(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_secs)
}
