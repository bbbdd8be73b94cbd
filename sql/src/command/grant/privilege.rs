//! Privileges as GRANT writes them, and what of them an object has.

use gotgan_storage::Privileges;

use super::Deed;
use crate::access::acl::{self, Kind, NAMES};
use crate::access::actor::Object;
use crate::error::SqlError;
use crate::parse::grant::{AllOf, Grant, Privilege, Routine, Target};
use crate::session::Notice;
use crate::sqlstate;

/// The privileges of one statement.
pub(super) struct Wanted {
    /// ALL on the objects as wholes.
    pub(super) is_all: bool,
    whole: Privileges,
    pub(super) columns: Vec<OnColumns>,
    /// Whether the objects were called tables, as sequences may be.
    called_tables: bool,
}

/// A privilege on some columns.
pub(super) struct OnColumns {
    /// None is ALL.
    privilege: Option<Privileges>,
    pub(super) columns: Vec<String>,
}

impl Wanted {
    /// Errors: `42601` for what is no privilege, `0LP01` for one that the kind of object
    /// lacks.
    pub(super) fn new(statement: &Grant<Target>) -> Result<Self, SqlError> {
        let (kinds, called): (&[Kind], &str) = match &statement.target {
            Target::Relations(_) | Target::AllIn(AllOf::Tables, _) => {
                (&[Kind::Relation, Kind::Sequence], "relation")
            }
            Target::Sequences(_) | Target::AllIn(AllOf::Sequences, _) => {
                (&[Kind::Sequence], "sequence")
            }
            Target::Databases(_) => (&[Kind::Database], "database"),
            Target::Schemas(_) => (&[Kind::Schema], "schema"),
            Target::Functions(routine, _) | Target::AllIn(AllOf::Functions(routine), _) => {
                (&[Kind::Function], word(*routine))
            }
            Target::Other(_) => (&[Kind::Usable], "type"),
        };
        let called_tables = called == "relation";
        let mut wanted = Self {
            is_all: statement.privileges.is_none(),
            whole: Privileges::NONE,
            columns: Vec::new(),
            called_tables,
        };
        for written in statement.privileges.iter().flatten() {
            if !written.columns.is_empty() {
                if !called_tables {
                    let text = "column privileges are only valid for relations";
                    return Err(SqlError::invalid_grant(text));
                }
                wanted.columns.push(OnColumns::new(written)?);
                continue;
            }
            let privilege = whole(written, kinds, called)?;
            wanted.whole = wanted.whole.union(privilege);
        }
        Ok(wanted)
    }

    /// What of it is meant for one object as a whole.
    ///
    /// Errors: `0LP01` for a privilege of sequences on a table.
    pub(super) fn on(
        &self,
        object: Object<'_>,
        deed: &mut Deed<'_>,
    ) -> Result<Privileges, SqlError> {
        let all = object.kind().all();
        if self.is_all {
            return Ok(all);
        }
        let strange = self.whole.difference(all);
        if strange.is_empty() || !self.called_tables {
            return Ok(self.whole);
        }
        if object.kind() == Kind::Sequence {
            let (_, name) = object.display();
            let text =
                format!("sequence \"{name}\" only supports USAGE, SELECT, and UPDATE privileges");
            deed.notices
                .push(Notice::warning(sqlstate::INVALID_GRANT_OPERATION, text));
            return Ok(self.whole.intersection(all));
        }
        Err(invalid(strange, "table"))
    }
}

impl OnColumns {
    fn new(written: &Privilege) -> Result<Self, SqlError> {
        let privilege = match &written.name {
            None => None,
            Some(name) => Some(by_name(name)?),
        };
        Ok(Self {
            privilege,
            columns: written.columns.clone(),
        })
    }

    /// What is meant of it for the columns of a relation.
    ///
    /// Errors: `0LP01` for a privilege that columns lack.
    pub(super) fn on(
        &self,
        relation: Object<'_>,
        notices: &mut Vec<Notice>,
    ) -> Result<Privileges, SqlError> {
        let all = Kind::Column.all();
        let privileges = self.privilege.unwrap_or(all);
        let strange = privileges.difference(all);
        if !strange.is_empty() {
            return Err(invalid(strange, "column"));
        }
        if relation.kind() == Kind::Sequence && !Privileges::SELECT.contains(privileges) {
            let (_, name) = relation.display();
            let text = format!("sequence \"{name}\" only supports SELECT column privileges");
            notices.push(Notice::warning(sqlstate::INVALID_GRANT_OPERATION, text));
            return Ok(privileges.intersection(Privileges::SELECT));
        }
        Ok(privileges)
    }
}

/// A privilege on a whole object of one of these kinds, which errors call `called`.
///
/// Errors: `42601`, `0LP01`.
pub(super) fn whole(
    written: &Privilege,
    kinds: &[Kind],
    called: &str,
) -> Result<Privileges, SqlError> {
    let all = kinds
        .iter()
        .fold(Privileges::NONE, |all, kind| all.union(kind.all()));
    let Some(name) = &written.name else {
        return Ok(all);
    };
    let privilege = by_name(name)?;
    match all.contains(privilege) {
        true => Ok(privilege),
        false => Err(invalid(privilege, called)),
    }
}

/// Errors: `42601`.
fn by_name(name: &str) -> Result<Privileges, SqlError> {
    acl::by_name(name)
        .ok_or_else(|| SqlError::syntax(format!("unrecognized privilege type \"{name}\"")))
}

/// Errors tell the first of several.
fn invalid(privileges: Privileges, called: &str) -> SqlError {
    let found = NAMES
        .iter()
        .find(|(privilege, _, _)| privileges.contains(*privilege));
    let name = match found {
        Some((Privileges::TEMPORARY, ..)) => "TEMP",
        Some((_, _, name)) => name,
        None => "",
    };
    SqlError::invalid_grant(format!("invalid privilege type {name} for {called}"))
}

fn word(routine: Routine) -> &'static str {
    match routine {
        Routine::Function => "function",
        Routine::Procedure => "procedure",
        Routine::Any => "routine",
    }
}
