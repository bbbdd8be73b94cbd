//! `generate_series` in FROM: rows made as they are read, however many.

use std::sync::Arc;

use arrow::array::{Int32Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

use crate::error::SqlError;

const BATCH_ROWS: usize = 8192;

/// The values of an integer series; both ends are part of it.
#[derive(Clone, Copy, Debug)]
struct Series {
    next: i128,
    stop: i128,
    step: i128,
}

#[derive(Debug)]
struct SeriesStream {
    series: Option<Series>,
    schema: SchemaRef,
}

/// The table for constant arguments of integer type; none if the types are others,
/// which go through an array.
///
/// Errors: `22023` if the step is zero.
pub(super) fn table(args: &[ScalarValue]) -> Result<Option<StreamingTable>, SqlError> {
    let integers: Option<Vec<Option<i128>>> = args.iter().map(integer).collect();
    let Some(values) = integers else {
        return Ok(None);
    };
    let wide = args
        .iter()
        .any(|value| matches!(value.data_type(), DataType::Int64));
    let data_type = if wide {
        DataType::Int64
    } else {
        DataType::Int32
    };
    let series = match values.as_slice() {
        [Some(start), Some(stop)] => Some(Series {
            next: *start,
            stop: *stop,
            step: 1,
        }),
        [Some(_), Some(_), Some(0)] => {
            return Err(SqlError::invalid_parameter("step size cannot equal zero"));
        }
        [Some(start), Some(stop), Some(step)] => Some(Series {
            next: *start,
            stop: *stop,
            step: *step,
        }),
        [_, _] | [_, _, _] => None,
        _ => return Err(SqlError::undefined_function("generate_series()")),
    };
    let field = Field::new("generate_series", data_type, false);
    let schema = Arc::new(Schema::new(vec![field]));
    let stream = SeriesStream {
        series,
        schema: Arc::clone(&schema),
    };
    Ok(Some(StreamingTable::try_new(
        schema,
        vec![Arc::new(stream)],
    )?))
}

fn integer(value: &ScalarValue) -> Option<Option<i128>> {
    match value {
        ScalarValue::Int16(v) => Some(v.map(i128::from)),
        ScalarValue::Int32(v) => Some(v.map(i128::from)),
        ScalarValue::Int64(v) => Some(v.map(i128::from)),
        _ => None,
    }
}

impl PartitionStream for SeriesStream {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _ctx: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let batches = futures::stream::iter(Batches {
            series: self.series,
            schema: Arc::clone(&self.schema),
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}

struct Batches {
    series: Option<Series>,
    schema: SchemaRef,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let series = self.series.as_mut()?;
        let mut values = Vec::with_capacity(BATCH_ROWS);
        while values.len() < BATCH_ROWS {
            let is_past = if series.step > 0 {
                series.next > series.stop
            } else {
                series.next < series.stop
            };
            if is_past {
                break;
            }
            values.push(series.next);
            series.next += series.step;
        }
        if values.is_empty() {
            self.series = None;
            return None;
        }
        let array: arrow::array::ArrayRef = match self.schema.field(0).data_type() {
            DataType::Int32 => Arc::new(
                values
                    .iter()
                    .map(|v| i32::try_from(*v).ok())
                    .collect::<Int32Array>(),
            ),
            _ => Arc::new(
                values
                    .iter()
                    .map(|v| i64::try_from(*v).ok())
                    .collect::<Int64Array>(),
            ),
        };
        Some(RecordBatch::try_new(Arc::clone(&self.schema), vec![array]).map_err(Into::into))
    }
}
