//! Objects and uploads that no commit will name.

use chrono::TimeDelta;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::error::Error;
use crate::lake::Lake;

impl Lake {
    /// Removes uploads of processes that died, as far as the store lists them; returns how
    /// many.
    pub async fn remove_abandoned_uploads(&self) -> Result<u64, Error> {
        let Some(abandoned) = &self.inner.abandoned else {
            return Ok(0);
        };
        let age = TimeDelta::from_std(self.inner.options.upload_age_max);
        let before = age
            .ok()
            .and_then(|age| self.clock().now().checked_sub_signed(age));
        match before {
            Some(before) => abandoned.remove(before).await,
            None => Ok(0),
        }
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
