//! `nextval`, `currval`, `lastval`, `setval`.
//!
//! Source: PostgreSQL 15 manual, section 9.17.

use std::sync::Arc;

use arrow::array::ArrayRef;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ScalarUDF;
use gotgan_storage::{Privileges, Sequence};

use super::Registry;
use super::call::Call;
use super::catalog::{Reference, references};
use super::kinds::{Bool, Int8};
use crate::access::actor::{Actor, Object};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::pg_catalog::lookup;
use crate::sqlstate;

/// Adds the functions of this file.
pub(super) fn register(registry: &mut Registry) {
    registry
        .add("nextval(any) -> int8", |call| next(call, true))
        .volatile();
    registry
        .add(&format!("{IDENTITY}(any) -> int8"), |call| {
            next(call, false)
        })
        .volatile();
    registry
        .add("currval(any) -> int8", |call| {
            each(call, |_, sequence| {
                require(call.context, sequence, READS)?;
                current(call, sequence).map(Some)
            })
        })
        .volatile();
    registry
        .add("lastval() -> int8", |call| {
            let value = last(call)?;
            call.constant(value)
        })
        .volatile();
    registry.add("setval(any, int8) -> int8", set).volatile();
    registry
        .add("setval(any, int8, bool) -> int8", set)
        .volatile();
}

/// Takes a value for an identity column, which takes no privilege on its sequence. Its
/// first character is one that no statement may have in a name.
pub(crate) const IDENTITY: &str = "\u{1}identity";

/// One of these takes values.
const TAKES: Privileges = Privileges::USAGE.union(Privileges::UPDATE);

/// One of these tells values that were taken.
const READS: Privileges = Privileges::USAGE.union(Privileges::SELECT);

/// Whether a statement may take values of a sequence with `nextval`.
pub(crate) fn may_take(context: &StatementContext, sequence: &Sequence) -> bool {
    require(context, sequence, TAKES).is_ok()
}

/// Errors: `42501` unless the role has one of the privileges.
fn require(
    context: &StatementContext,
    sequence: &Sequence,
    any: Privileges,
) -> Result<(), SqlError> {
    let object = Object::Sequence(sequence);
    match Actor::of(context).privileges(object).intersects(any) {
        true => Ok(()),
        false => Err(Actor::denied(object)),
    }
}

/// A call of one of these functions: its name, and the statement that it is bound to.
pub(crate) fn sequence_call(function: &ScalarUDF) -> Option<(&str, &Arc<StatementContext>)> {
    let (name, context) = super::adapter::bound(function)?;
    let is_ours = matches!(
        name,
        "nextval" | IDENTITY | "currval" | "lastval" | "setval"
    );
    is_ours.then_some((name, context))
}

/// The sequence that a constant names, if there is one.
pub(crate) fn sequence_of(
    context: &StatementContext,
    constant: &ScalarValue,
) -> Option<Arc<Sequence>> {
    let oid = match constant {
        ScalarValue::Int64(oid) => (*oid)?,
        ScalarValue::Int32(oid) => i64::from((*oid)?),
        other => lookup::regclass_in(context, other.try_as_str()??).ok()?,
    };
    lookup::sequence(&context.snapshot, u32::try_from(oid).ok()?).map(Arc::clone)
}

/// The sequence that a function is called for.
///
/// Errors: `42P01`, `42809` for another relation.
pub(super) fn named(call: &Call<'_>, reference: Reference<'_>) -> Result<Arc<Sequence>, SqlError> {
    let oid = match reference {
        Reference::Oid(oid) => oid,
        Reference::Name(name) => lookup::regclass_in(call.context, name)?,
    };
    let snapshot = &call.context.snapshot;
    let class = u32::try_from(oid).unwrap_or(0);
    if let Some(sequence) = lookup::sequence(snapshot, class) {
        return Ok(Arc::clone(sequence));
    }
    Err(match lookup::class(snapshot, class) {
        Some(other) => SqlError::not_a_sequence(other.name),
        None => SqlError::with_code(
            sqlstate::UNDEFINED_TABLE,
            format!("relation with OID {oid} does not exist"),
        ),
    })
}

/// A value for each row whose sequence is not NULL.
fn each(
    call: &Call<'_>,
    mut value: impl FnMut(usize, &Arc<Sequence>) -> Result<Option<i64>, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let references = references(call, 0)?;
    let shared = references.is_constant && call.rows > 0;
    let shared = match references.value(0).filter(|_| shared) {
        Some(reference) => Some(named(call, reference)?),
        None => None,
    };
    call.rows(|row| {
        let Some(reference) = references.value(row) else {
            return Ok(None);
        };
        match &shared {
            Some(sequence) => value(row, sequence),
            None => value(row, &named(call, reference)?),
        }
    })
}

/// As many values as there are rows are taken at once. `is_checked`: whether it takes a
/// privilege.
fn next(call: &Call<'_>, is_checked: bool) -> Result<ArrayRef, SqlError> {
    let is_identity = |sequence: &Sequence| {
        let owner = sequence.owned_by;
        owner.is_some_and(|owner| owner.kind.is_identity())
    };
    let check = |sequence: &Sequence| match !is_checked && is_identity(sequence) {
        true => Ok(()),
        false => require(call.context, sequence, TAKES),
    };
    let references = references(call, 0)?;
    if references.is_constant && call.rows > 0 {
        let Some(reference) = references.value(0) else {
            return call.constant(None::<i64>);
        };
        let sequence = named(call, reference)?;
        check(&sequence)?;
        let values = call.context.sequences.next(&sequence, call.rows)?;
        return call.rows(|row| Ok(values[row]));
    }
    each(call, |_, sequence| {
        check(sequence)?;
        Ok(call.context.sequences.next(sequence, 1)?.pop())
    })
}

/// Errors: `55000` if the session took no value.
fn current(call: &Call<'_>, sequence: &Sequence) -> Result<i64, SqlError> {
    let taken = call.context.sequences.session().current(sequence.id);
    taken.ok_or_else(|| {
        SqlError::with_code(
            sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!(
                "currval of sequence \"{}\" is not yet defined in this session",
                sequence.name
            ),
        )
    })
}

/// Errors: `55000` if the session took no value, or of a sequence that is gone.
fn last(call: &Call<'_>) -> Result<i64, SqlError> {
    let last = call.context.sequences.session().last();
    let snapshot = &call.context.snapshot;
    let found = last.and_then(|(id, value)| Some((snapshot.sequence(id)?, value)));
    let Some((sequence, value)) = found else {
        return Err(SqlError::with_code(
            sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "lastval is not yet defined in this session",
        ));
    };
    require(call.context, sequence, READS)?;
    Ok(value)
}

fn set(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let values = call.reader::<Int8>(1)?;
    let called = call.optional::<Bool>(2)?;
    each(call, |row, sequence| {
        let is_called = match &called {
            None => Some(true),
            Some(called) => called.value(row),
        };
        let (Some(value), Some(is_called)) = (values.value(row), is_called) else {
            return Ok(None);
        };
        require(call.context, sequence, Privileges::UPDATE)?;
        call.context.sequences.set(sequence, value, is_called)?;
        Ok(Some(value))
    })
}
