//! SIMILAR TO, and `substring(text, pattern, escape)`.
//!
//! Source: PostgreSQL manual, section 9.7.2.

use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{map1, map2, map3};
use crate::functions::kinds::Text;
use crate::functions::pattern::{Options, run_error};
use crate::functions::text::Escape;

pub(super) fn register(registry: &mut Registry) {
    registry.add("similar_to(text, text) -> bool", |call| {
        map2::<Text, Text, _>(call, |text, pattern| {
            let pattern = translate(pattern, Escape(Some('\\')))?;
            call.patterns
                .regex(&pattern, Options::NONE)?
                .is_match(text)
                .map_err(run_error)
        })
    });
    registry.add("similar_to(text, text, text) -> bool", |call| {
        map3::<Text, Text, Text, _>(call, |text, pattern, escape| {
            let pattern = translate(pattern, Escape::parse(escape)?)?;
            call.patterns
                .regex(&pattern, Options::NONE)?
                .is_match(text)
                .map_err(run_error)
        })
    });
    registry.add("similar_to_escape(text) -> text", |call| {
        map1::<Text, _>(call, |pattern| translate(pattern, Escape(Some('\\'))))
    });
    registry.add("similar_to_escape(text, text) -> text", |call| {
        map2::<Text, Text, _>(call, |pattern, escape| {
            translate(pattern, Escape::parse(escape)?)
        })
    });
    registry.add("substring(text, text, text) -> text", |call| {
        map3::<Text, Text, Text, _>(call, |text, pattern, escape| {
            let pattern = translate(pattern, Escape::parse(escape)?)?;
            let regex = call.patterns.regex(&pattern, Options::NONE)?;
            let captures = regex.captures(text).map_err(run_error)?;
            Ok(captures.and_then(|captures| {
                let group = usize::from(captures.len() > 1);
                captures.get(group).map(|found| found.as_str().to_owned())
            }))
        })
    });
}

/// The regular expression that matches the same texts, anchored at both ends.
///
/// Escape and double quote divide the pattern in three; the middle is the group.
fn translate(pattern: &str, escape: Escape) -> Result<String, SqlError> {
    let parts = pattern
        .matches(&format!("{}\"", escape.0.unwrap_or('"')))
        .count();
    let mut out = String::from("^(?:");
    let mut quote_count = 0;
    let mut is_in_bracket = false;
    let mut is_escaped = false;
    for c in pattern.chars() {
        // The part before the first separator matches as little as it can.
        let is_short = parts == 2 && quote_count == 0 && escape.0.is_some();
        if is_escaped {
            is_escaped = false;
            match c {
                '"' if !is_in_bracket => {
                    out.push_str(match quote_count {
                        0 => ")(",
                        1 => ")(?:",
                        _ => {
                            return Err(SqlError::invalid_escape(
                                "SQL regular expression may not contain more than two \
                                 escape-double-quote separators",
                            ));
                        }
                    });
                    quote_count += 1;
                }
                other if other.is_alphanumeric() => out.push(other),
                other => {
                    out.push('\\');
                    out.push(other);
                }
            }
        } else if Some(c) == escape.0 {
            is_escaped = true;
        } else if is_in_bracket {
            if c == '\\' {
                out.push('\\');
            }
            out.push(c);
            is_in_bracket = c != ']';
        } else {
            match c {
                '[' => {
                    out.push('[');
                    is_in_bracket = true;
                }
                '%' => out.push_str(".*"),
                '_' => out.push('.'),
                '(' => out.push_str("(?:"),
                '\\' | '.' | '^' | '$' => {
                    out.push('\\');
                    out.push(c);
                }
                other => out.push(other),
            }
            if is_short && matches!(c, '%' | '*' | '+' | '?' | '}') {
                out.push('?');
            }
        }
    }
    out.push_str(")$");
    Ok(out)
}
