//! Roles and rights: kept, shared with other nodes, taken back, and in conflict.

use super::*;
use crate::catalog::testing;
use crate::{
    AccessTarget, Acl, AclItem, DefaultPrivileges, LakeAccess, MaskAttachment, MaskingPolicy,
    Membership, NewRole, ObjectAccess, OwnerTarget, Policy, Privileges, Restore, Role,
};

const SUPERUSER: i64 = crate::BOOTSTRAP_ROLE_ID;

fn new_role(name: &str) -> NewRole {
    NewRole {
        role: Role::named(name),
        verifier: None,
    }
}

fn select_for(role: i64) -> Acl {
    Acl(vec![AclItem {
        grantee: role,
        grantor: SUPERUSER,
        privileges: Privileges::SELECT.union(Privileges::INSERT),
        grantable: Privileges::SELECT,
    }])
}

fn granted_to(role: i64) -> ObjectAccess {
    ObjectAccess {
        acl: Some(select_for(role)),
        ..ObjectAccess::default()
    }
}

impl Bench {
    async fn role(&self, name: &str) -> i64 {
        let mut transaction = self.begin().await;
        let id = transaction.create_role(new_role(name)).await;
        transaction.commit().await.expect("a commit");
        id.expect("a role")
    }

    async fn grant(&self, table: TableId, access: ObjectAccess) {
        let mut transaction = self.begin().await;
        let target = AccessTarget::Table(table);
        transaction.set_access(target, access).expect("set");
        transaction.commit().await.expect("a commit");
    }

    /// Another node's lake on the same catalog.
    async fn replica(&self) -> Lake {
        let options = testing::options(self.folder.path(), LakeRole::Replica).await;
        Lake::open(options).await.expect("a replica")
    }
}

const VERIFIER: &str = "SCRAM-SHA-256$4096:c2FsdA==$a2V5:a2V5";

/// Makes a role with something in every attribute, a member of `group`; returns its id.
async fn full_role(transaction: &mut Transaction, group: i64) -> i64 {
    let role = Role {
        login: true,
        inherit: false,
        create_db: true,
        connection_limit: 7,
        valid_until: Some(transaction.base().time()),
        comment: Some("who reads".to_owned()),
        memberships: vec![Membership {
            role: group,
            grantor: SUPERUSER,
            admin: true,
        }],
        ..Role::named("reader")
    };
    let new = NewRole {
        role,
        verifier: Some(VERIFIER.to_owned()),
    };
    transaction.create_role(new).await.expect("a role")
}

/// Grants, a policy and a mask for a role on a table; returns the masking policy.
fn set_full_rights(transaction: &mut Transaction, id: TableId, reader: i64) -> MaskingPolicy {
    let policy = Policy {
        id: transaction.take_object_id(),
        name: "own".to_owned(),
        permissive: true,
        command: 'r',
        roles: vec![reader],
        using: Some("a = 1".to_owned()),
        check: None,
        columns: Vec::new(),
        relation: String::new(),
        comment: None,
    };
    let mask = MaskingPolicy {
        id: transaction.take_object_id(),
        name: "hide".to_owned(),
        columns: vec![("b".to_owned(), "text".to_owned())],
        expressions: vec!["'*'".to_owned()],
        owner: SUPERUSER,
    };
    let access = ObjectAccess {
        columns: [(2, select_for(reader))].into(),
        row_security: true,
        policies: vec![policy],
        masks: vec![MaskAttachment {
            policy: mask.id,
            output: vec![2],
            input: vec![2],
            role: reader,
            priority: 3,
            grantor: SUPERUSER,
        }],
        ..granted_to(reader)
    };
    let target = AccessTarget::Table(id);
    transaction.set_access(target, access).expect("set");
    mask
}

#[tokio::test]
async fn roles_and_rights_survive_a_restart() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let mut transaction = bench.begin().await;
    let group = transaction.create_role(new_role("staff")).await;
    let group = group.expect("a role");
    let reader = full_role(&mut transaction, group).await;
    let mask = set_full_rights(&mut transaction, id, reader);
    let of_schema = AccessTarget::Schema(bench.public);
    transaction
        .set_access(of_schema, granted_to(group))
        .expect("set");
    let schema = NewSchema {
        name: "mart".to_owned(),
        owner: "staff".to_owned(),
    };
    let schema = transaction.create_schema(schema).expect("a schema");
    let lake = LakeAccess {
        default_privileges: vec![DefaultPrivileges {
            role: group,
            schema: Some(schema),
            kind: 'r',
            acl: select_for(reader),
        }],
        masking_policies: vec![mask],
        ..LakeAccess::default()
    };
    transaction.set_lake_access(lake).expect("set");
    let value = Some("'1min'".to_owned());
    transaction
        .set_role_setting(reader, true, "statement_timeout", value)
        .expect("set");
    let seen = transaction
        .commit()
        .await
        .expect("a commit")
        .expect("a snapshot");
    let before = bench.lake.head().await.expect("a head");
    assert_eq!(before.id(), seen);

    let bench = bench.reopen().await;
    let after = bench.lake.head().await.expect("a head");
    let roles = |picture: &crate::Snapshot| {
        picture
            .roles()
            .map(|role| (**role).clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(roles(&after), roles(&before));
    assert_eq!(after.role_settings(), before.role_settings());
    assert_eq!(after.role_settings().len(), 1);
    assert_eq!(after.lake_access(), before.lake_access());
    assert_eq!(after.table(id), before.table(id));
    assert_eq!(after.schema(bench.public), before.schema(bench.public));
    let table = after.table(id).expect("the table");
    let lake = after.lake_access();
    assert!(table.access.policies[0].id > 0);
    assert_eq!(table.access.masks[0].policy, lake.masking_policies[0].id);
    let mart = after.schema_by_name("mart").expect("the schema");
    assert_eq!(lake.default_privileges[0].schema, Some(mart.id));
    assert_eq!(mart.owner_id, group);
    let login = bench.lake.login("reader").await.expect("an answer");
    assert_eq!(login.expect("the role").verifier.as_deref(), Some(VERIFIER));
}

#[tokio::test]
async fn another_node_sees_every_change_of_roles_and_rights() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let replica = bench.replica().await;
    let reader = bench.role("reader").await;
    let head = replica.head().await.expect("a head");
    assert_eq!(head.role(reader).expect("the role").name, "reader");
    bench.grant(id, granted_to(reader)).await;
    let head = replica.head().await.expect("a head");
    let table = head.table(id).expect("the table");
    assert_eq!(table.access.acl, Some(select_for(reader)));
    let mut transaction = bench.begin().await;
    let lake = LakeAccess {
        database_acl: Some(select_for(reader)),
        ..LakeAccess::default()
    };
    transaction.set_lake_access(lake).expect("set");
    transaction.commit().await.expect("a commit");
    let head = replica.head().await.expect("a head");
    assert_eq!(head.lake_access().database_acl, Some(select_for(reader)));
    // Back to where nothing is stored of it.
    bench.grant(id, ObjectAccess::default()).await;
    let head = replica.head().await.expect("a head");
    assert_eq!(head.table(id).expect("the table").access.acl, None);
    let mut transaction = bench.begin().await;
    transaction
        .set_lake_access(LakeAccess::default())
        .expect("set");
    transaction.drop_role(reader).expect("dropped");
    transaction.commit().await.expect("a commit");
    let head = replica.head().await.expect("a head");
    assert!(head.role(reader).is_none() && head.lake_access().database_acl.is_none());
    replica.close().await;
}

#[tokio::test]
async fn a_rollback_takes_roles_and_rights_back() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let kept = bench.role("kept").await;
    let mut transaction = bench.begin().await;
    let savepoint = transaction.savepoint();
    let gone = transaction
        .create_role(new_role("gone"))
        .await
        .expect("a role");
    let target = AccessTarget::Table(id);
    transaction
        .set_access(target, granted_to(gone))
        .expect("set");
    transaction
        .set_verifier(kept, Some("secret".to_owned()))
        .expect("set");
    transaction.rollback_to(&savepoint);
    transaction
        .set_comment(CommentTarget::Table(id), Some("seen".to_owned()))
        .expect("set");
    transaction.commit().await.expect("a commit");
    let head = bench.lake.head().await.expect("a head");
    let table = head.table(id).expect("the table");
    assert_eq!(table.comment.as_deref(), Some("seen"));
    assert!(head.role(gone).is_none() && table.access.acl.is_none());
    let login = bench.lake.login("kept").await.expect("an answer");
    assert_eq!(login.expect("the role").verifier, None);
    // The number of a role that never came to be is not given again.
    assert!(bench.role("next").await > gone);
}

#[tokio::test]
async fn changes_that_name_a_role_conflict_with_its_end() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let role = bench.role("leaver").await;
    let mut grant = bench.begin().await;
    grant
        .set_access(AccessTarget::Table(id), granted_to(role))
        .expect("set");
    let mut own = bench.begin().await;
    own.set_owner(OwnerTarget::Table(id), "leaver")
        .expect("set");
    let mut member = bench.begin().await;
    let superuser = member
        .snapshot()
        .role(SUPERUSER)
        .map(|role| (**role).clone());
    let superuser = superuser.expect("the superuser");
    let joined = Role {
        memberships: vec![Membership {
            role,
            grantor: SUPERUSER,
            admin: false,
        }],
        ..superuser
    };
    member.put_role(joined).expect("put");
    let mut drop = bench.begin().await;
    drop.drop_role(role).expect("dropped");
    drop.commit().await.expect("a commit");
    for late in [grant, own, member] {
        let error = late.commit().await.expect_err("a conflict");
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    }
    // The other way round.
    let role = bench.role("stayer").await;
    let mut drop = bench.begin().await;
    drop.drop_role(role).expect("dropped");
    bench.grant(id, granted_to(role)).await;
    let error = drop.commit().await.expect_err("a conflict");
    assert_eq!(error.kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn two_roles_of_one_name_and_two_grants_on_one_table_conflict() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let role = bench.role("reader").await;
    let mut one = bench.begin().await;
    one.create_role(new_role("same")).await.expect("a role");
    let mut two = bench.begin().await;
    two.create_role(new_role("same")).await.expect("a role");
    let mut three = bench.begin().await;
    three.create_role(new_role("other")).await.expect("a role");
    one.commit().await.expect("a commit");
    assert_eq!(
        two.commit().await.expect_err("a clash").kind,
        ErrorKind::Conflict
    );
    three.commit().await.expect("another name fits");
    let mut one = bench.begin().await;
    one.set_access(AccessTarget::Table(id), granted_to(role))
        .expect("set");
    let mut two = bench.begin().await;
    let hidden = ObjectAccess {
        row_security: true,
        ..ObjectAccess::default()
    };
    two.set_access(AccessTarget::Table(id), hidden)
        .expect("set");
    one.commit().await.expect("a commit");
    assert_eq!(
        two.commit().await.expect_err("a clash").kind,
        ErrorKind::Conflict
    );
}

#[tokio::test]
async fn a_grant_does_not_disturb_writers() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let role = bench.role("reader").await;
    let mut writer = bench.begin().await;
    insert(&mut writer, id, 0, 3).await;
    bench.grant(id, granted_to(role)).await;
    writer.commit().await.expect("a commit");
    assert_eq!(bench.row_count(id).await, 3);
    let head = bench.lake.head().await.expect("a head");
    assert!(head.table(id).expect("the table").access.acl.is_some());
}

#[tokio::test]
async fn rights_are_todays_in_a_transaction_that_is_pinned_to_yesterday() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let role = bench.role("reader").await;
    bench.grant(id, granted_to(role)).await;
    let mut pinned = bench.begin().await;
    let other = bench.role("other").await;
    bench.grant(id, granted_to(other)).await;
    let now = pinned.rights().table(id).expect("known");
    assert_eq!(now.access.acl, Some(select_for(other)));
    assert!(
        pinned.rights().role(other).is_some(),
        "a role that is younger than the pin"
    );
    // What it does itself, it sees.
    let own = bench.public;
    let made = pinned.create_table(table(own, "mine")).expect("a table");
    assert_eq!(pinned.rights().table(made).expect("known").owner, SUPERUSER);
    pinned
        .set_access(AccessTarget::Schema(own), granted_to(role))
        .expect("set");
    let seen = pinned.rights().schema(own).expect("known");
    assert_eq!(seen.access.acl, Some(select_for(role)));
    // A table that is gone belongs to its last owner.
    let mut drop = bench.begin().await;
    drop.drop_table(id).expect("dropped");
    drop.commit().await.expect("a commit");
    assert_eq!(pinned.rights().table(id).expect("known").owner, SUPERUSER);
}

#[tokio::test]
async fn columns_take_their_grants_along_or_end_them() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let role = bench.role("reader").await;
    let access = ObjectAccess {
        columns: [(1, select_for(role)), (2, select_for(SUPERUSER))].into(),
        ..ObjectAccess::default()
    };
    bench.grant(id, access).await;
    let mut transaction = bench.begin().await;
    transaction.drop_column(id, ColumnId(2)).expect("dropped");
    transaction.commit().await.expect("a commit");
    let head = bench.lake.head().await.expect("a head");
    let columns = &head.table(id).expect("the table").access.columns;
    assert_eq!(columns.keys().copied().collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn a_restored_table_keeps_todays_policies_and_no_grants() {
    let bench = Bench::new().await;
    let id = bench.table("t").await;
    let role = bench.role("reader").await;
    let then = bench.lake.head().await.expect("a head");
    let mut transaction = bench.begin().await;
    let access = ObjectAccess {
        row_security: true,
        policies: vec![Policy {
            id: transaction.take_object_id(),
            name: "none".to_owned(),
            permissive: true,
            command: '*',
            roles: vec![0],
            using: Some("false".to_owned()),
            check: None,
            columns: Vec::new(),
            relation: String::new(),
            comment: None,
        }],
        ..granted_to(role)
    };
    transaction
        .set_access(AccessTarget::Table(id), access)
        .expect("set");
    transaction.commit().await.expect("a commit");
    let mut transaction = bench.begin().await;
    let restore = Restore {
        from: then,
        table: id,
        schema: bench.public,
        name: "t_restored".to_owned(),
        owner: "gotgan".to_owned(),
        replace: None,
    };
    transaction.restore_table(&restore).await.expect("restored");
    transaction.commit().await.expect("a commit");
    let restored = bench.table_id("t_restored").await;
    let head = bench.lake.head().await.expect("a head");
    let old = &head.table(id).expect("the table").access;
    let new = &head.table(restored).expect("the table").access;
    assert!(new.row_security && new.acl.is_none());
    assert_eq!(new.policies.len(), 1);
    assert_ne!(new.policies[0].id, old.policies[0].id);
}

#[tokio::test]
async fn two_memberships_do_not_close_a_circle() {
    let bench = Bench::new().await;
    let (one, two) = (bench.role("one").await, bench.role("two").await);
    let join = async |member: i64, role: i64| {
        let mut transaction = bench.begin().await;
        let known = transaction
            .snapshot()
            .role(member)
            .map(|role| (**role).clone());
        let joined = Role {
            memberships: vec![Membership {
                role,
                grantor: SUPERUSER,
                admin: false,
            }],
            ..known.expect("the role")
        };
        transaction.put_role(joined).expect("put");
        transaction
    };
    let (first, second) = (join(one, two).await, join(two, one).await);
    first.commit().await.expect("a commit");
    let error = second.commit().await.expect_err("a circle");
    assert_eq!(error.kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn no_setting_is_left_of_a_role_that_is_gone() {
    let bench = Bench::new().await;
    let role = bench.role("leaver").await;
    let mut set = bench.begin().await;
    let value = Some("on".to_owned());
    set.set_role_setting(role, false, "gotgan.trust_keys", value)
        .expect("set");
    let mut drop = bench.begin().await;
    drop.drop_role(role).expect("dropped");
    drop.commit().await.expect("a commit");
    let error = set.commit().await.expect_err("a conflict");
    assert_eq!(error.kind, ErrorKind::Conflict);
}
