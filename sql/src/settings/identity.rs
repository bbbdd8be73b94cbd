//! Who a session acts as, and how a transaction takes changes of it back.
//!
//! Settings `session_authorization`, `role` and `is_superuser` show the names, as they
//! were when they were set. What counts are the ids: a role that is dropped and made anew
//! is another one, and a session does not become it.

use super::Settings;

/// Who a session acts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The session's role: that of the login, or of SET SESSION AUTHORIZATION.
    pub(crate) session: i64,
    /// That of SET ROLE; none: the session's.
    pub(crate) role: Option<i64>,
}

impl Identity {
    /// The role whose rights apply.
    pub(crate) fn current(self) -> i64 {
        self.role.unwrap_or(self.session)
    }
}

/// Names of an identity, for the settings that show it.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) session: String,
    /// None for `none`.
    pub(crate) role: Option<String>,
    pub(crate) is_superuser: bool,
}

/// The identity, with what ROLLBACK and the end of SET LOCAL bring back.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    now: Identity,
    initial: Identity,
    local: Option<Identity>,
    before: Option<Identity>,
}

/// The identity at a savepoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    now: Identity,
    local: Option<Identity>,
}

impl History {
    pub(super) fn begin(&mut self) {
        self.before = Some(self.now);
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            now: self.now,
            local: self.local,
        }
    }

    pub(super) fn restore(&mut self, mark: Mark) {
        self.now = mark.now;
        self.local = mark.local;
    }

    pub(super) fn end(&mut self, is_committed: bool) {
        let local = self.local.take();
        let before = self.before.take();
        let old = if is_committed { local } else { before };
        self.now = old.unwrap_or(self.now);
    }
}

/// Settings that show names of an identity, in lower case.
const NAMES: [&str; 3] = ["session_authorization", "role", "is_superuser"];

/// Whether a setting shows who the session acts as. RESET ALL leaves it.
pub(crate) fn is_identity(name: &str) -> bool {
    NAMES.iter().any(|own| own.eq_ignore_ascii_case(name))
}

impl Settings {
    /// Who the session acts as.
    pub(crate) fn identity(&self) -> Identity {
        self.identity.now
    }

    /// Who it acted as when it began.
    pub(crate) fn initial_identity(&self) -> Identity {
        self.identity.initial
    }

    /// Sets who the session acts as when it begins, which RESET goes back to.
    pub(crate) fn initialise_identity(&mut self, identity: Identity, names: &Names) {
        self.identity.now = identity;
        self.identity.initial = identity;
        for (name, value) in NAMES.into_iter().zip(names.values()) {
            self.initialise(name, &value);
        }
    }

    /// Lets the session act as somebody else.
    pub(crate) fn set_identity(&mut self, identity: Identity, names: &Names, is_local: bool) {
        let old = self.identity.now;
        self.identity.now = identity;
        self.identity.local = match is_local {
            true => Some(self.identity.local.unwrap_or(old)),
            false => None,
        };
        for (name, value) in NAMES.into_iter().zip(names.values()) {
            self.assign(name, value, is_local);
        }
    }
}

impl Names {
    /// In the order of [`NAMES`].
    fn values(&self) -> [String; 3] {
        let role = self.role.clone().unwrap_or_else(|| "none".to_owned());
        let is_superuser = if self.is_superuser { "on" } else { "off" };
        [self.session.clone(), role, is_superuser.to_owned()]
    }
}
