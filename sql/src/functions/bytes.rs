//! Functions of bytes: digests, and text encodings of them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, BinaryViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::config::ConfigOptions;
use datafusion::functions::crypto;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::Registry;
use super::call::{Call, map1, map2};
use super::kinds::{Bytea, Text};
use crate::error::SqlError;

mod encode;
mod sha1;

/// Adds the functions of this folder.
pub(super) fn register(registry: &mut Registry) {
    digests(registry);
    redshift_digests(registry);
    registry.add("encode(bytea, text) -> text", |call| {
        map2::<Bytea, Text, _>(call, |bytes, format| {
            encode::Format::parse(format)?.encode(bytes)
        })
    });
    registry.add("decode(text, text) -> bytea", |call| {
        map2::<Text, Text, _>(call, |text, format| {
            encode::Format::parse(format)?.decode(text)
        })
    });
    registry.add("get_byte(bytea, int4) -> int4", |call| {
        map2::<Bytea, super::kinds::Int4, _>(call, |bytes, index| {
            let found = usize::try_from(index)
                .ok()
                .and_then(|index| bytes.get(index));
            found.map(|byte| i32::from(*byte)).ok_or_else(|| {
                let last = i64::try_from(bytes.len()).unwrap_or(i64::MAX) - 1;
                SqlError::array_subscript(&format!("index {index} out of valid range, 0..{last}"))
            })
        })
    });
    registry.add("convert_from(bytea, name) -> text", |call| {
        map2::<Bytea, Text, _>(call, |bytes, encoding| {
            require_utf8(encoding)?;
            String::from_utf8(bytes.to_vec()).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                let bad = bytes.get(at).copied().unwrap_or_default();
                SqlError::invalid_byte_sequence(bad)
            })
        })
    });
    registry.add("convert_to(text, name) -> bytea", |call| {
        map2::<Text, Text, _>(call, |text, encoding| {
            require_utf8(encoding)?;
            Ok(text.as_bytes().to_vec())
        })
    });
}

fn require_utf8(encoding: &str) -> Result<(), SqlError> {
    let is_utf8 = ["utf8", "utf-8", "unicode"]
        .iter()
        .any(|name| encoding.eq_ignore_ascii_case(name));
    if is_utf8 {
        Ok(())
    } else {
        Err(SqlError::not_supported(format!("encoding \"{encoding}\"")))
    }
}

/// One of the engine's functions.
type Engine = fn() -> Arc<ScalarUDF>;

fn digests(registry: &mut Registry) {
    registry.add("md5(text) -> text", |call| {
        let digests = digest(call, &crypto::md5())?;
        Ok(cast(&digests, &DataType::Utf8View)?)
    });
    registry.add("md5(bytea) -> text", |call| {
        let digests = digest(call, &crypto::md5())?;
        Ok(cast(&digests, &DataType::Utf8View)?)
    });
    let functions: [(&str, Engine); 4] = [
        ("sha224", crypto::sha224),
        ("sha256", crypto::sha256),
        ("sha384", crypto::sha384),
        ("sha512", crypto::sha512),
    ];
    for (name, function) in functions {
        registry.add(&format!("{name}(bytea) -> bytea"), move |call| {
            Ok(cast(&digest(call, &function())?, &DataType::BinaryView)?)
        });
    }
}

/// Runs one of the engine's digests over the first argument's bytes.
fn digest(call: &Call<'_>, function: &ScalarUDF) -> Result<ArrayRef, SqlError> {
    let column = call.column(0)?;
    let bytes = cast(&column.array, &DataType::Binary)?;
    let bytes = if column.is_constant && call.rows != bytes.len() {
        repeated(&bytes, call.rows)?
    } else {
        bytes
    };
    let argument = Arc::new(Field::new("bytes", DataType::Binary, true));
    let result = function.return_type(&[DataType::Binary])?;
    let made = function.invoke_with_args(ScalarFunctionArgs {
        args: vec![ColumnarValue::Array(bytes)],
        arg_fields: vec![argument],
        number_rows: call.rows,
        return_field: Arc::new(Field::new("digest", result, true)),
        config_options: Arc::new(ConfigOptions::default()),
    })?;
    Ok(made.into_array(call.rows)?)
}

fn repeated(bytes: &ArrayRef, rows: usize) -> Result<ArrayRef, SqlError> {
    let value = bytes
        .as_any()
        .downcast_ref::<BinaryArray>()
        .filter(|array| array.is_valid(0))
        .map(|array| array.value(0));
    let all: BinaryArray = std::iter::repeat_n(value, rows).collect();
    Ok(Arc::new(all))
}

/// Redshift's digests give hexadecimal text.
fn redshift_digests(registry: &mut Registry) {
    for name in ["sha", "sha1", "func_sha1"] {
        registry.add(&format!("{name}(text) -> text"), |call| {
            map1::<Text, _>(call, |text| Ok(encode::hex(&sha1::digest(text.as_bytes()))))
        });
    }
    registry.add("sha2(text, int4) -> text", |call| {
        let bits = call.reader::<super::kinds::Int4>(1)?;
        let made: Vec<(i32, BinaryViewArray)> = [
            (224, crypto::sha224()),
            (256, crypto::sha256()),
            (384, crypto::sha384()),
            (512, crypto::sha512()),
        ]
        .into_iter()
        .filter(|(size, _)| {
            let wanted = |row| bits.value(row).is_some_and(|bits| effective(bits) == *size);
            (0..call.rows).any(wanted)
        })
        .map(|(size, function)| {
            let digests = cast(&digest(call, &function)?, &DataType::BinaryView)?;
            let digests = digests.as_any().downcast_ref::<BinaryViewArray>().cloned();
            Ok((
                size,
                digests.ok_or_else(|| SqlError::internal("a digest gives bytes"))?,
            ))
        })
        .collect::<Result<_, SqlError>>()?;
        call.rows(|row| {
            let Some(bits) = bits.value(row) else {
                return Ok(None);
            };
            let Some((_, digests)) = made.iter().find(|(size, _)| *size == effective(bits)) else {
                return Ok(Some(String::new()));
            };
            Ok(digests
                .is_valid(row)
                .then(|| encode::hex(digests.value(row))))
        })
    });
}

/// 0 stands for 256.
fn effective(bits: i32) -> i32 {
    if bits == 0 { 256 } else { bits }
}
