//! What is decided as a session begins: whether the role may log in to this node, and
//! which settings it begins with.
//!
//! Settings come, each over the one before: the server's, ALTER ROLE ALL, ALTER DATABASE,
//! ALTER ROLE, ALTER ROLE IN DATABASE, the client's own. One of the catalog that does not
//! fit any more is a warning, so that nobody is locked out by it.
//!
//! Where a role may connect is [`CONNECT_TO`]: what was set for the role itself wins, else
//! the strictest of what was set for the roles that it is a member of, inheriting or not,
//! else the database's, else everyone's. Superusers are exempt.
//!
//! Source: PostgreSQL 15 manual, section 20.1.3; ALTER ROLE.

use gotgan_storage::{Privileges, Rights, RoleSetting};

use super::{Notice, SessionOptions};
use crate::access::actor::{Actor, Object};
use crate::access::roles;
use crate::engine::Engine;
use crate::error::SqlError;
use crate::resolve::DATABASE;
use crate::settings::{CONNECT_TO, Identity, Names, Settings};
use crate::sqlstate;

/// A role that may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Most sessions of the role at a time on this node.
    pub connections_max: Option<usize>,
}

/// Which nodes a role may log in to, from the laxest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ConnectTo {
    Any,
    Primary,
    Replica,
}

impl ConnectTo {
    fn parse(value: &str) -> Option<Self> {
        match value {
            "any" => Some(Self::Any),
            "primary" => Some(Self::Primary),
            "replica" => Some(Self::Replica),
            _ => None,
        }
    }

    /// The setting's value.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Primary => "primary",
            Self::Replica => "replica",
        }
    }
}

/// Where a role may connect, and whose setting says so: a role's, or 0 for the database's
/// or everyone's; none where nothing was set.
pub(crate) fn connect_to(rights: &Rights, role: i64) -> (ConnectTo, Option<i64>) {
    if roles::is_superuser(rights, role) {
        return (ConnectTo::Any, None);
    }
    let set_for = |id: i64| {
        let settings = rights.role_settings().iter();
        let own = settings.filter(|one| one.role == id && one.name == CONNECT_TO);
        // What was set for the database comes first.
        let own = own.max_by_key(|one| one.in_database)?;
        ConnectTo::parse(&own.value).map(|value| (value, Some(id)))
    };
    if let Some(own) = set_for(role) {
        return own;
    }
    let groups = roles::member_roles(rights, role);
    let strictest = groups.into_iter().filter_map(set_for);
    strictest
        .max_by_key(|(value, _)| *value)
        .or_else(|| set_for(0))
        .unwrap_or((ConnectTo::Any, None))
}

impl Engine {
    /// Whether a role, which proved who it is, may begin a session on this node.
    ///
    /// Cost: none, unless the role is newer than the picture that this process has.
    /// Errors: `28000` if it may not log in, or not here; `42501` without CONNECT.
    pub async fn admit(&self, role_id: i64, name: &str) -> Result<Admission, SqlError> {
        let mut head = self.lake.known_head();
        if head.role(role_id).is_none() {
            head = self.lake.newest().await?;
        }
        let rights = Rights::of(&head);
        let refused =
            |text: String| SqlError::with_code(sqlstate::INVALID_AUTHORIZATION_SPECIFICATION, text);
        let Some(role) = rights.role(role_id) else {
            return Err(refused(format!("role \"{name}\" does not exist")));
        };
        if !role.login {
            return Err(refused(format!(
                "role \"{name}\" is not permitted to log in"
            )));
        }
        if role.superuser {
            return Ok(Admission {
                connections_max: None,
            });
        }
        let actor = Actor::new(&rights, role_id);
        if !actor
            .privileges(Object::Database)
            .contains(Privileges::CONNECT)
        {
            return Err(SqlError::with_code(
                sqlstate::INSUFFICIENT_PRIVILEGE,
                format!("permission denied for database \"{DATABASE}\""),
            )
            .with_detail("User does not have CONNECT privilege."));
        }
        match (connect_to(&rights, role_id).0, self.is_replica) {
            (ConnectTo::Replica, false) => {
                let addresses = self.lake.replica_addresses().await?;
                Err(elsewhere(name, "replica", &addresses))
            }
            (ConnectTo::Primary, true) => {
                let addresses = self.lake.primary_addresses().await?;
                Err(elsewhere(name, "primary", &addresses))
            }
            _ => Ok(Admission {
                connections_max: usize::try_from(role.connection_limit).ok(),
            }),
        }
    }

    /// Whether the role of a name is a member of that of another, for the rules of who may
    /// come from where. Superusers are only members of what they were made one of.
    #[must_use]
    pub fn is_member(&self, role: &str, group: &str) -> bool {
        let head = self.lake.known_head();
        match (head.role_by_name(role), head.role_by_name(group)) {
            (Some(role), Some(group)) => roles::is_plain_member_of(&*head, role.id, group.id),
            _ => false,
        }
    }

    /// When the role's password ends, if the role is known and it does.
    #[must_use]
    pub fn password_has_ended(&self, role_id: i64) -> bool {
        let head = self.lake.known_head();
        let until = head.role(role_id).and_then(|role| role.valid_until);
        until.is_some_and(|until| until < self.clock.now())
    }
}

fn elsewhere(role: &str, kind: &str, addresses: &[String]) -> SqlError {
    let text = format!("role \"{role}\" may connect to a {kind} only");
    let error = SqlError::with_code(sqlstate::INVALID_AUTHORIZATION_SPECIFICATION, text);
    match addresses {
        [] => error.with_detail(format!("No {kind} is up.")),
        _ => error.with_hint(format!("Connect to {}.", addresses.join(" or "))),
    }
}

/// Gives a session the settings that it begins with, and who it acts as.
///
/// Returns warnings about settings of the catalog that do not fit.
/// Errors: `22023` and others for a setting that the client sent.
pub(super) fn begin(
    settings: &mut Settings,
    rights: &Rights,
    options: &SessionOptions,
    is_replica: bool,
) -> Result<Vec<Notice>, SqlError> {
    let mut identity = Identity {
        session: options.role_id,
        role: None,
    };
    settings.initialise(CONNECT_TO, connect_to(rights, options.role_id).0.word());
    let mut warnings = Vec::new();
    for setting in defaults(rights, options.role_id) {
        let given = match setting.name.as_str() {
            CONNECT_TO => Ok(()),
            "role" => take_role(&mut identity, rights, &setting.value),
            name => settings.begin_with(name, &setting.value),
        };
        if let Err(error) = given {
            warnings.push(Notice::warning(error.code, error.message));
        }
    }
    for (name, value) in &options.parameters {
        match name.eq_ignore_ascii_case("role") {
            true => take_role(&mut identity, rights, value)?,
            false => settings.startup(name, value)?,
        }
    }
    let read_only = "default_transaction_read_only";
    if is_replica {
        settings.initialise(read_only, "on");
    }
    let value = settings.show(read_only)?.to_owned();
    settings.initialise("transaction_read_only", &value);
    settings.initialise_identity(identity, &names(rights, identity));
    Ok(warnings)
}

/// The settings of the catalog that are for a role, the stronger ones last.
fn defaults(rights: &Rights, role: i64) -> Vec<&RoleSetting> {
    let settings = rights.role_settings().iter();
    let mut settings: Vec<&RoleSetting> = settings
        .filter(|one| one.role == role || one.role == 0)
        .collect();
    settings.sort_by_key(|one| (one.role != 0, one.in_database));
    settings
}

/// Errors: `22023` without such a role, `42501` if the session may not act as it.
pub(super) fn take_role(
    identity: &mut Identity,
    rights: &Rights,
    name: &str,
) -> Result<(), SqlError> {
    identity.role = match name {
        "none" => None,
        name => Some(assumable(rights, identity.session, name)?),
    };
    Ok(())
}

/// The role of a name, if `session` may act as it.
///
/// Errors: `22023` without such a role, `42501` if it may not.
pub(crate) fn assumable(rights: &Rights, session: i64, name: &str) -> Result<i64, SqlError> {
    let Some(role) = rights.role_by_name(name) else {
        return Err(SqlError::invalid_parameter(format!(
            "role \"{name}\" does not exist"
        )));
    };
    match roles::is_member_of(rights, session, role.id) {
        true => Ok(role.id),
        false => Err(SqlError::with_code(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            format!("permission denied to set role \"{name}\""),
        )),
    }
}

/// The role of a name, if the session of `login` may be its.
///
/// Errors: `22023` without such a role, `42501` if it may not.
pub(crate) fn authorizable(rights: &Rights, login: i64, name: &str) -> Result<i64, SqlError> {
    let Some(role) = rights.role_by_name(name) else {
        return Err(SqlError::invalid_parameter(format!(
            "role \"{name}\" does not exist"
        )));
    };
    match role.id == login || roles::is_superuser(rights, login) {
        true => Ok(role.id),
        false => Err(SqlError::with_code(
            sqlstate::INSUFFICIENT_PRIVILEGE,
            format!("permission denied to set session authorization \"{name}\""),
        )),
    }
}

/// The names of an identity, as settings show them.
pub(crate) fn names(rights: &Rights, identity: Identity) -> Names {
    Names {
        session: roles::name_of(rights, identity.session),
        role: identity.role.map(|role| roles::name_of(rights, role)),
        is_superuser: roles::is_superuser(rights, identity.current()),
    }
}
