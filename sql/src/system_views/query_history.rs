//! `gotgan.query_history`: one row for each statement that any node of the lake ran.
//!
//! Users see what was done by their sessions or as their role, operators all. Who asks for
//! a range of `started_at` reads no more than that of the log.

use arrow::array::RecordBatch;
use chrono::DateTime;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use gotgan_storage::{LogPlace, LogRange, LoggedStatement, ReadCounts};

use super::{LakeRows, LakeView, signed};
use crate::access::roles;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::pg_catalog::Definition;
use crate::pg_catalog::identifier::quote;
use crate::pg_catalog::rows::cells;

/// Statements that are in memory at a time.
const PAGE_ROWS: u32 = 1000;

/// The column whose range is looked up.
const TIME_COLUMN: &str = "started_at";

pub(super) const QUERY_HISTORY: Definition = Definition {
    name: "query_history",
    oid: 15_012,
    columns: "query_id:text node:text role:text session_role:text database:text \
              client_address:text application_name:text statement:text \
              started_at:timestamptz queue_time:interval plan_time:interval run_time:interval \
              rows_returned:int8 files_read:int8 files_pruned:int8 bytes_read:int8 \
              bytes_cached:int8 bytes_pruned:int8 bytes_sent:int8 memory_peak:int8 \
              bytes_spilled:int8 sqlstate:text tables:text[] columns:text[] snapshot_id:int8 \
              node_role:text pid:int8",
    lake: Some(LakeView::QueryHistory),
    ..Definition::VIEW
};

/// The role whose rows are shown; none for operators, who see all.
pub(super) fn visible_role(ctx: &StatementContext) -> Option<i64> {
    (!roles::is_operator(&ctx.rights, ctx.role_id)).then_some(ctx.role_id)
}

/// The rows by the time when they began.
pub(super) fn pages(source: LakeRows) -> BoxStream<'static, Result<RecordBatch, SqlError>> {
    let range = LogRange {
        role: visible_role(&source.ctx),
        ..source.range
    };
    let first = Some(None);
    stream::try_unfold((source, first), move |(source, place)| async move {
        let Some(place) = place else {
            return Ok(None);
        };
        if place.is_none() {
            source.catch_up().await;
        }
        let after: Option<&LogPlace> = place.as_ref();
        let found = source.lake.logged_statements(&range, after, PAGE_ROWS);
        let found = found.await?;
        let is_full = found.len() >= PAGE_ROWS as usize;
        let last = found.last().filter(|_| is_full);
        let next = last.map(|last| Some((last.started_at, last.query_id.clone())));
        let page = page(&source, &found)?;
        Ok::<_, SqlError>(Some((page, (source, next))))
    })
    .boxed()
}

fn page(source: &LakeRows, statements: &[LoggedStatement]) -> Result<RecordBatch, SqlError> {
    let mut rows = source.page();
    for one in statements {
        let client = &one.client;
        let mut reads = ReadCounts::default();
        one.tables.iter().for_each(|table| reads.add(table.reads));
        let tables: Vec<String> = one.tables.iter().map(|table| table.name.clone()).collect();
        let columns = one.tables.iter().flat_map(|table| {
            let columns = table.columns.iter();
            columns.map(|column| format!("{}.{}", table.name, quote(column)))
        });
        rows.push(cells![
            one.query_id.as_str(),
            client.node.as_str(),
            client.role.name.as_str(),
            client.session_role.name.as_str(),
            client.database.as_str(),
            client.client_address.as_deref(),
            client.application_name.as_str(),
            one.statement.as_ref(),
            one.started_at.timestamp_micros(),
            one.queue_time.num_microseconds(),
            one.plan_time.num_microseconds(),
            one.run_time.num_microseconds(),
            signed(one.rows_returned),
            signed(reads.files_read),
            signed(reads.files_pruned),
            signed(reads.bytes_read),
            signed(reads.bytes_cached),
            signed(reads.bytes_pruned),
            signed(one.bytes_sent),
            signed(one.memory_peak),
            signed(one.bytes_spilled),
            one.sqlstate.as_ref(),
            tables,
            columns.collect::<Vec<String>>(),
            one.snapshot_id,
            client.node_role.as_str(),
            client.process_id,
        ]);
    }
    rows.finish()
}

/// The range of times that filters leave; what they say besides is up to the filters
/// themselves, which stay.
pub(crate) fn time_range(filters: &[Expr]) -> LogRange {
    let mut range = LogRange::default();
    for filter in filters {
        narrow(&mut range, filter);
    }
    range
}

fn narrow(range: &mut LogRange, filter: &Expr) {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
            _ if *op == Operator::And => {
                narrow(range, left);
                narrow(range, right);
            }
            (Expr::Column(column), value) if column.name == TIME_COLUMN => {
                bound(range, *op, value);
            }
            (value, Expr::Column(column)) if column.name == TIME_COLUMN => {
                if let Some(op) = op.swap() {
                    bound(range, op, value);
                }
            }
            _ => {}
        },
        Expr::Between(between) if !between.negated => {
            if let Expr::Column(column) = between.expr.as_ref()
                && column.name == TIME_COLUMN
            {
                bound(range, Operator::GtEq, &between.low);
                bound(range, Operator::LtEq, &between.high);
            }
        }
        _ => {}
    }
}

/// `started_at op value`. A bound that is left out counts as one that is left in: the
/// filter sorts it out.
fn bound(range: &mut LogRange, op: Operator, value: &Expr) {
    let Expr::Literal(ScalarValue::TimestampMicrosecond(Some(micros), _), _) = value else {
        return;
    };
    // Infinity is no time, and no bound.
    let Some(time) = DateTime::from_timestamp_micros(*micros) else {
        return;
    };
    if matches!(op, Operator::Gt | Operator::GtEq | Operator::Eq) {
        range.from = Some(range.from.map_or(time, |from| from.max(time)));
    }
    if matches!(op, Operator::Lt | Operator::LtEq | Operator::Eq) {
        range.until = Some(range.until.map_or(time, |until| until.min(time)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{col, lit};

    fn time(micros: i64) -> Expr {
        lit(ScalarValue::TimestampMicrosecond(
            Some(micros),
            Some("UTC".into()),
        ))
    }

    fn check(filter: &Expr, from: Option<i64>, until: Option<i64>) {
        let range = time_range(std::slice::from_ref(filter));
        let micros = |time: Option<DateTime<_>>| time.map(|time| time.timestamp_micros());
        assert_eq!((micros(range.from), micros(range.until)), (from, until));
    }

    #[test]
    fn ranges_of_filters() {
        let column = || col(TIME_COLUMN);
        check(&column().gt(time(5)), Some(5), None);
        check(&time(5).gt(column()), None, Some(5));
        check(&column().eq(time(5)), Some(5), Some(5));
        check(&column().between(time(5), time(9)), Some(5), Some(9));
        let both = column().gt_eq(time(5)).and(column().lt(time(9)));
        check(&both.and(column().gt(time(7))), Some(7), Some(9));
        check(&column().gt(time(5)).or(column().lt(time(3))), None, None);
        check(&column().not_eq(time(5)), None, None);
        check(&col("role").gt(time(5)), None, None);
        check(&column().not_between(time(5), time(9)), None, None);
    }
}
