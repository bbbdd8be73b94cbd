//! How long the system's snapshots are kept, and tables that say otherwise.
//!
//! A table's own retention is its option, else that of its schema. One that was dropped
//! keeps what it had then.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use crate::catalog::{CommitTransaction, Condition, Selection, decode};
use crate::error::Error;
use crate::history::{RETENTION, RETENTION_MAX, parse_retention};
use crate::lake::Lake;
use crate::spec::rows::TableRow;
use crate::spec::side::{OptionRow, SettingRow};

/// What is kept how long.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) system: TimeDelta,
    /// Tables with a retention of their own, also dropped ones.
    pub(super) tables: BTreeMap<i64, TimeDelta>,
}

impl Policy {
    pub(super) async fn load(
        lake: &Lake,
        catalog: &mut dyn CommitTransaction,
    ) -> Result<Self, Error> {
        let of_setting = vec![Condition::Is("setting_name", RETENTION.to_owned())];
        let rows = catalog
            .select(&Selection::of::<SettingRow>(of_setting))
            .await?;
        let setting: Option<SettingRow> = decode(rows)?.pop();
        let configured = lake.retention_options().default;
        let system = setting
            .and_then(|row| parse(&row.value))
            .unwrap_or_else(|| TimeDelta::from_std(configured).unwrap_or(TimeDelta::MAX));
        let of_option = vec![Condition::Is("option_name", RETENTION.to_owned())];
        let rows = catalog
            .select(&Selection::of::<OptionRow>(of_option))
            .await?;
        let options: Vec<OptionRow> = decode(rows)?;
        let tables = match options.is_empty() {
            true => BTreeMap::new(),
            false => of_tables(catalog, &options).await?,
        };
        Ok(Self { system, tables })
    }
}

/// The tables that have an option, or whose schema has.
async fn of_tables(
    catalog: &mut dyn CommitTransaction,
    options: &[OptionRow],
) -> Result<BTreeMap<i64, TimeDelta>, Error> {
    let objects: Vec<i64> = options.iter().map(|option| option.object_id).collect();
    let of_schemas = vec![Condition::In("schema_id", objects.clone())];
    let rows = catalog
        .select(&Selection::of::<TableRow>(of_schemas))
        .await?;
    let mut ids: BTreeSet<i64> = objects.into_iter().collect();
    ids.extend(decode::<TableRow>(rows)?.iter().map(|row| row.table_id));
    // All of their rows: a table may have left the schema.
    let conditions = vec![Condition::In("table_id", ids.into_iter().collect())];
    let rows = catalog
        .select(&Selection::of::<TableRow>(conditions))
        .await?;
    let mut newest: BTreeMap<i64, TableRow> = BTreeMap::new();
    for row in decode::<TableRow>(rows)? {
        let known = newest.get(&row.table_id);
        if known.is_none_or(|known| known.begin_snapshot < row.begin_snapshot) {
            newest.insert(row.table_id, row);
        }
    }
    let mut tables = BTreeMap::new();
    for (id, table) in newest {
        // The last snapshot that shows it.
        let at = table.end_snapshot.map_or(i64::MAX, |end| end - 1);
        let of = |object: i64| {
            let shown = options.iter().filter(|option| {
                option.object_id == object
                    && option.begin_snapshot <= at
                    && option.end_snapshot.is_none_or(|end| end > at)
            });
            shown.filter_map(|option| parse(&option.value)).next()
        };
        if let Some(retention) = of(id).or_else(|| of(table.schema_id)) {
            tables.insert(id, retention);
        }
    }
    Ok(tables)
}

/// A stored retention. One that is too long for a clock is as good as for ever.
fn parse(text: &str) -> Option<TimeDelta> {
    let retention = parse_retention(text)?.min(RETENTION_MAX);
    TimeDelta::from_std(retention).ok()
}
