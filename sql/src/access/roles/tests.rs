//! Who is a member of whom, by INHERIT and without.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotgan_storage::{Membership, Role};

use super::*;

/// Roles with the memberships that they have; the first one owns the database.
struct World(BTreeMap<i64, Arc<Role>>);

const OWNER: i64 = 1;
const SUPER: i64 = 2;
const ANN: i64 = 3;
const TEAM: i64 = 4;
const READERS: i64 = 5;
const BOB: i64 = 6;

impl Roles for World {
    fn find(&self, id: i64) -> Option<Arc<Role>> {
        self.0.get(&id).cloned()
    }

    fn find_by_name(&self, name: &str) -> Option<Arc<Role>> {
        let mut roles = self.0.values();
        roles.find(|role| role.name == name).cloned()
    }

    fn database_owner(&self) -> i64 {
        OWNER
    }
}

/// Ann is in the team, which is among the readers; Bob may make others members of both.
fn world() -> World {
    let member = |role: i64, admin: bool| Membership {
        role,
        grantor: SUPER,
        admin,
    };
    let role = |id: i64, name: &str, memberships: Vec<Membership>| {
        let role = Role {
            id,
            superuser: id == SUPER,
            inherit: id != TEAM,
            create_role: id == BOB,
            memberships,
            ..Role::named(name)
        };
        (id, Arc::new(role))
    };
    World(BTreeMap::from([
        role(OWNER, "owner", vec![]),
        role(SUPER, "super", vec![]),
        role(ANN, "ann", vec![member(TEAM, false)]),
        role(TEAM, "team", vec![member(READERS, false)]),
        role(READERS, "readers", vec![]),
        role(BOB, "bob", vec![member(TEAM, true)]),
        role(predefined::PG_DATABASE_OWNER, "pg_database_owner", vec![]),
    ]))
}

#[test]
fn privileges_end_where_a_role_does_not_inherit() {
    let world = world();
    assert!(has_privileges_of(&world, ANN, TEAM));
    assert!(
        !has_privileges_of(&world, ANN, READERS),
        "the team does not inherit"
    );
    assert!(
        is_member_of(&world, ANN, READERS),
        "but she may act as they do"
    );
    assert!(
        !is_member_of(&world, READERS, ANN),
        "and not the other way round"
    );
    assert_eq!(privilege_roles(&world, ANN), BTreeSet::from([ANN, TEAM]));
}

#[test]
fn superusers_are_members_of_everything() {
    let world = world();
    assert!(has_privileges_of(&world, SUPER, READERS));
    assert!(is_member_of(&world, SUPER, READERS));
    assert!(is_admin_of(&world, SUPER, SUPER));
    assert!(
        !is_plain_member_of(&world, SUPER, READERS),
        "no one made them one"
    );
}

#[test]
fn an_admin_option_is_of_the_one_role() {
    let world = world();
    assert!(is_admin_of(&world, BOB, TEAM));
    assert!(!is_admin_of(&world, BOB, READERS));
    assert!(!is_admin_of(&world, BOB, BOB), "nobody is his own admin");
    assert!(!is_admin_of(&world, ANN, TEAM));
}

#[test]
fn the_owner_of_the_database_is_its_owners_member() {
    let world = world();
    assert!(is_member_of(&world, OWNER, predefined::PG_DATABASE_OWNER));
    assert!(!is_member_of(&world, ANN, predefined::PG_DATABASE_OWNER));
}

#[test]
fn who_is_gone_is_nobody() {
    let world = world();
    assert!(!is_superuser(&world, 99));
    assert!(!may_create_roles(&world, 99));
    assert!(may_create_roles(&world, BOB));
    assert_eq!(privilege_roles(&world, 99), BTreeSet::from([99]));
    assert_eq!(name_of(&world, 99), "unknown (OID=99)");
    assert_eq!(find_role(&world, "nobody").unwrap_err().code.0, "42704");
}
