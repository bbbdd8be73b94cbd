//! CREATE SNAPSHOT and DROP SNAPSHOT: names that keep a snapshot from expiring.
//!
//! They take effect at once and are not undone, so a transaction block cannot hold them.

use chrono::{TimeDelta, Utc};
use gotgan_storage::{ErrorKind, NewHold, Privileges};

use super::arguments::Arguments;
use super::{Report, Session, Shape, rights};
use crate::access::actor::{Actor, Object};
use crate::error::SqlError;
use crate::parse::history::{Hold, NameArgument};
use crate::pg_catalog::rows::cells;
use crate::session::{Notice, not_kept};

/// The longest that a snapshot can be retained without being so for ever.
const RETAIN_DAYS_MAX: i64 = 3653;

/// Errors: `25001` in a transaction block, `42710` if the name is taken, `42602` for a
/// name that reads as a number, `22023` for a snapshot that is not kept; `25006`.
pub(super) async fn create(
    session: &mut Session,
    hold: &Hold,
    shape: &Shape,
    arguments: Arguments<'_>,
) -> Result<Report, SqlError> {
    const TAG: &str = "CREATE SNAPSHOT";
    super::require_alone(session, TAG)?;
    let name = arguments.hold_name(session, &hold.name).await?;
    let ctx = session.context().await?;
    Actor::of(&ctx).require(Object::Database, Privileges::CREATE)?;
    require_name(&name)?;
    let snapshot = match &hold.point {
        Some(point) => {
            let moment = session.moment(point, arguments.parameters).await?;
            let ctx = session.context().await?;
            Some(session.visible_snapshot(&moment, &ctx).await?.id())
        }
        None => None,
    };
    let retain = match &hold.retain {
        Some(retain) => arguments.interval(session, retain).await?,
        None => None,
    };
    let until = match retain {
        Some(micros) => Some(until(session, micros)?),
        None => None,
    };
    let comment = match &hold.comment {
        Some(comment) => arguments.text(session, comment).await?,
        None => None,
    };
    session.commit_implicit().await?;
    let new = NewHold {
        name: name.clone(),
        snapshot,
        owner: session.role_name(),
        until,
        comment,
    };
    let created = session.engine.lake.create_hold(new).await;
    let mut rows = shape.rows();
    match created {
        Ok(hold) => {
            let until = hold.until.map(|until| until.timestamp_micros());
            rows.push(cells![hold.snapshot.0, until]);
        }
        Err(error) if error.kind == ErrorKind::Exists && hold.if_not_exists => {
            let text = format!("snapshot \"{name}\" already exists, skipping");
            session.notify(Notice::info(text));
        }
        Err(error) => return Err(not_kept(error)),
    }
    let rows = rows.finish()?;
    Ok(Report { tag: TAG, rows })
}

/// A name of digits would be taken for a snapshot's number.
fn require_name(name: &str) -> Result<(), SqlError> {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    match is_number || name.contains('@') {
        true => Err(SqlError::invalid_name_syntax(name)
            .with_detail("The name of a snapshot has other characters than digits, and no @.")),
        false => Ok(()),
    }
}

/// When a snapshot is released that is retained from now on.
fn until(session: &Session, micros: i64) -> Result<chrono::DateTime<Utc>, SqlError> {
    let length = TimeDelta::microseconds(micros);
    if length <= TimeDelta::zero() || length > TimeDelta::days(RETAIN_DAYS_MAX) {
        return Err(SqlError::invalid_parameter(format!(
            "a snapshot can be retained for up to {RETAIN_DAYS_MAX} days"
        ))
        .with_hint("RETAIN FOREVER keeps it until it is dropped."));
    }
    Ok(session.engine.clock.now() + length)
}

/// Errors: `25001` in a transaction block, `42704` if there is none; `25006`.
pub(super) async fn drop(
    session: &mut Session,
    names: &[NameArgument],
    if_exists: bool,
    shape: &Shape,
    arguments: Arguments<'_>,
) -> Result<Report, SqlError> {
    const TAG: &str = "DROP SNAPSHOT";
    super::require_alone(session, TAG)?;
    let mut wanted = Vec::with_capacity(names.len());
    for name in names {
        let name = arguments.hold_name(session, name).await?;
        if let Some(hold) = session.engine.lake.hold(&name).await? {
            if !rights::made(&*session.context().await?, &hold.owner) {
                return Err(SqlError::must_be_owner("snapshot", &name));
            }
            wanted.push(name);
        } else if if_exists {
            let text = format!("snapshot \"{name}\" does not exist, skipping");
            session.notify(Notice::info(text));
        } else {
            return Err(SqlError::undefined_object("snapshot", &name));
        }
    }
    session.commit_implicit().await?;
    let mut rows = shape.rows();
    for name in wanted {
        match session.engine.lake.drop_hold(&name).await {
            Ok(()) => {}
            Err(error) if error.kind == ErrorKind::NotFound => {
                return Err(SqlError::undefined_object("snapshot", &name));
            }
            Err(error) => return Err(error.into()),
        }
        rows.push(cells![name]);
    }
    let rows = rows.finish()?;
    Ok(Report { tag: TAG, rows })
}
