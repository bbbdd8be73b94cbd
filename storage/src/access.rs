//! Roles: who may log in. Kept in the catalog without history.
//!
//! A change of roles raises the epoch, by which every node sees that its picture of them
//! is old. It takes its turn among the commits, but makes no snapshot.
//!
//! Not here: what a role may do; the session's layer decides that.

use crate::catalog::{CommitTransaction, Condition, Selection, Write, decode};
use crate::error::{Error, ErrorKind};
use crate::lake::Lake;
use crate::spec::side::{RoleRow, StateRow};
use crate::spec::table::{Row, Value};

/// Id of the superuser that is made with the lake, as in PostgreSQL.
pub(crate) const BOOTSTRAP_ROLE_ID: i64 = 10;

/// A role with what proves its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Role {
    /// Its OID; never used again.
    pub id: i64,
    /// Unique in the lake.
    pub name: String,
    /// SCRAM verifier as PostgreSQL writes it; none: the role cannot log in.
    pub verifier: Option<String>,
    /// Whether it may do everything.
    pub superuser: bool,
}

impl std::fmt::Debug for Role {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Role")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("verifier", &self.verifier.as_ref().map(|_| "***"))
            .field("superuser", &self.superuser)
            .finish()
    }
}

/// A role to be made.
#[derive(Clone)]
pub struct NewRole {
    /// Unique in the lake.
    pub name: String,
    /// SCRAM verifier as PostgreSQL writes it.
    pub verifier: Option<String>,
    /// Whether it may do everything.
    pub superuser: bool,
}

impl Lake {
    /// The role with this name. Cost: 1 read of the catalog.
    pub async fn role(&self, name: &str) -> Result<Option<Role>, Error> {
        let conditions = vec![Condition::Is("role_name", name.to_owned())];
        let selection = Selection::of::<RoleRow>(conditions);
        Ok(self.read_roles(selection).await?.pop())
    }

    /// Every role. Cost: 1 read of the catalog.
    pub async fn roles(&self) -> Result<Vec<Role>, Error> {
        self.read_roles(Selection::of::<RoleRow>(Vec::new())).await
    }

    /// Makes a role and returns its id.
    ///
    /// Errors: `Exists` if the name is taken.
    pub async fn create_role(&self, role: NewRole) -> Result<i64, Error> {
        let _turn = self.commit_turn().await;
        let mut catalog = self.catalog().begin_commit().await?;
        if find(&mut *catalog, &role.name).await?.is_some() {
            let text = format!("role \"{}\" already exists", role.name);
            return Err(Error::new(ErrorKind::Exists, text));
        }
        let state = read_state(&mut *catalog).await?;
        let row = RoleRow {
            role_id: state.next_role_id,
            role_name: role.name,
            verifier: role.verifier,
            is_superuser: role.superuser,
        };
        let next = state.next_role_id + 1;
        catalog
            .apply(&[Write::insert(&[row]), raise_epoch(&state, next)])
            .await?;
        catalog.commit().await?;
        self.load_head().await?;
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
        let mut catalog = self.catalog().begin_commit().await?;
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
        catalog
            .apply(&[change, raise_epoch(&state, state.next_role_id)])
            .await?;
        catalog.commit().await?;
        self.load_head().await?;
        Ok(())
    }

    async fn read_roles(&self, selection: Selection) -> Result<Vec<Role>, Error> {
        let rows = self
            .catalog()
            .select(&[selection])
            .await?
            .pop()
            .unwrap_or_default();
        let rows: Vec<RoleRow> = decode(rows)?;
        let role = |row: RoleRow| Role {
            id: row.role_id,
            name: row.role_name,
            verifier: row.verifier,
            superuser: row.is_superuser,
        };
        Ok(rows.into_iter().map(role).collect())
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
pub(crate) fn raise_epoch(state: &StateRow, next_role_id: i64) -> Write {
    Write::Update {
        table: StateRow::TABLE,
        set: vec![
            ("epoch", Value::Integer(state.epoch + 1)),
            ("next_role_id", Value::Integer(next_role_id)),
        ],
        conditions: Vec::new(),
    }
}
