//! Lists of an object of role 1; role 5 has the privileges of role 4.

use super::*;

const OWNER: i64 = 1;
const READ: Privileges = Privileges::SELECT;
const WRITE: Privileges = Privileges::UPDATE;

fn has(role: i64, other: i64) -> bool {
    role == other || (role, other) == (5, 4)
}

const TERMS: Terms<'static> = Terms {
    owner: OWNER,
    has: &has,
};

fn grant(grantor: i64, grantee: i64, privileges: Privileges) -> Change {
    Change {
        is_grant: true,
        grant_option: false,
        cascade: false,
        grantor,
        grantee,
        privileges,
    }
}

fn with_option(change: Change) -> Change {
    Change {
        grant_option: true,
        ..change
    }
}

fn revoke(change: Change) -> Change {
    Change {
        is_grant: false,
        ..change
    }
}

fn cascade(change: Change) -> Change {
    Change {
        cascade: true,
        ..revoke(change)
    }
}

fn apply(changes: &[Change]) -> Result<Acl, SqlError> {
    let mut acl = Kind::Relation.default_acl(OWNER);
    for change in changes {
        acl = TERMS.change(&acl, *change)?;
    }
    Ok(acl)
}

fn shown(acl: &Acl) -> Vec<String> {
    let name = |role: i64| format!("r{role}");
    acl.0.iter().map(|item| item_text(item, &name)).collect()
}

#[test]
fn kinds_begin_with_what_postgresql_gives() {
    assert_eq!(shown(&Kind::Relation.default_acl(OWNER)), ["r1=arwdDxt/r1"]);
    assert_eq!(
        shown(&Kind::Database.default_acl(OWNER)),
        ["=Tc/r1", "r1=CTc/r1"]
    );
    assert_eq!(
        shown(&Kind::Function.default_acl(OWNER)),
        ["=X/r1", "r1=X/r1"]
    );
    assert_eq!(shown(&Kind::Schema.default_acl(OWNER)), ["r1=UC/r1"]);
    assert_eq!(shown(&Kind::Sequence.default_acl(OWNER)), ["r1=rwU/r1"]);
    assert!(Kind::Column.default_acl(OWNER).0.is_empty());
}

#[test]
fn a_role_has_what_it_its_groups_and_everybody_are_granted() {
    let acl = apply(&[grant(OWNER, 4, READ), grant(OWNER, PUBLIC_ROLE_ID, WRITE)]).unwrap();
    assert_eq!(TERMS.privileges(&acl, 5), READ.union(WRITE));
    assert_eq!(TERMS.privileges(&acl, 6), WRITE);
    assert_eq!(TERMS.privileges(&acl, OWNER), Kind::Relation.all());
    assert!(TERMS.grantable(&acl, 5, READ).is_empty());
    assert_eq!(TERMS.grantable(&acl, OWNER, READ), READ);
}

#[test]
fn a_revoke_takes_what_depends_only_when_told() {
    let chain = [
        with_option(grant(OWNER, 2, READ)),
        with_option(grant(2, 3, READ)),
        grant(3, 4, READ),
    ];
    let acl = apply(&chain).unwrap();
    let error = TERMS.change(&acl, revoke(grant(OWNER, 2, READ)));
    assert_eq!(
        error.unwrap_err().code,
        crate::sqlstate::DEPENDENT_OBJECTS_STILL_EXIST
    );
    let left = TERMS.change(&acl, cascade(grant(OWNER, 2, READ))).unwrap();
    assert_eq!(shown(&left), ["r1=arwdDxt/r1"]);
    let option = with_option(cascade(grant(OWNER, 2, READ)));
    let left = TERMS.change(&acl, option).unwrap();
    assert_eq!(shown(&left), ["r1=arwdDxt/r1", "r2=r/r1"]);
}

#[test]
fn a_second_source_keeps_what_was_granted_on() {
    let acl = apply(&[
        with_option(grant(OWNER, 2, READ)),
        with_option(grant(OWNER, 3, READ)),
        with_option(grant(3, 2, READ)),
        grant(2, 4, READ),
    ])
    .unwrap();
    let left = TERMS.change(&acl, revoke(grant(OWNER, 2, READ))).unwrap();
    assert_eq!(
        shown(&left),
        ["r1=arwdDxt/r1", "r3=r*/r1", "r2=r*/r3", "r4=r/r2"]
    );
}

#[test]
fn options_go_in_no_circle_and_not_to_everybody() {
    let back = apply(&[
        with_option(grant(OWNER, 2, READ)),
        with_option(grant(2, 3, READ)),
        with_option(grant(3, 2, READ)),
    ]);
    assert_eq!(
        back.unwrap_err().code,
        crate::sqlstate::INVALID_GRANT_OPERATION
    );
    let all = apply(&[with_option(grant(OWNER, PUBLIC_ROLE_ID, READ))]);
    assert_eq!(
        all.unwrap_err().code,
        crate::sqlstate::INVALID_GRANT_OPERATION
    );
}

#[test]
fn the_best_grantor_is_the_owner_or_who_may_grant_the_most() {
    let acl = apply(&[
        with_option(grant(OWNER, 4, READ.union(WRITE))),
        with_option(grant(OWNER, 5, READ)),
    ])
    .unwrap();
    let roles = BTreeSet::from([4, 5]);
    let wanted = READ.union(WRITE);
    assert_eq!(
        TERMS.best_grantor(&acl, (5, false), &roles, wanted),
        (4, wanted)
    );
    assert_eq!(
        TERMS.best_grantor(&acl, (5, true), &roles, wanted),
        (OWNER, wanted)
    );
    let alone = BTreeSet::from([6]);
    assert_eq!(
        TERMS.best_grantor(&acl, (6, false), &alone, wanted),
        (6, Privileges::NONE)
    );
}

#[test]
fn names_are_quoted_where_an_aclitem_needs_it() {
    let item = AclItem {
        grantee: 2,
        grantor: 1,
        privileges: READ,
        grantable: READ,
    };
    let name = |role: i64| match role {
        1 => "Ö\"x".to_owned(),
        _ => "Plain_2".to_owned(),
    };
    assert_eq!(item_text(&item, &name), "Plain_2=r*/\"Ö\"\"x\"");
}

#[test]
fn an_object_that_changes_hands_has_one_item_for_the_new_owner() {
    let acl = apply(&[grant(OWNER, 2, READ), grant(OWNER, 3, READ)]).unwrap();
    let changed = with_owner(&acl, OWNER, 2);
    assert_eq!(shown(&changed), ["r2=arwdDxt/r2", "r3=r/r2"]);
}
