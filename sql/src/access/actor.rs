//! What a role may do with an object, by the rights of now.
//!
//! ```text
//! Actor::of(ctx).require(Object::Table(&table), Privileges::SELECT)?   permission denied for table t
//! Actor::of(ctx).require_owner(Object::View(&view))?                   must be owner of view v
//! ```
//!
//! An object of any picture, also an old one, is looked up in [`Rights`] by its id. One
//! that nobody knows any more belongs to whom it belonged to then.
//!
//! Errors: `42501` with PostgreSQL's wording.
//! Source: PostgreSQL 15, `aclchk.c`: pg_class_aclmask and its like, aclcheck_error.

use std::collections::BTreeSet;

use gotgan_storage::{Acl, ObjectRights, Privileges, Rights, Schema, Sequence, Table, View};

use super::acl::{Kind, Terms};
use super::roles::{self, predefined};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::resolve::DATABASE;

/// Relations of the catalog that PostgreSQL shows to superusers only.
const HIDDEN: [&str; 12] = [
    "pg_authid",
    "pg_backend_memory_contexts",
    "pg_config",
    "pg_file_settings",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_largeobject",
    "pg_shadow",
    "pg_shmem_allocations",
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_user_mapping",
];

/// The superuser that is made with the lake, who owns what no one else does.
pub(crate) const BOOTSTRAP_ROLE: i64 = 10;

/// Something that privileges are granted on, or that has an owner.
#[derive(Clone, Copy)]
pub(crate) enum Object<'a> {
    Database,
    Schema(&'a Schema),
    Table(&'a Table),
    View(&'a View),
    Sequence(&'a Sequence),
    /// An index, by its table and name.
    Index(&'a Table, &'a str),
    /// A built-in function, by OID and name.
    Function(u32, &'a str),
    /// A relation of the catalog, which everybody reads and nobody changes.
    SystemRelation(&'a str),
    /// A schema of the catalog, likewise.
    SystemSchema(&'a str),
}

/// Who owns an object, and its list as far as it was changed.
pub(crate) struct Held {
    pub(crate) owner: i64,
    /// None: what the kind begins with.
    pub(crate) acl: Option<Acl>,
    /// Whether it is there today; else it is its last owner's alone.
    pub(crate) is_present: bool,
}

impl<'a> Object<'a> {
    /// What privileges it has.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Object::Database => Kind::Database,
            Object::Schema(_) | Object::SystemSchema(_) => Kind::Schema,
            Object::Sequence(_) => Kind::Sequence,
            Object::Function(..) => Kind::Function,
            Object::Table(_) | Object::View(_) | Object::Index(..) | Object::SystemRelation(_) => {
                Kind::Relation
            }
        }
    }

    /// What errors call it: kind and name.
    pub(crate) fn display(self) -> (&'static str, &'a str) {
        match self {
            Object::Database => ("database", DATABASE),
            Object::Schema(schema) => ("schema", &schema.name),
            Object::Table(table) => ("table", &table.name),
            Object::View(view) => ("view", &view.name),
            Object::Sequence(sequence) => ("sequence", &sequence.name),
            Object::Index(_, name) => ("index", name),
            Object::Function(_, name) => ("function", name),
            Object::SystemRelation(name) => {
                let own = crate::pg_catalog::relations().find(|own| own.name == name);
                let is_view = own.is_some_and(|own| own.kind == 'v');
                (if is_view { "view" } else { "table" }, name)
            }
            Object::SystemSchema(name) => ("schema", name),
        }
    }

    /// Its owner and list by the rights of now; of an object that is gone, nothing was
    /// granted to anybody but its last owner.
    pub(crate) fn held(self, rights: &Rights) -> Held {
        let of = |found: Option<ObjectRights>, last_owner: i64| match found {
            Some(found) => Held {
                owner: found.owner,
                acl: found.access.acl.clone(),
                is_present: true,
            },
            None => Held {
                owner: last_owner,
                acl: None,
                is_present: false,
            },
        };
        let public = |privileges| Held {
            owner: BOOTSTRAP_ROLE,
            acl: Some(system_acl(self.kind(), privileges)),
            is_present: true,
        };
        match self {
            Object::Database => Held {
                owner: rights.lake_access().database_owner,
                acl: rights.lake_access().database_acl.clone(),
                is_present: true,
            },
            Object::Schema(schema) => of(rights.schema(schema.id), schema.owner_id),
            Object::Table(table) | Object::Index(table, _) => {
                of(rights.table(table.id), table.owner_id)
            }
            Object::View(view) => of(rights.view(view.id), view.owner_id),
            Object::Sequence(sequence) => of(rights.sequence(sequence.id), sequence.owner_id),
            Object::Function(oid, _) => Held {
                owner: BOOTSTRAP_ROLE,
                acl: rights.lake_access().functions.get(&i64::from(oid)).cloned(),
                is_present: true,
            },
            Object::SystemRelation(name) if HIDDEN.contains(&name) => public(Privileges::NONE),
            Object::SystemRelation(_) => public(Privileges::SELECT),
            Object::SystemSchema(_) => public(Privileges::USAGE),
        }
    }
}

/// The list of what is not stored: its owner has all, everybody `privileges`.
fn system_acl(kind: Kind, privileges: Privileges) -> Acl {
    let mut acl = kind.default_acl(BOOTSTRAP_ROLE);
    acl.0.push(gotgan_storage::AclItem {
        grantee: gotgan_storage::PUBLIC_ROLE_ID,
        grantor: BOOTSTRAP_ROLE,
        privileges,
        grantable: Privileges::NONE,
    });
    acl
}

/// A role with all whose privileges it has, found once for a statement.
pub(crate) struct Actor {
    pub(crate) rights: Rights,
    pub(crate) role: i64,
    pub(crate) is_superuser: bool,
    /// The role and those whose privileges it has.
    roles: BTreeSet<i64>,
}

impl Actor {
    /// Who runs a statement.
    pub(crate) fn of(ctx: &StatementContext) -> Self {
        Self::new(&ctx.rights, ctx.role_id)
    }

    pub(crate) fn new(rights: &Rights, role: i64) -> Self {
        Self {
            is_superuser: roles::is_superuser(rights, role),
            roles: roles::privilege_roles(rights, role),
            rights: rights.clone(),
            role,
        }
    }

    /// Whether it has what the other role has.
    pub(crate) fn acts_for(&self, other: i64) -> bool {
        self.is_superuser || self.roles.contains(&other)
    }

    /// The roles whose privileges it has by membership, itself among them.
    pub(crate) fn roles(&self) -> &BTreeSet<i64> {
        &self.roles
    }

    /// Everything that it may do with an object as a whole.
    pub(crate) fn privileges(&self, object: Object<'_>) -> Privileges {
        let kind = object.kind();
        if self.is_superuser {
            return kind.all();
        }
        let held = object.held(&self.rights);
        let has = |_, other| self.roles.contains(&other);
        let terms = Terms {
            owner: held.owner,
            has: &has,
        };
        let granted = match &held.acl {
            Some(acl) => terms.privileges(acl, self.role),
            None => terms.privileges(&kind.default_acl(held.owner), self.role),
        };
        match held.is_present {
            true => granted.union(self.of_all_data(object)),
            false => granted,
        }
    }

    /// What of some privileges on an object as a whole it may grant.
    pub(crate) fn grantable(&self, object: Object<'_>, wanted: Privileges) -> Privileges {
        let held = object.held(&self.rights);
        let has = |_, other| self.acts_for(other);
        let terms = Terms {
            owner: held.owner,
            has: &has,
        };
        let kind = object.kind();
        let acl = held.acl.unwrap_or_else(|| kind.default_acl(held.owner));
        terms.grantable(&acl, self.role, wanted)
    }

    /// What the predefined roles for all data bring.
    fn of_all_data(&self, object: Object<'_>) -> Privileges {
        let reads = self.roles.contains(&predefined::PG_READ_ALL_DATA);
        let writes = self.roles.contains(&predefined::PG_WRITE_ALL_DATA);
        let changes = Privileges::INSERT
            .union(Privileges::UPDATE)
            .union(Privileges::DELETE);
        let mut found = Privileges::NONE;
        match object {
            Object::Schema(_) if reads || writes => found = Privileges::USAGE,
            Object::Table(_) | Object::View(_) | Object::Sequence(_) => {
                if reads {
                    found = found.union(Privileges::SELECT);
                }
                if writes {
                    found = found.union(changes.intersection(object.kind().all()));
                }
            }
            _ => {}
        }
        found
    }

    /// What it may do with one column of a table or view, by grants on the column alone.
    /// `column`: the id of a table's column, the position from 1 of a view's.
    pub(crate) fn column_privileges(&self, relation: Object<'_>, column: i64) -> Privileges {
        self.of_columns(relation, |own| own == column)
    }

    /// What it may do with any column at all, by grants on columns alone.
    pub(crate) fn any_column_privileges(&self, relation: Object<'_>) -> Privileges {
        self.of_columns(relation, |_| true)
    }

    fn of_columns(&self, relation: Object<'_>, is_meant: impl Fn(i64) -> bool) -> Privileges {
        self.of_column_lists(relation, is_meant).0
    }

    /// What it may do with a column, or with any, and what of it it may grant, by grants
    /// on columns alone.
    pub(crate) fn column_rights(
        &self,
        relation: Object<'_>,
        column: Option<i64>,
    ) -> (Privileges, Privileges) {
        self.of_column_lists(relation, |own| column.is_none_or(|column| own == column))
    }

    fn of_column_lists(
        &self,
        relation: Object<'_>,
        is_meant: impl Fn(i64) -> bool,
    ) -> (Privileges, Privileges) {
        let all = Kind::Column.all();
        if self.is_superuser {
            return (all, all);
        }
        let found = match relation {
            Object::Table(table) => self.rights.table(table.id),
            Object::View(view) => self.rights.view(view.id),
            _ => None,
        };
        let Some(found) = found else {
            return (Privileges::NONE, Privileges::NONE);
        };
        let has = |_, other| self.roles.contains(&other);
        let terms = Terms {
            owner: found.owner,
            has: &has,
        };
        let columns = found.access.columns.iter();
        let meant = columns.filter(|(column, _)| is_meant(**column));
        meant.fold((Privileges::NONE, Privileges::NONE), |found, (_, acl)| {
            let privileges = terms.privileges(acl, self.role);
            let grantable = terms.grantable(acl, self.role, all);
            (found.0.union(privileges), found.1.union(grantable))
        })
    }

    /// Whether it owns an object, or acts for who does.
    pub(crate) fn owns(&self, object: Object<'_>) -> bool {
        self.acts_for(object.held(&self.rights).owner)
    }

    /// Errors: `42501` if a privilege is missing on the object as a whole.
    pub(crate) fn require(&self, object: Object<'_>, wanted: Privileges) -> Result<(), SqlError> {
        match self.privileges(object).contains(wanted) {
            true => Ok(()),
            false => Err(Self::denied(object)),
        }
    }

    /// Errors: `42501`.
    pub(crate) fn require_owner(&self, object: Object<'_>) -> Result<(), SqlError> {
        match self.owns(object) {
            true => Ok(()),
            false => {
                let (kind, name) = object.display();
                Err(SqlError::must_be_owner(kind, name))
            }
        }
    }

    /// The error of a missing privilege.
    pub(crate) fn denied(object: Object<'_>) -> SqlError {
        let (kind, name) = object.display();
        SqlError::permission_denied(kind, name)
    }

    /// Errors: `42501` unless it could act as the other role with SET ROLE.
    pub(crate) fn require_member(&self, other: i64) -> Result<(), SqlError> {
        match roles::is_member_of(&self.rights, self.role, other) {
            true => Ok(()),
            false => {
                let name = roles::name_of(&self.rights, other);
                Err(SqlError::must_be_member(&name))
            }
        }
    }
}
