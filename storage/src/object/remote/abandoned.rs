//! Uploads that nobody will end: those of processes that died, in S3's protocol.
//!
//! Such an upload is in no list of objects. The store lists it apart, with when it was
//! begun; it is taken for abandoned once that is longer ago than any load runs. Stores
//! that list uploads only by a whole name show none here, and need a rule of their own.

use std::io;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::TryFutureExt;
use object_store::aws::{AmazonS3, AwsAuthorizer};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpRequestBody, ReqwestConnector,
};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ClientOptions, Error as StoreError, Result};
use serde::Deserialize;

use crate::error::Error;
use crate::object::{Abandoned, store_error};

const STORE: &str = "S3";

/// See the file's header.
#[derive(Debug)]
pub(super) struct S3Uploads {
    client: AmazonS3,
    http: HttpClient,
    endpoint: String,
    region: String,
    prefix: Path,
}

/// A page of the store's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    #[serde(default, rename = "Upload")]
    uploads: Vec<Begun>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Begun {
    key: String,
    upload_id: String,
    initiated: String,
}

impl S3Uploads {
    /// `endpoint`: URL of the bucket. `prefix`: only uploads below it are looked at.
    pub(super) fn new(
        client: AmazonS3,
        endpoint: String,
        region: String,
        prefix: Path,
        options: &ClientOptions,
    ) -> Result<Self> {
        Ok(Self {
            client,
            http: ReqwestConnector::default().connect(options)?,
            endpoint,
            region,
            prefix,
        })
    }

    /// Gives up the uploads that were begun before a moment; how many.
    async fn abort_before(&self, before: DateTime<Utc>) -> Result<u64> {
        let (mut key, mut upload_id) = (String::new(), String::new());
        let mut count = 0;
        loop {
            let page = self.page(&key, &upload_id).await?;
            for upload in page.uploads {
                if !is_before(&upload.initiated, before) {
                    continue;
                }
                let location = Path::parse(&upload.key)?;
                match self
                    .client
                    .abort_multipart(&location, &upload.upload_id)
                    .await
                {
                    Ok(()) => count += 1,
                    Err(StoreError::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            let is_same =
                (&key, &upload_id) == (&page.next_key_marker, &page.next_upload_id_marker);
            if !page.is_truncated || is_same {
                return Ok(count);
            }
            (key, upload_id) = (page.next_key_marker, page.next_upload_id_marker);
        }
    }

    async fn page(&self, key: &str, upload_id: &str) -> Result<Page> {
        let mut query = format!("uploads=&prefix={}", escaped(&below(&self.prefix)));
        if !key.is_empty() {
            let (key, upload_id) = (escaped(key), escaped(upload_id));
            query.push_str(&format!("&key-marker={key}&upload-id-marker={upload_id}"));
        }
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = format!("{}?{query}", self.endpoint)
            .parse()
            .map_err(|_| strange("the URL of the bucket is not valid"))?;
        let credential = self.client.credentials().get_credential().await?;
        AwsAuthorizer::new(&credential, "s3", &self.region).authorize(&mut request, None);
        let response = self.http.execute(request).map_err(no_answer).await?;
        let status = response.status();
        let body = response.into_body().bytes().map_err(no_answer).await?;
        if !status.is_success() {
            return Err(strange(&format!("the store answers {status}")));
        }
        page_of(&String::from_utf8_lossy(&body))
    }
}

fn page_of(text: &str) -> Result<Page> {
    quick_xml::de::from_str(text).map_err(|error| StoreError::Generic {
        store: STORE,
        source: error.into(),
    })
}

/// A moment that cannot be read is not before anything.
fn is_before(initiated: &str, before: DateTime<Utc>) -> bool {
    DateTime::parse_from_rfc3339(initiated).is_ok_and(|begun| begun < before)
}

/// What names of objects below a prefix begin with.
fn below(prefix: &Path) -> String {
    match prefix.as_ref() {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    }
}

/// The text as part of a URL's query.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

fn strange(text: &str) -> StoreError {
    StoreError::Generic {
        store: STORE,
        source: io::Error::other(text.to_owned()).into(),
    }
}

fn no_answer(error: HttpError) -> StoreError {
    StoreError::Generic {
        store: STORE,
        source: error.into(),
    }
}

#[async_trait]
impl Abandoned for S3Uploads {
    async fn remove(&self, before: DateTime<Utc>) -> std::result::Result<u64, Error> {
        self.abort_before(before)
            .await
            .map_err(|error| store_error("remove abandoned uploads", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
          <Bucket>b</Bucket><KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker>
          <NextKeyMarker>lake/t/2.parquet</NextKeyMarker>
          <NextUploadIdMarker>id-2</NextUploadIdMarker>
          <MaxUploads>2</MaxUploads><IsTruncated>true</IsTruncated>
          <Upload><Key>lake/t/1 &amp; 1.parquet</Key><UploadId>id-1</UploadId>
            <Initiator><ID>x</ID></Initiator><Initiated>2026-11-20T08:00:00.000Z</Initiated>
          </Upload>
          <Upload><Key>lake/t/2.parquet</Key><UploadId>id-2</UploadId>
            <Initiated>2026-11-21T08:00:00.000Z</Initiated></Upload>
        </ListMultipartUploadsResult>"#;

    #[test]
    fn only_old_uploads_of_an_answer_are_abandoned() {
        let page = page_of(ANSWER).expect("an answer");
        assert!(page.is_truncated);
        assert_eq!(page.next_key_marker, "lake/t/2.parquet");
        assert_eq!(page.next_upload_id_marker, "id-2");
        let noon = "2026-11-20T12:00:00Z".parse().expect("a moment");
        let old: Vec<_> = page
            .uploads
            .iter()
            .filter(|upload| is_before(&upload.initiated, noon))
            .map(|upload| (upload.key.as_str(), upload.upload_id.as_str()))
            .collect();
        assert_eq!(old, [("lake/t/1 & 1.parquet", "id-1")]);
        assert!(!is_before("yesterday", noon));
    }

    #[test]
    fn an_answer_without_uploads_is_empty() {
        let text = "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>\
                    </ListMultipartUploadsResult>";
        let page = page_of(text).expect("an answer");
        assert!(page.uploads.is_empty() && !page.is_truncated);
        assert!(page_of("<html>").is_err());
    }
}
