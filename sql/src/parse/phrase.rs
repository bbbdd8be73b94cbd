//! Expressions told by keywords whose forms sqlparser knows only in part:
//! TRIM, SUBSTRING, BETWEEN SYMMETRIC, CURRENT_ROLE, CURRENT_SCHEMA.
//!
//! Source: PostgreSQL 15, `gram.y`: trim_list, substr_list, a_expr.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, TrimWhereField,
};
use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

type Parsed = Option<Result<Expr, ParserError>>;

/// TRIM and SUBSTRING with their parentheses, and what is called without any; anything
/// else is left alone.
pub(super) fn prefix(dialect: &dyn Dialect, parser: &mut Parser<'_>) -> Parsed {
    let keyword = match &parser.peek_token_ref().token {
        Token::Word(word) if word.quote_style.is_none() => word.keyword,
        _ => return None,
    };
    let is_bare = matches!(keyword, Keyword::CURRENT_ROLE | Keyword::CURRENT_SCHEMA);
    if is_bare && !is_qualified_or_called(parser) {
        let name = parser.next_token().to_string();
        return Some(Ok(bare_call(&name)));
    }
    if !matches!(keyword, Keyword::TRIM | Keyword::SUBSTRING)
        || parser.peek_nth_token_ref(1).token != Token::LParen
    {
        return None;
    }
    parser.next_token();
    parser.next_token();
    Some(match keyword {
        Keyword::TRIM => trim(parser),
        _ => substring(dialect, parser),
    })
}

/// `[BOTH | LEADING | TRAILING] { characters FROM text | FROM text | text } [, ...]`
fn trim(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let sides = [Keyword::BOTH, Keyword::LEADING, Keyword::TRAILING];
    let trim_where = match parser.parse_one_of_keywords(&sides) {
        Some(Keyword::BOTH) => Some(TrimWhereField::Both),
        Some(Keyword::LEADING) => Some(TrimWhereField::Leading),
        Some(_) => Some(TrimWhereField::Trailing),
        None => None,
    };
    let mut arguments = Vec::new();
    if parser.parse_keyword(Keyword::FROM) {
        arguments = parser.parse_comma_separated(Parser::parse_expr)?;
    } else {
        let first = parser.parse_expr()?;
        if parser.parse_keyword(Keyword::FROM) {
            arguments = parser.parse_comma_separated(Parser::parse_expr)?;
            arguments.push(first);
        } else {
            arguments.push(first);
            if parser.consume_token(&Token::Comma) {
                arguments.extend(parser.parse_comma_separated(Parser::parse_expr)?);
            }
        }
    }
    parser.expect_token(&Token::RParen)?;
    let characters = arguments.split_off(1);
    Ok(Expr::Trim {
        expr: Box::new(arguments.remove(0)),
        trim_where,
        trim_what: None,
        trim_characters: (!characters.is_empty()).then_some(characters),
    })
}

/// `text { FROM n [FOR n] | FOR n [FROM n] | SIMILAR pattern ESCAPE c | [, ...] }`
fn substring(dialect: &dyn Dialect, parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    // SIMILAR would be taken for the operator SIMILAR TO.
    let operand = dialect.prec_value(Precedence::Like);
    let text = parser.parse_subexpr(operand)?;
    if parser.parse_keyword(Keyword::SIMILAR) {
        let pattern = parser.parse_expr()?;
        parser.expect_keyword(Keyword::ESCAPE)?;
        let escape = parser.parse_expr()?;
        parser.expect_token(&Token::RParen)?;
        return Ok(call("substring", vec![text, pattern, escape]));
    }
    if parser.consume_token(&Token::Comma) {
        let mut arguments = vec![text];
        arguments.extend(parser.parse_comma_separated(Parser::parse_expr)?);
        parser.expect_token(&Token::RParen)?;
        return Ok(call("substring", arguments));
    }
    let mut from = None;
    let mut length = None;
    while from.is_none() || length.is_none() {
        if from.is_none() && parser.parse_keyword(Keyword::FROM) {
            from = Some(Box::new(parser.parse_expr()?));
        } else if length.is_none() && parser.parse_keyword(Keyword::FOR) {
            length = Some(Box::new(parser.parse_expr()?));
        } else {
            break;
        }
    }
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Substring {
        expr: Box::new(text),
        substring_from: from,
        substring_for: length,
        special: false,
        shorthand: false,
    })
}

/// `x [NOT] BETWEEN SYMMETRIC a AND b`: between them in one order or the other; and
/// `x IS [NOT] DISTINCT FROM y`, whose `y` ends before AND.
pub(super) fn infix(dialect: &dyn Dialect, parser: &mut Parser<'_>, expr: &Expr) -> Parsed {
    use Keyword::{DISTINCT, FROM, IS, NOT};
    type Compare = fn(Box<Expr>, Box<Expr>) -> Expr;
    let forms: [(&[Keyword], Compare); 2] = [
        (&[IS, DISTINCT, FROM], Expr::IsDistinctFrom),
        (&[IS, NOT, DISTINCT, FROM], Expr::IsNotDistinctFrom),
    ];
    for (words, compare) in forms {
        if parser.parse_keywords(words) {
            let other = parser.parse_subexpr(dialect.prec_value(Precedence::Is));
            return Some(other.map(|other| compare(Box::new(expr.clone()), Box::new(other))));
        }
    }
    symmetric(dialect, parser, expr)
}

fn symmetric(dialect: &dyn Dialect, parser: &mut Parser<'_>, expr: &Expr) -> Parsed {
    let first = parser.peek_token_ref();
    let negated = is_keyword(&first.token, Keyword::NOT);
    let place = usize::from(negated);
    let is_between = is_keyword(&parser.peek_nth_token_ref(place).token, Keyword::BETWEEN);
    if !is_between {
        return None;
    }
    let order = match &parser.peek_nth_token_ref(place + 1).token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_uppercase(),
        _ => return None,
    };
    if !matches!(order.as_str(), "SYMMETRIC" | "ASYMMETRIC") {
        return None;
    }
    for _ in 0..place + 2 {
        parser.next_token();
    }
    let range = bounds(dialect, parser);
    Some(range.map(|(low, high)| {
        if order == "ASYMMETRIC" {
            return between(expr, negated, low, high);
        }
        let op = if negated {
            BinaryOperator::And
        } else {
            BinaryOperator::Or
        };
        Expr::Nested(Box::new(Expr::BinaryOp {
            left: Box::new(between(expr, negated, low.clone(), high.clone())),
            op,
            right: Box::new(between(expr, negated, high, low)),
        }))
    }))
}

fn bounds(dialect: &dyn Dialect, parser: &mut Parser<'_>) -> Result<(Expr, Expr), ParserError> {
    let operand = dialect.prec_value(Precedence::Between);
    let low = parser.parse_subexpr(operand)?;
    parser.expect_keyword(Keyword::AND)?;
    let high = parser.parse_subexpr(operand)?;
    Ok((low, high))
}

fn between(expr: &Expr, negated: bool, low: Expr, high: Expr) -> Expr {
    Expr::Between {
        expr: Box::new(expr.clone()),
        negated,
        low: Box::new(low),
        high: Box::new(high),
    }
}

/// Whether the word that comes is a schema's name or has parentheses behind it.
fn is_qualified_or_called(parser: &Parser<'_>) -> bool {
    matches!(
        parser.peek_nth_token_ref(1).token,
        Token::LParen | Token::Period
    )
}

/// A function that is called by its name alone, as sqlparser reads CURRENT_USER.
fn bare_call(name: &str) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::None,
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn is_keyword(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.keyword == keyword && word.quote_style.is_none())
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments
        .into_iter()
        .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
        .collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
