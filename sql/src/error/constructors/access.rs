//! Errors of access: what somebody may not do.

use super::SqlError;
use crate::sqlstate as s;

impl SqlError {
    /// `42501`; `kind` such as `table`.
    pub fn permission_denied(kind: &str, name: &str) -> Self {
        Self::new(
            s::INSUFFICIENT_PRIVILEGE,
            format!("permission denied for {kind} {name}"),
        )
    }

    /// `42501`; `kind` such as `view`.
    pub fn must_be_owner(kind: &str, name: &str) -> Self {
        Self::new(
            s::INSUFFICIENT_PRIVILEGE,
            format!("must be owner of {kind} {name}"),
        )
    }

    /// `42501`: acting as a role takes SET ROLE.
    pub fn must_be_member(role: &str) -> Self {
        Self::new(
            s::INSUFFICIENT_PRIVILEGE,
            format!("must be member of role \"{role}\""),
        )
    }

    /// `42501`; `what` such as `create database`.
    pub fn permission_denied_to(what: &str) -> Self {
        Self::new(
            s::INSUFFICIENT_PRIVILEGE,
            format!("permission denied to {what}"),
        )
    }

    /// `42501`; `what` such as `execute ALTER SYSTEM`.
    pub fn must_be_superuser(what: &str) -> Self {
        Self::new(
            s::INSUFFICIENT_PRIVILEGE,
            format!("must be superuser to {what}"),
        )
    }

    /// `42501`, for a setting.
    pub(crate) fn setting_denied(name: &str) -> Self {
        Self::new(
            s::INSUFFICIENT_PRIVILEGE,
            format!("permission denied to set parameter \"{name}\""),
        )
    }

    /// `42501`; `what` such as `or have privileges of the pg_monitor role to look`.
    pub fn must_be_superuser_or(what: &str) -> Self {
        Self::new(
            s::INSUFFICIENT_PRIVILEGE,
            format!("must be superuser {what}"),
        )
    }

    /// `0LP01`.
    pub fn invalid_grant(message: impl Into<String>) -> Self {
        Self::new(s::INVALID_GRANT_OPERATION, message)
    }

    /// `2BP01`: others were granted what is to be revoked.
    pub fn dependent_privileges() -> Self {
        Self::new(
            s::DEPENDENT_OBJECTS_STILL_EXIST,
            "dependent privileges exist",
        )
        .with_hint("Use CASCADE to revoke them too.")
    }
}
