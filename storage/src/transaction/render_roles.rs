//! The rows of roles that were made, changed or dropped, and of what belongs to no schema.
//!
//! Roles have no history: their rows are changed in place, and the epoch is raised.

use std::collections::BTreeSet;

use gotgan_config::Secret;

use crate::access::{
    LAKE_OBJECT_ID, ObjectAccess, Role, RoleSetting, encode_access, raise_epoch, read_state,
};
use crate::catalog::{CommitTransaction, Condition, Write};
use crate::error::Error;
use crate::snapshot::Snapshot;
use crate::spec::side::{AccessRow, MembershipRow, RoleOptionRow, RoleRow, RoleSettingRow};
use crate::spec::table::{Row, Value};
use crate::transaction::difference::Difference;
use crate::transaction::overlay::Verifiers;
use crate::transaction::render::Batch;

/// Adds what turns the roles of `old` into those of `new`.
///
/// `verifiers`: new ones, by role. Cost: 1 read of the catalog if any role changed.
pub(super) async fn render(
    catalog: &mut dyn CommitTransaction,
    (old, new): (&Snapshot, &mut Snapshot),
    difference: &Difference,
    verifiers: &Verifiers,
    batch: &mut Batch,
) -> Result<(), Error> {
    if difference.is_of_lake {
        batch.access_text(
            LAKE_OBJECT_ID,
            Some(encode_access(&**old.lake_access())),
            Some(encode_access(&**new.lake_access())),
            true,
        );
        batch.objects.push(LAKE_OBJECT_ID);
    }
    if difference.roles.is_empty() && !difference.has_settings && verifiers.is_empty() {
        return Ok(());
    }
    for id in &difference.roles {
        role(old.role(*id), new.role(*id), verifiers, batch);
    }
    for (id, verifier) in verifiers {
        if old.role(*id).is_some() && new.role(*id).is_some() {
            batch.writes.push(Write::Update {
                table: RoleRow::TABLE,
                set: vec![(
                    "verifier",
                    exposed(verifier.as_ref()).map_or(Value::Null, Value::Text),
                )],
                conditions: vec![Condition::Equals("role_id", *id)],
            });
        }
    }
    if difference.has_settings {
        settings(old.role_settings(), new.role_settings(), batch);
    }
    let state = read_state(catalog).await?;
    batch.writes.push(raise_epoch(&state));
    batch.raises_epoch = true;
    new.epoch = state.epoch + 1;
    Ok(())
}

fn role(
    old: Option<&std::sync::Arc<Role>>,
    new: Option<&std::sync::Arc<Role>>,
    verifiers: &Verifiers,
    batch: &mut Batch,
) {
    let Some(id) = old.or(new).map(|role| role.id) else {
        return;
    };
    let of_role = || vec![Condition::Equals("role_id", id)];
    let of_member = || vec![Condition::Equals("member_id", id)];
    let delete = |table, conditions| Write::Delete { table, conditions };
    let is_stored = |role: &Role| !role.is_predefined();
    match (
        old.filter(|role| is_stored(role)),
        new.filter(|role| is_stored(role)),
    ) {
        (None, Some(new)) => batch.writes.push(Write::insert(&[RoleRow {
            role_id: id,
            role_name: new.name.clone(),
            verifier: exposed(verifiers.get(&id).and_then(Option::as_ref)),
            is_superuser: new.superuser,
        }])),
        (Some(_), Some(new)) => batch.writes.push(Write::Update {
            table: RoleRow::TABLE,
            set: vec![
                ("role_name", Value::Text(new.name.clone())),
                ("is_superuser", Value::Flag(new.superuser)),
            ],
            conditions: of_role(),
        }),
        (Some(_), None) => batch.writes.push(delete(RoleRow::TABLE, of_role())),
        (None, None) => {}
    }
    if old.is_some() {
        batch.writes.push(delete(RoleOptionRow::TABLE, of_role()));
        batch.writes.push(delete(MembershipRow::TABLE, of_member()));
    }
    let Some(new) = new else {
        return;
    };
    if is_stored(new) {
        batch.writes.push(Write::insert(&[options(new)]));
    }
    let memberships: Vec<MembershipRow> = new
        .memberships
        .iter()
        .filter(|one| !is_built_in(new, one.role))
        .map(|one| MembershipRow {
            member_id: id,
            role_id: one.role,
            grantor_id: one.grantor,
            has_admin_option: one.admin,
        })
        .collect();
    if !memberships.is_empty() {
        batch.writes.push(Write::insert(&memberships));
    }
}

/// Whether a predefined role is a member of another in every lake.
fn is_built_in(member: &Role, role: i64) -> bool {
    let all = crate::access::predefined();
    let same = all.get(&member.id);
    same.is_some_and(|same| same.memberships.iter().any(|one| one.role == role))
}

fn options(role: &Role) -> RoleOptionRow {
    RoleOptionRow {
        role_id: role.id,
        inherits: role.inherit,
        can_create_role: role.create_role,
        can_create_database: role.create_db,
        can_login: role.login,
        can_replicate: role.replication,
        bypasses_row_security: role.bypass_rls,
        connection_limit: role.connection_limit,
        valid_until: role.valid_until,
        comment: role.comment.clone(),
    }
}

fn exposed(verifier: Option<&Secret<String>>) -> Option<String> {
    verifier.map(|verifier| verifier.expose().clone())
}

fn settings(old: &[RoleSetting], new: &[RoleSetting], batch: &mut Batch) {
    let of = |settings: &[RoleSetting], role: i64| -> Vec<RoleSetting> {
        let own = settings.iter().filter(|setting| setting.role == role);
        own.cloned().collect()
    };
    let roles: BTreeSet<i64> = old.iter().chain(new).map(|setting| setting.role).collect();
    let changed = roles
        .into_iter()
        .filter(|role| of(old, *role) != of(new, *role));
    for role in changed {
        batch.writes.push(Write::Delete {
            table: RoleSettingRow::TABLE,
            conditions: vec![Condition::Equals("role_id", role)],
        });
        let rows: Vec<RoleSettingRow> = of(new, role).into_iter().map(setting_row).collect();
        if !rows.is_empty() {
            batch.writes.push(Write::insert(&rows));
        }
    }
}

fn setting_row(setting: RoleSetting) -> RoleSettingRow {
    RoleSettingRow {
        role_id: setting.role,
        is_of_database: setting.in_database,
        setting_name: setting.name,
        value: setting.value,
    }
}

impl Batch {
    /// The rights on an object, where they changed.
    pub(super) fn access(
        &mut self,
        object_id: i64,
        old: Option<&ObjectAccess>,
        new: Option<&ObjectAccess>,
    ) {
        let stored = |access: Option<&ObjectAccess>| {
            let access = access.filter(|access| **access != ObjectAccess::default());
            access.map(encode_access)
        };
        let (old, new) = (stored(old), stored(new));
        let was_there = old.is_some();
        self.access_text(object_id, old, new, was_there);
    }

    fn access_text(
        &mut self,
        object_id: i64,
        old: Option<String>,
        new: Option<String>,
        was_there: bool,
    ) {
        if old == new {
            return;
        }
        let row = new.map(|access| AccessRow {
            object_id,
            begin_snapshot: self.snapshot_id,
            end_snapshot: None,
            access,
        });
        let key = vec![Condition::Equals("object_id", object_id)];
        self.replace(key, was_there, row);
    }
}
