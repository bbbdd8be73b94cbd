//! Bounds chains, such as `a + b + c` and `SELECT 1 UNION SELECT 2`.
//!
//! The parser has a bound for what is nested in brackets, but makes a chain into a tree as
//! deep as the chain is long, and everything that later walks or drops that tree recurses
//! as deep. So they are bounded before it sees them. What stands in brackets, between
//! commas, or within CASE and END is a chain of its own. Subqueries of expressions have a
//! bound for their nesting, since the work of planning them doubles with each level.
//!
//! Errors: `54001`.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::SqlError;
use crate::sqlstate;

/// Most operators of one expression that stand beside each other.
const OPERATORS_MAX: usize = 2000;

/// Most queries that UNION and its like put together.
const QUERIES_MAX: usize = 500;

/// Most tables that JOIN and the commas of FROM put together.
const TABLES_MAX: usize = 500;

/// Most subqueries of expressions within each other.
const SUBQUERY_DEPTH_MAX: usize = 12;

/// What stands between two brackets.
#[derive(Default)]
struct Level {
    operators: usize,
    queries: usize,
    tables: usize,
    is_in_from: bool,
    is_case: bool,
    /// How many subqueries of expressions are around it.
    subqueries: usize,
    /// Whether a query may stand next that is a table or a name of WITH, and no expression.
    expects_table: bool,
    /// Whether nothing stands in it yet.
    is_new: bool,
    /// Whether DISTINCT stands right before.
    is_distinct: bool,
}

/// Errors: `54001` for a chain that is too long.
pub(super) fn require_short(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket => {
                // A subscript goes on with the chain that it stands in.
                level.operators += usize::from(token.token == Token::LBracket);
                let inner = Level {
                    subqueries: level.subqueries,
                    expects_table: level.expects_table,
                    is_new: true,
                    ..Level::default()
                };
                level.is_new = false;
                outer.push(std::mem::replace(&mut level, inner));
                continue;
            }
            Token::RParen | Token::RBracket => level = outer.pop().unwrap_or_default(),
            Token::SemiColon => {
                outer.clear();
                level = Level::default();
            }
            Token::Comma => {
                level.operators = 0;
                level.tables += usize::from(level.is_in_from);
                level.expects_table = level.is_in_from;
                continue;
            }
            Token::Whitespace(_) => continue,
            Token::Word(word) => match word.keyword {
                Keyword::CASE => {
                    let inner = Level {
                        subqueries: level.subqueries,
                        is_case: true,
                        ..Level::default()
                    };
                    outer.push(std::mem::replace(&mut level, inner));
                }
                Keyword::END if level.is_case => level = outer.pop().unwrap_or_default(),
                other => note(&mut level, other),
            },
            // One character each, and part of no chain.
            Token::EOF
            | Token::Number(..)
            | Token::Char(_)
            | Token::SingleQuotedString(_)
            | Token::Placeholder(_)
            | Token::Period => {}
            _ => level.operators += 1,
        }
        require("operators in a row", level.operators, OPERATORS_MAX)?;
        require("queries in a row", level.queries, QUERIES_MAX)?;
        require("tables in a row", level.tables, TABLES_MAX)?;
        require(
            "subqueries within each other",
            level.subqueries,
            SUBQUERY_DEPTH_MAX,
        )?;
        let keyword = match &token.token {
            Token::Word(word) => word.keyword,
            _ => Keyword::NoKeyword,
        };
        level.is_new = false;
        level.is_distinct = keyword == Keyword::DISTINCT;
        level.expects_table = precedes_table(keyword);
    }
    Ok(())
}

/// What a keyword does to the chain that it stands in.
fn note(level: &mut Level, keyword: Keyword) {
    match keyword {
        Keyword::AND
        | Keyword::OR
        | Keyword::XOR
        | Keyword::NOT
        | Keyword::IS
        | Keyword::IN
        | Keyword::LIKE
        | Keyword::ILIKE
        | Keyword::SIMILAR
        | Keyword::BETWEEN
        | Keyword::AT
        | Keyword::COLLATE
        | Keyword::OVERLAPS
        | Keyword::NOTNULL
        | Keyword::OPERATOR
        | Keyword::DIV
        | Keyword::RLIKE
        | Keyword::REGEXP
        | Keyword::EXPLAIN
        | Keyword::PREPARE
        | Keyword::INTERVAL => level.operators += 1,
        Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::MINUS => {
            level.queries += 1;
        }
        Keyword::JOIN => level.tables += 1,
        // That of IS DISTINCT FROM begins no list of tables.
        Keyword::FROM => {
            let is_comparison = level.is_distinct && level.operators > 0;
            level.is_in_from |= !is_comparison;
        }
        Keyword::SELECT => {
            let is_expression = level.is_new && !level.expects_table;
            *level = Level {
                queries: level.queries,
                is_case: level.is_case,
                subqueries: level.subqueries + usize::from(is_expression),
                ..Level::default()
            };
        }
        Keyword::WHERE
        | Keyword::GROUP
        | Keyword::HAVING
        | Keyword::WINDOW
        | Keyword::ORDER
        | Keyword::LIMIT
        | Keyword::SET
        | Keyword::RETURNING => {
            level.is_in_from = false;
            level.operators = 0;
        }
        Keyword::WHEN | Keyword::THEN | Keyword::ELSE if level.is_case => level.operators = 0,
        _ => {}
    }
}

/// Whether a query in brackets behind the keyword is a table or a name of WITH.
fn precedes_table(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::FROM
            | Keyword::JOIN
            | Keyword::LATERAL
            | Keyword::AS
            | Keyword::MATERIALIZED
            | Keyword::UNION
            | Keyword::EXCEPT
            | Keyword::INTERSECT
    )
}

fn require(what: &str, count: usize, most: usize) -> Result<(), SqlError> {
    match count <= most {
        true => Ok(()),
        false => Err(SqlError::with_code(
            sqlstate::STATEMENT_TOO_COMPLEX,
            format!("more than {most} {what}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;

    #[track_caller]
    fn check(text: &str, is_short: bool) {
        let parsed = parse(text);
        let code = parsed.err().map(|error| error.code);
        let expected = (!is_short).then_some(sqlstate::STATEMENT_TOO_COMPLEX);
        assert_eq!(code, expected, "of {}", &text[..text.len().min(60)]);
    }

    #[test]
    fn chains_are_bounded() {
        for (link, end) in [
            ("1 + ", "1"),
            ("1 = 1 AND ", "true"),
            ("1 IS DISTINCT FROM ", "1"),
            ("CASE WHEN true THEN 1 END + ", "1"),
            ("1 + CASE WHEN 1 + 1 = 2 THEN 1 END, 1 + ", "1"),
        ] {
            let of = |count| format!("SELECT {}{end}", link.repeat(count));
            check(&of(100), true);
            check(&of(20_000), link.contains(','));
        }
        check(&format!("SELECT 1{}", "::int".repeat(200_000)), false);
        check(&format!("SELECT a{}", "[1]".repeat(200_000)), false);
    }

    #[test]
    fn queries_and_tables_are_bounded() {
        let union = "SELECT 1, 2 UNION ALL ";
        check(&format!("{}SELECT 1, 2", union.repeat(100)), true);
        check(&format!("{}SELECT 1, 2", union.repeat(200_000)), false);
        check(&format!("SELECT 1 FROM t{}", ", t".repeat(400)), true);
        check(&format!("SELECT 1 FROM t{}", ", t".repeat(200_000)), false);
        check(
            &format!("SELECT 1 + 1 FROM t{}", ", t".repeat(200_000)),
            false,
        );
        check(
            &format!("SELECT 1 FROM t{}", " CROSS JOIN t".repeat(200_000)),
            false,
        );
    }

    #[test]
    fn subqueries_are_bounded_in_expressions() {
        let nested = |begin: &str, end: &str, depth: usize| {
            format!(
                "SELECT * FROM t WHERE {}1{}",
                begin.repeat(depth),
                end.repeat(depth)
            )
        };
        for begin in [
            "(SELECT ",
            "1 + (SELECT a, ",
            "(SELECT 1 FROM t JOIN u ON 1 = ",
        ] {
            check(&nested(begin, ")", 10), true);
            check(&nested(begin, ")", 20), false);
        }
        let table = format!("{}t{}", "(SELECT * FROM ".repeat(16), ") AS s".repeat(16));
        check(&format!("SELECT * FROM {table}"), true);
        check(&format!("SELECT * FROM t, {table}, {table}"), true);
        let with = "WITH c AS (".repeat(16);
        check(
            &format!("{with} SELECT 1 {}", ") SELECT * FROM c".repeat(16)),
            true,
        );
    }

    #[test]
    fn lists_are_not() {
        check(&format!("SELECT 1{}", ", 1 + 1".repeat(20_000)), true);
        check(&format!("SELECT 1 IN (1{})", ", 1".repeat(20_000)), true);
        check(&format!("VALUES (-1){}", ", (-1)".repeat(20_000)), true);
        let case = "WHEN a = 1 THEN 2 ".repeat(5000);
        check(&format!("SELECT CASE {case} END FROM t, u"), true);
        check(&"SELECT 1 + 1;".repeat(5000), true);
        let columns = "a IS DISTINCT FROM b, ".repeat(5000);
        check(&format!("SELECT {columns} 1 FROM t"), true);
        let branch = "SELECT 1 FROM t, u JOIN v ON true UNION ALL ".repeat(100);
        check(&format!("{branch} SELECT 1"), true);
    }
}
