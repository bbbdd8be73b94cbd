//! `pg_cancel_backend`, `pg_terminate_backend`: what one session does to another.
//!
//! They reach the sessions of this node. Where a call may stand is decided by
//! `plan/signal.rs`, so that no row gets one that the statement leaves out.
//!
//! Source: PostgreSQL 15 manual, section 9.27.2; `signalfuncs.c`.

use std::sync::Arc;
use std::time::Duration;

use datafusion::logical_expr::ScalarUDF;
use tokio::runtime::Handle;

use super::Registry;
use super::call::{Call, map1, map2};
use super::kinds::{Int4, Int8};
use crate::access::roles::{self, predefined};
use crate::backends::Backend;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::session::Notice;
use crate::sqlstate;

const CANCEL: &str = "pg_cancel_backend";
const TERMINATE: &str = "pg_terminate_backend";

/// Adds the functions of this file.
pub(super) fn register(registry: &mut Registry) {
    registry
        .add(&format!("{CANCEL}(int4) -> bool"), |call| {
            map1::<Int4, _>(call, |id| cancel(call, id))
        })
        .volatile();
    registry
        .add(&format!("{TERMINATE}(int4) -> bool"), |call| {
            map1::<Int4, _>(call, |id| terminate(call, id, 0))
        })
        .volatile();
    registry
        .add(&format!("{TERMINATE}(int4, int8) -> bool"), |call| {
            map2::<Int4, Int8, _>(call, |id, timeout| terminate(call, id, timeout))
        })
        .volatile();
}

/// Whether a function with this name reaches other sessions.
pub(crate) fn is_signal_name(name: &str) -> bool {
    matches!(name, CANCEL | TERMINATE)
}

/// Whether calls of the function reach other sessions.
pub(crate) fn is_signal(function: &ScalarUDF) -> bool {
    super::adapter::bound(function).is_some_and(|(name, _)| is_signal_name(name))
}

fn cancel(call: &Call<'_>, id: i32) -> Result<bool, SqlError> {
    let context = call.context;
    let Some(backend) = find(context, id) else {
        return Ok(false);
    };
    if is_out_of_reach(context, &backend) {
        return Err(refused("must be a superuser to cancel superuser query"));
    }
    if !may_signal(context, &backend) {
        return Err(refused(
            "must be a member of the role whose query is being canceled or member of \
             pg_signal_backend",
        ));
    }
    backend.signals.cancel();
    match id == context.backend_pid {
        true => Err(SqlError::cancelled()),
        false => Ok(true),
    }
}

/// `timeout`: how long to wait until the session is gone, in milliseconds; 0: not at all.
fn terminate(call: &Call<'_>, id: i32, timeout: i64) -> Result<bool, SqlError> {
    let context = call.context;
    let Ok(wait) = u64::try_from(timeout) else {
        return Err(SqlError::with_code(
            sqlstate::NUMERIC_VALUE_OUT_OF_RANGE,
            "\"timeout\" must not be negative",
        ));
    };
    let Some(backend) = find(context, id) else {
        return Ok(false);
    };
    if is_out_of_reach(context, &backend) {
        return Err(refused(
            "must be a superuser to terminate superuser process",
        ));
    }
    if !may_signal(context, &backend) {
        return Err(refused(
            "must be a member of the role whose process is being terminated or member of \
             pg_signal_backend",
        ));
    }
    backend.signals.end().cancel();
    if id == context.backend_pid {
        return Err(SqlError::shutting_down());
    }
    if wait == 0 || wait_for_end(context, &backend, Duration::from_millis(wait))? {
        return Ok(true);
    }
    let unit = if wait == 1 {
        "millisecond"
    } else {
        "milliseconds"
    };
    let text = format!("backend with PID {id} did not terminate within {wait} {unit}");
    let warning = Notice::warning(sqlstate::WARNING, text);
    context.reach.notify(warning);
    Ok(false)
}

/// The session with this id; the client is warned if there is none.
fn find(context: &StatementContext, id: i32) -> Option<Arc<Backend>> {
    let found = context.reach.backends.find(id);
    if found.is_none() {
        let text = format!("PID {id} is not a PostgreSQL backend process");
        let warning = Notice::warning(sqlstate::WARNING, text);
        context.reach.notify(warning);
    }
    found
}

/// Whether only a superuser may end what the session does.
fn is_out_of_reach(context: &StatementContext, backend: &Backend) -> bool {
    let rights = &context.rights;
    roles::is_superuser(rights, backend.role) && !roles::is_superuser(rights, context.role_id)
}

fn may_signal(context: &StatementContext, backend: &Backend) -> bool {
    let mut owners = [backend.role, predefined::PG_SIGNAL_BACKEND].into_iter();
    owners.any(|role| roles::has_privileges_of(&context.rights, context.role_id, role))
}

fn refused(text: &str) -> SqlError {
    SqlError::with_code(sqlstate::INSUFFICIENT_PRIVILEGE, text)
}

/// Waits until a session is gone; whether it is in time.
///
/// A call must be computed for its own row and no other, which the engine promises for
/// plain functions only; so the thread is held, and others do its work meanwhile.
///
/// Errors: `57014`, `25P04`, `57P01` if the statement has to end before.
fn wait_for_end(
    context: &StatementContext,
    backend: &Backend,
    most: Duration,
) -> Result<bool, SqlError> {
    let runtime = Handle::try_current().map_err(|_| {
        SqlError::not_supported("pg_terminate_backend with a timeout in this place")
    })?;
    let own = context.reach.backends.find(context.backend_pid);
    let told_to_end = async {
        match &own {
            Some(own) => own.signals.end().cancelled().await,
            None => std::future::pending().await,
        }
    };
    let gone = async {
        tokio::select! {
            waited = tokio::time::timeout(most, backend.gone.cancelled()) => Ok(waited.is_ok()),
            () = told_to_end => Err(SqlError::shutting_down()),
        }
    };
    let waiting = context.reach.limits.run(gone);
    tokio::task::block_in_place(|| runtime.block_on(waiting))
}
