//! What the log shows: levels, format, and panics.
//!
//! Every line of a connection carries `connection_id`, and of a statement
//! `query_id`, by the spans that `listener.rs` and `wire.rs` open.

use std::io::{self, IsTerminal};
use std::panic;

use gotgan_config::{LogConfig, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Sends the log to standard error from now on.
///
/// Errors: `log.filter` cannot be read.
pub fn start(config: &LogConfig) -> Result<(), ParseError> {
    let filter = EnvFilter::builder().parse(&config.filter)?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match config.format {
        LogFormat::Text => subscriber.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => subscriber.json().init(),
    }
    // A panic ends one statement; here it is logged, with the statement's ids.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let text = panic.payload_as_str().unwrap_or("(no text)");
        tracing::error!(place, "panic: {text}");
    }));
    Ok(())
}
