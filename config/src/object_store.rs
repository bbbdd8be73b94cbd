//! Section `[object_store]`: how stores over the network are reached.
//!
//! What is not set here is looked for where the tools of each cloud look: variables of
//! the environment, then the role of the machine.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::{ConfigError, Secret, value};

/// Reasons and units stand in `default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectStoreConfig {
    /// How long to wait for a connection.
    #[serde(deserialize_with = "value::duration")]
    pub connect_timeout: Duration,
    /// How long one request may take, with its bytes.
    #[serde(deserialize_with = "value::duration")]
    pub request_timeout: Duration,
    /// How long a request that failed is tried again.
    #[serde(deserialize_with = "value::duration")]
    pub retry_timeout: Duration,
    /// Most requests at a time.
    pub requests_max: usize,
    /// Whether an endpoint may be without TLS.
    pub allow_http: bool,
    /// For `s3://`.
    pub s3: S3Config,
    /// For `gs://`.
    pub gcs: GcsConfig,
    /// For `az://`.
    pub azure: AzureConfig,
}

/// Amazon S3, and stores that speak its protocol.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// URL of the store; none is Amazon's of the region.
    #[serde(deserialize_with = "value::optional")]
    pub endpoint: Option<String>,
    /// Region of the bucket.
    #[serde(deserialize_with = "value::optional")]
    pub region: Option<String>,
    /// Whether the bucket is in the path of URLs, not in the host's name.
    pub path_style: bool,
    /// Name of the key.
    #[serde(deserialize_with = "value::optional")]
    pub access_key_id: Option<String>,
    /// The key.
    #[serde(deserialize_with = "value::optional")]
    pub secret_access_key: Option<Secret<String>>,
    /// Belongs to a key that expires.
    #[serde(deserialize_with = "value::optional")]
    pub session_token: Option<Secret<String>>,
}

/// Google Cloud Storage.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GcsConfig {
    /// URL of the store; none is Google's.
    #[serde(deserialize_with = "value::optional")]
    pub endpoint: Option<String>,
    /// File with the key of a service account.
    #[serde(deserialize_with = "value::optional")]
    pub service_account_file: Option<PathBuf>,
}

/// Azure Blob Storage.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureConfig {
    /// URL of the account; none is Microsoft's.
    #[serde(deserialize_with = "value::optional")]
    pub endpoint: Option<String>,
    /// Name of the storage account.
    #[serde(deserialize_with = "value::optional")]
    pub account: Option<String>,
    /// Its key.
    #[serde(deserialize_with = "value::optional")]
    pub access_key: Option<Secret<String>>,
}

impl ObjectStoreConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let bad = |key: &str, reason: &str| {
            Err(ConfigError::bad_value(
                &format!("object_store.{key}"),
                reason,
            ))
        };
        if self.requests_max == 0 {
            return bad("requests_max", "must be at least 1");
        }
        for (key, timeout) in [
            ("connect_timeout", self.connect_timeout),
            ("request_timeout", self.request_timeout),
        ] {
            if timeout.is_zero() {
                return bad(key, "must be more than 0");
            }
        }
        for (key, endpoint) in [
            ("s3.endpoint", &self.s3.endpoint),
            ("gcs.endpoint", &self.gcs.endpoint),
            ("azure.endpoint", &self.azure.endpoint),
        ] {
            let Some(endpoint) = endpoint else { continue };
            if endpoint.starts_with("http://") && !self.allow_http {
                return bad(
                    key,
                    "is without TLS, and object_store.allow_http is not set",
                );
            }
            if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
                return bad(key, "must begin with https:// or http://");
            }
        }
        let s3 = &self.s3;
        if s3.access_key_id.is_some() != s3.secret_access_key.is_some() {
            return bad(
                "s3.secret_access_key",
                "must be set if, and only if, s3.access_key_id is",
            );
        }
        if s3.session_token.is_some() && s3.access_key_id.is_none() {
            return bad("s3.session_token", "belongs to an s3.access_key_id");
        }
        Ok(())
    }
}
