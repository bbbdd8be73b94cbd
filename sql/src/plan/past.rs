//! Relations as of an earlier snapshot.
//!
//! `session/versions.rs` gives such a relation a name of three parts, of which the first
//! tells the snapshot and can be typed by nobody. Its name, columns and, for a view, the
//! text and what it reads are those of that snapshot.

use std::sync::Arc;

use gotgan_storage::SnapshotId;
use sqlparser::ast::ObjectName;

use super::Planner;
use crate::parse::idiom::MARK;
use crate::parse::name_parts;
use crate::resolve::{Name, Resolved};

/// Begins the part of a name that tells the snapshot.
const PREFIX: &str = "\u{1}as of ";

/// The first part of the name of a relation as of a snapshot.
pub(crate) fn past_name(snapshot: SnapshotId) -> String {
    debug_assert!(PREFIX.starts_with(MARK));
    format!("{PREFIX}{snapshot}")
}

impl Planner {
    /// The planner of the snapshot that the first part of a name tells.
    pub(super) fn as_of_name(&self, part: &str) -> Option<Self> {
        let id = part.strip_prefix(PREFIX)?.parse().ok()?;
        let ctx = self.past.get(&SnapshotId(id))?;
        Some(Self {
            ctx: Arc::clone(ctx),
            search_path: ctx.search_path.clone().into(),
            local: Vec::new(),
            ..self.clone()
        })
    }

    /// What a name in FROM stands for, if it is a relation's.
    pub(super) fn named(&self, name: &ObjectName) -> Option<Resolved> {
        let parts = name_parts(name);
        if let [snapshot, own @ ..] = parts.as_slice()
            && let Some(planner) = self.as_of_name(snapshot)
        {
            return find(&planner, own);
        }
        find(self, &parts)
    }
}

/// Errors are told where the relation is read.
fn find(planner: &Planner, parts: &[String]) -> Option<Resolved> {
    let found = planner.resolver().find(&Name::from_parts(parts).ok()?);
    found.ok().flatten()
}
