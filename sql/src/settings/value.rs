//! Texts of settings, as values and back.

/// The word that a value means, whatever its case.
pub(super) fn choose(words: &[&str], value: &str) -> Option<String> {
    let wanted = value.to_lowercase();
    let word = words.iter().find(|word| **word == wanted);
    word.map(|word| (*word).to_owned())
}

pub(super) fn parse_boolean(value: &str) -> Option<bool> {
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
pub(super) fn letters(value: &str) -> String {
    value
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// `5s`, `1min`, `250`; a bare number counts milliseconds.
pub(super) fn parse_milliseconds(value: &str) -> Option<u64> {
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
pub(super) fn show_milliseconds(millis: u64) -> String {
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
pub(super) fn date_style(value: &str, current: &str) -> Option<String> {
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
