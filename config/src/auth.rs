//! Section `[auth]`: who may log in.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::{Secret, value};

/// Reasons stand in `default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// Password of the superuser.
    #[serde(deserialize_with = "value::optional")]
    pub admin_password: Option<Secret<String>>,
    /// File that says who may come from where, and how he proves himself.
    #[serde(deserialize_with = "value::optional")]
    pub rules: Option<PathBuf>,
    /// Failed logins in a row before a pause; 0: never.
    pub failures_max: u32,
    /// The pause.
    #[serde(deserialize_with = "value::duration")]
    pub lockout: Duration,
}
