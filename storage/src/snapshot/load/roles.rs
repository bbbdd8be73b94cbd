//! The rows of roles, and the roles that they make.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::access::{CONNECTIONS_UNBOUNDED, Membership, Role, RoleSetting, predefined};
use crate::snapshot::Snapshot;
use crate::spec::side::{MembershipRow, RoleOptionRow, RoleRow, RoleSettingRow};

/// Everything that is stored of roles, whose state is today's in every picture.
pub(super) struct RoleRows {
    pub(super) roles: Vec<RoleRow>,
    pub(super) options: Vec<RoleOptionRow>,
    pub(super) memberships: Vec<MembershipRow>,
    pub(super) settings: Vec<RoleSettingRow>,
}

impl RoleRows {
    pub(super) fn add_to(self, picture: &mut Snapshot) {
        let mut options: HashMap<i64, RoleOptionRow> = self
            .options
            .into_iter()
            .map(|row| (row.role_id, row))
            .collect();
        let mut roles: BTreeMap<i64, Arc<Role>> = predefined();
        for row in self.roles {
            let options = options.remove(&row.role_id);
            roles.insert(row.role_id, Arc::new(role(row, options)));
        }
        for row in self.memberships {
            if let Some(member) = roles.get_mut(&row.member_id) {
                Arc::make_mut(member).memberships.push(Membership {
                    role: row.role_id,
                    grantor: row.grantor_id,
                    admin: row.has_admin_option,
                });
            }
        }
        for role in roles.values_mut() {
            // The database gives rows in no order.
            Arc::make_mut(role)
                .memberships
                .sort_by_key(|one| (one.role, one.grantor));
        }
        picture.roles = Arc::new(roles);
        let settings = self.settings.into_iter().map(|row| RoleSetting {
            role: row.role_id,
            in_database: row.is_of_database,
            name: row.setting_name,
            value: row.value,
        });
        let mut settings: Vec<RoleSetting> = settings.collect();
        settings.sort_by(|one, two| {
            let key = |setting: &RoleSetting| (setting.role, setting.in_database);
            key(one)
                .cmp(&key(two))
                .then_with(|| one.name.cmp(&two.name))
        });
        picture.role_settings = Arc::new(settings);
    }
}

fn role(row: RoleRow, options: Option<RoleOptionRow>) -> Role {
    let bare = Role {
        id: row.role_id,
        superuser: row.is_superuser,
        // The superuser that is made with the lake has no options.
        create_role: row.is_superuser,
        create_db: row.is_superuser,
        login: true,
        replication: row.is_superuser,
        bypass_rls: row.is_superuser,
        connection_limit: CONNECTIONS_UNBOUNDED,
        ..Role::named(row.role_name)
    };
    let Some(options) = options else {
        return bare;
    };
    Role {
        inherit: options.inherits,
        create_role: options.can_create_role,
        create_db: options.can_create_database,
        login: options.can_login,
        replication: options.can_replicate,
        bypass_rls: options.bypasses_row_security,
        connection_limit: options.connection_limit,
        valid_until: options.valid_until,
        comment: options.comment,
        ..bare
    }
}
