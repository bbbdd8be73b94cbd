//! Putting text together: `concat`, `concat_ws`, `format`, and quoting.

use arrow::array::{Array, ArrayRef, StringViewArray};

use super::TEXT_BYTES_MAX;
use crate::error::SqlError;
use crate::functions::Registry;
use crate::functions::call::{Call, map1};
use crate::functions::kinds::Text;
use crate::pg_catalog::identifier::quote;
use crate::types::output;

pub(super) fn register(registry: &mut Registry) {
    registry
        .add("concat(variadic any) -> text", |call| {
            let values = Values::open(call, 0)?;
            call.rows(|row| {
                let mut joined = String::new();
                for index in 0..values.count() {
                    joined.push_str(values.value(index, row).unwrap_or_default());
                }
                bounded(joined)
            })
        })
        .stable();
    registry
        .add("concat_ws(text, variadic any) -> text", concat_ws)
        .stable();
    registry.add("format(text) -> text", format).stable();
    registry
        .add("format(text, variadic any) -> text", format)
        .stable();
    registry.add("quote_ident(text) -> text", |call| {
        map1::<Text, _>(call, |text| Ok(quote(text)))
    });
    registry.add("quote_literal(text) -> text", |call| {
        map1::<Text, _>(call, |text| Ok(quote_literal(text)))
    });
    registry
        .add("quote_literal(any) -> text", |call| {
            let values = Values::open(call, 0)?;
            call.rows(|row| Ok(values.value(0, row).map(quote_literal)))
        })
        .stable();
    registry
        .add("quote_nullable(any) -> text", |call| {
            let values = Values::open(call, 0)?;
            call.rows(|row| {
                Ok(values
                    .value(0, row)
                    .map_or_else(|| "NULL".to_owned(), quote_literal))
            })
        })
        .stable();
}

/// Arguments of any type, written as text.
pub(in crate::functions) struct Values {
    columns: Vec<(StringViewArray, bool)>,
}

impl Values {
    /// Writes the arguments from `first` on.
    pub(in crate::functions) fn open(call: &Call<'_>, first: usize) -> Result<Self, SqlError> {
        let mut columns = Vec::new();
        for index in first..call.columns.len() {
            let column = &call.columns[index];
            let texts = as_text(&column.array, call, index)?;
            columns.push((texts, column.is_constant));
        }
        Ok(Self { columns })
    }

    pub(in crate::functions) fn count(&self) -> usize {
        self.columns.len()
    }

    /// The text of an argument; `None` for NULL.
    pub(in crate::functions) fn value(&self, index: usize, row: usize) -> Option<&str> {
        let (texts, is_constant) = &self.columns[index];
        let row = if *is_constant { 0 } else { row };
        texts.is_valid(row).then(|| texts.value(row))
    }
}

fn as_text(array: &ArrayRef, call: &Call<'_>, index: usize) -> Result<StringViewArray, SqlError> {
    match array.as_any().downcast_ref::<StringViewArray>() {
        Some(texts) => Ok(texts.clone()),
        None => output::to_text_array(array, call.types[index], &call.context.style),
    }
}

fn bounded(text: String) -> Result<String, SqlError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(SqlError::requested_length_too_large());
    }
    Ok(text)
}

fn concat_ws(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let separators = call.reader::<Text>(0)?;
    let values = Values::open(call, 1)?;
    call.rows(|row| {
        let Some(separator) = separators.value(row) else {
            return Ok(None);
        };
        let present: Vec<&str> = (0..values.count())
            .filter_map(|index| values.value(index, row))
            .collect();
        bounded(present.join(separator)).map(Some)
    })
}

/// A string literal as SQL needs it.
pub(crate) fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') {
        return format!("E'{}'", quoted.replace('\\', "\\\\"));
    }
    format!("'{quoted}'")
}

fn format(call: &Call<'_>) -> Result<ArrayRef, SqlError> {
    let templates = call.reader::<Text>(0)?;
    let values = Values::open(call, 1)?;
    call.rows(|row| {
        let Some(template) = templates.value(row) else {
            return Ok(None);
        };
        let formatter = Formatter {
            template: template.chars().collect(),
            at: 0,
            next_argument: 0,
            values: &values,
            row,
        };
        bounded(formatter.run()?).map(Some)
    })
}

/// One run of `format` over its template.
struct Formatter<'a> {
    template: Vec<char>,
    at: usize,
    next_argument: usize,
    values: &'a Values,
    row: usize,
}

impl Formatter<'_> {
    fn run(mut self) -> Result<String, SqlError> {
        let mut out = String::new();
        while let Some(c) = self.take() {
            if c != '%' {
                out.push(c);
                continue;
            }
            if self.peek() == Some('%') {
                self.at += 1;
                out.push('%');
                continue;
            }
            self.specifier(&mut out)?;
        }
        Ok(out)
    }

    fn peek(&self) -> Option<char> {
        self.template.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    fn number(&mut self) -> Option<usize> {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        self.template[start..self.at]
            .iter()
            .collect::<String>()
            .parse()
            .ok()
    }

    /// `n$`, if it stands here.
    fn position(&mut self) -> Result<Option<usize>, SqlError> {
        let start = self.at;
        match self.number() {
            Some(number) if self.peek() == Some('$') => {
                self.at += 1;
                if number == 0 {
                    return Err(SqlError::invalid_parameter(
                        "format specifies argument 0, but arguments are numbered from 1",
                    ));
                }
                Ok(Some(number - 1))
            }
            _ => {
                self.at = start;
                Ok(None)
            }
        }
    }

    fn specifier(&mut self, out: &mut String) -> Result<(), SqlError> {
        let position = self.position()?;
        let mut is_left = false;
        while self.peek() == Some('-') {
            is_left = true;
            self.at += 1;
        }
        let mut width = 0_i64;
        if self.peek() == Some('*') {
            self.at += 1;
            let from = self.position()?;
            width = self
                .argument(from)?
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
        } else if let Some(number) = self.number() {
            width = i64::try_from(number).unwrap_or(i64::MAX);
        }
        let Some(kind) = self.take() else {
            return Err(
                SqlError::invalid_parameter("unterminated format() type specifier")
                    .with_hint("For a single \"%\" use \"%%\"."),
            );
        };
        if !matches!(kind, 's' | 'I' | 'L') {
            return Err(SqlError::invalid_parameter(format!(
                "unrecognized format() type specifier \"{kind}\""
            ))
            .with_hint("For a single \"%\" use \"%%\"."));
        }
        let value = self.argument(position)?;
        let text = match (kind, value) {
            ('s', value) => value.unwrap_or_default(),
            ('I', Some(value)) => quote(&value),
            ('I', None) => {
                return Err(SqlError::null_not_allowed(
                    "null values cannot be formatted as an SQL identifier",
                ));
            }
            (_, Some(value)) => quote_literal(&value),
            (_, None) => "NULL".to_owned(),
        };
        let is_left = is_left || width < 0;
        let width = usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX);
        if width > TEXT_BYTES_MAX {
            return Err(SqlError::requested_length_too_large());
        }
        let padding = " ".repeat(width.saturating_sub(super::characters(&text)));
        if !is_left {
            out.push_str(&padding);
        }
        out.push_str(&text);
        if is_left {
            out.push_str(&padding);
        }
        Ok(())
    }

    /// The argument at a position, else the next one.
    fn argument(&mut self, position: Option<usize>) -> Result<Option<String>, SqlError> {
        let index = position.unwrap_or(self.next_argument);
        self.next_argument = index + 1;
        if index >= self.values.count() {
            return Err(SqlError::invalid_parameter(
                "too few arguments for format()",
            ));
        }
        Ok(self.values.value(index, self.row).map(str::to_owned))
    }
}
