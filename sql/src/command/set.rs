//! SET, SHOW, RESET, DISCARD.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringViewArray};
use arrow::datatypes::Schema;
use sqlparser::ast::{
    ContextModifier, DiscardObject, Expr, Ident, Reset, ResetStatement, Set, UnaryOperator, Value,
};

use crate::error::SqlError;
use crate::execute::{RowStream, Tag};
use crate::parse::{fold, name_parts};
use crate::plan::ColumnDescription;
use crate::session::{AS_OF, Notice, Outcome, Session};
use crate::sqlstate;
use crate::types::{PgType, oid};

pub(crate) async fn run(session: &mut Session, set: &Set) -> Result<Outcome, SqlError> {
    match set {
        Set::SingleAssignment {
            scope,
            variable,
            values,
            ..
        } => {
            let name = name_parts(variable).join(".");
            let is_local = matches!(scope, Some(ContextModifier::Local));
            assign(session, &name, values, is_local).await?;
        }
        Set::SetTimeZone { local, value } => {
            let value = match value {
                Expr::Identifier(ident) if is_word(ident, "local") => {
                    &Expr::Identifier(Ident::new("default"))
                }
                other => other,
            };
            assign(session, "TimeZone", std::slice::from_ref(value), *local).await?;
        }
        Set::SetNames { charset_name, .. } => {
            session
                .settings
                .set("client_encoding", &charset_name.value, false)?;
        }
        Set::SetNamesDefault {} => session.settings.reset("client_encoding")?,
        Set::SetTransaction {
            modes,
            session: false,
            ..
        } => {
            if session
                .transaction
                .as_ref()
                .is_none_or(|active| !active.is_explicit)
            {
                session.notify(Notice::warning(
                    sqlstate::NO_ACTIVE_SQL_TRANSACTION,
                    "SET TRANSACTION can only be used in transaction blocks",
                ));
                super::transaction::require_allowed(session, modes)?;
            } else {
                super::transaction::apply_modes(session, modes)?;
            }
        }
        Set::SetTransaction {
            modes,
            session: true,
            ..
        } => set_defaults(session, modes)?,
        other => return Err(SqlError::not_supported(other.to_string())),
    }
    Ok(Outcome::Command("SET".to_owned()))
}

/// SET SESSION CHARACTERISTICS AS TRANSACTION.
fn set_defaults(
    session: &mut Session,
    modes: &[sqlparser::ast::TransactionMode],
) -> Result<(), SqlError> {
    use sqlparser::ast::{TransactionAccessMode as A, TransactionMode as M};
    for mode in modes {
        match mode {
            // `parse/idiom/transaction.rs` writes SNAPSHOT for DEFERRABLE.
            M::IsolationLevel(sqlparser::ast::TransactionIsolationLevel::Snapshot) => {
                session
                    .settings
                    .set("default_transaction_deferrable", "on", false)?;
            }
            M::IsolationLevel(level) => {
                let name = level.to_string().to_lowercase();
                session
                    .settings
                    .set("default_transaction_isolation", &name, false)?;
            }
            M::AccessMode(access) => {
                let value = if *access == A::ReadOnly { "on" } else { "off" };
                set_read_only_default(session, value)?;
            }
        }
    }
    Ok(())
}

fn set_read_only_default(session: &mut Session, value: &str) -> Result<(), SqlError> {
    session
        .settings
        .set("default_transaction_read_only", value, false)?;
    // Whatever it defaults to, nothing is written on a replica.
    match session.engine.is_replica {
        true => Ok(()),
        false => session.settings.set("transaction_read_only", value, false),
    }
}

async fn assign(
    session: &mut Session,
    name: &str,
    values: &[Expr],
    is_local: bool,
) -> Result<(), SqlError> {
    if is_local && refuses_local(session) {
        return Ok(());
    }
    let value = match value_of(name, values)? {
        Some(value) => value,
        None if is_local => return session.settings.reset_locally(name),
        None => return session.settings.reset(name),
    };
    match name.to_lowercase().as_str() {
        "default_transaction_read_only" => {
            session.settings.set(name, &value, is_local)?;
            let is_in_block = session.is_in_block();
            if !is_in_block && !session.engine.is_replica {
                session
                    .settings
                    .set("transaction_read_only", &value, is_local)?;
            }
            Ok(())
        }
        "transaction_isolation" | "transaction_read_only" => {
            let before = session.settings.is_on("transaction_read_only");
            let mark = session.settings.mark();
            session.settings.set(name, &value, true)?;
            if before
                && !session.settings.is_on("transaction_read_only")
                && let Err(error) = super::transaction::require_read_write(session)
            {
                session.settings.restore(mark);
                return Err(error);
            }
            if let Some(active) = &mut session.transaction {
                active.is_read_only = session.settings.is_on("transaction_read_only");
            }
            Ok(())
        }
        AS_OF => {
            let mark = session.settings.mark();
            session.settings.set(name, &value, is_local)?;
            let found = session.as_of().await;
            if found.is_err() {
                session.settings.restore(mark);
            }
            found.map(|_| ())
        }
        _ => session.settings.set(name, &value, is_local),
    }
}

/// Whether SET LOCAL has no effect, because no block is open; a warning says so.
pub(super) fn refuses_local(session: &mut Session) -> bool {
    if session.is_in_block() {
        return false;
    }
    session.notify(Notice::warning(
        sqlstate::NO_ACTIVE_SQL_TRANSACTION,
        "SET LOCAL can only be used in transaction blocks",
    ));
    true
}

/// What a statement assigns: the setting's name, and the value or none for the default.
///
/// Errors: `0A000` for a SET that is no assignment.
pub(super) fn assignment(set: &Set) -> Result<(String, Option<String>), SqlError> {
    match set {
        Set::SingleAssignment {
            variable, values, ..
        } => {
            let name = name_parts(variable).join(".");
            let value = value_of(&name, values)?;
            Ok((name, value))
        }
        Set::SetTimeZone { value, .. } => {
            let name = "timezone".to_owned();
            let value = value_of(&name, std::slice::from_ref(value))?;
            Ok((name, value))
        }
        Set::SetNames { charset_name, .. } => {
            let name = "client_encoding".to_owned();
            Ok((name, Some(charset_name.value.clone())))
        }
        other => Err(SqlError::not_supported(other.to_string())),
    }
}

/// The value that stands behind SET; none is the default.
fn value_of(name: &str, values: &[Expr]) -> Result<Option<String>, SqlError> {
    if matches!(values, [Expr::Identifier(ident)] if is_word(ident, "default")) {
        return Ok(None);
    }
    let words: Vec<String> = values.iter().map(word).collect::<Result<_, _>>()?;
    let is_list = name.eq_ignore_ascii_case("search_path");
    Ok(Some(match is_list {
        true => quoted_list(values, &words),
        false => words.join(", "),
    }))
}

/// Whether a name is this word, without quotes and in any case.
fn is_word(ident: &Ident, word: &str) -> bool {
    ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case(word)
}

/// One value of SET: a word, a string, a number.
fn word(value: &Expr) -> Result<String, SqlError> {
    match value {
        Expr::Identifier(ident) => Ok(ident.value.clone()),
        Expr::Value(literal) => match &literal.value {
            Value::Number(text, _) => Ok(text.clone()),
            Value::Boolean(truth) => Ok(if *truth { "on" } else { "off" }.to_owned()),
            Value::Null => Err(SqlError::syntax("syntax error at or near \"NULL\"")),
            _ => crate::rewrite::build::string_text(value)
                .map(str::to_owned)
                .ok_or_else(|| SqlError::syntax("a value of SET must be a word or a literal")),
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => Ok(format!("-{}", word(expr)?)),
        Expr::Interval(interval) => hours_east(&word(&interval.value)?),
        other => Ok(other.to_string()),
    }
}

/// `INTERVAL '+09:00'` as hours, which is how TimeZone counts eastward.
fn hours_east(text: &str) -> Result<String, SqlError> {
    let bad = || SqlError::invalid_setting("TimeZone", text);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = digits
        .split(':')
        .map(|part| part.parse::<f64>().map_err(|_| bad()));
    let hours = parts.next().ok_or_else(bad)??;
    let minutes = parts.next().transpose()?.unwrap_or(0.0);
    Ok((sign * (hours + minutes / 60.0)).to_string())
}

/// A list of names as SHOW search_path gives it back.
fn quoted_list(values: &[Expr], words: &[String]) -> String {
    let is_plain = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    let names = values.iter().zip(words).map(|(value, word)| match value {
        Expr::Identifier(ident) => fold(ident),
        _ => word.clone(),
    });
    let shown = names.map(|name| {
        if is_plain(&name) {
            name
        } else {
            format!("\"{name}\"")
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

pub(crate) fn reset(session: &mut Session, reset: &ResetStatement) -> Result<Outcome, SqlError> {
    match &reset.reset {
        Reset::ALL => session.settings.reset_all(),
        Reset::ConfigurationParameter(name) => {
            session.settings.reset(&name_parts(name).join("."))?;
        }
    }
    Ok(Outcome::Command("RESET".to_owned()))
}

/// The setting that SHOW names: `SHOW a.b`, `SHOW TIME ZONE`, and the like.
fn setting_name(variable: &[Ident]) -> String {
    let words: Vec<String> = variable
        .iter()
        .map(|ident| ident.value.to_lowercase())
        .collect();
    match words.join(" ").as_str() {
        "time zone" => "timezone".to_owned(),
        "transaction isolation level" => "transaction_isolation".to_owned(),
        "session authorization" => "session_authorization".to_owned(),
        _ => words.join("."),
    }
}

pub(crate) fn show_columns(
    session: &Session,
    variable: &[Ident],
) -> Result<Arc<[ColumnDescription]>, SqlError> {
    let name = setting_name(variable);
    if name == "all" {
        let columns = ["name", "setting", "description"];
        return Ok(columns
            .iter()
            .flat_map(|name| crate::session::text_column(name).to_vec())
            .collect());
    }
    session.settings.show(&name)?;
    Ok(crate::session::text_column(shown_name(&name)))
}

fn shown_name(name: &str) -> &str {
    crate::settings::shown_name(name).unwrap_or(name)
}

pub(crate) fn show(session: &mut Session, variable: &[Ident]) -> Result<Outcome, SqlError> {
    let columns = show_columns(session, variable)?;
    let name = setting_name(variable);
    let rows: Vec<Vec<String>> = if name == "all" {
        let all = session.settings.all();
        all.iter()
            .map(|(name, value)| vec![name.clone(), value.clone(), String::new()])
            .collect()
    } else {
        let is_in_block = session
            .transaction
            .as_ref()
            .is_some_and(|active| active.is_explicit);
        // Outside a block the next statement's transaction is meant.
        let name = match name.as_str() {
            "transaction_isolation" if !is_in_block => "default_transaction_isolation",
            other => other,
        };
        vec![vec![session.settings.show(name)?.to_owned()]]
    };
    let fields: Vec<_> = columns
        .iter()
        .map(|c| PgType::new(oid::TEXT).field(&c.name, true))
        .collect();
    let arrays = (0..columns.len()).map(|index| {
        let values: StringViewArray = rows.iter().map(|row| Some(row[index].as_str())).collect();
        Arc::new(values) as arrow::array::ArrayRef
    });
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays.collect())?;
    let limits = session.limits().clone();
    Ok(Outcome::Rows(RowStream::of_batch(
        batch,
        columns,
        limits,
        Tag::Word("SHOW"),
    )))
}

pub(crate) async fn discard(
    session: &mut Session,
    what: &DiscardObject,
) -> Result<Outcome, SqlError> {
    let tag = match what {
        DiscardObject::ALL => {
            if session
                .transaction
                .as_ref()
                .is_some_and(|active| active.is_explicit)
            {
                return Err(SqlError::with_code(
                    sqlstate::ACTIVE_SQL_TRANSACTION,
                    "DISCARD ALL cannot run inside a transaction block",
                ));
            }
            super::role::reset_identity(session);
            session.settings.reset_all();
            session.discard_prepared();
            session.sequences.discard();
            session.transaction().await?.storage()?.discard_temporary();
            "DISCARD ALL"
        }
        DiscardObject::PLANS => "DISCARD PLANS",
        DiscardObject::SEQUENCES => {
            session.sequences.discard();
            "DISCARD SEQUENCES"
        }
        DiscardObject::TEMP => {
            session.transaction().await?.storage()?.discard_temporary();
            "DISCARD TEMP"
        }
    };
    Ok(Outcome::Command(tag.to_owned()))
}
