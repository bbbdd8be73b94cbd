//! A cloud's client from the settings.
//!
//! What the settings name wins. Where they name no key, each client looks where the
//! tools of its cloud look: the environment, then the role of the machine.

use std::sync::Arc;

use gotgan_config::{ObjectStoreConfig, S3Config};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::{BackoffConfig, ClientOptions, ObjectStore, Result, RetryConfig};

use crate::error::{Error, ErrorKind};
use crate::object::Abandoned;
use crate::object::place::{Bucket, Cloud};
use crate::object::remote::abandoned::S3Uploads;

/// Amazon's own default, and that of stores without regions.
const REGION: &str = "us-east-1";

/// Bounds tries that fail at once; else `retry_timeout` does.
const RETRIES_MAX: usize = 20;

/// The client, and what finds abandoned uploads in its store.
type Client = (Arc<dyn ObjectStore>, Option<Arc<dyn Abandoned>>);

/// The client of a bucket.
///
/// Errors: `Unsupported` for settings that do not fit together.
pub(super) fn client(
    bucket: &Bucket,
    config: &ObjectStoreConfig,
) -> std::result::Result<Client, Error> {
    let built = match bucket.cloud {
        Cloud::S3 => s3(bucket, config).and_then(|client| {
            let region = region(&config.s3);
            let endpoint = endpoint(bucket, &config.s3, &region);
            let options = client_options(config);
            let prefix = bucket.prefix.clone();
            let uploads = S3Uploads::new(client.clone(), endpoint, region, prefix, &options)?;
            let uploads: Arc<dyn Abandoned> = Arc::new(uploads);
            let client: Arc<dyn ObjectStore> = Arc::new(client);
            Ok((client, Some(uploads)))
        }),
        Cloud::Gcs => gcs(bucket, config).map(|client| {
            let client: Arc<dyn ObjectStore> = Arc::new(client);
            (client, None)
        }),
        Cloud::Azure => azure(bucket, config).map(|client| {
            let client: Arc<dyn ObjectStore> = Arc::new(client);
            (client, None)
        }),
    };
    built.map_err(|error| {
        let text = "the settings in object_store do not do for storage.data_url";
        Error::new(ErrorKind::Unsupported, text).with_source(error)
    })
}

fn client_options(config: &ObjectStoreConfig) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(config.allow_http)
        .with_connect_timeout(config.connect_timeout)
        .with_timeout(config.request_timeout)
        .with_pool_max_idle_per_host(config.requests_max)
}

fn retries(config: &ObjectStoreConfig) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES_MAX,
        retry_timeout: config.retry_timeout,
    }
}

fn region(config: &S3Config) -> String {
    let environment = || AmazonS3Builder::from_env().get_config_value(&AmazonS3ConfigKey::Region);
    let region = config.region.clone().or_else(environment);
    region.unwrap_or_else(|| REGION.to_owned())
}

/// The URL that paths of objects are appended to.
fn endpoint(bucket: &Bucket, config: &S3Config, region: &str) -> String {
    let store = match &config.endpoint {
        Some(store) => store.trim_end_matches('/').to_owned(),
        None => format!("https://s3.{region}.amazonaws.com"),
    };
    match store.split_once("://") {
        Some((scheme, host)) if !config.path_style => {
            format!("{scheme}://{}.{host}", bucket.name)
        }
        _ => format!("{store}/{}", bucket.name),
    }
}

pub(super) fn s3(bucket: &Bucket, config: &ObjectStoreConfig) -> Result<AmazonS3> {
    let settings = &config.s3;
    let region = region(settings);
    // The client appends the bucket to a given endpoint unless it is in the host's name.
    let endpoint = endpoint(bucket, settings, &region);
    let mut builder = match (&settings.access_key_id, &settings.secret_access_key) {
        (Some(id), Some(key)) => AmazonS3Builder::new()
            .with_access_key_id(id)
            .with_secret_access_key(key.expose()),
        _ => AmazonS3Builder::from_env(),
    };
    if let Some(token) = &settings.session_token {
        builder = builder.with_token(token.expose());
    }
    builder
        .with_config(AmazonS3ConfigKey::S3Endpoint, endpoint)
        .with_virtual_hosted_style_request(true)
        .with_bucket_name(&bucket.name)
        .with_region(region)
        .with_client_options(client_options(config))
        .with_retry(retries(config))
        .build()
}

pub(super) fn gcs(bucket: &Bucket, config: &ObjectStoreConfig) -> Result<GoogleCloudStorage> {
    let mut builder = match &config.gcs.service_account_file {
        Some(path) => GoogleCloudStorageBuilder::new()
            .with_service_account_path(path.to_string_lossy().into_owned()),
        None => GoogleCloudStorageBuilder::from_env(),
    };
    if let Some(endpoint) = &config.gcs.endpoint {
        builder = builder.with_base_url(endpoint.trim_end_matches('/'));
    }
    builder
        .with_bucket_name(&bucket.name)
        .with_client_options(client_options(config))
        .with_retry(retries(config))
        .build()
}

pub(super) fn azure(bucket: &Bucket, config: &ObjectStoreConfig) -> Result<MicrosoftAzure> {
    let settings = &config.azure;
    let mut builder = match &settings.access_key {
        Some(key) => MicrosoftAzureBuilder::new().with_access_key(key.expose()),
        None => MicrosoftAzureBuilder::from_env(),
    };
    if let Some(account) = &settings.account {
        builder = builder.with_account(account);
    }
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
    }
    builder
        .with_container_name(&bucket.name)
        .with_client_options(client_options(config))
        .with_retry(retries(config))
        .build()
}
