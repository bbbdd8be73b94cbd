//! Where data files are: a folder of this machine, or a place in a bucket.

use std::fmt;
use std::path::PathBuf;

use object_store::path::Path;

use crate::error::{Error, ErrorKind};

const FILE_SCHEME: &str = "file://";

/// See the file's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DataPlace {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A place in a store over the network.
    Bucket(Bucket),
}

/// A prefix in a bucket, which Azure calls a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// Whose protocol the store speaks.
    pub(crate) cloud: Cloud,
    /// Name of the bucket.
    pub(crate) name: String,
    /// All objects of the lake are below this; may be empty.
    pub(crate) prefix: Path,
}

/// Whose protocol a store speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cloud {
    /// Amazon S3.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl Cloud {
    const ALL: [Self; 3] = [Self::S3, Self::Gcs, Self::Azure];

    /// What URLs begin with; DuckDB knows the same.
    fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3://",
            Self::Gcs => "gs://",
            Self::Azure => "az://",
        }
    }
}

impl DataPlace {
    /// What a data URL names.
    ///
    /// Errors: `Unsupported` for other kinds of places, and for a URL that names none.
    pub(crate) fn of_url(url: &str) -> Result<Self, Error> {
        if let Some(folder) = url.strip_prefix(FILE_SCHEME)
            && !folder.is_empty()
        {
            return Ok(Self::Folder(PathBuf::from(folder)));
        }
        Bucket::of_url(url)?.map(Self::Bucket).ok_or_else(|| {
            let text = "data cannot be kept in this kind of place";
            Error::new(ErrorKind::Unsupported, text).with_source(url.to_owned())
        })
    }

    /// The place as the catalog spells it: ends in `/`.
    pub(crate) fn text(&self) -> Result<String, Error> {
        match self {
            Self::Folder(path) => {
                let text = path.to_str().ok_or_else(|| {
                    Error::new(ErrorKind::Unsupported, "the data path is not valid UTF-8")
                })?;
                Ok(format!("{}/", text.trim_end_matches('/')))
            }
            Self::Bucket(bucket) => Ok(bucket.to_string()),
        }
    }
}

impl Bucket {
    /// The bucket that a URL names; nothing if it begins as no URL of a bucket does.
    ///
    /// Errors: `Unsupported` if it names no bucket, or holds what means something else in
    /// URLs than in names of objects.
    pub(crate) fn of_url(url: &str) -> Result<Option<Self>, Error> {
        let cloud = Cloud::ALL
            .into_iter()
            .find(|cloud| url.starts_with(cloud.scheme()));
        let Some(cloud) = cloud else {
            return Ok(None);
        };
        let rest = url.strip_prefix(cloud.scheme()).unwrap_or_default();
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let prefix = prefix.trim_end_matches('/');
        let has_other = prefix
            .chars()
            .any(|c| matches!(c, '?' | '#' | '%' | '\\') || c.is_control());
        match Path::parse(prefix) {
            Ok(prefix) if is_name && !has_other => Ok(Some(Self {
                cloud,
                name: name.to_owned(),
                prefix,
            })),
            _ => {
                let text = "the data URL is not a bucket and a prefix";
                Err(Error::new(ErrorKind::Unsupported, text).with_source(url.to_owned()))
            }
        }
    }
}

/// As a URL that ends in `/`.
impl fmt::Display for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}/", self.cloud.scheme(), self.name)?;
        if self.prefix.as_ref().is_empty() {
            return Ok(());
        }
        write!(formatter, "{}/", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_spelled_in_one_way() {
        for (url, text) in [
            ("s3://b", "s3://b/"),
            ("s3://b/", "s3://b/"),
            ("s3://b/p/q//", "s3://b/p/q/"),
            ("gs://my.bucket/x", "gs://my.bucket/x/"),
            ("az://c/곳간 1", "az://c/곳간 1/"),
            ("file:///srv/data", "/srv/data/"),
        ] {
            let place = DataPlace::of_url(url).expect(url);
            assert_eq!(place.text().expect(url), text);
            if let DataPlace::Bucket(_) = &place {
                assert_eq!(DataPlace::of_url(text).expect(text), place);
            }
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for url in [
            "ftp://x/y",
            "s3://",
            "s3:///p",
            "s3://b?x",
            "s3://key:secret@b/p",
            "s3://b/a//c",
            "s3://b/../c",
            "s3://b/p?versionId=1",
            "s3://b/a%2Fb",
            "file://",
            "/srv/data",
            "",
        ] {
            let error = DataPlace::of_url(url).expect_err(url);
            assert_eq!(error.kind, ErrorKind::Unsupported, "{url}");
        }
    }
}
