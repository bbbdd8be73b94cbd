//! DuckDB's literal syntax for nested values: `[1, NULL, 'a']`, `{'x': 1, 'y': 'q'}`.

/// A value as DuckDB writes it into a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    /// Any scalar, without its quotes.
    Text(String),
    List(Vec<Literal>),
    Struct(Vec<(String, Literal)>),
}

/// Deepest nesting that is read: a bound on recursion.
const DEPTH_MAX: usize = 64;

impl Literal {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// Parses a whole text; nothing if it is not understood.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text };
        let literal = parser.value(0)?;
        parser.skip_spaces();
        parser.rest.is_empty().then_some(literal)
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, expected: char) -> bool {
        self.skip_spaces();
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Literal> {
        if depth > DEPTH_MAX {
            return None;
        }
        if self.take('[') {
            return self.list(depth);
        }
        if self.take('{') {
            return self.fields(depth);
        }
        if self.take('\'') {
            return self.quoted().map(Literal::Text);
        }
        let end = self.rest.find([',', ']', '}']).unwrap_or(self.rest.len());
        let bare = self.rest[..end].trim_end();
        // A quote or bracket inside a bare text: we cannot know where it ends.
        let is_plain = !bare.is_empty() && !bare.contains(['\'', '[', '{', '"', '\\', '=']);
        self.rest = &self.rest[end..];
        match bare {
            _ if !is_plain => None,
            "NULL" => Some(Literal::Null),
            _ => Some(Literal::Text(bare.to_owned())),
        }
    }

    fn list(&mut self, depth: usize) -> Option<Literal> {
        let mut items = Vec::new();
        if self.take(']') {
            return Some(Literal::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(']') {
                return Some(Literal::List(items));
            }
            if !self.take(',') {
                return None;
            }
        }
    }

    fn fields(&mut self, depth: usize) -> Option<Literal> {
        let mut fields = Vec::new();
        if self.take('}') {
            return Some(Literal::Struct(fields));
        }
        loop {
            if !self.take('\'') {
                return None;
            }
            let name = self.quoted()?;
            if !self.take(':') {
                return None;
            }
            fields.push((name, self.value(depth + 1)?));
            if self.take('}') {
                return Some(Literal::Struct(fields));
            }
            if !self.take(',') {
                return None;
            }
        }
    }

    /// The rest of a quoted text whose first quote is taken.
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            let end = self.rest.find(['\'', '\\'])?;
            text.push_str(&self.rest[..end]);
            let mark = &self.rest[end..];
            if let Some(rest) = mark.strip_prefix('\\') {
                let escaped = rest.chars().next()?;
                text.push(escaped);
                self.rest = &rest[escaped.len_utf8()..];
            } else if let Some(rest) = mark.strip_prefix("''") {
                text.push('\'');
                self.rest = rest;
            } else {
                self.rest = &mark[1..];
                return Some(text);
            }
        }
    }
}

#[cfg(test)]
mod tests;
