//! What names a role, and so keeps it from being dropped.

use gotgan_storage::{AccessTarget, Acl, DefaultPrivileges, ObjectAccess, OwnerTarget, Snapshot};

use crate::access::roles;
use crate::context::StatementContext;
use crate::pg_catalog::{lookup, oids, pg_proc};
use crate::resolve::DATABASE;

/// Lines of the detail; what is beyond is counted.
const LINES_MAX: usize = 100;

/// An object that has an owner and rights.
pub(super) struct Owned<'a> {
    pub(super) oid: u32,
    /// The kind, as errors name it.
    pub(super) kind: &'static str,
    pub(super) owner: i64,
    pub(super) access: &'a ObjectAccess,
    pub(super) target: AccessTarget,
    pub(super) owner_target: OwnerTarget,
}

/// Every object that has an owner, those that may need others first.
pub(super) fn objects(snapshot: &Snapshot) -> Vec<Owned<'_>> {
    let mut objects = Vec::new();
    for view in snapshot.views() {
        objects.push(Owned {
            oid: oids::view(view.id),
            kind: "view",
            owner: view.owner_id,
            access: &view.access,
            target: AccessTarget::View(view.id),
            owner_target: OwnerTarget::View(view.id),
        });
    }
    for table in snapshot.tables() {
        objects.push(Owned {
            oid: oids::table(table.id),
            kind: "table",
            owner: table.owner_id,
            access: &table.access,
            target: AccessTarget::Table(table.id),
            owner_target: OwnerTarget::Table(table.id),
        });
    }
    for sequence in snapshot.sequences() {
        objects.push(Owned {
            oid: oids::sequence(sequence.id),
            kind: "sequence",
            owner: sequence.owner_id,
            access: &sequence.access,
            target: AccessTarget::Sequence(sequence.id),
            owner_target: OwnerTarget::Sequence(sequence.id),
        });
    }
    for schema in snapshot.schemas() {
        objects.push(Owned {
            oid: oids::schema(schema.id),
            kind: "schema",
            owner: schema.owner_id,
            access: &schema.access,
            target: AccessTarget::Schema(schema.id),
            owner_target: OwnerTarget::Schema(schema.id),
        });
    }
    objects
}

/// Something that names a role. They are told in this order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Mention {
    oid: u32,
    column: i64,
    text: String,
}

/// The lines that say what names a role; none if nothing does.
pub(super) fn mentions(ctx: &StatementContext, role: i64) -> Option<String> {
    let mut found = Vec::new();
    for object in objects(&ctx.snapshot) {
        of_object(ctx, &object, role, &mut found);
    }
    of_lake(ctx, role, &mut found);
    if found.is_empty() {
        return None;
    }
    found.sort();
    let mut lines: Vec<String> = found.into_iter().map(|mention| mention.text).collect();
    if lines.len() > LINES_MAX {
        let more = lines.split_off(LINES_MAX).len();
        lines.push(format!(
            "and {more} other objects (see server log for list)"
        ));
    }
    Some(lines.join("\n"))
}

fn of_object(ctx: &StatementContext, object: &Owned<'_>, role: i64, found: &mut Vec<Mention>) {
    let name = match object.kind {
        "schema" => lookup::regnamespace_out(ctx, i64::from(object.oid)),
        _ => lookup::regclass_out(ctx, i64::from(object.oid)),
    };
    let name = format!("{} {name}", object.kind);
    let mut push = |column: i64, text: String| {
        found.push(Mention {
            oid: object.oid,
            column,
            text,
        });
    };
    // What the owner was granted, or took from himself, goes with the object.
    let is_owner = object.owner == role;
    let names = |acl: &Acl| !is_owner && acl.mentions(role);
    if object.access.acl.as_ref().is_some_and(names) {
        push(0, format!("privileges for {name}"));
    }
    if is_owner {
        push(0, format!("owner of {name}"));
    }
    for (column, _) in object.access.columns.iter().filter(|(_, acl)| names(acl)) {
        let own = column_name(&ctx.snapshot, object.target, *column);
        push(*column, format!("privileges for column {own} of {name}"));
    }
    for policy in &object.access.policies {
        if policy.roles.contains(&role) {
            push(0, format!("target of policy {} on {name}", policy.name));
        }
    }
    if object.access.masks.iter().any(|mask| mask.role == role) {
        push(0, format!("target of masking policy on {name}"));
    }
}

fn column_name(snapshot: &Snapshot, target: AccessTarget, column: i64) -> String {
    let name = match target {
        AccessTarget::Table(id) => snapshot.table(id).and_then(|table| {
            let mut columns = table.columns.iter();
            let found = columns.find(|own| own.id.0 == column)?;
            Some(found.name.clone())
        }),
        AccessTarget::View(id) => snapshot.view(id).and_then(|view| {
            let index = usize::try_from(column).ok()?.checked_sub(1)?;
            Some(view.columns.get(index)?.name.clone())
        }),
        AccessTarget::Schema(_) | AccessTarget::Sequence(_) => None,
    };
    name.unwrap_or_else(|| column.to_string())
}

/// The database, functions, default privileges, masking policies.
fn of_lake(ctx: &StatementContext, role: i64, found: &mut Vec<Mention>) {
    let lake = ctx.snapshot.lake_access();
    let mut push = |oid: u32, text: String| {
        found.push(Mention {
            oid,
            column: 0,
            text,
        });
    };
    let is_owner = lake.database_owner == role;
    if is_owner {
        push(oids::DATABASE, format!("owner of database {DATABASE}"));
    }
    let names = |acl: &Acl| acl.mentions(role);
    if !is_owner && lake.database_acl.as_ref().is_some_and(names) {
        push(
            oids::DATABASE,
            format!("privileges for database {DATABASE}"),
        );
    }
    for (oid, _) in lake.functions.iter().filter(|(_, acl)| names(acl)) {
        let oid = u32::try_from(*oid).unwrap_or_default();
        let Some(function) = pg_proc::by_oid(oid) else {
            continue;
        };
        let signature = format!("{}({})", function.name, function.argument_list());
        push(oid, format!("privileges for function {signature}"));
    }
    for entry in &lake.default_privileges {
        let what = match (entry.role == role, entry.acl.mentions(role)) {
            (true, _) => "owner of",
            (false, true) => "privileges for",
            (false, false) => continue,
        };
        push(u32::MAX, format!("{what} {}", default_text(ctx, entry)));
    }
    for policy in lake.masking_policies.iter().filter(|one| one.owner == role) {
        push(u32::MAX, format!("owner of masking policy {}", policy.name));
    }
}

fn default_text(ctx: &StatementContext, entry: &DefaultPrivileges) -> String {
    let kind = match entry.kind {
        'r' => "relations",
        'S' => "sequences",
        'f' => "functions",
        'T' => "types",
        _ => "schemas",
    };
    let owner = roles::name_of(&ctx.rights, entry.role);
    let text = format!("default privileges on new {kind} belonging to role {owner}");
    let schema = entry.schema.and_then(|id| ctx.snapshot.schema(id));
    match schema {
        Some(schema) => format!("{text} in schema {}", schema.name),
        None => text,
    }
}
