//! Recursive descent over JSON text, with or without making values of it.

use std::borrow::Cow;

use super::Value;
use crate::error::SqlError;

/// How deep arrays and objects may be nested; what reads and writes them recurses.
const DEPTH_MAX: usize = 400;

/// Checks a document; strings are not decoded.
pub(super) fn check(text: &str) -> Result<(), SqlError> {
    Parser::new(text, false).document().map(|_| ())
}

/// Reads a document.
pub(super) fn read(text: &str) -> Result<Value<'_>, SqlError> {
    Parser::new(text, true).document()
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    /// Whether values are wanted, not only a check.
    builds: bool,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, builds: bool) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
            builds,
        }
    }

    fn document(&mut self) -> Result<Value<'a>, SqlError> {
        let value = self.value()?;
        self.skip_space();
        if self.at < self.bytes.len() {
            return Err(self.unexpected("end of input"));
        }
        Ok(value)
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads a value.
    fn value(&mut self) -> Result<Value<'a>, SqlError> {
        self.skip_space();
        match self.bytes.get(self.at) {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn nested(
        &mut self,
        read: impl Fn(&mut Self) -> Result<Value<'a>, SqlError>,
    ) -> Result<Value<'a>, SqlError> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(SqlError::too_deep());
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value<'a>, SqlError> {
        let mut members = Vec::new();
        self.skip_space();
        if self.bytes.get(self.at) == Some(&b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            if self.bytes.get(self.at) != Some(&b'"') {
                let expected = if members.is_empty() {
                    "string or \"}\""
                } else {
                    "string"
                };
                return Err(self.unexpected(expected));
            }
            let key = self.string()?;
            self.skip_space();
            if self.bytes.get(self.at) != Some(&b':') {
                return Err(self.unexpected("\":\""));
            }
            self.at += 1;
            let value = self.value()?;
            // A check keeps one member, so that messages know it is not the first.
            if self.builds || members.is_empty() {
                members.push((key, value));
            }
            self.skip_space();
            match self.bytes.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(members));
                }
                _ => return Err(self.unexpected("\",\" or \"}\"")),
            }
        }
    }

    fn array(&mut self) -> Result<Value<'a>, SqlError> {
        let mut items = Vec::new();
        self.skip_space();
        if self.bytes.get(self.at) == Some(&b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            let item = self.value()?;
            if self.builds {
                items.push(item);
            }
            self.skip_space();
            match self.bytes.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.unexpected("\",\" or \"]\"")),
            }
        }
    }

    fn word(&mut self) -> Result<Value<'a>, SqlError> {
        let token = self.token();
        let value = match token {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(self.unexpected("JSON value")),
        };
        self.at += token.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value<'a>, SqlError> {
        let start = self.at;
        let mut at = start + usize::from(self.bytes[start] == b'-');
        let digits = |from: usize| {
            self.bytes[from..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        let whole = digits(at);
        let mut is_valid = whole == 1 || (whole > 1 && self.bytes[at] != b'0');
        at += whole;
        if self.bytes.get(at) == Some(&b'.') {
            let decimals = digits(at + 1);
            is_valid &= decimals > 0;
            at += 1 + decimals;
        }
        if matches!(self.bytes.get(at), Some(b'e' | b'E')) {
            at += 1;
            at += usize::from(matches!(self.bytes.get(at), Some(b'+' | b'-')));
            let exponent = digits(at);
            is_valid &= exponent > 0;
            at += exponent;
        }
        let is_joined = self.bytes.get(at).is_some_and(|byte| is_word(*byte));
        if !is_valid || is_joined {
            let rest = self.bytes[at..]
                .iter()
                .take_while(|byte| is_word(**byte))
                .count();
            let token = self.text.get(start..at + rest).unwrap_or_default();
            return Err(self.invalid(&format!("Token \"{token}\" is invalid.")));
        }
        self.at = at;
        Ok(Value::Number(&self.text[start..at]))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, SqlError> {
        self.at += 1;
        let start = self.at;
        let mut decoded: Option<String> = None;
        let mut copied = start;
        loop {
            match self.bytes.get(self.at) {
                None => return Err(self.unfinished(start - 1)),
                Some(b'"') => break,
                Some(b'\\') => {
                    let plain = &self.text[copied..self.at];
                    let escaped = self.escape()?;
                    copied = self.at;
                    if let (true, Some(character)) = (self.builds, escaped) {
                        let text = decoded.get_or_insert_with(String::new);
                        text.push_str(plain);
                        text.push(character);
                    }
                }
                Some(byte) if *byte < 0x20 => {
                    let message = format!("Character with value 0x{byte:02x} must be escaped.");
                    return Err(self.invalid(&message));
                }
                Some(_) => self.at += 1,
            }
        }
        let rest = &self.text[copied..self.at];
        self.at += 1;
        Ok(match decoded {
            None => Cow::Borrowed(rest),
            Some(mut text) => {
                text.push_str(rest);
                Cow::Owned(text)
            }
        })
    }

    /// Reads an escape; `None` in a check, which takes any pair of surrogates.
    fn escape(&mut self) -> Result<Option<char>, SqlError> {
        let Some(kind) = self.bytes.get(self.at + 1) else {
            return Err(self.unfinished(self.at));
        };
        let simple = match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => {
                let found = self.text[self.at + 1..].chars().next().unwrap_or_default();
                return Err(self.invalid(&format!("Escape sequence \"\\{found}\" is invalid.")));
            }
        };
        self.at += 2;
        Ok(Some(simple))
    }

    fn unicode(&mut self) -> Result<Option<char>, SqlError> {
        let first = self.unit()?;
        if !self.builds {
            return Ok(None);
        }
        let code = match first {
            0 => return Err(SqlError::unsupported_unicode_escape()),
            0xd800..=0xdbff => {
                if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                    return Err(self.invalid("Unicode low surrogate must follow a high surrogate."));
                }
                match self.unit()? {
                    second @ 0xdc00..=0xdfff => {
                        0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    0xd800..=0xdbff => {
                        let text = "Unicode high surrogate must not follow a high surrogate.";
                        return Err(self.invalid(text));
                    }
                    _ => {
                        let text = "Unicode low surrogate must follow a high surrogate.";
                        return Err(self.invalid(text));
                    }
                }
            }
            0xdc00..=0xdfff => {
                return Err(self.invalid("Unicode low surrogate must follow a high surrogate."));
            }
            plain => plain,
        };
        Ok(char::from_u32(code))
    }

    /// Reads `\uXXXX`.
    fn unit(&mut self) -> Result<u32, SqlError> {
        let digits = self.text.get(self.at + 2..self.at + 6);
        let code = digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let Some(code) = code else {
            return Err(self.invalid("\"\\u\" must be followed by four hexadecimal digits."));
        };
        self.at += 6;
        Ok(code)
    }

    /// The word or character at the place, as messages show it.
    fn token(&self) -> &'a str {
        let rest = &self.text[self.at..];
        if let Some(inside) = rest.strip_prefix('"') {
            return inside.find('"').map_or(rest, |end| &rest[..end + 2]);
        }
        let word = rest.bytes().take_while(|byte| is_word(*byte)).count();
        let length = if word > 0 {
            word
        } else {
            rest.chars().next().map_or(0, char::len_utf8)
        };
        &rest[..length]
    }

    fn unexpected(&self, expected: &str) -> SqlError {
        let token = self.token();
        let first = token.bytes().next();
        let is_number = first.is_some_and(|byte| byte == b'-' || byte.is_ascii_digit());
        if is_number {
            let mut ahead = Self {
                at: self.at,
                ..Self::new(self.text, false)
            };
            return match ahead.number() {
                Err(error) => error,
                Ok(_) => {
                    let shown = &self.text[self.at..ahead.at];
                    self.invalid(&format!("Expected {expected}, but found \"{shown}\"."))
                }
            };
        }
        let is_open = first == Some(b'"') && !(token.len() > 1 && token.ends_with('"'));
        let is_known = matches!(token, "null" | "true" | "false")
            || (first.is_some_and(|byte| b"{}[],:\"".contains(&byte)) && !is_open);
        if token.is_empty() {
            self.invalid("The input string ended unexpectedly.")
        } else if !is_known {
            self.invalid(&format!("Token \"{token}\" is invalid."))
        } else {
            self.invalid(&format!("Expected {expected}, but found \"{token}\"."))
        }
    }

    /// A string that starts at `start` and does not end.
    fn unfinished(&self, start: usize) -> SqlError {
        self.invalid(&format!("Token \"{}\" is invalid.", &self.text[start..]))
    }

    fn invalid(&self, detail: &str) -> SqlError {
        SqlError::invalid_json(detail)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
