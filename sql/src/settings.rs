//! The session's settings: SET, SHOW, RESET, and what drivers are told of them.
//!
//! A setting has PostgreSQL's name and meaning where PostgreSQL has it. One that has
//! no effect here is taken and shown, so that drivers that set it go on; a name that
//! neither knows is 42704. Names with a dot are the user's own, as in PostgreSQL.
//!
//! Errors: `42704` unknown, `22023` bad value, `55P02` read-only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::error::SqlError;
use crate::sqlstate;
use crate::types::datetime::Zone;
use crate::types::input::{DateOrder, InputStyle};
use crate::types::output::{DateStyle, IntervalStyle, OutputStyle};

mod catalog;
mod identity;
mod value;

pub(crate) use catalog::{COMMITTED_SNAPSHOT, CONNECT_TO, Entry, Kind, WAIT_FOR_SNAPSHOT};
pub(crate) use identity::{Identity, Names, is_identity};

use value::{choose, date_style, letters, parse_boolean, parse_milliseconds, show_milliseconds};

/// The version of PostgreSQL that clients are told.
pub(crate) const SERVER_VERSION: &str = "15.8";

/// Settings of one session, with what a transaction changed locally.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Shared with who reads them while a statement runs, and copied when they change:
    /// most statements change none.
    values: Arc<BTreeMap<String, String>>,
    /// What RESET goes back to: defaults with the startup packet's values.
    defaults: BTreeMap<String, String>,
    /// Values before SET LOCAL, restored at the transaction's end.
    local: BTreeMap<String, Option<String>>,
    /// Values before the transaction's first SET, restored by ROLLBACK.
    before: Option<Arc<BTreeMap<String, String>>>,
    changed: Vec<(String, String)>,
    /// What the values say of how others look.
    style: OutputStyle,
    /// Who the session acts as; its names are among the values.
    identity: identity::History,
}

/// The values at a savepoint.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    values: Arc<BTreeMap<String, String>>,
    local: BTreeMap<String, Option<String>>,
    identity: identity::Mark,
}

impl Settings {
    pub(crate) fn new() -> Self {
        let values: BTreeMap<String, String> = catalog::ENTRIES
            .iter()
            .map(|entry| (entry.name.to_lowercase(), entry.default.to_owned()))
            .collect();
        let style = output_style(&values);
        Self {
            defaults: values.clone(),
            values: Arc::new(values),
            local: BTreeMap::new(),
            before: None,
            changed: Vec::new(),
            style,
            identity: identity::History::default(),
        }
    }

    /// Sets a value that the server decides and that RESET keeps.
    pub(crate) fn initialise(&mut self, name: &str, value: &str) {
        self.put(name.to_lowercase(), value.to_owned());
        self.defaults.insert(name.to_lowercase(), value.to_owned());
    }

    /// Sets a value as [`Self::initialise`] does, and tells the client.
    pub(crate) fn report(&mut self, name: &str, value: &str) {
        self.initialise(name, value);
        self.changed.push((name.to_owned(), value.to_owned()));
    }

    /// Takes a value from the startup packet; an unknown name is passed over.
    pub(crate) fn startup(&mut self, name: &str, value: &str) -> Result<(), SqlError> {
        if catalog::find(name).is_none() && !name.contains('.') {
            return Ok(());
        }
        self.begin_with(name, value)
    }

    /// Sets a value that RESET goes back to.
    pub(crate) fn begin_with(&mut self, name: &str, value: &str) -> Result<(), SqlError> {
        let value = self.checked(name, value)?;
        self.initialise(name, &value);
        Ok(())
    }

    /// The value as SHOW gives it.
    pub(crate) fn show(&self, name: &str) -> Result<&str, SqlError> {
        // Nearly all who ask know the name in lower case.
        let value = self.values.get(name);
        let value = value.or_else(|| self.values.get(&name.to_lowercase()));
        value
            .map(String::as_str)
            .ok_or_else(|| SqlError::undefined_setting(name))
    }

    /// SET, or SET LOCAL within a transaction.
    pub(crate) fn set(&mut self, name: &str, value: &str, is_local: bool) -> Result<(), SqlError> {
        let value = self.checked(name, value)?;
        self.assign(&name.to_lowercase(), value, is_local);
        Ok(())
    }

    /// Gives a value that was checked to the setting of this name in lower case.
    fn assign(&mut self, key: &str, value: String, is_local: bool) {
        if is_local {
            let previous = self.values.get(key).cloned();
            self.local.entry(key.to_owned()).or_insert(previous);
        } else {
            self.local.remove(key);
        }
        self.store(key, value);
    }

    /// SET LOCAL ... TO DEFAULT.
    pub(crate) fn reset_locally(&mut self, name: &str) -> Result<(), SqlError> {
        match self.defaults.get(&name.to_lowercase()).cloned() {
            Some(value) => self.set(name, &value, true),
            None => self.reset(name),
        }
    }

    /// RESET, or SET ... TO DEFAULT.
    pub(crate) fn reset(&mut self, name: &str) -> Result<(), SqlError> {
        let key = name.to_lowercase();
        if let Some(entry) = catalog::find(&key) {
            refuse_fixed(entry)?;
            refuse_identity(entry)?;
        }
        match self.defaults.get(&key).cloned() {
            Some(value) => self.store(&key, value),
            None if key.contains('.') => self.remove(&key),
            None => return Err(SqlError::undefined_setting(name)),
        }
        Ok(())
    }

    /// RESET ALL.
    pub(crate) fn reset_all(&mut self) {
        let changed: Vec<(String, String)> = self
            .defaults
            .iter()
            .filter(|(name, value)| self.values.get(*name) != Some(value))
            .filter(|(name, _)| !is_identity(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, value) in changed {
            self.store(&name, value);
        }
        let defaults = &self.defaults;
        let values = Arc::make_mut(&mut self.values);
        values.retain(|name, _| defaults.contains_key(name));
    }

    /// Remembers the values that ROLLBACK restores.
    pub(crate) fn begin(&mut self) {
        self.before = Some(Arc::clone(&self.values));
        self.identity.begin();
    }

    /// The values as they are, for ROLLBACK TO a savepoint.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            values: Arc::clone(&self.values),
            local: self.local.clone(),
            identity: self.identity.mark(),
        }
    }

    /// Goes back to the values of a savepoint.
    pub(crate) fn restore(&mut self, mark: Mark) {
        self.local = mark.local;
        self.identity.restore(mark.identity);
        self.go_back(&mark.values);
    }

    /// Takes back what was changed since the values were these.
    fn go_back(&mut self, before: &Arc<BTreeMap<String, String>>) {
        if Arc::ptr_eq(&self.values, before) {
            return;
        }
        Arc::make_mut(&mut self.values).retain(|name, _| before.contains_key(name));
        for (name, value) in before.as_ref() {
            self.store(name, value.clone());
        }
    }

    /// Ends a transaction: SET LOCAL ends, and SET too if it was rolled back.
    pub(crate) fn end(&mut self, is_committed: bool) {
        let local = std::mem::take(&mut self.local);
        self.identity.end(is_committed);
        if let Some(before) = self.before.take()
            && !is_committed
        {
            self.go_back(&before);
            return;
        }
        for (name, value) in local {
            match value {
                Some(value) => self.store(&name, value),
                None => self.remove(&name),
            }
        }
    }

    /// Every setting with its value, for `pg_settings` and `current_setting`.
    pub(crate) fn all(&self) -> Arc<BTreeMap<String, String>> {
        Arc::clone(&self.values)
    }

    /// Changes that the client is told as ParameterStatus, oldest first.
    pub(crate) fn take_changes(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.changed)
    }

    /// The whole ParameterStatus set, as a connection begins.
    pub(crate) fn reported(&self) -> Vec<(String, String)> {
        catalog::ENTRIES
            .iter()
            .filter(|entry| entry.is_reported)
            .filter_map(|entry| {
                let value = self.values.get(&entry.name.to_lowercase())?;
                let is_told = entry.name != COMMITTED_SNAPSHOT || !value.is_empty();
                is_told.then(|| (entry.name.to_owned(), value.clone()))
            })
            .collect()
    }

    fn store(&mut self, key: &str, value: String) {
        if self.values.get(key) == Some(&value) {
            return;
        }
        self.put(key.to_owned(), value.clone());
        if let Some(entry) = catalog::find(key).filter(|entry| entry.is_reported) {
            self.changed.push((entry.name.to_owned(), value));
        }
    }

    fn put(&mut self, key: String, value: String) {
        let changes_style = STYLE_NAMES.contains(&key.as_str());
        Arc::make_mut(&mut self.values).insert(key, value);
        if changes_style {
            self.style = output_style(&self.values);
        }
    }

    /// Forgets a setting of the user's own.
    fn remove(&mut self, key: &str) {
        Arc::make_mut(&mut self.values).remove(key);
    }

    /// The value in its canonical form.
    fn checked(&self, name: &str, value: &str) -> Result<String, SqlError> {
        let Some(entry) = catalog::find(name) else {
            if name.contains('.') && !name.to_lowercase().starts_with("gotgan.") {
                return Ok(value.to_owned());
            }
            return Err(SqlError::undefined_setting(name));
        };
        refuse_fixed(entry)?;
        let bad = || SqlError::invalid_setting(entry.name, value);
        match entry.kind {
            Kind::Fixed | Kind::Login(_) => Ok(value.to_owned()),
            Kind::Identity => refuse_identity(entry).map(|()| value.to_owned()),
            Kind::Superuser if !self.is_on("is_superuser") => {
                Err(SqlError::setting_denied(entry.name))
            }
            Kind::Text | Kind::Superuser => Ok(value.to_owned()),
            Kind::Boolean => {
                let word = parse_boolean(value).ok_or_else(|| {
                    SqlError::invalid_parameter(format!(
                        "parameter \"{}\" requires a Boolean value",
                        entry.name
                    ))
                })?;
                Ok(if word { "on" } else { "off" }.to_owned())
            }
            Kind::Integer(low, high) => {
                let number: i64 = value.trim().parse().map_err(|_| bad())?;
                if !(low..=high).contains(&number) {
                    return Err(SqlError::invalid_parameter(format!(
                        "{number} is outside the valid range for parameter \"{}\" ({low} .. {high})",
                        entry.name
                    )));
                }
                Ok(number.to_string())
            }
            Kind::Choice(words) => choose(words, value).ok_or_else(bad),
            Kind::Milliseconds => Ok(show_milliseconds(
                parse_milliseconds(value).ok_or_else(bad)?,
            )),
            Kind::Zone => Zone::parse_setting(value)
                .map(|zone| zone.name())
                .ok_or_else(bad),
            Kind::DateStyle => {
                let current = self
                    .values
                    .get("datestyle")
                    .map_or("ISO, MDY", String::as_str);
                date_style(value, current).ok_or_else(bad)
            }
            Kind::Encoding => match letters(value).as_str() {
                "UTF8" | "UNICODE" => Ok("UTF8".to_owned()),
                "SQLASCII" => Ok("SQL_ASCII".to_owned()),
                _ => Err(bad()),
            },
        }
    }

    // What the session itself reads.

    pub(crate) fn search_path(&self) -> Vec<String> {
        split_names(self.values.get("search_path").map_or("", String::as_str))
    }

    pub(crate) fn statement_timeout(&self) -> Option<Duration> {
        self.duration("statement_timeout")
    }

    pub(crate) fn idle_in_transaction_timeout(&self) -> Option<Duration> {
        self.duration("idle_in_transaction_session_timeout")
    }

    fn duration(&self, name: &str) -> Option<Duration> {
        let millis = parse_milliseconds(self.values.get(name)?)?;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| value == "on")
    }

    pub(crate) fn output_style(&self) -> OutputStyle {
        self.style
    }

    pub(crate) fn input_style(&self, now_micros: i64) -> InputStyle {
        let style = self.values.get("datestyle").map_or("", String::as_str);
        let date_order = if style.ends_with("DMY") {
            DateOrder::Dmy
        } else if style.ends_with("YMD") {
            DateOrder::Ymd
        } else {
            DateOrder::Mdy
        };
        InputStyle {
            zone: self.style.time_zone,
            date_order,
            now_micros,
        }
    }
}

/// What [`output_style`] reads.
const STYLE_NAMES: [&str; 5] = [
    "timezone",
    "datestyle",
    "intervalstyle",
    "bytea_output",
    "extra_float_digits",
];

/// How values become text. It is kept, since to look a time zone up takes a while.
fn output_style(values: &BTreeMap<String, String>) -> OutputStyle {
    let value = |name: &str| values.get(name).map_or("", String::as_str);
    OutputStyle {
        time_zone: Zone::parse_setting(value("timezone")).unwrap_or_default(),
        date_style: DateStyle::parse(value("datestyle")),
        interval_style: IntervalStyle::parse(value("intervalstyle")),
        bytea_hex: value("bytea_output") == "hex",
        extra_float_digits: value("extra_float_digits").parse().unwrap_or(1),
    }
}

/// What changes who the session acts as goes through [`Settings::set_identity`].
fn refuse_identity(entry: &Entry) -> Result<(), SqlError> {
    match entry.kind {
        Kind::Identity => Err(SqlError::not_supported(format!(
            "setting \"{}\" as a parameter",
            entry.name
        ))),
        _ => Ok(()),
    }
}

fn refuse_fixed(entry: &Entry) -> Result<(), SqlError> {
    let when = match entry.kind {
        Kind::Fixed => "changed",
        Kind::Login(_) => "set after connection start",
        _ => return Ok(()),
    };
    Err(SqlError::with_code(
        sqlstate::CANT_CHANGE_RUNTIME_PARAM,
        format!("parameter \"{}\" cannot be {when}", entry.name),
    ))
}

/// A list of identifiers such as `"$user", public`.
pub(crate) fn split_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"').unwrap_or(quoted.len());
            (
                quoted[..end].to_owned(),
                quoted.get(end + 1..).unwrap_or(""),
            )
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            (rest[..end].trim().to_lowercase(), &rest[end..])
        };
        if !name.is_empty() {
            names.push(name);
        }
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    names
}

/// A setting's name with the case that SHOW heads its column with.
pub(crate) fn shown_name(name: &str) -> Option<&'static str> {
    catalog::find(name).map(|entry| entry.name)
}

/// Whether a setting takes a value as what sessions of a role begin with.
///
/// Errors: those of SET, but a matter of the login can be set here.
pub(crate) fn check_for_login(name: &str, value: &str) -> Result<(), SqlError> {
    match catalog::find(name) {
        Some(Entry {
            kind: Kind::Login(words),
            ..
        }) => match choose(words, value) {
            Some(_) => Ok(()),
            None => Err(SqlError::invalid_setting(name, value)),
        },
        _ => check(name, value),
    }
}

/// Whether only superusers set it.
pub(crate) fn is_superusers(name: &str) -> bool {
    catalog::find(name).is_some_and(|entry| matches!(entry.kind, Kind::Superuser))
}

/// Errors: `42704` for a setting that nobody knows.
pub(crate) fn require_known(name: &str) -> Result<(), SqlError> {
    match catalog::find(name).is_some() || name.contains('.') {
        true => Ok(()),
        false => Err(SqlError::undefined_setting(name)),
    }
}

/// Whether a setting takes a value, before it is given one.
///
/// Errors: those of SET.
pub(crate) fn check(name: &str, value: &str) -> Result<(), SqlError> {
    Settings::new().set(name, value, false)
}
