//! Runs a piece of a statement while watching its client and the server.
//!
//! Whatever goes wrong around a statement only cancels its token; the statement
//! is always waited for, because what it holds (a commit, above all) must not be
//! cut in the middle. A panic ends the statement and not the connection.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;

use futures::{FutureExt, poll};
use gotgan_sql::SqlError;
use tokio::task::coop::unconstrained;
use tokio_util::sync::CancellationToken;

use crate::socket::Socket;
use crate::wire::error::{self, Failure};

/// Awaits `work` and meanwhile cancels `token` if the client leaves or `end` says that
/// the connection has to end, with the server or by somebody's wish.
///
/// Work that is done at once is not watched, which spares its calls of the system.
/// Then the watchers come first and are outside of the runtime's budget for a task:
/// work that never waits uses it up and would leave them no turn.
///
/// Errors: `Gone` or `Fatal` if the work failed after one of these happened,
/// else what the work failed with; a panic is `XX000`.
pub(crate) async fn supervise<T>(
    socket: &mut Socket,
    end: &CancellationToken,
    token: &CancellationToken,
    work: impl Future<Output = Result<T, SqlError>>,
) -> Result<T, Failure> {
    let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
    let mut is_gone = false;
    let mut is_over = end.is_cancelled();
    if is_over {
        token.cancel();
    }
    let result = match poll!(work.as_mut()) {
        Poll::Ready(result) => result,
        Poll::Pending => loop {
            tokio::select! {
                biased;
                () = unconstrained(socket.closed()), if !is_gone => {
                    is_gone = true;
                    tracing::debug!("the client left while its statement ran");
                    token.cancel();
                }
                () = unconstrained(end.cancelled()), if !is_over => {
                    is_over = true;
                    token.cancel();
                }
                result = &mut work => break result,
            }
        },
    };
    match result {
        Ok(Ok(value)) if !is_gone => Ok(value),
        Ok(Ok(_)) => Err(Failure::Gone),
        Ok(Err(error)) if is_gone => {
            error::log(&error, false);
            Err(Failure::Gone)
        }
        Ok(Err(_)) if end.is_cancelled() => Err(Failure::fatal(SqlError::shutting_down())),
        Ok(Err(error)) => Err(error.into()),
        Err(panic) => Err(panicked(panic.as_ref()).into()),
    }
}

/// The panic itself was logged by the hook, with its place.
fn panicked(panic: &(dyn Any + Send)) -> SqlError {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::debug!(panic = text, "a statement panicked");
    error::panicked()
}
