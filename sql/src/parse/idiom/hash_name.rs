//! `#name`, a temporary table as Redshift writes it, becomes one quoted name.
//!
//! `#` is an operator, too (`a # b`), but no prefix: where an operand must follow, and a
//! word stands directly behind, it begins a name.

use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use super::{folded, quoted};

/// Words after which an operand or a relation follows; after others an operator may.
const BEFORE_NAME: &[&str] = &[
    "ALL",
    "ANALYZE",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "COPY",
    "DESC",
    "DISTINCT",
    "ELSE",
    "EXISTS",
    "FROM",
    "HAVING",
    "ILIKE",
    "IN",
    "INDEX",
    "INTO",
    "IS",
    "JOIN",
    "LATERAL",
    "LIKE",
    "LIMIT",
    "MERGE",
    "NOT",
    "OFFSET",
    "ON",
    "ONLY",
    "OR",
    "REFERENCES",
    "RETURNING",
    "SELECT",
    "SET",
    "TABLE",
    "THEN",
    "TO",
    "TRUNCATE",
    "UPDATE",
    "USING",
    "VALUES",
    "VIEW",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Makes one token of each such name.
pub(super) fn merge(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if !tokens.iter().any(|token| token.token == Token::Sharp) {
        return tokens;
    }
    let mut merged: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut ends_operand = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let name = match tokens.peek().map(|next| &next.token) {
            Some(Token::Word(word))
                if token.token == Token::Sharp && !ends_operand && word.quote_style.is_none() =>
            {
                Some(format!("#{}", folded(word)))
            }
            _ => None,
        };
        let token = match name {
            Some(name) => {
                let end = tokens.next().map_or(token.span.end, |word| word.span.end);
                TokenWithSpan::new(quoted(name), Span::new(token.span.start, end))
            }
            None => token,
        };
        if !matches!(token.token, Token::Whitespace(_)) {
            ends_operand = is_operand_end(&token.token);
        }
        merged.push(token);
    }
    merged
}

fn is_operand_end(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            let is_written = |known: &&str| word.value.eq_ignore_ascii_case(known);
            word.quote_style.is_some() || !BEFORE_NAME.iter().any(is_written)
        }
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::DollarQuotedString(_)
        | Token::HexStringLiteral(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::Placeholder(_)
        | Token::RParen
        | Token::RBracket => true,
        _ => false,
    }
}
