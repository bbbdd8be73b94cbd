//! EXPIRE SNAPSHOTS and REMOVE ORPHANS: by hand what the primary does on a schedule; and
//! ADOPT DATA, which says that it may go on where another catalog used the same files.
//!
//! The first two work in steps that are commits of their own, so they cannot be part of a
//! transaction; a dry run changes nothing and can.

use chrono::{DateTime, Utc};
use gotgan_storage::{ExpireOptions, ExpireReport, OrphanOptions};
use sqlparser::ast::Expr;

use super::arguments::Arguments;
use super::{Report, Session, Shape, require_alone};
use crate::command::owner;
use crate::error::SqlError;
use crate::pg_catalog::rows::cells;
use crate::session::Notice;
use crate::sqlstate;
use crate::system_views::signed;

/// Errors: `25001` in a transaction, `25006` on a replica.
pub(super) async fn expire(
    session: &mut Session,
    older_than: Option<&Expr>,
    is_dry_run: bool,
    shape: &Shape,
    arguments: Arguments<'_>,
) -> Result<Report, SqlError> {
    const TAG: &str = "EXPIRE SNAPSHOTS";
    match is_dry_run {
        // It looks under the commit lock.
        true => require_primary(session, TAG)?,
        false => require_alone(session, TAG)?,
    }
    owner::require_superuser(&*session.context().await?, "expire snapshots")?;
    let older_than = match older_than {
        Some(expression) => Some(moment(session, expression, arguments).await?),
        None => None,
    };
    let options = ExpireOptions {
        older_than,
        is_dry_run,
    };
    end_own_transaction(session, is_dry_run).await?;
    let report = session.engine.lake.expire(&options).await?;
    if !is_dry_run {
        session.notify(Notice::info(summary(&report)));
    }
    let mut rows = shape.rows();
    for table in &report.tables {
        rows.push(cells![
            table.schema.as_str(),
            table.name.as_str(),
            table.id.0,
            signed(report.snapshots),
            signed(table.files),
            signed(table.bytes),
        ]);
    }
    if report.tables.is_empty() && report.snapshots > 0 {
        rows.push(cells![
            None::<&str>,
            None::<&str>,
            None::<i64>,
            signed(report.snapshots),
            0,
            0,
        ]);
    }
    let rows = rows.finish()?;
    Ok(Report { tag: TAG, rows })
}

/// Errors: `25001` in a transaction, `25006` on a replica.
pub(super) async fn remove_orphans(
    session: &mut Session,
    is_dry_run: bool,
    shape: &Shape,
) -> Result<Report, SqlError> {
    const TAG: &str = "REMOVE ORPHANS";
    match is_dry_run {
        true => require_primary(session, TAG)?,
        false => require_alone(session, TAG)?,
    }
    owner::require_superuser(&*session.context().await?, "remove orphans")?;
    end_own_transaction(session, is_dry_run).await?;
    let options = OrphanOptions { is_dry_run };
    let report = session.engine.lake.remove_orphans(&options).await?;
    if !is_dry_run {
        let (objects, bytes) = (report.objects, report.bytes);
        let text = format!("removed {objects} files of {bytes} bytes that nothing names");
        session.notify(Notice::info(text));
    }
    if report.foreign > 0 {
        let text = format!(
            "{} files stay, since they lie in folders of other lakes",
            report.foreign
        );
        session.notify(Notice::info(text));
    }
    let mut rows = shape.rows();
    rows.push(cells![
        signed(report.objects),
        signed(report.bytes),
        report.locations,
    ]);
    let rows = rows.finish()?;
    Ok(Report { tag: TAG, rows })
}

/// Errors: `25001` in a transaction, `25006` on a replica, `55000` if the files are those
/// of another lake.
pub(super) async fn adopt_data(session: &mut Session, shape: &Shape) -> Result<Report, SqlError> {
    const TAG: &str = "ADOPT DATA";
    require_alone(session, TAG)?;
    owner::require_superuser(&*session.context().await?, "adopt data")?;
    end_own_transaction(session, false).await?;
    session.engine.lake.adopt_data().await?;
    let text = "files that only another catalog names are orphans from now on";
    session.notify(Notice {
        hint: Some("REMOVE ORPHANS DRY RUN tells which they are.".to_owned()),
        ..Notice::info(text)
    });
    let mut rows = shape.rows();
    rows.push(cells![session.engine.lake.uuid()]);
    let rows = rows.finish()?;
    Ok(Report { tag: TAG, rows })
}

fn require_primary(session: &Session, tag: &str) -> Result<(), SqlError> {
    match session.engine.is_replica {
        true => Err(SqlError::during_recovery(tag)),
        false => Ok(()),
    }
}

/// The arguments were evaluated in a transaction, whose snapshot must not keep anything.
async fn end_own_transaction(session: &mut Session, is_dry_run: bool) -> Result<(), SqlError> {
    match is_dry_run {
        true => Ok(()),
        false => session.commit_implicit().await,
    }
}

async fn moment(
    session: &mut Session,
    expression: &Expr,
    arguments: Arguments<'_>,
) -> Result<DateTime<Utc>, SqlError> {
    let micros = arguments.time(session, expression).await?;
    let micros = micros.ok_or_else(|| {
        SqlError::with_code(
            sqlstate::NULL_VALUE_NOT_ALLOWED,
            "the moment of OLDER THAN must not be null",
        )
    })?;
    DateTime::from_timestamp_micros(micros).ok_or_else(|| {
        SqlError::invalid_parameter("the moment must be a time that is not infinite")
    })
}

fn summary(report: &ExpireReport) -> String {
    format!(
        "{} snapshots expired; {} files of {} bytes go when their grace is over",
        report.snapshots, report.files, report.bytes
    )
}
