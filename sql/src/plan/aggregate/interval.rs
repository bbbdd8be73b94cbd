//! `sum` and `avg` of intervals.
//!
//! Source: PostgreSQL 15, `timestamp.c` (`interval_accum`, `interval_avg`).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, IntervalMonthDayNanoType};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::utils::format_state_name;

use crate::error::SqlError;
use crate::plan::interval;

const NANOS_PER_MICRO: i64 = 1_000;

/// The fields of [`Total`]'s state.
pub(super) fn state_fields(args: &StateFieldsArgs<'_>) -> Vec<FieldRef> {
    ["count", "months", "days", "micros"]
        .into_iter()
        .map(|part| {
            let name = format_state_name(args.name, part);
            Arc::new(Field::new(name, DataType::Int64, true))
        })
        .collect()
}

/// Sums of the fields; checked against overflow where the answer is made.
#[derive(Debug)]
pub(super) struct Total {
    is_average: bool,
    count: i64,
    months: i64,
    days: i64,
    micros: i64,
}

impl Total {
    pub(super) fn new(is_average: bool) -> Self {
        Self {
            is_average,
            count: 0,
            months: 0,
            days: 0,
            micros: 0,
        }
    }

    /// `sign`: 1 to add, -1 to take back.
    fn change(&mut self, values: &ArrayRef, sign: i64) -> Result<(), SqlError> {
        for value in values
            .as_primitive::<IntervalMonthDayNanoType>()
            .iter()
            .flatten()
        {
            self.add([
                sign,
                sign * i64::from(value.months),
                sign * i64::from(value.days),
                sign * (value.nanoseconds / NANOS_PER_MICRO),
            ])?;
        }
        Ok(())
    }

    fn add(&mut self, parts: [i64; 4]) -> Result<(), SqlError> {
        let sums = [
            &mut self.count,
            &mut self.months,
            &mut self.days,
            &mut self.micros,
        ];
        for (sum, part) in sums.into_iter().zip(parts) {
            *sum = sum
                .checked_add(part)
                .ok_or_else(SqlError::interval_out_of_range)?;
        }
        Ok(())
    }

    fn answer(&self) -> Result<Option<arrow::datatypes::IntervalMonthDayNano>, SqlError> {
        if self.count == 0 {
            return Ok(None);
        }
        let narrow = |part: i64| i32::try_from(part).map_err(|_| SqlError::interval_out_of_range());
        let nanos = self
            .micros
            .checked_mul(NANOS_PER_MICRO)
            .ok_or_else(SqlError::interval_out_of_range)?;
        let sum = arrow::datatypes::IntervalMonthDayNano::new(
            narrow(self.months)?,
            narrow(self.days)?,
            nanos,
        );
        if !self.is_average {
            return Ok(Some(sum));
        }
        let average = interval::divide(sum, self.count as f64)
            .map_err(|_| SqlError::interval_out_of_range())?;
        Ok(Some(average))
    }
}

impl Accumulator for Total {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        Ok(self.change(&values[0], 1)?)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        Ok(self.change(&values[0], -1)?)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::IntervalMonthDayNano(self.answer()?))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let parts = [self.count, self.months, self.days, self.micros];
        Ok(parts.map(|part| ScalarValue::Int64(Some(part))).to_vec())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let columns: Vec<_> = states
            .iter()
            .map(|state| state.as_primitive::<Int64Type>())
            .collect();
        let [counts, months, days, micros] = columns.as_slice() else {
            return Err(SqlError::internal("a state of another width").into());
        };
        for row in (0..counts.len()).filter(|row| counts.is_valid(*row)) {
            self.add([
                counts.value(row),
                months.value(row),
                days.value(row),
                micros.value(row),
            ])?;
        }
        Ok(())
    }
}
