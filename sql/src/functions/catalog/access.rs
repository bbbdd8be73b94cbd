//! `has_..._privilege` and `pg_has_role`: what a role may do.
//!
//! A superuser and an owner may do everything; others may only use schemas and read
//! the catalog, because nothing can be granted yet.

use arrow::array::ArrayRef;
use gotgan_storage::SnapshotRole;

use super::super::Registry;
use super::super::call::Call;
use super::super::kinds::Text;
use super::{Reference, References, oid, references};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::pg_catalog::{lookup, objects, oids, pg_proc, relation_by_oid};
use crate::types;

/// A kind of object with the privileges that it has.
struct Kind {
    function: &'static str,
    privileges: &'static [&'static str],
    /// Finds who owns the object; see [`Owner`].
    owner: fn(&StatementContext, Reference<'_>) -> Result<Owner, SqlError>,
}

/// Whose an object is.
enum Owner {
    /// There is no object with this OID: the answer is NULL.
    Missing,
    /// Everybody may read and use it.
    System,
    /// A role, by name.
    Role(String),
}

const TABLE: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "TRUNCATE",
    "REFERENCES",
    "TRIGGER",
];
const COLUMN: &[&str] = &["SELECT", "INSERT", "UPDATE", "REFERENCES"];

const KINDS: &[Kind] = &[
    Kind {
        function: "has_table_privilege",
        privileges: TABLE,
        owner: relation_owner,
    },
    Kind {
        function: "has_any_column_privilege",
        privileges: COLUMN,
        owner: relation_owner,
    },
    Kind {
        function: "has_sequence_privilege",
        privileges: &["USAGE", "SELECT", "UPDATE"],
        owner: relation_owner,
    },
    Kind {
        function: "has_schema_privilege",
        privileges: &["CREATE", "USAGE"],
        owner: schema_owner,
    },
    Kind {
        function: "has_database_privilege",
        privileges: &["CREATE", "CONNECT", "TEMPORARY", "TEMP"],
        owner: database_owner,
    },
    Kind {
        function: "has_function_privilege",
        privileges: &["EXECUTE"],
        owner: function_owner,
    },
    Kind {
        function: "has_type_privilege",
        privileges: &["USAGE"],
        owner: type_owner,
    },
    Kind {
        function: "has_language_privilege",
        privileges: &["USAGE"],
        owner: |_, _| Ok(Owner::System),
    },
    Kind {
        function: "has_tablespace_privilege",
        privileges: &["CREATE"],
        owner: |_, _| Ok(Owner::System),
    },
];

pub(super) fn register(registry: &mut Registry) {
    for kind in KINDS {
        let name = kind.function;
        for signature in [
            format!("{name}(any, text) -> bool"),
            format!("{name}(any, any, text) -> bool"),
        ] {
            registry
                .add(&signature, move |call| answer(call, kind, 0))
                .stable();
        }
    }
    let column = &Kind {
        function: "has_column_privilege",
        privileges: COLUMN,
        owner: relation_owner,
    };
    for signature in [
        "has_column_privilege(any, any, text) -> bool",
        "has_column_privilege(any, any, any, text) -> bool",
    ] {
        registry
            .add(signature, move |call| answer(call, column, 1))
            .stable();
    }
    registry
        .add("pg_has_role(any, text) -> bool", has_role)
        .stable();
    registry
        .add("pg_has_role(any, any, text) -> bool", has_role)
        .stable();
}

/// `parts`: arguments between the object and the privilege.
fn answer(call: &Call<'_>, kind: &Kind, parts: usize) -> Result<ArrayRef, SqlError> {
    let last = call.columns.len() - 1;
    let role = if last > parts + 1 {
        Some(references(call, 0)?)
    } else {
        None
    };
    let object = references(call, last - parts - 1)?;
    let privileges = call.reader::<Text>(last)?;
    call.rows(|row| {
        let (Some(object), Some(privileges)) = (object.value(row), privileges.value(row)) else {
            return Ok(None);
        };
        check_privileges(privileges, kind.privileges)?;
        let Some(role) = asked_role(call.context, role.as_ref(), row)? else {
            return Ok(None);
        };
        let is_read = privileges.split(',').all(|privilege| {
            let name = privilege.trim();
            ["SELECT", "USAGE", "EXECUTE", "CONNECT", "TEMP", "TEMPORARY"]
                .iter()
                .any(|read| name.eq_ignore_ascii_case(read))
        });
        Ok(match (kind.owner)(call.context, object)? {
            Owner::Missing => None,
            _ if role.superuser => Some(true),
            Owner::System => Some(is_read),
            Owner::Role(owner) => Some(owner == role.name),
        })
    })
}

/// Errors: `22023` for a privilege that this kind of object does not have.
fn check_privileges(list: &str, known: &[&str]) -> Result<(), SqlError> {
    for item in list.split(',') {
        let name = item.trim().to_ascii_uppercase();
        let plain = name.strip_suffix(" WITH GRANT OPTION").unwrap_or(&name);
        if !known.contains(&plain) {
            return Err(SqlError::unrecognized_privilege(item.trim()));
        }
    }
    Ok(())
}

/// A role as these functions see it.
struct Role {
    name: String,
    superuser: bool,
}

impl From<&SnapshotRole> for Role {
    fn from(role: &SnapshotRole) -> Self {
        Self {
            name: role.name.clone(),
            superuser: role.superuser,
        }
    }
}

/// The role that is asked about: the first argument, else the current user; `None`
/// for NULL. Errors: `42704`.
fn asked_role(
    context: &StatementContext,
    argument: Option<&References<'_>>,
    row: usize,
) -> Result<Option<Role>, SqlError> {
    let reference = match argument {
        None => Reference::Name(&context.user),
        Some(argument) => match argument.value(row) {
            None => return Ok(None),
            Some(reference) => reference,
        },
    };
    find_role(context, reference).map(Some)
}

fn find_role(context: &StatementContext, reference: Reference<'_>) -> Result<Role, SqlError> {
    let snapshot = &context.snapshot;
    match reference {
        Reference::Name("public") => Ok(Role {
            name: String::new(),
            superuser: false,
        }),
        Reference::Name(name) => snapshot
            .role_by_name(name)
            .map(|role| Role::from(role.as_ref()))
            .ok_or_else(|| SqlError::undefined_object("role", name)),
        Reference::Oid(value) => {
            let found = snapshot.roles().find(|role| role.id == value);
            // PostgreSQL takes an OID that is nobody's for a role without rights.
            Ok(found.map_or_else(
                || Role {
                    name: String::new(),
                    superuser: false,
                },
                |role| Role::from(role.as_ref()),
            ))
        }
    }
}

fn relation_owner(context: &StatementContext, reference: Reference<'_>) -> Result<Owner, SqlError> {
    let found = match reference {
        Reference::Oid(value) => oid(value),
        Reference::Name(name) => oid(lookup::regclass_in(context, name)?),
    };
    if relation_by_oid(found).is_some() {
        return Ok(Owner::System);
    }
    let snapshot = &context.snapshot;
    if let Some(relation) = lookup::user_relation(snapshot, found) {
        return Ok(Owner::Role(relation.owner().to_owned()));
    }
    if let Some(sequence) = lookup::sequence(snapshot, found) {
        return Ok(Owner::Role(sequence.owner.clone()));
    }
    let index = objects::all_indexes(snapshot).find(|index| index.oid == found);
    Ok(index.map_or(Owner::Missing, |index| {
        Owner::Role(index.table.owner.clone())
    }))
}

fn schema_owner(context: &StatementContext, reference: Reference<'_>) -> Result<Owner, SqlError> {
    let snapshot = &context.snapshot;
    let found = match reference {
        Reference::Oid(value) => oid(value),
        Reference::Name(name) => {
            lookup::find_schema(snapshot, name).ok_or_else(|| SqlError::undefined_schema(name))?
        }
    };
    if matches!(
        found,
        oids::PG_CATALOG | oids::INFORMATION_SCHEMA | oids::PG_TOAST | oids::GOTGAN
    ) {
        return Ok(Owner::System);
    }
    let schema = objects::schemas(snapshot).find(|schema| oids::schema(schema.id) == found);
    Ok(schema.map_or(Owner::Missing, |schema| Owner::Role(schema.owner.clone())))
}

fn database_owner(context: &StatementContext, reference: Reference<'_>) -> Result<Owner, SqlError> {
    match reference {
        Reference::Oid(value) if value == i64::from(oids::DATABASE) => Ok(Owner::System),
        Reference::Oid(_) => Ok(Owner::Missing),
        Reference::Name(name) if name == context.database => Ok(Owner::System),
        Reference::Name(name) => Err(SqlError::undefined_database(name)),
    }
}

fn function_owner(context: &StatementContext, reference: Reference<'_>) -> Result<Owner, SqlError> {
    match reference {
        Reference::Oid(value) => {
            Ok(pg_proc::by_oid(oid(value)).map_or(Owner::Missing, |_| Owner::System))
        }
        Reference::Name(text) => {
            let name = text.split('(').next().unwrap_or(text);
            if lookup::find_functions(context, name)?.is_empty() {
                return Err(SqlError::undefined_function_name(text));
            }
            Ok(Owner::System)
        }
    }
}

fn type_owner(context: &StatementContext, reference: Reference<'_>) -> Result<Owner, SqlError> {
    let found = match reference {
        Reference::Oid(value) => oid(value),
        Reference::Name(name) => oid(lookup::regtype_in(context, name)?),
    };
    if types::by_oid(found).is_some() {
        return Ok(Owner::System);
    }
    let relation = oids::row_type_relation(found)
        .and_then(|id| lookup::user_relation(&context.snapshot, oids::object(id)));
    Ok(relation.map_or(Owner::Missing, |relation| {
        Owner::Role(relation.owner().to_owned())
    }))
}

/// Whether a role may act as another: itself, or anyone if it is a superuser.
fn has_role(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let last = call.columns.len() - 1;
    let asked = if last > 1 {
        Some(references(call, 0)?)
    } else {
        None
    };
    let target = references(call, last - 1)?;
    let privileges = call.reader::<Text>(last)?;
    call.rows(|row| {
        let (Some(target), Some(privileges)) = (target.value(row), privileges.value(row)) else {
            return Ok(None);
        };
        check_privileges(privileges, &["USAGE", "MEMBER", "SET"])?;
        let Some(role) = asked_role(call.context, asked.as_ref(), row)? else {
            return Ok(None);
        };
        let target = find_role(call.context, target)?;
        Ok(Some(
            role.superuser || (role.name == target.name && !role.name.is_empty()),
        ))
    })
}
