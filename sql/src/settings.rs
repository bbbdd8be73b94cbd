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

pub(crate) use catalog::{Entry, Kind};

/// The version of PostgreSQL that clients are told.
pub(crate) const SERVER_VERSION: &str = "15.8";

/// Settings of one session, with what a transaction changed locally.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    values: BTreeMap<String, String>,
    /// What RESET goes back to: defaults with the startup packet's values.
    defaults: BTreeMap<String, String>,
    /// Values before SET LOCAL, restored at the transaction's end.
    local: BTreeMap<String, Option<String>>,
    /// Values before the transaction's first SET, restored by ROLLBACK.
    before: Option<BTreeMap<String, String>>,
    changed: Vec<(String, String)>,
    shown: Arc<BTreeMap<String, String>>,
}

/// The values at a savepoint.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    values: Arc<BTreeMap<String, String>>,
    local: BTreeMap<String, Option<String>>,
}

impl Settings {
    pub(crate) fn new() -> Self {
        let values: BTreeMap<String, String> = catalog::ENTRIES
            .iter()
            .map(|entry| (entry.name.to_lowercase(), entry.default.to_owned()))
            .collect();
        let shown = Arc::new(values.clone());
        Self {
            defaults: values.clone(),
            values,
            local: BTreeMap::new(),
            before: None,
            changed: Vec::new(),
            shown,
        }
    }

    /// Sets a value that the server decides and that RESET keeps.
    pub(crate) fn initialise(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_lowercase(), value.to_owned());
        self.defaults.insert(name.to_lowercase(), value.to_owned());
        self.refresh();
    }

    /// Takes a value from the startup packet; an unknown name is passed over.
    pub(crate) fn startup(&mut self, name: &str, value: &str) -> Result<(), SqlError> {
        if catalog::find(name).is_none() && !name.contains('.') {
            return Ok(());
        }
        let value = self.checked(name, value)?;
        self.initialise(name, &value);
        Ok(())
    }

    /// The value as SHOW gives it.
    pub(crate) fn show(&self, name: &str) -> Result<&str, SqlError> {
        self.values
            .get(&name.to_lowercase())
            .map(String::as_str)
            .ok_or_else(|| SqlError::undefined_setting(name))
    }

    /// SET, or SET LOCAL within a transaction.
    pub(crate) fn set(&mut self, name: &str, value: &str, is_local: bool) -> Result<(), SqlError> {
        let value = self.checked(name, value)?;
        let key = name.to_lowercase();
        if is_local {
            let previous = self.values.get(&key).cloned();
            self.local.entry(key.clone()).or_insert(previous);
        } else {
            self.local.remove(&key);
        }
        self.store(&key, value);
        Ok(())
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
        }
        match self.defaults.get(&key).cloned() {
            Some(value) => self.store(&key, value),
            None if key.contains('.') => {
                self.values.remove(&key);
                self.refresh();
            }
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
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, value) in changed {
            self.store(&name, value);
        }
        self.values
            .retain(|name, _| self.defaults.contains_key(name));
        self.refresh();
    }

    /// Remembers the values that ROLLBACK restores.
    pub(crate) fn begin(&mut self) {
        self.before = Some(self.values.clone());
    }

    /// The values as they are, for ROLLBACK TO a savepoint.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            values: Arc::clone(&self.shown),
            local: self.local.clone(),
        }
    }

    /// Goes back to the values of a savepoint.
    pub(crate) fn restore(&mut self, mark: Mark) {
        self.local = mark.local;
        self.values.retain(|name, _| mark.values.contains_key(name));
        for (name, value) in mark.values.as_ref() {
            if self.values.get(name) != Some(value) {
                self.store(name, value.clone());
            }
        }
        self.refresh();
    }

    /// Ends a transaction: SET LOCAL ends, and SET too if it was rolled back.
    pub(crate) fn end(&mut self, is_committed: bool) {
        let local = std::mem::take(&mut self.local);
        if let Some(before) = self.before.take()
            && !is_committed
        {
            let names: Vec<String> = self.values.keys().cloned().collect();
            for name in names {
                match before.get(&name) {
                    Some(value) if self.values.get(&name) != Some(value) => {
                        self.store(&name, value.clone());
                    }
                    None => {
                        self.values.remove(&name);
                    }
                    Some(_) => {}
                }
            }
            self.refresh();
            return;
        }
        for (name, value) in local {
            match value {
                Some(value) => self.store(&name, value),
                None => {
                    self.values.remove(&name);
                }
            }
        }
        self.refresh();
    }

    /// Every setting with its value, for `pg_settings` and `current_setting`.
    pub(crate) fn all(&self) -> Arc<BTreeMap<String, String>> {
        Arc::clone(&self.shown)
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
                Some((entry.name.to_owned(), value.clone()))
            })
            .collect()
    }

    fn store(&mut self, key: &str, value: String) {
        let is_new = self.values.get(key) != Some(&value);
        self.values.insert(key.to_owned(), value.clone());
        self.refresh();
        if is_new && let Some(entry) = catalog::find(key).filter(|entry| entry.is_reported) {
            self.changed.push((entry.name.to_owned(), value));
        }
    }

    fn refresh(&mut self) {
        self.shown = Arc::new(self.values.clone());
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
            Kind::Fixed => Ok(value.to_owned()),
            Kind::Text => Ok(value.to_owned()),
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
            Kind::Choice(words) => {
                let wanted = value.to_lowercase();
                words
                    .iter()
                    .find(|word| **word == wanted)
                    .map(|w| (*w).to_owned())
                    .ok_or_else(bad)
            }
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
        let value = |name: &str| self.values.get(name).map_or("", String::as_str);
        OutputStyle {
            time_zone: Zone::parse_setting(value("timezone")).unwrap_or_default(),
            date_style: DateStyle::parse(value("datestyle")),
            interval_style: IntervalStyle::parse(value("intervalstyle")),
            bytea_hex: value("bytea_output") == "hex",
            extra_float_digits: value("extra_float_digits").parse().unwrap_or(1),
        }
    }

    pub(crate) fn input_style(&self, now_micros: i64) -> InputStyle {
        let value = |name: &str| self.values.get(name).map_or("", String::as_str);
        let style = value("datestyle");
        let date_order = if style.ends_with("DMY") {
            DateOrder::Dmy
        } else if style.ends_with("YMD") {
            DateOrder::Ymd
        } else {
            DateOrder::Mdy
        };
        InputStyle {
            zone: Zone::parse_setting(value("timezone")).unwrap_or_default(),
            date_order,
            now_micros,
        }
    }
}

fn refuse_fixed(entry: &Entry) -> Result<(), SqlError> {
    if matches!(entry.kind, Kind::Fixed) {
        return Err(SqlError::with_code(
            sqlstate::CANT_CHANGE_RUNTIME_PARAM,
            format!("parameter \"{}\" cannot be changed", entry.name),
        ));
    }
    Ok(())
}

fn parse_boolean(value: &str) -> Option<bool> {
    let word = value.trim().to_lowercase();
    if word.is_empty() {
        return None;
    }
    if word == "on" || word == "1" || "true".starts_with(&word) || "yes".starts_with(&word) {
        return Some(true);
    }
    let is_off = word == "0"
        || (word.len() > 1 && "off".starts_with(&word))
        || "false".starts_with(&word)
        || "no".starts_with(&word);
    is_off.then_some(false)
}

/// Letters and digits in upper case: how names of encodings compare.
fn letters(value: &str) -> String {
    value
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// `5s`, `1min`, `250`; a bare number counts milliseconds.
fn parse_milliseconds(value: &str) -> Option<u64> {
    let value = value.trim();
    let digits = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let number: u64 = value[..digits].parse().ok()?;
    let factor = match value[digits..].trim() {
        "" | "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number
        .checked_mul(factor)
        .filter(|millis| *millis <= 2_147_483_647)
}

/// In the largest unit that divides it, as PostgreSQL shows durations.
fn show_milliseconds(millis: u64) -> String {
    for (unit, name) in [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "min"),
        (1000, "s"),
    ] {
        if millis >= unit && millis.is_multiple_of(unit) {
            return format!("{}{name}", millis / unit);
        }
    }
    if millis == 0 {
        "0".to_owned()
    } else {
        format!("{millis}ms")
    }
}

/// `ISO`, `DMY`, `SQL, DMY`: what is not named stays as it was.
fn date_style(value: &str, current: &str) -> Option<String> {
    let (mut style, mut order) = current.split_once(", ").unwrap_or(("ISO", "MDY"));
    for word in value
        .split([',', ' '])
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        match word.to_uppercase().as_str() {
            "ISO" => style = "ISO",
            "SQL" => style = "SQL",
            "POSTGRES" => style = "Postgres",
            "GERMAN" => (style, order) = ("German", "DMY"),
            "MDY" | "US" | "NONEURO" | "NONEUROPEAN" => order = "MDY",
            "DMY" | "EURO" | "EUROPEAN" => order = "DMY",
            "YMD" => order = "YMD",
            "DEFAULT" => (style, order) = ("ISO", "MDY"),
            _ => return None,
        }
    }
    Some(format!("{style}, {order}"))
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

/// Whether a setting takes a value, before it is given one.
///
/// Errors: those of SET.
pub(crate) fn check(name: &str, value: &str) -> Result<(), SqlError> {
    Settings::new().set(name, value, false)
}
