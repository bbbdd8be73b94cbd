//! Who the session acts as: whose rights apply, and who owns what it makes.

use gotgan_storage::{PUBLIC_ROLE_ID, Rights};

use super::Session;
use super::admission::{authorizable, names, take_role};
use crate::access::roles;
use crate::context::SettingChange;
use crate::error::SqlError;
use crate::settings::Identity;

impl Session {
    /// The role whose rights apply: that of SET ROLE, else the session's.
    pub(crate) fn role_id(&self) -> i64 {
        self.settings.identity().current()
    }

    /// The session's role: that of SET SESSION AUTHORIZATION, else the one that logged in.
    pub(crate) fn session_role_id(&self) -> i64 {
        self.settings.identity().session
    }

    /// The name of the role whose rights apply; new objects belong to it.
    pub(crate) fn role_name(&self) -> String {
        roles::name_of(&self.known_rights(), self.role_id())
    }

    /// Takes over whom `set_config` asked the session to act as; it was checked when it ran.
    /// If the role went since, the session is nobody, rather than what it was before.
    pub(super) fn apply_identity(&mut self, change: &SettingChange) {
        if change.is_local && !self.is_in_block() {
            // The transaction that it was for is over.
            return;
        }
        let rights = self.known_rights();
        let mut identity = self.settings.identity();
        let taken = match change.name.eq_ignore_ascii_case("role") {
            true => take_role(&mut identity, &rights, &change.value),
            false => authorizable(&rights, self.options.role_id, &change.value).map(|session| {
                identity = Identity {
                    session,
                    role: None,
                };
            }),
        };
        if let Err(error) = taken {
            tracing::debug!(%error, "the role of set_config is gone");
            identity.role = Some(PUBLIC_ROLE_ID);
        }
        let names = names(&rights, identity);
        self.settings
            .set_identity(identity, &names, change.is_local);
    }

    /// Roles and rights as they are now, with what the open transaction changed.
    ///
    /// Errors: `25P02` in a failed transaction.
    pub(crate) async fn rights(&mut self) -> Result<Rights, SqlError> {
        Ok(self.transaction().await?.storage()?.rights())
    }

    /// As [`Self::rights`], without beginning a transaction.
    pub(crate) fn known_rights(&self) -> Rights {
        let own = self.transaction.as_ref().and_then(|active| active.rights());
        own.unwrap_or_else(|| Rights::of(&self.engine.lake.known_head()))
    }
}
