//! What a new lake holds, and what a lake of another program gets when we adopt it.
//!
//! Snapshot 0 is as DuckDB makes it; snapshot 1 brings schema `public`. An adopted
//! lake gets `public` in a new snapshot, unless it has one.

use chrono::{DateTime, TimeDelta, Utc};

use crate::access::{
    Acl, AclItem, BOOTSTRAP_ROLE_ID, ObjectAccess, PUBLIC_ROLE_ID, Privileges, encode_access,
};
use crate::catalog::{Condition, Installation, Selection, Write};
use crate::spec::change::{Change, CommitCounts, CommitDetail, encode};
use crate::spec::rows::{ChangesRow, MetadataRow, SchemaRow, SnapshotRow};
use crate::spec::side::{AccessRow, OwnerRow, RoleRow, SIDE_VERSION, StateRow};
use crate::spec::{FORMAT_VERSION, MAIN_SCHEMA};

/// The schema that users work in.
const PUBLIC_SCHEMA: &str = "public";

/// Ids of roles that users make start here, as PostgreSQL's do.
const FIRST_ROLE_ID: i64 = 16384;

/// What a lake needs to know at its making.
#[derive(Clone, Debug)]
pub(crate) struct NewLake {
    /// Where data files live; ends in `/`.
    pub(crate) data_path: String,
    /// The same relative to the catalog's folder, if it is below it.
    pub(crate) data_location: String,
    pub(crate) superuser: String,
    pub(crate) lake_uuid: String,
    /// Ids of schemas `main` and `public`.
    pub(crate) schema_uuids: [String; 2],
    pub(crate) transaction_id: String,
    pub(crate) now: DateTime<Utc>,
}

/// Everything for a lake in an empty database.
pub(crate) fn creation(lake: &NewLake) -> Installation {
    let metadata = [
        ("version", FORMAT_VERSION.to_owned()),
        (
            "created_by",
            format!("Gotgan {}", env!("CARGO_PKG_VERSION")),
        ),
        ("data_path", lake.data_path.clone()),
        ("encrypted", "false".to_owned()),
    ];
    let metadata = metadata.map(|(key, value)| MetadataRow {
        key: key.to_owned(),
        value,
        scope: None,
        scope_id: None,
    });
    let first = SnapshotRow {
        snapshot_id: 0,
        snapshot_time: lake.now,
        schema_version: 0,
        next_catalog_id: 1,
        next_file_id: 0,
    };
    let main = SchemaRow {
        schema_id: 0,
        schema_uuid: Some(lake.schema_uuids[0].clone()),
        begin_snapshot: 0,
        end_snapshot: None,
        schema_name: MAIN_SCHEMA.to_owned(),
        path: format!("{MAIN_SCHEMA}/"),
        path_is_relative: true,
    };
    let changes = ChangesRow {
        snapshot_id: 0,
        changes_made: Some(encode(&[Change::CreatedSchema(MAIN_SCHEMA.to_owned())])),
        author: None,
        commit_message: None,
        commit_extra_info: None,
    };
    let mut writes = vec![
        Write::insert(&metadata),
        Write::insert(std::slice::from_ref(&first)),
        Write::insert(&[changes]),
        Write::insert(&[main]),
    ];
    writes.extend(side_writes(lake));
    writes.extend(public_writes(lake, &first));
    Installation {
        has_format_tables: true,
        writes,
    }
}

/// Everything for a lake that another program made, whose newest snapshot is `head`.
pub(crate) fn adoption(lake: &NewLake, head: &SnapshotRow, has_public: bool) -> Installation {
    let mut writes = side_writes(lake);
    writes.push(data_path_write(&lake.data_path));
    if !has_public {
        writes.extend(public_writes(lake, head));
    }
    Installation {
        has_format_tables: false,
        writes,
    }
}

/// Corrects where the catalog says that the data lives, after the lake was moved.
pub(crate) fn data_path_write(data_path: &str) -> Write {
    use crate::spec::table::{Row, Value};
    Write::Update {
        table: MetadataRow::TABLE,
        set: vec![("value", Value::Text(data_path.to_owned()))],
        conditions: vec![Condition::Is("key", "data_path".to_owned())],
    }
}

/// The selection that tells whether a lake has schema `public`.
pub(crate) fn public_schema() -> Selection {
    let name = Condition::Is("schema_name", PUBLIC_SCHEMA.to_owned());
    Selection::of::<SchemaRow>(vec![name, Condition::Live])
}

fn side_writes(lake: &NewLake) -> Vec<Write> {
    let state = StateRow {
        format_version: SIDE_VERSION,
        lake_uuid: lake.lake_uuid.clone(),
        epoch: 0,
        next_role_id: FIRST_ROLE_ID,
        data_location: lake.data_location.clone(),
    };
    let superuser = RoleRow {
        role_id: BOOTSTRAP_ROLE_ID,
        role_name: lake.superuser.clone(),
        verifier: None,
        is_superuser: true,
    };
    vec![Write::insert(&[state]), Write::insert(&[superuser])]
}

fn public_writes(lake: &NewLake, head: &SnapshotRow) -> Vec<Write> {
    let schema_id = head.next_catalog_id;
    let snapshot_id = head.snapshot_id + 1;
    let snapshot = SnapshotRow {
        snapshot_id,
        snapshot_time: lake
            .now
            .max(head.snapshot_time + TimeDelta::microseconds(1)),
        schema_version: head.schema_version + 1,
        next_catalog_id: schema_id + 1,
        next_file_id: head.next_file_id,
    };
    let detail = CommitDetail {
        gotgan: CommitDetail::VERSION,
        transaction: lake.transaction_id.clone(),
        application_name: String::new(),
        objects: vec![schema_id],
        tables: Vec::new(),
        counts: Some(CommitCounts::default()),
    };
    let changes = ChangesRow {
        snapshot_id,
        changes_made: Some(encode(&[Change::CreatedSchema(PUBLIC_SCHEMA.to_owned())])),
        author: Some(lake.superuser.clone()),
        commit_message: None,
        commit_extra_info: Some(detail.encode()),
    };
    let schema = SchemaRow {
        schema_id,
        schema_uuid: Some(lake.schema_uuids[1].clone()),
        begin_snapshot: snapshot_id,
        end_snapshot: None,
        schema_name: PUBLIC_SCHEMA.to_owned(),
        path: String::new(),
        path_is_relative: true,
    };
    let owner = OwnerRow {
        object_id: schema_id,
        begin_snapshot: snapshot_id,
        end_snapshot: None,
        role_id: BOOTSTRAP_ROLE_ID,
    };
    let access = public_access(schema_id, snapshot_id);
    vec![
        Write::insert(&[snapshot]),
        Write::insert(&[changes]),
        Write::insert(&[schema]),
        Write::insert(&[owner]),
        Write::insert(&[access]),
    ]
}

/// What everyone may do with schema `public`: use it, as in PostgreSQL since version 15.
pub(crate) fn public_access(schema_id: i64, at: i64) -> AccessRow {
    let item = |grantee, privileges| AclItem {
        grantee,
        grantor: BOOTSTRAP_ROLE_ID,
        privileges,
        grantable: Privileges::NONE,
    };
    let all = Privileges::USAGE.union(Privileges::CREATE);
    let acl = Acl(vec![
        item(BOOTSTRAP_ROLE_ID, all),
        item(PUBLIC_ROLE_ID, Privileges::USAGE),
    ]);
    let access = ObjectAccess {
        acl: Some(acl),
        ..ObjectAccess::default()
    };
    AccessRow {
        object_id: schema_id,
        begin_snapshot: at,
        end_snapshot: None,
        access: encode_access(&access),
    }
}
