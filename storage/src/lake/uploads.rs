//! Objects and uploads that no commit will name.

use chrono::{DateTime, TimeDelta, Utc};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::error::{Error, ErrorKind};
use crate::lake::Lake;

impl Lake {
    /// Removes uploads of processes that died, as far as the store lists them; returns how
    /// many.
    ///
    /// Errors: `NotOwner` if another catalog may have begun them.
    pub async fn remove_abandoned_uploads(&self) -> Result<u64, Error> {
        let Some(abandoned) = &self.inner.abandoned else {
            return Ok(0);
        };
        let age = TimeDelta::from_std(self.inner.options.upload_age_max);
        let before = age
            .ok()
            .and_then(|age| self.clock().now().checked_sub_signed(age));
        let Some(before) = before else {
            return Ok(0);
        };
        self.check_owner().await?;
        abandoned.remove(before).await
    }

    /// Refuses uploads that began at a moment, if they may soon be taken for abandoned, or
    /// have been: whoever looks for such ones knows of no transaction. Half of the time is
    /// for clocks that differ.
    pub(crate) fn check_upload_age(&self, since: Option<DateTime<Utc>>) -> Result<(), Error> {
        let age_max = TimeDelta::from_std(self.retention_options().orphan_age / 2);
        let age_max = age_max.unwrap_or(TimeDelta::MAX);
        if since.is_none_or(|since| self.clock().now() - since <= age_max) {
            return Ok(());
        }
        let text = "the transaction is so old that its files may be gone";
        Err(Error::new(ErrorKind::Exhausted, text))
    }

    /// Deletes objects that no row names. What cannot be deleted is left to a sweep.
    pub(crate) async fn delete_uploads(&self, uploads: &[Path]) {
        for location in uploads {
            match self.inner.objects.delete(location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => {
                    tracing::warn!(%location, %error, "could not delete an unused upload");
                }
            }
        }
    }
}
