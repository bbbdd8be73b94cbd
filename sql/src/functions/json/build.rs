//! JSON out of values: `to_json`, `json_build_object`, `json_object`.

use arrow::array::{Array, ArrayRef, StringViewArray};

use super::encode::Encoder;
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{Call, map1, map2};
use crate::functions::kinds::List;
use crate::types::json;

pub(super) fn register(registry: &mut Registry) {
    for kind in ["json", "jsonb"] {
        let is_jsonb = kind == "jsonb";
        registry
            .add(&format!("to_{kind}(any) -> {kind}"), move |call| {
                to_json(call, is_jsonb)
            })
            .stable();
        registry
            .add(&format!("{kind}_build_array() -> {kind}"), |call| {
                call.constant("[]")
            })
            .stable();
        registry
            .add(&format!("{kind}_build_object() -> {kind}"), |call| {
                call.constant("{}")
            })
            .stable();
        registry
            .add(
                &format!("{kind}_build_array(variadic any) -> {kind}"),
                move |call| build_array(call, is_jsonb),
            )
            .stable();
        registry
            .add(
                &format!("{kind}_build_object(variadic any) -> {kind}"),
                move |call| build_object(call, is_jsonb),
            )
            .stable();
        registry.add(&format!("{kind}_object(_text) -> {kind}"), move |call| {
            map1::<List, _>(call, |items| {
                let items = texts(&items)?;
                if items.len() % 2 != 0 {
                    return Err(SqlError::array_subscript(
                        "array must have even number of elements",
                    ));
                }
                let pairs = (0..items.len() / 2).map(|pair| (pair * 2, pair * 2 + 1));
                object(pairs, items, items, is_jsonb)
            })
        });
        registry.add(
            &format!("{kind}_object(_text, _text) -> {kind}"),
            move |call| {
                map2::<List, List, _>(call, |keys, values| {
                    if keys.len() != values.len() {
                        return Err(SqlError::array_subscript("mismatched array dimensions"));
                    }
                    let pairs = (0..keys.len()).map(|index| (index, index));
                    object(pairs, texts(&keys)?, texts(&values)?, is_jsonb)
                })
            },
        );
    }
    registry
        .add("row_to_json(any) -> json", |call| to_json(call, false))
        .stable();
    registry
        .add("array_to_json(anyarray) -> json", |call| {
            to_json(call, false)
        })
        .stable();
}

fn texts(array: &ArrayRef) -> Result<&StringViewArray, SqlError> {
    array
        .as_any()
        .downcast_ref()
        .ok_or_else(|| SqlError::internal("an argument is no text array"))
}

fn finished(text: String, is_jsonb: bool) -> Result<String, SqlError> {
    if is_jsonb {
        json::normalize(&text)
    } else {
        Ok(text)
    }
}

fn to_json(call: &Call<'_>, is_jsonb: bool) -> Result<ArrayRef, SqlError> {
    let column = call.column(0)?;
    let encoder = Encoder::open(&column.array, call.types[0], call.context)?;
    call.rows(|row| {
        if column.is_null(row) {
            return Ok(None);
        }
        let mut out = String::new();
        encoder.write(&mut out, column.index(row))?;
        finished(out, is_jsonb).map(Some)
    })
}

fn encoders(call: &Call<'_>) -> Result<Vec<Encoder>, SqlError> {
    call.columns
        .iter()
        .zip(&call.types)
        .map(|(column, pg_type)| Encoder::open(&column.array, *pg_type, call.context))
        .collect()
}

fn build_array(call: &Call<'_>, is_jsonb: bool) -> Result<ArrayRef, SqlError> {
    let encoders = encoders(call)?;
    call.rows(|row| {
        let mut out = String::from("[");
        for (index, encoder) in encoders.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            encoder.write(&mut out, call.columns[index].index(row))?;
        }
        out.push(']');
        finished(out, is_jsonb)
    })
}

fn build_object(call: &Call<'_>, is_jsonb: bool) -> Result<ArrayRef, SqlError> {
    let encoders = encoders(call)?;
    if encoders.len() % 2 != 0 {
        return Err(SqlError::invalid_parameter(
            "argument list must have even number of elements",
        ));
    }
    call.rows(|row| {
        let mut out = String::from("{");
        for (index, pair) in encoders.chunks_exact(2).enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            let (key, value) = (&call.columns[index * 2], &call.columns[index * 2 + 1]);
            if key.is_null(row) {
                let message = format!("argument {} cannot be null", index * 2 + 1);
                return Err(SqlError::invalid_parameter(message));
            }
            pair[0].write_key(&mut out, key.index(row))?;
            out.push_str(" : ");
            pair[1].write(&mut out, value.index(row))?;
        }
        out.push('}');
        finished(out, is_jsonb)
    })
}

fn object(
    pairs: impl Iterator<Item = (usize, usize)>,
    keys: &StringViewArray,
    values: &StringViewArray,
    is_jsonb: bool,
) -> Result<String, SqlError> {
    let mut out = String::from("{");
    for (index, (key, value)) in pairs.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        if keys.is_null(key) {
            return Err(SqlError::null_not_allowed(
                "null value not allowed for object key",
            ));
        }
        json::write_string(&mut out, keys.value(key));
        out.push_str(" : ");
        if values.is_valid(value) {
            json::write_string(&mut out, values.value(value));
        } else {
            out.push_str("null");
        }
    }
    out.push('}');
    finished(out, is_jsonb)
}
