//! The conditions that TABLESAMPLE becomes; see `rewrite/scope/sample.rs`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::Result;
use datafusion::common::hash_utils::{QualityRandomState, create_hashes};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::error::SqlError;
use crate::rewrite::scope::sample::{RANDOM, SEEDED};
use crate::sqlstate;

/// The function of this name, if it is one of these.
pub(super) fn resolve(name: &str) -> Option<Arc<ScalarUDF>> {
    let (is_seeded, volatility) = match name {
        RANDOM => (false, Volatility::Volatile),
        SEEDED => (true, Volatility::Immutable),
        _ => return None,
    };
    Some(Arc::new(ScalarUDF::new_from_impl(Sample {
        is_seeded,
        signature: Signature::variadic_any(volatility),
    })))
}

/// Whether a row is in the sample. Arguments: a percentage, then a random number from 0
/// to 1, or the seed and what tells rows apart.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Sample {
    is_seeded: bool,
    signature: Signature,
}

impl ScalarUDFImpl for Sample {
    fn name(&self) -> &'static str {
        if self.is_seeded { SEEDED } else { RANDOM }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays: Result<Vec<ArrayRef>> =
            args.args.iter().map(|arg| arg.to_array(rows)).collect();
        let arrays = arrays?;
        let Some((percentage, identity)) = arrays.split_first() else {
            return Err(SqlError::internal("a sample without a percentage").into());
        };
        if rows == 0 {
            return Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(Vec::<
                bool,
            >::new(
            )))));
        }
        let share = share(percentage)?;
        let taken: BooleanArray = if self.is_seeded {
            if identity.first().is_some_and(|seed| seed.is_null(0)) {
                return Err(null("REPEATABLE").into());
            }
            let mut hashes = vec![0_u64; rows];
            let state = QualityRandomState::with_seed(0);
            create_hashes(identity, &state, &mut hashes)?;
            hashes
                .into_iter()
                .map(|hash| Some(fraction(hash) < share))
                .collect()
        } else {
            let numbers = identity
                .first()
                .ok_or_else(|| SqlError::internal("a sample without chance"))?;
            let numbers = numbers.as_primitive::<Float64Type>();
            numbers
                .iter()
                .map(|number| number.map(|n| n < share))
                .collect()
        };
        Ok(ColumnarValue::Array(Arc::new(taken)))
    }
}

/// Errors: `2202H` for what is no percentage.
fn share(percentage: &ArrayRef) -> Result<f64, SqlError> {
    let wide = arrow::compute::cast(percentage, &DataType::Float64)?;
    if wide.is_null(0) {
        return Err(null("parameter"));
    }
    let value = wide.as_primitive::<Float64Type>().value(0);
    if (0.0..=100.0).contains(&value) {
        return Ok(value / 100.0);
    }
    Err(SqlError::with_code(
        sqlstate::INVALID_TABLESAMPLE_ARGUMENT,
        "sample percentage must be between 0 and 100",
    ))
}

fn null(what: &str) -> SqlError {
    let (code, text) = match what {
        "REPEATABLE" => (
            sqlstate::INVALID_TABLESAMPLE_REPEAT,
            "TABLESAMPLE REPEATABLE parameter cannot be null",
        ),
        _ => (
            sqlstate::INVALID_TABLESAMPLE_ARGUMENT,
            "TABLESAMPLE parameter cannot be null",
        ),
    };
    SqlError::with_code(code, text)
}

/// The upper bits of a hash as a number from 0 to 1.
fn fraction(hash: u64) -> f64 {
    const BITS: i32 = 32;
    let upper = u32::try_from(hash >> 32).unwrap_or(u32::MAX);
    f64::from(upper) / f64::from(2_u8).powi(BITS)
}
