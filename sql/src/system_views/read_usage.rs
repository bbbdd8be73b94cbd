//! `gotgan.read_usage`: what was read, by day, role, application and table.
//!
//! A statement that reads several tables counts in the row of each, with the bytes of that
//! table; one that touches none has a row without a table. Days are UTC.

use arrow::array::RecordBatch;
use chrono::NaiveDate;
use futures::stream::BoxStream;

use super::query_history::visible_role;
use super::{LakeRows, LakeView, one_page, signed};
use crate::error::SqlError;
use crate::pg_catalog::Definition;
use crate::pg_catalog::rows::cells;

pub(super) const READ_USAGE: Definition = Definition {
    name: "read_usage",
    oid: 15_013,
    columns: "day:date role:text application_name:text table_name:text statements:int8 \
              rows_returned:int8 bytes_read:int8 bytes_cached:int8 bytes_sent:int8 \
              run_time:interval session_role:text",
    lake: Some(LakeView::ReadUsage),
    ..Definition::VIEW
};

pub(super) fn pages(source: LakeRows) -> BoxStream<'static, Result<RecordBatch, SqlError>> {
    one_page(async move {
        source.catch_up().await;
        let mut rows = source.page();
        for sum in source.lake.read_usage(visible_role(&source.ctx)).await? {
            let table = sum.table_name.as_str();
            rows.push(cells![
                (sum.day - NaiveDate::default()).num_days(),
                sum.role.name.as_str(),
                sum.application_name.as_str(),
                Some(table).filter(|name| !name.is_empty()),
                signed(sum.statements),
                signed(sum.rows_returned),
                signed(sum.bytes_read),
                signed(sum.bytes_cached),
                signed(sum.bytes_sent),
                sum.run_time.num_microseconds(),
                sum.session_role.name.as_str(),
            ]);
        }
        Ok(rows)
    })
}
