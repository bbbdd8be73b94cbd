//! Durable tables on an object store: a DuckLake 1.0 catalog and Parquet files.
//!
//! A [`Lake`] is opened once in a process. Its [`Snapshot`] is the whole warehouse after
//! one commit, immutable and shared; a [`Transaction`] sees one with its own changes and
//! commits them as the next.
//!
//! Guarantees:
//! - A commit that returned survives a crash of process and machine, whole.
//! - A commit that did not happen is never visible, in no part.
//! - What a snapshot shows never changes.
//!
//! Not guaranteed: that a commit which failed with `Unavailable` did not happen. Keys are
//! recorded, not enforced. CHECK, NOT NULL and lengths are the caller's to enforce.
//!
//! Knows no SQL of clients, no privileges, no DataFusion.

mod access;
mod activity;
mod catalog;
mod clock;
mod compaction;
mod error;
mod faults;
mod file;
mod history;
mod lake;
mod lock;
mod object;
mod ownership;
mod retention;
mod snapshot;
mod spec;
mod sqlite;
mod sweep;
mod transaction;
mod types;

pub use access::{
    Acl, AclItem, BOOTSTRAP_ROLE_ID, CONNECTIONS_UNBOUNDED, DefaultPrivileges, LakeAccess, Login,
    MaskAttachment, MaskingPolicy, Membership, NewRole, ObjectAccess, PUBLIC_ROLE_ID, Policy,
    Privileges, Role, RoleSetting,
};
pub use activity::{
    LogPlace, LogRange, LoggedClient, LoggedRole, LoggedStatement, LoggedTable, ReadUsage,
};
pub use clock::{Clock, Ids, RandomIds, SystemClock};
pub use compaction::{CompactionOptions, RowIds};
pub use error::{Error, ErrorKind};
pub use faults::{Faults, PointFault};
pub use file::write::{
    FileCompression, StagedColumn, StagedFile, StagedFiles, TableWriter, WriteOptions,
};
pub use history::{ColumnDifference, DroppedSchema, DroppedTable, RestoreEntry, RestorePreview};
pub use history::{FileHistory, TableHistory};
pub use history::{Hold, NewHold, RETENTION, RETENTION_MAX, Retention, RetentionOrigin};
pub use history::{SnapshotEntry, SnapshotMoment, SnapshotRange};
pub use history::{parse_retention, retention_text};
pub use lake::{Announcement, FollowOptions, Lake, LakeOptions, LakeRole, Node, Pin};
pub use lake::{SequenceBlock, SequenceState};
pub use object::store_error as object_error;
pub use object::{Disk, Fault, FaultRates, FaultStore, LocalStore, Meter, MeterCounts};
pub use object::{MeteredStore, Operation, OsDisk, ReadCounts, ReadMeter};
pub use retention::{ExpireOptions, ExpireReport, ExpiredTable, RetentionOptions};
pub use snapshot::{
    Column, Constraint, ConstraintEntry, DataFile, DeletedPositions, FileBounds, FileList, Index,
    InlinedRows, NameMapping, NameMappingEntry, Relation, Schema, Sequence, SequenceOptions,
    SequenceOwner, SequenceOwnerKind, Snapshot, SortKey, SortPart, SortValue, Table, View,
    ViewColumn, ViewDialect,
};
pub use spec::{ColumnId, SchemaId, SequenceId, SnapshotId, TableId, ViewId};
pub use sweep::{OrphanOptions, OrphanReport, SweepOptions, SweepReport};
pub use transaction::{
    AccessTarget, Author, CommentTarget, NewColumn, NewConstraint, NewIndex, NewSchema,
    NewSequence, NewTable, NewView, ObjectRights, OnCommit, OptionTarget, OwnerTarget, Restore,
    RestoreSchema, Restored, RestoredSchema, Rights, Savepoint, SequenceValues, TemporarySpace,
    Transaction, TypeChange,
};
pub use types::{ColumnType, ELEMENT_NAME, PG_TYPE_KEY, Refinement};
