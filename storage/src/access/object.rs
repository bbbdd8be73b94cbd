//! What decides who may do what with an object: its list, its policies, its masks.
//!
//! They are a part of the object, with its history; but what counts is always the newest
//! state (see `Rights`). The catalog keeps them as JSON, one row for an object.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::access::BOOTSTRAP_ROLE_ID;
use crate::access::acl::Acl;
use crate::error::{Error, ErrorKind};
use crate::spec::SchemaId;

/// Under which id the catalog keeps what is true of the whole lake.
pub(crate) const LAKE_OBJECT_ID: i64 = -1;

/// Who may do what with a schema, table, view or sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of PostgreSQL's own"
)]
pub struct ObjectAccess {
    /// None: nothing was granted or revoked yet, so what the kind of object begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acl: Option<Acl>,
    /// Grants on columns: by id of a table's column, by position from 1 of a view's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<i64, Acl>,
    /// ENABLE ROW LEVEL SECURITY.
    #[serde(skip_serializing_if = "is_off")]
    pub row_security: bool,
    /// FORCE ROW LEVEL SECURITY: for the owner, too.
    #[serde(skip_serializing_if = "is_off")]
    pub force_row_security: bool,
    /// A view whose relations are read with the rights of who reads it.
    #[serde(skip_serializing_if = "is_off")]
    pub security_invoker: bool,
    /// A view whose own conditions come before those of who reads it.
    #[serde(skip_serializing_if = "is_off")]
    pub security_barrier: bool,
    /// Policies of row security, in the order of their making.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// Masking policies on columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub masks: Vec<MaskAttachment>,
}

/// A policy of row security.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Source of the OID.
    pub id: i64,
    /// Unique in the table.
    pub name: String,
    /// Whether it adds rows; else it takes away.
    pub permissive: bool,
    /// `pg_policy.polcmd`: `*`, `r`, `a`, `w` or `d`.
    pub command: char,
    /// For whom; 0 is everyone.
    pub roles: Vec<i64>,
    /// Which rows are seen, as PostgreSQL text.
    pub using: Option<String>,
    /// Which rows may be written, as PostgreSQL text.
    pub check: Option<String>,
    /// Name and id of each column of the table when the texts were written: what their
    /// names mean, however the columns are called now.
    #[serde(default)]
    pub columns: Vec<(String, i64)>,
    /// What the texts call the table itself; empty: by its name.
    #[serde(default)]
    pub relation: String,
    /// COMMENT ON POLICY.
    #[serde(default)]
    pub comment: Option<String>,
}

/// A masking policy on columns of a table or view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskAttachment {
    /// Which [`MaskingPolicy`].
    pub policy: i64,
    /// The columns that it masks, keyed as [`ObjectAccess::columns`].
    pub output: Vec<i64>,
    /// The columns that its expressions read.
    pub input: Vec<i64>,
    /// For whom; 0 is everyone.
    pub role: i64,
    /// The highest one wins.
    pub priority: i64,
    /// Who attached it.
    #[serde(default)]
    pub grantor: i64,
}

/// How values are masked; attached to any number of columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskingPolicy {
    /// Source of the OID.
    pub id: i64,
    /// Unique in the lake.
    pub name: String,
    /// Name and declared type of what its expressions read.
    pub columns: Vec<(String, String)>,
    /// As PostgreSQL text, one for each column that it masks.
    pub expressions: Vec<String>,
    /// Who made it.
    pub owner: i64,
}

/// What new objects of a role begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultPrivileges {
    /// Whose objects.
    pub role: i64,
    /// Only those in this schema.
    pub schema: Option<SchemaId>,
    /// `pg_default_acl.defaclobjtype`: `r`, `S`, `f`, `T` or `n`.
    pub kind: char,
    /// Without a schema the whole list; with one, what comes on top of it.
    pub acl: Acl,
}

/// Who may do what with the database, and what belongs to no schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LakeAccess {
    /// As [`ObjectAccess::acl`].
    pub database_acl: Option<Acl>,
    /// Who owns the database.
    pub database_owner: i64,
    /// Lists of functions, by OID.
    pub functions: BTreeMap<i64, Acl>,
    /// ALTER DEFAULT PRIVILEGES.
    pub default_privileges: Vec<DefaultPrivileges>,
    /// Every masking policy.
    pub masking_policies: Vec<MaskingPolicy>,
}

impl Default for LakeAccess {
    fn default() -> Self {
        Self {
            database_acl: None,
            database_owner: BOOTSTRAP_ROLE_ID,
            functions: BTreeMap::new(),
            default_privileges: Vec::new(),
            masking_policies: Vec::new(),
        }
    }
}

impl ObjectAccess {
    /// Whether a role is named anywhere in it.
    pub fn mentions(&self, role: i64) -> bool {
        self.acl.as_ref().is_some_and(|acl| acl.mentions(role))
            || self.columns.values().any(|acl| acl.mentions(role))
            || self
                .policies
                .iter()
                .any(|policy| policy.roles.contains(&role))
            || self.masks.iter().any(|mask| mask.role == role)
    }
}

impl LakeAccess {
    /// Whether a role is named anywhere in it.
    pub fn mentions(&self, role: i64) -> bool {
        let mut defaults = self.default_privileges.iter();
        self.database_owner == role
            || self
                .database_acl
                .as_ref()
                .is_some_and(|acl| acl.mentions(role))
            || self.functions.values().any(|acl| acl.mentions(role))
            || defaults.any(|entry| entry.role == role || entry.acl.mentions(role))
            || self
                .masking_policies
                .iter()
                .any(|policy| policy.owner == role)
    }
}

/// The text that the catalog keeps.
pub(crate) fn encode<A: Serialize>(access: &A) -> String {
    serde_json::to_string(access).expect("ids, names and flags have a JSON form")
}

/// Errors: `Corrupt` if it is no such text.
pub(crate) fn decode<A: for<'de> Deserialize<'de>>(text: &str) -> Result<A, Error> {
    serde_json::from_str(text).map_err(|source| {
        let text = "the catalog has bad access rights";
        Error::new(ErrorKind::Corrupt, text).with_source(source)
    })
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_off(flag: &bool) -> bool {
    !flag
}
