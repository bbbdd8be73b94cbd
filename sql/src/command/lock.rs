//! LOCK TABLE: PostgreSQL's checks, and a promise that is kept at the commit.
//!
//! Nobody ever waits here. A mode that keeps writers out makes the transaction stay on the
//! snapshot of this statement, so that its tables do not change under it; and it notes
//! them as read, so that its commit fails if another transaction changed one meanwhile.
//! Who locks and commits first wins. The other modes keep out at most what changes the
//! definitions of tables, and those never change within a snapshot.
//!
//! Source: PostgreSQL 15, `lockcmds.c`.

use std::collections::BTreeSet;

use gotgan_storage::{Privileges, Relation, TableId, View, ViewId};
use sqlparser::ast::{Lock, LockTableMode as Mode};

use super::drop;
use super::transaction::explicit;
use crate::access::actor::{Actor, Object};
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::name_parts;
use crate::resolve::{Name, Resolved, Resolver};
use crate::session::{Outcome, Session};
use crate::sqlstate;

const STATEMENT: &str = "LOCK TABLE";

/// Errors: `25P01` outside of a transaction block; `25006` on a replica for a mode that
/// keeps writers out; `42P01`, `42809`, `42501`.
pub(crate) async fn run(session: &mut Session, lock: &Lock) -> Result<Outcome, SqlError> {
    let mode = lock.lock_mode.as_ref().unwrap_or(&Mode::AccessExclusive);
    let is_weak = matches!(
        mode,
        Mode::AccessShare | Mode::RowShare | Mode::RowExclusive
    );
    if session.engine.is_replica && !is_weak {
        return Err(SqlError::during_recovery(STATEMENT));
    }
    explicit(session, STATEMENT)?;
    let ctx = session.context().await?;
    let mut locked = Locked {
        ctx: &ctx,
        any_of: privileges(mode),
        tables: BTreeSet::new(),
        views: BTreeSet::new(),
    };
    for target in &lock.tables {
        let name = Name::from_parts(&name_parts(&target.name))?;
        locked.add(&name)?;
    }
    let tables = locked.tables;
    if keeps_writers_out(mode) && !ctx.is_past {
        explicit(session, STATEMENT)?.lock(tables)?;
    }
    Ok(Outcome::Command(STATEMENT.to_owned()))
}

/// One of these is enough for a mode.
fn privileges(mode: &Mode) -> Privileges {
    let changes = Privileges::UPDATE
        .union(Privileges::DELETE)
        .union(Privileges::TRUNCATE);
    match mode {
        Mode::AccessShare => Privileges::SELECT,
        Mode::RowExclusive => changes.union(Privileges::INSERT),
        _ => changes,
    }
}

fn keeps_writers_out(mode: &Mode) -> bool {
    match mode {
        Mode::AccessShare | Mode::RowShare | Mode::RowExclusive | Mode::ShareUpdateExclusive => {
            false
        }
        Mode::Share | Mode::ShareRowExclusive | Mode::Exclusive | Mode::AccessExclusive => true,
    }
}

/// What a statement locks.
struct Locked<'a> {
    ctx: &'a StatementContext,
    any_of: Privileges,
    tables: BTreeSet<TableId>,
    views: BTreeSet<ViewId>,
}

impl Locked<'_> {
    /// Adds the relation of this name, and what it reads if it is a view.
    fn add(&mut self, name: &Name) -> Result<(), SqlError> {
        let actor = Actor::of(self.ctx);
        match self.find(name)? {
            Resolved::Stored(Relation::Table(table)) => {
                self.require(&actor, Object::Table(&table))?;
                self.tables.insert(table.id);
                Ok(())
            }
            Resolved::Stored(Relation::View(view)) => {
                self.require(&actor, Object::View(&view))?;
                self.add_view(&view)
            }
            Resolved::System(relation) => {
                self.require(&actor, Object::SystemRelation(relation.name))
            }
            Resolved::Sequence(sequence) => Err(cannot_lock(&sequence.name, "sequences")),
        }
    }

    fn find(&self, name: &Name) -> Result<Resolved, SqlError> {
        let found = Resolver::of(self.ctx).named(name);
        match found {
            Err(error) if error.code == sqlstate::UNDEFINED_TABLE => {
                Err(match drop::find_index(self.ctx, name)? {
                    Some((_, index)) => cannot_lock(&index.name, "indexes"),
                    None => error,
                })
            }
            found => found,
        }
    }

    /// What a view reads is locked with its owner's rights, or those of who locks it if the
    /// view reads with them.
    fn add_view(&mut self, view: &View) -> Result<(), SqlError> {
        if !self.views.insert(view.id) {
            return Ok(());
        }
        let rights = &self.ctx.rights;
        let held = rights.view(view.id);
        let access = held.as_ref().map_or(&view.access, |held| &held.access);
        let role = match access.security_invoker {
            true => self.ctx.role_id,
            false => held.as_ref().map_or(view.owner_id, |held| held.owner),
        };
        let actor = Actor::new(rights, role);
        let snapshot = &self.ctx.snapshot;
        for id in &view.dependencies {
            if let Some(table) = snapshot.table(TableId(*id)) {
                self.require(&actor, Object::Table(table))?;
                self.tables.insert(table.id);
            } else if let Some(inner) = snapshot.view(ViewId(*id)) {
                self.require(&actor, Object::View(inner))?;
                self.add_view(inner)?;
            }
        }
        Ok(())
    }

    fn require(&self, actor: &Actor, object: Object<'_>) -> Result<(), SqlError> {
        match actor.privileges(object).intersects(self.any_of) {
            true => Ok(()),
            false => Err(Actor::denied(object)),
        }
    }
}

fn cannot_lock(name: &str, kind: &str) -> SqlError {
    SqlError::with_code(
        sqlstate::WRONG_OBJECT_TYPE,
        format!("cannot lock relation \"{name}\""),
    )
    .with_detail(format!("This operation is not supported for {kind}."))
}
