//! Roles, and who may do what with an object, as data.
//!
//! Roles, memberships and their settings are kept without history. They are changed in a
//! transaction like everything else; its commit raises the epoch, by which every node sees
//! that its picture of them is old. What was granted on an object is a part of the object.
//!
//! Not here: what a role may do; the session's layer decides that.

use crate::catalog::{CommitTransaction, Condition, Selection, Write, decode};
use crate::error::{Error, ErrorKind};
use crate::lake::Lake;
use crate::spec::side::{RoleRow, StateRow};
use crate::spec::table::{Row, Value};

mod acl;
mod object;
mod role;

pub use acl::{Acl, AclItem, PUBLIC_ROLE_ID, Privileges};
pub use object::{
    DefaultPrivileges, LakeAccess, MaskAttachment, MaskingPolicy, ObjectAccess, Policy,
};
pub use role::{CONNECTIONS_UNBOUNDED, Membership, NewRole, Role, RoleSetting};

pub(crate) use object::{LAKE_OBJECT_ID, decode as decode_access, encode as encode_access};
pub(crate) use role::predefined;

/// Id of the superuser that is made with the lake, as in PostgreSQL.
pub const BOOTSTRAP_ROLE_ID: i64 = 10;

/// What a login needs to know of a role.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Its OID; never used again.
    pub id: i64,
    /// Unique in the lake.
    pub name: String,
    /// SCRAM verifier as PostgreSQL writes it; none: no password fits.
    pub verifier: Option<String>,
    /// Whether it may do everything.
    pub superuser: bool,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Login")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("verifier", &self.verifier.as_ref().map(|_| "***"))
            .finish()
    }
}

impl Lake {
    /// What proves the password of the role with this name. Cost: 1 read of the catalog.
    ///
    /// Errors: `Stale` on a replica that cannot ask, if it did not before.
    pub async fn login(&self, name: &str) -> Result<Option<Login>, Error> {
        self.login_by(name, self.read_login(name)).await
    }

    async fn read_login(&self, name: &str) -> Result<Option<Login>, Error> {
        let conditions = vec![Condition::Is("role_name", name.to_owned())];
        let selection = Selection::of::<RoleRow>(conditions);
        let rows = self.catalog().select(&[selection]).await?.pop();
        let row: Option<RoleRow> = decode(rows.unwrap_or_default())?.pop();
        Ok(row.map(|row| Login {
            id: row.role_id,
            name: row.role_name,
            verifier: row.verifier,
            superuser: row.is_superuser,
        }))
    }

    /// An id for a new role. It is used up, whatever becomes of the role.
    ///
    /// Cost: 1 transaction of the catalog.
    pub(crate) async fn take_role_id(&self) -> Result<i64, Error> {
        let _turn = self.commit_turn().await;
        let mut catalog = self.writer()?.begin_commit().await?;
        let state = read_state(&mut *catalog).await?;
        let next = Write::Update {
            table: StateRow::TABLE,
            set: vec![("next_role_id", Value::Integer(state.next_role_id + 1))],
            conditions: Vec::new(),
        };
        catalog.apply(&[next]).await?;
        catalog.commit().await?;
        Ok(state.next_role_id)
    }

    /// Stores what proves a role's password; none takes its login away.
    ///
    /// Errors: `NotFound` if there is no such role.
    pub async fn store_role_verifier(
        &self,
        name: &str,
        verifier: Option<&str>,
    ) -> Result<(), Error> {
        let _turn = self.commit_turn().await;
        let mut catalog = self.writer()?.begin_commit().await?;
        let Some(role) = find(&mut *catalog, name).await? else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("role \"{name}\" does not exist"),
            ));
        };
        let state = read_state(&mut *catalog).await?;
        let value = verifier.map_or(Value::Null, |verifier| Value::Text(verifier.to_owned()));
        let change = Write::Update {
            table: RoleRow::TABLE,
            set: vec![("verifier", value)],
            conditions: vec![Condition::Equals("role_id", role.role_id)],
        };
        catalog.apply(&[change, raise_epoch(&state)]).await?;
        catalog.commit().await?;
        self.load_head().await?;
        Ok(())
    }
}

async fn find(catalog: &mut dyn CommitTransaction, name: &str) -> Result<Option<RoleRow>, Error> {
    let conditions = vec![Condition::Is("role_name", name.to_owned())];
    let rows = catalog
        .select(&Selection::of::<RoleRow>(conditions))
        .await?;
    Ok(decode(rows)?.pop())
}

pub(crate) async fn read_state(catalog: &mut dyn CommitTransaction) -> Result<StateRow, Error> {
    let rows = catalog
        .select(&Selection::of::<StateRow>(Vec::new()))
        .await?;
    decode(rows)?
        .pop()
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, "the catalog has lost its gotgan_state"))
}

/// Tells every node that its picture of what has no history is old.
pub(crate) fn raise_epoch(state: &StateRow) -> Write {
    Write::Update {
        table: StateRow::TABLE,
        set: vec![("epoch", Value::Integer(state.epoch + 1))],
        conditions: Vec::new(),
    }
}
