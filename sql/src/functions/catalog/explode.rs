//! Lists of grants: `acldefault`, and the rows that `aclexplode` makes of a list.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, StringViewArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Field, Fields};

use super::super::Registry;
use super::super::call::map2;
use super::super::kinds::{Int8, Items, Text};
use crate::access::acl::{Kind, NAMES};
use crate::access::shown;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::ELEMENT;

pub(super) fn register(registry: &mut Registry) {
    registry
        .add("acldefault(char, oid) -> _aclitem", |call| {
            map2::<Text, Int8, _>(call, |letter, owner| {
                let acl = kind(letter)?.default_acl(owner);
                Ok(Items(shown::items(&call.context.rights, &acl)))
            })
        })
        .stable();
}

/// The kind of object that a letter stands for.
///
/// Errors: `XX000`, as PostgreSQL has it.
fn kind(letter: &str) -> Result<Kind, SqlError> {
    Ok(match letter {
        "c" => Kind::Column,
        "r" => Kind::Relation,
        "s" => Kind::Sequence,
        "d" => Kind::Database,
        "f" => Kind::Function,
        "n" => Kind::Schema,
        "l" | "T" => Kind::Usable,
        other => {
            return Err(SqlError::internal(format!(
                "unrecognized object type abbreviation: {other}"
            )));
        }
    })
}

/// One row for each privilege of each item; see `aclexplode`.
///
/// `lists`: of `aclitem`; `columns`: of the rows.
pub(super) fn explode(
    lists: &ListArray,
    columns: Fields,
    context: &StatementContext,
) -> Result<ListArray, SqlError> {
    let (mut grantors, mut grantees) = (Vec::new(), Vec::new());
    let (mut privileges, mut grantable) = (Vec::new(), Vec::new());
    let mut lengths = Vec::with_capacity(lists.len());
    for row in 0..lists.len() {
        let before = grantors.len();
        if lists.is_valid(row) {
            let items = lists.value(row);
            for text in items.as_string_view().iter().flatten() {
                let Some(item) = shown::read_item(&context.rights, text) else {
                    continue;
                };
                for (privilege, _, name) in NAMES {
                    if item.privileges.contains(privilege) {
                        grantors.push(item.grantor);
                        grantees.push(item.grantee);
                        privileges.push(name);
                        grantable.push(item.grantable.contains(privilege));
                    }
                }
            }
        }
        lengths.push(grantors.len() - before);
    }
    let values: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(grantors)),
        Arc::new(Int64Array::from(grantees)),
        Arc::new(StringViewArray::from(privileges)),
        Arc::new(BooleanArray::from(grantable)),
    ];
    let rows = StructArray::try_new(columns, values, None)?;
    let field = Arc::new(Field::new(ELEMENT, rows.data_type().clone(), true));
    Ok(ListArray::try_new(
        field,
        OffsetBuffer::from_lengths(lengths),
        Arc::new(rows),
        lists.nulls().cloned(),
    )?)
}
