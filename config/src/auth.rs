//! Section `[auth]`: who may log in.

use serde::Deserialize;

use crate::{Secret, value};

/// Reasons stand in `default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// Password of the superuser.
    #[serde(deserialize_with = "value::optional")]
    pub admin_password: Option<Secret<String>>,
}
