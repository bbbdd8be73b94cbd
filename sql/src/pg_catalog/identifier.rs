//! Names as SQL text: quoting them, and taking qualified ones apart.
//!
//! Source: PostgreSQL 15 manual, section 4.1.1 and appendix C; `quote_identifier`
//! quotes every keyword that is not unreserved.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::error::SqlError;

/// PostgreSQL's keywords by category: U unreserved, C not a function or type name,
/// T reserved except as function or type name, R reserved.
#[rustfmt::skip]
const KEYWORDS: &[(char, &str)] = &[
    ('U', "abort absolute access action add admin after aggregate also alter always asensitive \
          assertion assignment at atomic attach attribute backward before begin breadth by \
          cache call called cascade cascaded catalog chain characteristics checkpoint class \
          close cluster columns comment comments commit committed compression configuration \
          conflict connection constraints content continue conversion copy cost csv cube \
          current cursor cycle data database day deallocate declare defaults deferred definer \
          delete delimiter delimiters depends depth detach dictionary disable discard document \
          domain double drop each enable encoding encrypted enum escape event exclude \
          excluding exclusive execute explain expression extension external family filter \
          finalize first following force forward function functions generated global granted \
          groups handler header hold hour identity if immediate immutable implicit import \
          include including increment index indexes inherit inherits inline input insensitive \
          insert instead invoker isolation key label language large last leakproof level \
          listen load local location lock locked logged mapping match matched materialized \
          maxvalue merge method minute minvalue mode month move name names new next nfc nfd \
          nfkc nfkd no normalized nothing notify nowait nulls object of off oids old operator \
          option options ordinality others over overriding owned owner parallel parameter \
          parser partial partition passing password plans policy preceding prepare prepared \
          preserve prior privileges procedural procedure procedures program publication quote \
          range read reassign recheck recursive ref referencing refresh reindex relative \
          release rename repeatable replace replica reset restart restrict return returns \
          revoke role rollback rollup routine routines rows rule savepoint schema schemas \
          scroll search second security sequence sequences serializable server session set \
          sets share show simple skip snapshot sql stable standalone start statement \
          statistics stdin stdout storage stored strict strip subscription support sysid \
          system tables tablespace temp template temporary text ties transaction transform \
          trigger truncate trusted type types uescape unbounded uncommitted unencrypted \
          unknown unlisten unlogged until update vacuum valid validate validator value varying \
          version view views volatile whitespace within without work wrapper write xml year \
          yes zone"),
    ('C', "between bigint bit boolean char character coalesce dec decimal exists extract float \
          greatest grouping inout int integer interval least national nchar none normalize \
          nullif numeric out overlay position precision real row setof smallint substring time \
          timestamp treat trim values varchar xmlattributes xmlconcat xmlelement xmlexists \
          xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable"),
    ('T', "authorization binary collation concurrently cross current_schema freeze full ilike \
          inner is isnull join left like natural notnull outer overlaps right similar \
          tablesample verbose"),
    ('R', "all analyse analyze and any array as asc asymmetric both case cast check collate \
          column constraint create current_catalog current_date current_role current_time \
          current_timestamp current_user default deferrable desc distinct do else end except \
          false fetch for foreign from grant group having in initially intersect into lateral \
          leading limit localtime localtimestamp not null offset on only or order placing \
          primary references returning select session_user some symmetric table then to \
          trailing true union unique user using variadic when where window with"),
];

/// Keywords that are a column label only after AS.
#[rustfmt::skip]
const NEEDS_AS: &[&str] = &[
    "array", "as", "char", "character", "create", "day", "except", "fetch", "filter", "for",
    "from", "grant", "group", "having", "hour", "intersect", "into", "isnull", "limit", "minute",
    "month", "notnull", "offset", "on", "order", "over", "overlaps", "precision", "returning",
    "second", "to", "union", "varying", "where", "window", "with", "within", "without", "year",
];

static CATEGORIES: LazyLock<HashMap<&'static str, char>> = LazyLock::new(|| {
    KEYWORDS
        .iter()
        .flat_map(|(category, words)| words.split(' ').map(move |word| (word, *category)))
        .collect()
});

/// Every keyword with its category, and whether it may be a column label without AS.
pub(crate) fn keywords() -> impl Iterator<Item = (&'static str, char, bool)> {
    KEYWORDS.iter().flat_map(|(category, words)| {
        words
            .split(' ')
            .map(move |word| (word, *category, !NEEDS_AS.contains(&word)))
    })
}

/// The name as SQL would have to write it: `"Order"`, `"table"`, `plain`.
pub(crate) fn quote(name: &str) -> String {
    let mut characters = name.chars();
    let starts_plain = characters
        .next()
        .is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    let continues_plain =
        characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let is_keyword = CATEGORIES
        .get(name)
        .is_some_and(|category| *category != 'U');
    if starts_plain && continues_plain && !is_keyword {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `schema.name`, each quoted where needed.
pub(crate) fn quote_qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quote(schema), quote(name))
}

/// Takes `a.b."C d"` apart, folding what is not quoted.
///
/// Errors: `42602` when the text is no name.
pub(crate) fn parse_qualified(text: &str) -> Result<Vec<String>, SqlError> {
    match parse_leading(text)? {
        (parts, "") => Ok(parts),
        _ => Err(SqlError::invalid_name_syntax(text)),
    }
}

/// As [`parse_qualified`], for a name that something may follow; returns that too.
pub(crate) fn parse_leading(text: &str) -> Result<(Vec<String>, &str), SqlError> {
    let invalid = || SqlError::invalid_name_syntax(text);
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let (part, after) = parse_part(rest).ok_or_else(invalid)?;
        parts.push(part);
        let after = after.trim_start();
        match after.strip_prefix('.') {
            Some(next) => rest = next.trim_start(),
            None => return Ok((parts, after)),
        }
    }
}

/// One part of a name and what follows it.
fn parse_part(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        return parse_quoted(quoted);
    }
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
        .unwrap_or(text.len());
    let starts_well = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    starts_well.then(|| (text[..end].to_lowercase(), &text[end..]))
}

/// `text`: what follows the opening quote.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return (!name.is_empty()).then_some((name, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_only_where_needed() {
        for (name, quoted) in [
            ("orders", "orders"),
            ("Orders", "\"Orders\""),
            ("order", "\"order\""),
            ("integer", "\"integer\""),
            ("a\"b", "\"a\"\"b\""),
            ("1a", "\"1a\""),
            ("", "\"\""),
            ("_x1", "_x1"),
            ("name", "name"),
        ] {
            assert_eq!(quote(name), quoted);
        }
    }

    #[test]
    fn qualified_names_are_folded_and_taken_apart() {
        let parts = parse_qualified(" Raw_Data . \"Or.\"\"ders\" ").expect("a name");
        assert_eq!(parts, ["raw_data", "Or.\"ders"]);
        for wrong in ["", "a.", ".a", "a b", "\"a", "a..b", "1"] {
            assert!(parse_qualified(wrong).is_err(), "{wrong} passed");
        }
    }
}
