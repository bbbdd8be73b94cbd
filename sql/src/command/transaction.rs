//! BEGIN, COMMIT, ROLLBACK, savepoints.

use sqlparser::ast::{Ident, TransactionAccessMode, TransactionIsolationLevel, TransactionMode};

use crate::error::SqlError;
use crate::parse::fold;
use crate::session::{Notice, Outcome, Session};
use crate::sqlstate;
use crate::transaction::Isolation;

fn done(tag: &str) -> Result<Outcome, SqlError> {
    Ok(Outcome::Command(tag.to_owned()))
}

pub(crate) async fn begin(
    session: &mut Session,
    modes: &[TransactionMode],
    is_begin: bool,
) -> Result<Outcome, SqlError> {
    let tag = if is_begin {
        "BEGIN"
    } else {
        "START TRANSACTION"
    };
    if session
        .transaction
        .as_ref()
        .is_some_and(|active| active.is_explicit)
    {
        session.notify(Notice::warning(
            sqlstate::ACTIVE_SQL_TRANSACTION,
            "there is already a transaction in progress",
        ));
        return done(tag);
    }
    match &mut session.transaction {
        // Statements of the same message before BEGIN belong to the block.
        Some(active) => active.is_explicit = true,
        None => {
            let active = session.begin(true).await?;
            session.transaction = Some(active);
        }
    }
    let default = session
        .settings
        .show("default_transaction_isolation")?
        .to_owned();
    session
        .settings
        .set("transaction_isolation", &default, true)?;
    apply_isolation(session, &default);
    let applied = apply_modes(session, modes);
    // A block whose modes are refused does not begin.
    if applied.is_err()
        && let Some(active) = &mut session.transaction
    {
        active.is_explicit = false;
    }
    applied?;
    done(tag)
}

/// The modes of BEGIN and SET TRANSACTION.
pub(crate) fn apply_modes(
    session: &mut Session,
    modes: &[TransactionMode],
) -> Result<(), SqlError> {
    for mode in modes {
        match mode {
            TransactionMode::IsolationLevel(TransactionIsolationLevel::Snapshot) => {
                session.settings.set("transaction_deferrable", "on", true)?;
            }
            TransactionMode::IsolationLevel(level) => {
                let name = match level {
                    TransactionIsolationLevel::ReadUncommitted => "read uncommitted",
                    TransactionIsolationLevel::ReadCommitted => "read committed",
                    // `parse/idiom/transaction.rs` writes SNAPSHOT for DEFERRABLE.
                    TransactionIsolationLevel::RepeatableRead
                    | TransactionIsolationLevel::Snapshot => "repeatable read",
                    TransactionIsolationLevel::Serializable => "serializable",
                };
                require_free_isolation(session, name)?;
                session.settings.set("transaction_isolation", name, true)?;
                apply_isolation(session, name);
            }
            TransactionMode::AccessMode(mode) => {
                let read_only = *mode == TransactionAccessMode::ReadOnly;
                if !read_only {
                    require_read_write(session)?;
                }
                let value = if read_only { "on" } else { "off" };
                session.settings.set("transaction_read_only", value, true)?;
                if let Some(active) = &mut session.transaction {
                    active.is_read_only = read_only;
                }
            }
        }
    }
    Ok(())
}

/// Errors: `25001` if it is too late for another isolation level.
fn require_free_isolation(session: &Session, name: &str) -> Result<(), SqlError> {
    let Some(active) = &session.transaction else {
        return Ok(());
    };
    if session.settings.show("transaction_isolation")? == name {
        return Ok(());
    }
    let when = match (active.has_run(), active.has_savepoint()) {
        (true, _) => "be called before any query",
        (_, true) => "not be called in a subtransaction",
        _ => return Ok(()),
    };
    Err(SqlError::with_code(
        sqlstate::ACTIVE_SQL_TRANSACTION,
        format!("SET TRANSACTION ISOLATION LEVEL must {when}"),
    ))
}

/// Refuses modes that no transaction of this node may have.
///
/// Errors: `0A000`.
pub(crate) fn require_allowed(
    session: &Session,
    modes: &[TransactionMode],
) -> Result<(), SqlError> {
    let writes = TransactionMode::AccessMode(TransactionAccessMode::ReadWrite);
    match modes.contains(&writes) && session.engine.is_replica {
        true => Err(read_write_on_replica()),
        false => Ok(()),
    }
}

fn read_write_on_replica() -> SqlError {
    SqlError::with_code(
        sqlstate::FEATURE_NOT_SUPPORTED,
        "cannot set transaction read-write mode during recovery",
    )
}

/// Errors: `25001` if the transaction reads only and it is too late to let it write,
/// `0A000` on a replica.
pub(crate) fn require_read_write(session: &Session) -> Result<(), SqlError> {
    require_free_access(session)?;
    match session.engine.is_replica {
        true => Err(read_write_on_replica()),
        false => Ok(()),
    }
}

fn require_free_access(session: &Session) -> Result<(), SqlError> {
    let Some(active) = session
        .transaction
        .as_ref()
        .filter(|active| active.is_read_only)
    else {
        return Ok(());
    };
    let text = match (active.was_read_only(), active.has_run()) {
        (true, _) => "cannot set transaction read-write mode inside a read-only transaction",
        (_, true) => "transaction read-write mode must be set before any query",
        _ => return Ok(()),
    };
    Err(SqlError::with_code(sqlstate::ACTIVE_SQL_TRANSACTION, text))
}

/// What AND CHAIN hands on to the next transaction.
#[derive(Clone, Copy)]
struct Modes {
    isolation: Isolation,
    is_read_only: bool,
}

impl Modes {
    fn of(active: &crate::transaction::Active) -> Self {
        Self {
            isolation: active.isolation,
            is_read_only: active.is_read_only,
        }
    }
}

fn isolation_name(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::ReadCommitted => "read committed",
        Isolation::RepeatableRead => "repeatable read",
        Isolation::Serializable => "serializable",
    }
}

fn apply_isolation(session: &mut Session, name: &str) {
    let Some(active) = &mut session.transaction else {
        return;
    };
    active.isolation = match name {
        "repeatable read" => Isolation::RepeatableRead,
        "serializable" => Isolation::Serializable,
        _ => Isolation::ReadCommitted,
    };
}

pub(crate) async fn commit(session: &mut Session, chain: bool) -> Result<Outcome, SqlError> {
    let Some(active) = session.transaction.take() else {
        return outside(session, chain, "COMMIT");
    };
    if !active.is_explicit {
        session.transaction = Some(active);
        return outside(session, chain, "COMMIT");
    }
    let modes = Modes::of(&active);
    if active.has_failed() {
        active.rollback().await;
        session.settings.end(false);
        session.close_transaction_portals(false);
        return finish(session, chain, modes, "ROLLBACK").await;
    }
    let result = session.commit_active(active).await;
    session.settings.end(result.is_ok());
    session.close_transaction_portals(result.is_ok());
    result?;
    finish(session, chain, modes, "COMMIT").await
}

pub(crate) async fn rollback(session: &mut Session, chain: bool) -> Result<Outcome, SqlError> {
    match session.transaction.take() {
        Some(active) if active.is_explicit => {
            let modes = Modes::of(&active);
            active.rollback().await;
            session.settings.end(false);
            session.close_transaction_portals(false);
            finish(session, chain, modes, "ROLLBACK").await
        }
        Some(active) => {
            // An implicit transaction of several statements is undone.
            active.rollback().await;
            session.settings.end(false);
            outside(session, chain, "ROLLBACK")
        }
        None => outside(session, chain, "ROLLBACK"),
    }
}

fn outside(session: &mut Session, chain: bool, tag: &str) -> Result<Outcome, SqlError> {
    if chain {
        return Err(SqlError::with_code(
            sqlstate::NO_ACTIVE_SQL_TRANSACTION,
            format!("{tag} AND CHAIN can only be used in transaction blocks"),
        ));
    }
    session.notify(Notice::warning(
        sqlstate::NO_ACTIVE_SQL_TRANSACTION,
        "there is no transaction in progress",
    ));
    done(tag)
}

async fn finish(
    session: &mut Session,
    chain: bool,
    modes: Modes,
    tag: &str,
) -> Result<Outcome, SqlError> {
    if chain {
        let mut active = session.begin(true).await?;
        active.isolation = modes.isolation;
        active.is_read_only = modes.is_read_only;
        session.transaction = Some(active);
        let read_only = if modes.is_read_only { "on" } else { "off" };
        let settings = &mut session.settings;
        settings.set(
            "transaction_isolation",
            isolation_name(modes.isolation),
            true,
        )?;
        settings.set("transaction_read_only", read_only, true)?;
    }
    done(tag)
}

pub(crate) async fn savepoint(session: &mut Session, name: &Ident) -> Result<Outcome, SqlError> {
    let settings = session.settings.mark();
    explicit(session, "SAVEPOINT")?.savepoint(&fold(name), settings)?;
    done("SAVEPOINT")
}

pub(crate) fn rollback_to(session: &mut Session, name: &Ident) -> Result<Outcome, SqlError> {
    let settings = explicit(session, "ROLLBACK TO SAVEPOINT")?.rollback_to(&fold(name))?;
    session.settings.restore(settings);
    done("ROLLBACK")
}

pub(crate) fn release(session: &mut Session, name: &Ident) -> Result<Outcome, SqlError> {
    explicit(session, "RELEASE SAVEPOINT")?.release(&fold(name))?;
    done("RELEASE")
}

pub(super) fn explicit<'a>(
    session: &'a mut Session,
    what: &str,
) -> Result<&'a mut crate::transaction::Active, SqlError> {
    match &mut session.transaction {
        Some(active) if active.is_explicit => Ok(active),
        _ => Err(SqlError::with_code(
            sqlstate::NO_ACTIVE_SQL_TRANSACTION,
            format!("{what} can only be used in transaction blocks"),
        )),
    }
}
