//! What the catalog holds of rows itself: how many, and which.

use std::collections::BTreeMap;

use crate::catalog::{Condition, Selection, decode};
use crate::error::Error;
use crate::lake::Lake;
use crate::snapshot::{InlinedRows, Snapshot, Table, Wanted, load_inlined};
use crate::spec::TableId;
use crate::spec::rows::InlinedTableRow;

impl Lake {
    /// Tables that have inlined rows now, and how many: what `flush_inlined` is for.
    ///
    /// Cost: 1 read of the catalog, and 1 more for each table that ever had such rows.
    pub async fn inlined_counts(&self) -> Result<Vec<(TableId, u64)>, Error> {
        let head = self.head().await?;
        let selection = Selection::of::<InlinedTableRow>(Vec::new());
        let rows = self.catalog().select(&[selection]).await?.pop();
        let mut counts: BTreeMap<TableId, u64> = BTreeMap::new();
        for row in decode::<InlinedTableRow>(rows.unwrap_or_default())? {
            let table = TableId(row.table_id);
            if head.table(table).is_some() {
                let count = self.catalog().inlined_count(&row.table_name).await?;
                *counts.entry(table).or_default() += u64::try_from(count).unwrap_or(0);
            }
        }
        Ok(counts.into_iter().filter(|(_, count)| *count > 0).collect())
    }

    /// The inlined rows of a table at a snapshot, in other columns than it has there.
    ///
    /// `table`: as a transaction sees it. Cost: 2 reads of the catalog, and more only if
    /// rows are inlined.
    /// Errors: `NotFound` if the snapshot is not kept any more.
    pub(crate) async fn inlined_rows(
        &self,
        snapshot: &Snapshot,
        table: &Table,
    ) -> Result<Option<InlinedRows>, Error> {
        let Some(schema) = snapshot
            .table(table.id)
            .and_then(|table| snapshot.schema(table.schema_id))
        else {
            return Ok(None);
        };
        let of_table = vec![Condition::Equals("table_id", table.id.0)];
        let selection = Selection::of::<InlinedTableRow>(of_table);
        let rows = self.catalog().select(&[selection]).await?.pop();
        let data_tables: Vec<InlinedTableRow> = decode(rows.unwrap_or_default())?;
        let wanted = Wanted {
            place: &self.inner.place,
            schema,
            table,
            at: snapshot.id,
        };
        let inlined = load_inlined(self.catalog(), &wanted, &data_tables).await?;
        self.check_kept(snapshot, table.id).await?;
        Ok(inlined)
    }
}
