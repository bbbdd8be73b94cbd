//! PostgreSQL's regular expressions on `fancy-regex`.
//!
//! Invariants:
//! - A pattern is compiled once per statement; the cache is bounded.
//!
//! Not guaranteed: of alternatives that match at one place PostgreSQL takes the
//! longest and we the first; and a pattern that mixes greedy with non-greedy
//! quantifiers follows each quantifier's own preference.
//!
//! Errors: `2201B`; `54001` when a pattern backtracks too much.
//! Source: PostgreSQL manual, section 9.7.3.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fancy_regex::{Regex, RegexBuilder};

use crate::error::SqlError;

/// Most patterns kept for one function of one statement.
const CACHED_PATTERN_COUNT_MAX: usize = 64;

/// Compiled patterns by pattern and options.
#[derive(Debug, Default)]
pub(super) struct PatternCache {
    compiled: Mutex<HashMap<(String, Options), Arc<Regex>>>,
}

/// Options out of a flags argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Options {
    pub(super) is_global: bool,
    ignores_case: bool,
    /// `.` and `[^x]` stop at line ends.
    dot_stops: bool,
    /// `^` and `$` match at line ends.
    anchors_match_lines: bool,
    is_expanded: bool,
    is_literal: bool,
}

impl Options {
    pub(super) const NONE: Self = Self {
        is_global: false,
        ignores_case: false,
        dot_stops: false,
        anchors_match_lines: false,
        is_expanded: false,
        is_literal: false,
    };

    /// The same without regard to case.
    #[must_use]
    pub(super) fn ignoring_case(mut self) -> Self {
        self.ignores_case = true;
        self
    }

    /// Reads flags such as `gi`.
    pub(super) fn parse(flags: &str) -> Result<Self, SqlError> {
        let mut options = Self::NONE;
        for flag in flags.chars() {
            options.apply(flag)?;
        }
        Ok(options)
    }

    fn apply(&mut self, flag: char) -> Result<(), SqlError> {
        match flag {
            'g' => self.is_global = true,
            'i' => self.ignores_case = true,
            'c' => self.ignores_case = false,
            'n' | 'm' => (self.dot_stops, self.anchors_match_lines) = (true, true),
            'p' => (self.dot_stops, self.anchors_match_lines) = (true, false),
            'w' => (self.dot_stops, self.anchors_match_lines) = (false, true),
            's' => (self.dot_stops, self.anchors_match_lines) = (false, false),
            'x' => self.is_expanded = true,
            't' => self.is_expanded = false,
            'q' => self.is_literal = true,
            'e' => {}
            'b' => return Err(SqlError::not_supported("a basic regular expression")),
            other => {
                return Err(SqlError::invalid_parameter(format!(
                    "invalid regular expression option: \"{other}\""
                )));
            }
        }
        Ok(())
    }
}

impl PatternCache {
    /// The compiled pattern.
    pub(super) fn regex(&self, pattern: &str, options: Options) -> Result<Arc<Regex>, SqlError> {
        let key = (
            pattern.to_owned(),
            Options {
                is_global: false,
                ..options
            },
        );
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(regex) = compiled.get(&key) {
            return Ok(Arc::clone(regex));
        }
        let regex = Arc::new(compile(pattern, options)?);
        if compiled.len() >= CACHED_PATTERN_COUNT_MAX {
            compiled.clear();
        }
        compiled.insert(key, Arc::clone(&regex));
        Ok(regex)
    }
}

/// What matching itself may raise.
pub(super) fn run_error(error: fancy_regex::Error) -> SqlError {
    SqlError::regex_too_complex().caused_by(error)
}

fn compile(pattern: &str, mut options: Options) -> Result<Regex, SqlError> {
    let mut rest = pattern;
    if let Some(literal) = rest.strip_prefix("***=") {
        (options.is_literal, rest) = (true, literal);
    } else if let Some(advanced) = rest.strip_prefix("***:") {
        rest = advanced;
    }
    if !options.is_literal
        && let Some((flags, tail)) = rest
            .strip_prefix("(?")
            .and_then(|tail| tail.split_once(')'))
        && !flags.is_empty()
        && flags.chars().all(|flag| flag.is_ascii_lowercase())
    {
        for flag in flags.chars() {
            options.apply(flag)?;
        }
        rest = tail;
    }
    let mut engine = String::from(match (options.dot_stops, options.anchors_match_lines) {
        (false, false) => "(?s)",
        (false, true) => "(?sm)",
        (true, false) => "",
        (true, true) => "(?m)",
    });
    if options.ignores_case {
        engine.push_str("(?i)");
    }
    if options.is_literal {
        engine.push_str(&fancy_regex::escape(rest));
    } else {
        if options.is_expanded {
            engine.push_str("(?x)");
        }
        Translation {
            input: rest.chars().collect(),
            at: 0,
            dot_stops: options.dot_stops,
        }
        .run(&mut engine)?;
    }
    build(&engine)
}

fn build(engine: &str) -> Result<Regex, SqlError> {
    RegexBuilder::new(engine)
        .build()
        .map_err(|error| SqlError::invalid_regular_expression(&error.to_string()))
}

/// Rewrites an advanced regular expression for the engine.
struct Translation {
    input: Vec<char>,
    at: usize,
    dot_stops: bool,
}

impl Translation {
    fn run(mut self, out: &mut String) -> Result<(), SqlError> {
        while let Some(next) = self.take() {
            match next {
                '\\' => self.escape(out)?,
                '[' => self.bracket(out)?,
                '{' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => out.push_str("\\{"),
                '{' => self.bound(out),
                '}' => out.push_str("\\}"),
                ']' => out.push_str("\\]"),
                other => out.push(other),
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    fn peek(&self) -> Option<char> {
        self.input.get(self.at).copied()
    }

    fn bound(&mut self, out: &mut String) {
        out.push('{');
        while let Some(next) = self.take() {
            out.push(next);
            if next == '}' {
                break;
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), SqlError> {
        let Some(next) = self.take() else {
            return Err(SqlError::invalid_regular_expression(
                "invalid escape \\ sequence",
            ));
        };
        match next {
            'm' => out.push_str(r"\b(?=\w)"),
            'M' => out.push_str(r"\b(?<=\w)"),
            'y' => out.push_str(r"\b"),
            'Y' => out.push_str(r"\B"),
            'Z' => out.push_str(r"\z"),
            'A' | 'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'f' | 'n' | 'r' | 't' | 'v' | 'a' | 'b'
            | 'B' | 'e' | '0' | 'u' | 'U' | 'x' | 'c'
                if !matches!(next, 'A' | 'd' | 'D' | 'w' | 'W' | 's' | 'S') =>
            {
                push_literal(out, self.character_escape(next)?);
            }
            'A' | 'd' | 'D' | 'w' | 'W' | 's' | 'S' | '1'..='9' => {
                out.push('\\');
                out.push(next);
            }
            other if other.is_ascii_alphanumeric() => {
                return Err(SqlError::invalid_regular_expression(
                    "invalid escape \\ sequence",
                ));
            }
            other => push_literal(out, other),
        }
        Ok(())
    }

    /// The character that an escape such as `\t` or `\u00e9` names.
    fn character_escape(&mut self, letter: char) -> Result<char, SqlError> {
        Ok(match letter {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'B' => '\\',
            'e' => '\u{1b}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '0' => '\0',
            'c' => match self.take() {
                Some(control) => char::from(control as u8 & 0x1f),
                None => {
                    return Err(SqlError::invalid_regular_expression(
                        "invalid escape \\ sequence",
                    ));
                }
            },
            'u' => self.hexadecimal(4)?,
            'U' => self.hexadecimal(8)?,
            _ => self.hexadecimal(255)?,
        })
    }

    fn hexadecimal(&mut self, digits_max: usize) -> Result<char, SqlError> {
        let mut value = 0_u32;
        let mut count = 0;
        while count < digits_max
            && let Some(digit) = self.peek().and_then(|c| c.to_digit(16))
        {
            value = value.wrapping_mul(16).wrapping_add(digit);
            self.at += 1;
            count += 1;
        }
        char::from_u32(value)
            .filter(|_| count > 0)
            .ok_or_else(|| SqlError::invalid_regular_expression("invalid escape \\ sequence"))
    }

    fn bracket(&mut self, out: &mut String) -> Result<(), SqlError> {
        let rest: String = self.input[self.at..].iter().take(6).collect();
        if rest.starts_with("[:<:]]") || rest.starts_with("[:>:]]") {
            out.push_str(if rest.starts_with("[:<") {
                r"\b(?=\w)"
            } else {
                r"\b(?<=\w)"
            });
            self.at += 6;
            return Ok(());
        }
        out.push('[');
        if self.peek() == Some('^') {
            self.at += 1;
            out.push('^');
            if self.dot_stops {
                out.push_str("\\n");
            }
        }
        let start = self.at;
        loop {
            let Some(next) = self.take() else {
                return Err(SqlError::invalid_regular_expression(
                    "brackets [] not balanced",
                ));
            };
            let is_first = self.at == start + 1;
            match next {
                ']' if !is_first => break,
                '[' if matches!(self.peek(), Some(':' | '.' | '=')) => self.class(out)?,
                '\\' => self.bracket_escape(out)?,
                '-' if is_first || self.peek() == Some(']') => out.push_str("\\-"),
                '-' => out.push('-'),
                other => push_literal(out, other),
            }
        }
        out.push(']');
        Ok(())
    }

    /// `[:alpha:]`, `[.x.]` or `[=x=]` inside brackets.
    fn class(&mut self, out: &mut String) -> Result<(), SqlError> {
        let kind = self.take().unwrap_or(':');
        let mut name = String::new();
        loop {
            match self.take() {
                Some(c) if c == kind && self.peek() == Some(']') => break,
                Some(c) => name.push(c),
                None => {
                    return Err(SqlError::invalid_regular_expression(
                        "brackets [] not balanced",
                    ));
                }
            }
        }
        self.at += 1;
        if kind == ':' {
            out.push_str(&format!("[:{name}:]"));
        } else {
            name.chars().for_each(|c| push_literal(out, c));
        }
        Ok(())
    }

    fn bracket_escape(&mut self, out: &mut String) -> Result<(), SqlError> {
        match self.take() {
            Some(class @ ('d' | 'D' | 'w' | 'W' | 's' | 'S')) => {
                out.push('\\');
                out.push(class);
            }
            Some(letter) if letter.is_ascii_alphanumeric() => {
                let named = self.character_escape(letter)?;
                push_literal(out, named);
            }
            Some(other) => push_literal(out, other),
            None => {
                return Err(SqlError::invalid_regular_expression(
                    "invalid escape \\ sequence",
                ));
            }
        }
        Ok(())
    }
}

/// A character that stands for itself, in or out of brackets.
pub(super) fn push_literal(out: &mut String, literal: char) {
    if literal.is_ascii_punctuation() {
        out.push('\\');
        out.push(literal);
    } else if literal.is_ascii_control() || literal == ' ' {
        out.push_str(&format!("\\x{:02X}", u32::from(literal)));
    } else {
        out.push(literal);
    }
}
