//! GRANT and REVOKE of privileges on objects.
//!
//! ```text
//! statement ──▶ objects, roles, privileges ──▶ for each object: who grants, how much of
//!               it he may grant, the new list ──▶ stored with the object
//! ```
//!
//! Whoever may grant only a part grants that part, with a warning. As in PostgreSQL, a
//! revoke on a table takes the grants on its columns, too.
//!
//! Errors: `42501` for who has nothing on the object; `0LP01`, `2BP01` as in `access/acl`;
//! `0A000` for kinds of objects whose grants are not kept.
//! Source: PostgreSQL 15, `aclchk.c`: ExecuteGrantStmt, ExecGrant_Relation.

use std::collections::BTreeMap;

use gotgan_storage::{
    AccessTarget, Acl, ObjectAccess, PUBLIC_ROLE_ID, Privileges, Relation, Rights, Sequence, Table,
    View,
};

use crate::access::acl::{self, Change, Kind, Terms};
use crate::access::actor::{Actor, Object};
use crate::access::roles;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::functions;
use crate::parse::grant::{Grant, Target};
use crate::parse::role::RoleSpec;
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;

mod default;
mod object;
mod privilege;

pub(crate) use default::{alter_defaults, give_defaults};

use object::Granted;
use privilege::Wanted;

/// GRANT or REVOKE without its objects and privileges.
struct Order {
    is_grant: bool,
    grant_option: bool,
    cascade: bool,
    grantees: Vec<i64>,
}

/// What a grant is on, as warnings and errors call it.
enum Label<'a> {
    Whole(Object<'a>),
    Column(&'a str, Object<'a>),
}

pub(crate) async fn run(
    session: &mut Session,
    statement: &Grant<Target>,
) -> Result<Outcome, SqlError> {
    let tag = match statement.is_grant {
        true => "GRANT",
        false => "REVOKE",
    };
    session.require_write(tag)?;
    let ctx = session.context().await?;
    check_grantor(&ctx, statement.grantor.as_ref())?;
    let objects = object::resolve(&ctx, &statement.target, tag)?;
    let order = Order::new(&ctx, statement)?;
    let wanted = Wanted::new(statement)?;
    for object in &objects {
        grant_on(session, &ctx, &order, &wanted, object).await?;
    }
    Ok(Outcome::Command(tag.to_owned()))
}

/// GRANTED BY may name only who is granting.
///
/// Errors: `42704`, `0A000`.
fn check_grantor(ctx: &StatementContext, grantor: Option<&RoleSpec>) -> Result<(), SqlError> {
    let Some(grantor) = grantor else {
        return Ok(());
    };
    match role_id(ctx, grantor)? == ctx.role_id {
        true => Ok(()),
        false => Err(SqlError::with_code(
            sqlstate::FEATURE_NOT_SUPPORTED,
            "grantor must be current user",
        )),
    }
}

/// The role that is meant.
///
/// Errors: `42704`.
fn role_id(ctx: &StatementContext, spec: &RoleSpec) -> Result<i64, SqlError> {
    match spec {
        RoleSpec::Name(name) => Ok(roles::find_role(&ctx.rights, name)?.id),
        RoleSpec::CurrentRole | RoleSpec::CurrentUser => Ok(ctx.role_id),
        RoleSpec::SessionUser => Ok(ctx.session_role_id),
        RoleSpec::Public => Err(SqlError::undefined_object("role", "public")),
    }
}

impl Order {
    fn new<T>(ctx: &StatementContext, statement: &Grant<T>) -> Result<Self, SqlError> {
        let grantees = statement.grantees.iter().map(|spec| match spec {
            RoleSpec::Public => Ok(PUBLIC_ROLE_ID),
            other => role_id(ctx, other),
        });
        Ok(Self {
            is_grant: statement.is_grant,
            grant_option: statement.grant_option,
            cascade: statement.cascade,
            grantees: grantees.collect::<Result<_, SqlError>>()?,
        })
    }

    /// The list after the order; the grantor is the same for every grantee.
    fn apply(
        &self,
        terms: &Terms<'_>,
        acl: Acl,
        grantor: i64,
        privileges: Privileges,
    ) -> Result<Acl, SqlError> {
        let mut acl = acl;
        for grantee in &self.grantees {
            let change = Change {
                is_grant: self.is_grant,
                grant_option: self.grant_option,
                cascade: self.cascade,
                grantor,
                grantee: *grantee,
                privileges,
            };
            acl = terms.change(&acl, change)?;
        }
        Ok(acl)
    }
}

/// Grants or revokes on one object.
async fn grant_on(
    session: &mut Session,
    ctx: &StatementContext,
    order: &Order,
    wanted: &Wanted,
    granted: &Granted,
) -> Result<(), SqlError> {
    // What the statement did to objects before this one counts.
    let rights = session.transaction().await?.storage()?.rights();
    let actor = Actor::new(&rights, ctx.role_id);
    let mut notices = Vec::new();
    let mut deed = Deed {
        order,
        actor: &actor,
        notices: &mut notices,
    };
    let object = granted.object();
    let whole = wanted.on(object, &mut deed)?;
    let acl = match whole.is_empty() {
        true => None,
        false => Some(deed.whole(object, whole, wanted.is_all)?),
    };
    let columns = deed.columns(granted, wanted, whole)?;
    for notice in notices {
        session.notify(notice);
    }
    store(session, &rights, granted, acl, columns).await
}

/// One order on one object.
struct Deed<'a> {
    order: &'a Order,
    actor: &'a Actor,
    notices: &'a mut Vec<Notice>,
}

impl Deed<'_> {
    /// The list of an object as a whole.
    fn whole(
        &mut self,
        object: Object<'_>,
        wanted: Privileges,
        is_all: bool,
    ) -> Result<Acl, SqlError> {
        let held = object.held(&self.actor.rights);
        let kind = object.kind();
        let own = held.acl.unwrap_or_else(|| kind.default_acl(held.owner));
        let label = Label::Whole(object);
        self.list(&label, held.owner, (own.clone(), &own), (wanted, is_all))
    }

    /// The new lists of the columns that are named, or that a revoke on the table touches.
    fn columns(
        &mut self,
        granted: &Granted,
        wanted: &Wanted,
        whole: Privileges,
    ) -> Result<BTreeMap<i64, Acl>, SqlError> {
        let relation = granted.object();
        let mut asked: BTreeMap<i64, Privileges> = BTreeMap::new();
        let of_columns = whole.intersection(Kind::Column.all());
        let lists = granted.column_lists(&self.actor.rights);
        if !self.order.is_grant && !of_columns.is_empty() {
            asked.extend(granted.all_columns().map(|column| (column, of_columns)));
        }
        for part in &wanted.columns {
            let privileges = part.on(relation, self.notices)?;
            for name in &part.columns {
                let column = granted.column(name)?;
                let own = asked.entry(column).or_insert(Privileges::NONE);
                *own = own.union(privileges);
            }
        }
        let held = relation.held(&self.actor.rights);
        let kind = relation.kind();
        let of_relation = held.acl.unwrap_or_else(|| kind.default_acl(held.owner));
        let mut changed = BTreeMap::new();
        for (column, privileges) in asked {
            if privileges.is_empty() {
                continue;
            }
            let own = lists.get(&column).cloned().unwrap_or_default();
            // Who may grant on the table may do so on its columns.
            let mut both = of_relation.clone();
            both.0.extend(own.0.iter().copied());
            let label = Label::Column(granted.column_name(column), relation);
            let is_all = privileges == Kind::Column.all();
            let list = self.list(&label, held.owner, (own, &both), (privileges, is_all))?;
            changed.insert(column, list);
        }
        Ok(changed)
    }

    /// The new list in place of `own`; `known` says who may grant.
    fn list(
        &mut self,
        label: &Label<'_>,
        owner: i64,
        (own, known): (Acl, &Acl),
        (wanted, is_all): (Privileges, bool),
    ) -> Result<Acl, SqlError> {
        let rights = &self.actor.rights;
        let has = |role: i64, other: i64| roles::has_privileges_of(rights, role, other);
        let terms = Terms { owner, has: &has };
        let me = (self.actor.role, self.actor.is_superuser);
        let (grantor, available) = terms.best_grantor(known, me, self.actor.roles(), wanted);
        if available.is_empty() && !self.has_any(label, &terms, known) {
            return Err(label.denied());
        }
        let given = wanted.intersection(available);
        if given.is_empty() || (!is_all && given != wanted) {
            self.notices.push(self.shortfall(label, given));
        }
        self.order.apply(&terms, own, grantor, given)
    }

    /// Whether the grantor may do anything with the object.
    fn has_any(&self, label: &Label<'_>, terms: &Terms<'_>, known: &Acl) -> bool {
        let granted = terms.privileges(known, self.actor.role);
        match label {
            Label::Whole(object) => !granted.union(self.actor.privileges(*object)).is_empty(),
            Label::Column(_, relation) => {
                let of_relation = self.actor.privileges(*relation);
                granted.union(of_relation).intersects(Kind::Column.all())
            }
        }
    }

    fn shortfall(&self, label: &Label<'_>, given: Privileges) -> Notice {
        let on = label.display();
        let (code, text) = match (self.order.is_grant, given.is_empty()) {
            (true, true) => (
                sqlstate::PRIVILEGE_NOT_GRANTED,
                format!("no privileges were granted for {on}"),
            ),
            (true, false) => (
                sqlstate::PRIVILEGE_NOT_GRANTED,
                format!("not all privileges were granted for {on}"),
            ),
            (false, true) => (
                sqlstate::PRIVILEGE_NOT_REVOKED,
                format!("no privileges could be revoked for {on}"),
            ),
            (false, false) => (
                sqlstate::PRIVILEGE_NOT_REVOKED,
                format!("not all privileges could be revoked for {on}"),
            ),
        };
        Notice::warning(code, text)
    }
}

impl Label<'_> {
    fn display(&self) -> String {
        match self {
            Label::Whole(object) => format!("\"{}\"", object.display().1),
            Label::Column(column, relation) => {
                let (_, relation) = relation.display();
                format!("column \"{column}\" of relation \"{relation}\"")
            }
        }
    }

    fn denied(&self) -> SqlError {
        match self {
            // The statement says no more of a view than that it is like a table.
            Label::Whole(Object::View(view)) => SqlError::permission_denied("table", &view.name),
            Label::Whole(object) => Actor::denied(*object),
            Label::Column(column, relation) => {
                let (_, relation) = relation.display();
                let name = format!("\"{column}\" of relation \"{relation}\"");
                SqlError::permission_denied("column", &name)
            }
        }
    }
}

/// Stores the new lists of an object.
///
/// Errors: `0A000` for what is not stored, such as system relations.
async fn store(
    session: &mut Session,
    rights: &Rights,
    granted: &Granted,
    acl: Option<Acl>,
    columns: BTreeMap<i64, Acl>,
) -> Result<(), SqlError> {
    let object = granted.object();
    let held = object.held(rights);
    let is_changed = |new: &Acl| {
        let old = held.acl.clone();
        !acl::is_same(
            &old.unwrap_or_else(|| object.kind().default_acl(held.owner)),
            new,
        )
    };
    // As in PostgreSQL, a list that says no more than the default is kept, too; but what
    // cannot be stored need not be where nothing changes.
    let is_of_system = matches!(
        object,
        Object::Function(..) | Object::SystemRelation(_) | Object::SystemSchema(_)
    );
    if is_of_system && !acl.as_ref().is_some_and(is_changed) {
        return Ok(());
    }
    let changed = |own: &ObjectAccess| {
        let mut access = own.clone();
        if let Some(acl) = acl.clone() {
            access.acl = Some(acl);
        }
        for (column, list) in &columns {
            match list.0.is_empty() {
                true => drop(access.columns.remove(column)),
                false => drop(access.columns.insert(*column, list.clone())),
            }
        }
        access
    };
    let gone = || SqlError::internal("an object that is granted on is gone");
    let storage = session.transaction().await?.storage()?;
    let (target, own) = match object {
        Object::Schema(schema) => (AccessTarget::Schema(schema.id), rights.schema(schema.id)),
        Object::Table(table) => (AccessTarget::Table(table.id), rights.table(table.id)),
        Object::View(view) => (AccessTarget::View(view.id), rights.view(view.id)),
        Object::Sequence(sequence) => {
            let own = rights.sequence(sequence.id);
            (AccessTarget::Sequence(sequence.id), own)
        }
        Object::Database | Object::Function(..) => {
            let mut access = (**rights.lake_access()).clone();
            match object {
                Object::Function(_, name) if !functions::is_asked(name) => {
                    let text = format!("GRANT and REVOKE on the function \"{name}\"");
                    return Err(SqlError::not_supported(text));
                }
                Object::Function(oid, _) => {
                    access
                        .functions
                        .extend(acl.map(|acl| (i64::from(oid), acl)));
                }
                _ => access.database_acl = acl.or(access.database_acl),
            }
            return Ok(storage.set_lake_access(access)?);
        }
        Object::Index(..) | Object::SystemRelation(_) | Object::SystemSchema(_) => {
            return Err(SqlError::not_supported("GRANT on the system catalog"));
        }
    };
    let own = own.ok_or_else(gone)?;
    Ok(storage.set_access(target, changed(&own.access))?)
}

/// An object out of a picture, kept while the session is changed.
impl Granted {
    fn of_relation(relation: Relation) -> Self {
        match relation {
            Relation::Table(table) => Granted::Table(table),
            Relation::View(view) => Granted::View(view),
        }
    }

    /// What rights are looked up of.
    fn object(&self) -> Object<'_> {
        match self {
            Granted::Database => Object::Database,
            Granted::Schema(schema) => Object::Schema(schema),
            Granted::Table(table) => Object::Table(table),
            Granted::View(view) => Object::View(view),
            Granted::Sequence(sequence) => Object::Sequence(sequence),
            Granted::Function(oid, name) => Object::Function(*oid, name),
            Granted::SystemRelation(name) => Object::SystemRelation(name),
            Granted::SystemSchema(name) => Object::SystemSchema(name),
        }
    }
}

type Columns = BTreeMap<i64, Acl>;

/// The columns that PostgreSQL's tables have besides their own, by number. Nothing is
/// granted on them here, and a revoke tells of them.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "cmax", "xmax", "cmin", "xmin", "ctid"];
const FIRST_SYSTEM_COLUMN: i64 = -6;

impl Granted {
    /// The lists of its columns.
    fn column_lists(&self, rights: &Rights) -> Columns {
        let found = match self {
            Granted::Table(table) => rights.table(table.id),
            Granted::View(view) => rights.view(view.id),
            _ => None,
        };
        found.map_or_else(Columns::new, |found| found.access.columns.clone())
    }

    /// How a column with this name is known in lists.
    ///
    /// Errors: `42703`; `0A000` for a sequence's or a system relation's.
    fn column(&self, name: &str) -> Result<i64, SqlError> {
        let found = match self {
            Granted::Table(table) => table_column(table, name),
            Granted::View(view) => view_column(view, name),
            Granted::Sequence(sequence) => return Err(refuse_columns(sequence)),
            _ => return Err(SqlError::not_supported("GRANT on the system catalog")),
        };
        found.ok_or_else(|| SqlError::undefined_column_of(name, self.object().display().1))
    }

    /// How lists know its columns, those of the system first.
    fn all_columns(&self) -> impl Iterator<Item = i64> {
        let (of_system, own): (_, Vec<i64>) = match self {
            Granted::Table(table) => {
                let own = table.columns.iter().map(|column| column.id.0);
                (FIRST_SYSTEM_COLUMN..0, own.collect())
            }
            Granted::View(view) => (0..0, (1..).zip(&view.columns).map(|(n, _)| n).collect()),
            _ => (0..0, Vec::new()),
        };
        of_system.chain(own)
    }

    fn column_name(&self, column: i64) -> &str {
        let of_system = usize::try_from(column - FIRST_SYSTEM_COLUMN).ok();
        if column < 0 {
            let name = of_system.and_then(|index| SYSTEM_COLUMNS.get(index));
            return name.map_or("", |name| *name);
        }
        match self {
            Granted::Table(table) => {
                let found = table.columns.iter().find(|own| own.id.0 == column);
                found.map_or("", |own| &own.name)
            }
            Granted::View(view) => {
                let index = usize::try_from(column - 1).unwrap_or(usize::MAX);
                view.columns.get(index).map_or("", |own| &own.name)
            }
            _ => "",
        }
    }
}

fn table_column(table: &Table, name: &str) -> Option<i64> {
    table.column_by_name(name).map(|column| column.id.0)
}

fn view_column(view: &View, name: &str) -> Option<i64> {
    let index = view.columns.iter().position(|column| column.name == name)?;
    i64::try_from(index + 1).ok()
}

fn refuse_columns(sequence: &Sequence) -> SqlError {
    SqlError::not_supported(format!(
        "a grant on columns of the sequence \"{}\"",
        sequence.name
    ))
}
