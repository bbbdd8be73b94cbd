//! `has_..._privilege`: what a role may do.
//!
//! One of the privileges that are listed is enough. As in PostgreSQL, an OID that nothing
//! has gives NULL, and an OID that is no role's has what everybody has.
//!
//! Source: PostgreSQL 15 manual, section 9.26, table 9.70; `acl.c`.

use arrow::array::ArrayRef;
use gotgan_storage::{PUBLIC_ROLE_ID, Privileges};

use super::super::Registry;
use super::super::call::Call;
use super::super::kinds::Text;
use super::{Reference, References, oid, references};
use crate::access::acl::{self, Kind};
use crate::access::actor::{Actor, Object};
use crate::access::roles;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::pg_catalog::{lookup, objects, oids, pg_proc, relation_by_oid};
use crate::resolve::DATABASE;
use crate::sqlstate;
use crate::types;

type Find = for<'a> fn(&'a StatementContext, Reference<'_>) -> Result<Found<'a>, SqlError>;

/// A kind of object with the privileges that it has.
#[derive(Clone, Copy)]
struct Asked {
    function: &'static str,
    privileges: &'static [Kind],
    find: Find,
}

/// What is asked about.
enum Found<'a> {
    /// There is no object with this OID: the answer is NULL.
    Missing,
    Object(Object<'a>),
    /// Everybody has these privileges of it.
    Open(Privileges),
}

const KINDS: &[Asked] = &[
    Asked {
        function: "has_table_privilege",
        privileges: &[Kind::Relation],
        find: relation,
    },
    Asked {
        function: "has_sequence_privilege",
        privileges: &[Kind::Sequence],
        find: sequence,
    },
    Asked {
        function: "has_schema_privilege",
        privileges: &[Kind::Schema],
        find: schema,
    },
    Asked {
        function: "has_database_privilege",
        privileges: &[Kind::Database],
        find: database,
    },
    Asked {
        function: "has_function_privilege",
        privileges: &[Kind::Function],
        find: function,
    },
    Asked {
        function: "has_type_privilege",
        privileges: &[Kind::Usable],
        find: own_type,
    },
    Asked {
        function: "has_language_privilege",
        privileges: &[Kind::Usable],
        find: |_, _| Ok(Found::Open(Privileges::USAGE)),
    },
    Asked {
        function: "has_tablespace_privilege",
        privileges: &[Kind::Schema],
        find: |_, _| Ok(Found::Open(Privileges::NONE)),
    },
];

const COLUMN: &Asked = &Asked {
    function: "has_column_privilege",
    privileges: &[Kind::Column],
    find: relation,
};

const ANY_COLUMN: &Asked = &Asked {
    function: "has_any_column_privilege",
    ..*COLUMN
};

pub(super) fn register(registry: &mut Registry) {
    for asked in KINDS {
        both(registry, asked.function, "", |call, actor, last| {
            let object = references(call, last - 1)?;
            each(call, actor, (asked, last), |actor, row, wanted| {
                let Some(object) = object.value(row) else {
                    return Ok(None);
                };
                let found = (asked.find)(call.context, object)?;
                Ok(whole(actor, &found, &wanted()?))
            })
        });
    }
    both(registry, ANY_COLUMN.function, "", |call, actor, last| {
        let object = references(call, last - 1)?;
        each(call, actor, (ANY_COLUMN, last), |actor, row, wanted| {
            let Some(object) = object.value(row) else {
                return Ok(None);
            };
            let found = relation(call.context, object)?;
            Ok(of_column(actor, &found, None, &wanted()?))
        })
    });
    both(registry, COLUMN.function, "any, ", |call, actor, last| {
        let object = references(call, last - 2)?;
        let name = references(call, last - 1)?;
        each(call, actor, (COLUMN, last), |actor, row, wanted| {
            let (Some(object), Some(name)) = (object.value(row), name.value(row)) else {
                return Ok(None);
            };
            let found = relation(call.context, object)?;
            match column_key(&found, name)? {
                Some(key) => Ok(of_column(actor, &found, Some(key), &wanted()?)),
                None => Ok(None),
            }
        })
    });
}

type Roles<'a> = Option<References<'a>>;

/// Adds a function with and without a role in front of its arguments; `more` are those
/// between the object and the privilege.
fn both(
    registry: &mut Registry,
    name: &str,
    more: &str,
    answer: impl for<'a> Fn(&'a Call<'_>, Roles<'a>, usize) -> Result<ArrayRef, SqlError>
    + Copy
    + Send
    + Sync
    + 'static,
) {
    registry
        .add(&format!("{name}(any, {more}text) -> bool"), move |call| {
            answer(call, None, call.columns.len() - 1)
        })
        .stable();
    registry
        .add(
            &format!("{name}(any, any, {more}text) -> bool"),
            move |call| answer(call, Some(references(call, 0)?), call.columns.len() - 1),
        )
        .stable();
}

/// The answer for each row whose role and privileges are not NULL.
fn each(
    call: &Call<'_>,
    role: Roles<'_>,
    (asked, last): (&Asked, usize),
    answer: impl Fn(&Actor, usize, &ReadWanted<'_>) -> Result<Option<bool>, SqlError>,
) -> Result<ArrayRef, SqlError> {
    let privileges = call.reader::<Text>(last)?;
    let mut known: Option<Actor> = None;
    call.rows(|row| {
        let Some(list) = privileges.value(row) else {
            return Ok(None);
        };
        let Some(id) = role_id(call.context, role.as_ref(), row)? else {
            return Ok(None);
        };
        let actor = match known.take().filter(|actor| actor.role == id) {
            Some(actor) => actor,
            None => Actor::new(&call.context.rights, id),
        };
        // What is no privilege is told after what is no object.
        let wanted = || parse(list, asked.privileges);
        let answer = answer(&actor, row, &wanted);
        known = Some(actor);
        answer
    })
}

/// Reads the privileges that are asked for.
type ReadWanted<'a> = dyn Fn() -> Result<Vec<Wanted>, SqlError> + 'a;

/// A privilege that is asked for, maybe with its grant option.
struct Wanted {
    privilege: Privileges,
    grantable: bool,
}

/// Errors: `22023` for a privilege that this kind of object does not have.
fn parse(list: &str, kinds: &[Kind]) -> Result<Vec<Wanted>, SqlError> {
    const OPTION: &str = " WITH GRANT OPTION";
    let mut wanted = Vec::new();
    for item in list.split(',') {
        let name = item.trim().to_ascii_uppercase();
        let plain = name.strip_suffix(OPTION).unwrap_or(&name);
        let found = acl::by_name(plain);
        let is_known = |privilege: &Privileges| kinds.iter().any(|k| k.all().contains(*privilege));
        let Some(privilege) = found.filter(is_known) else {
            return Err(SqlError::unrecognized_privilege(item.trim()));
        };
        wanted.push(Wanted {
            privilege,
            grantable: plain.len() != name.len(),
        });
    }
    Ok(wanted)
}

/// The role that is asked about: the first argument, else the current one; `None` for
/// NULL. Errors: `42704`.
fn role_id(
    context: &StatementContext,
    argument: Option<&References<'_>>,
    row: usize,
) -> Result<Option<i64>, SqlError> {
    let Some(argument) = argument else {
        return Ok(Some(context.role_id));
    };
    Ok(match argument.value(row) {
        None => None,
        Some(Reference::Oid(id)) => Some(id),
        Some(Reference::Name("public")) => Some(PUBLIC_ROLE_ID),
        Some(Reference::Name(name)) => Some(roles::find_role(&context.rights, name)?.id),
    })
}

fn whole(actor: &Actor, found: &Found<'_>, wanted: &[Wanted]) -> Option<bool> {
    let object = match found {
        Found::Missing => return None,
        Found::Object(object) => *object,
        Found::Open(everybody) => {
            let has = |one: &Wanted| {
                actor.is_superuser || (everybody.contains(one.privilege) && !one.grantable)
            };
            return Some(wanted.iter().any(has));
        }
    };
    let privileges = actor.privileges(object);
    let has = |one: &Wanted| match one.grantable {
        true => actor
            .grantable(object, one.privilege)
            .contains(one.privilege),
        false => privileges.contains(one.privilege),
    };
    Some(wanted.iter().any(has))
}

/// The answer for one column, or for any.
fn of_column(
    actor: &Actor,
    found: &Found<'_>,
    column: Option<i64>,
    wanted: &[Wanted],
) -> Option<bool> {
    if whole(actor, found, wanted)? {
        return Some(true);
    }
    let Found::Object(object) = found else {
        return Some(false);
    };
    let has = |one: &Wanted| {
        let own = actor.column_rights(*object, column);
        match one.grantable {
            true => own.1.contains(one.privilege),
            false => own.0.contains(one.privilege),
        }
    };
    Some(wanted.iter().any(has))
}

/// How lists know a column: by id of a table's, by position of others; none if a number
/// is nobody's.
///
/// Errors: `42703` for a name that is nobody's.
fn column_key(found: &Found<'_>, column: Reference<'_>) -> Result<Option<i64>, SqlError> {
    let Found::Object(object) = found else {
        return Ok(None);
    };
    let names: Vec<(i64, &str)> = match object {
        Object::Table(table) => {
            let columns = table.columns.iter();
            columns
                .map(|column| (column.id.0, column.name.as_str()))
                .collect()
        }
        Object::View(view) => {
            let columns = (1..).zip(&view.columns);
            columns
                .map(|(position, column)| (position, column.name.as_str()))
                .collect()
        }
        Object::SystemRelation(name) => {
            let own = crate::pg_catalog::relations().find(|relation| relation.name == *name);
            let fields = own.map(|own| own.fields.fields().iter());
            let columns = (1..).zip(fields.into_iter().flatten());
            columns
                .map(|(position, field)| (position, field.name().as_str()))
                .collect()
        }
        _ => Vec::new(),
    };
    match column {
        Reference::Oid(number) => {
            let index = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
            let own = index.and_then(|index| names.get(index));
            Ok(own.map(|(key, _)| *key))
        }
        Reference::Name(name) => match names.iter().find(|(_, own)| *own == name) {
            Some((key, _)) => Ok(Some(*key)),
            None => Err(SqlError::undefined_column_of(name, object.display().1)),
        },
    }
}

fn relation<'a>(
    context: &'a StatementContext,
    reference: Reference<'_>,
) -> Result<Found<'a>, SqlError> {
    let found = match reference {
        Reference::Oid(value) => oid(value),
        Reference::Name(name) => oid(lookup::regclass_in(context, name)?),
    };
    if let Some(system) = relation_by_oid(found) {
        return Ok(Found::Object(Object::SystemRelation(system.name)));
    }
    let snapshot = &context.snapshot;
    if let Some(relation) = lookup::user_relation(snapshot, found) {
        return Ok(Found::Object(match relation {
            objects::Relation::Table(table) => Object::Table(table),
            objects::Relation::View(view) => Object::View(view),
        }));
    }
    if let Some(sequence) = lookup::sequence(snapshot, found) {
        return Ok(Found::Object(Object::Sequence(sequence)));
    }
    let index = objects::all_indexes(snapshot).find(|index| index.oid == found);
    Ok(index.map_or(Found::Missing, |index| {
        Found::Object(Object::Table(index.table))
    }))
}

/// Errors: `42809` for a relation of another kind.
fn sequence<'a>(
    context: &'a StatementContext,
    reference: Reference<'_>,
) -> Result<Found<'a>, SqlError> {
    match relation(context, reference)? {
        Found::Object(object) if !matches!(object, Object::Sequence(_)) => {
            let name = match reference {
                Reference::Name(name) => name,
                Reference::Oid(_) => object.display().1,
            };
            Err(SqlError::not_a_sequence(name))
        }
        found => Ok(found),
    }
}

fn schema<'a>(
    context: &'a StatementContext,
    reference: Reference<'_>,
) -> Result<Found<'a>, SqlError> {
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
        let name = lookup::schema_by_oid(snapshot, found).unwrap_or_default();
        return Ok(Found::Object(Object::SystemSchema(name)));
    }
    let schema = objects::schemas(snapshot).find(|schema| oids::schema(schema.id) == found);
    Ok(schema.map_or(Found::Missing, |schema| {
        Found::Object(Object::Schema(schema))
    }))
}

fn database<'a>(
    context: &'a StatementContext,
    reference: Reference<'_>,
) -> Result<Found<'a>, SqlError> {
    match reference {
        Reference::Oid(value) if value == i64::from(oids::DATABASE) => {
            Ok(Found::Object(Object::Database))
        }
        Reference::Oid(_) => Ok(Found::Missing),
        Reference::Name(name) if name == context.database || name == DATABASE => {
            Ok(Found::Object(Object::Database))
        }
        Reference::Name(name) => Err(SqlError::undefined_database(name)),
    }
}

/// A function by OID, name, or name with the types of its arguments.
///
/// Errors: `42883`, `42725` for a name that several have.
fn function<'a>(
    context: &'a StatementContext,
    reference: Reference<'_>,
) -> Result<Found<'a>, SqlError> {
    let found = |function: &'static pg_proc::Function| {
        Found::Object(Object::Function(function.oid, function.name))
    };
    let text = match reference {
        Reference::Oid(value) => {
            return Ok(pg_proc::by_oid(oid(value)).map_or(Found::Missing, found));
        }
        Reference::Name(text) => text,
    };
    let (name, arguments) = match text.split_once('(') {
        Some((name, rest)) => (name, rest.trim_end().strip_suffix(')')),
        None => (text, None),
    };
    let named = lookup::find_functions(context, name)?;
    let Some(arguments) = arguments else {
        return match named.as_slice() {
            [] => Err(SqlError::undefined_function_name(text)),
            [one] => Ok(found(one)),
            _ => Err(SqlError::with_code(
                sqlstate::AMBIGUOUS_FUNCTION,
                format!("more than one function named \"{name}\""),
            )),
        };
    };
    let mut types = Vec::new();
    for argument in arguments.split(',').filter(|one| !one.trim().is_empty()) {
        types.push(oid(lookup::regtype_in(context, argument)?));
    }
    let exact = named.iter().find(|one| one.arguments == types);
    exact
        .map(|one| found(one))
        .ok_or_else(|| SqlError::undefined_function_name(text))
}

fn own_type<'a>(
    context: &'a StatementContext,
    reference: Reference<'_>,
) -> Result<Found<'a>, SqlError> {
    let found = match reference {
        Reference::Oid(value) => oid(value),
        Reference::Name(name) => oid(lookup::regtype_in(context, name)?),
    };
    let is_row = || {
        let relation = oids::row_type_relation(found);
        relation.and_then(|id| lookup::user_relation(&context.snapshot, oids::object(id)))
    };
    match types::by_oid(found).is_some() || is_row().is_some() {
        true => Ok(Found::Open(Privileges::USAGE)),
        false => Ok(Found::Missing),
    }
}
