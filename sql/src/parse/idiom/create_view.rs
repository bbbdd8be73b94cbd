//! `WITH (security_barrier)`: options of a view without a value, which means true.

use sqlparser::tokenizer::Token;

use super::{Edit, View, keyword};

/// Gives an option that stands at `index` its value.
pub(super) fn edit(view: &View<'_>, index: usize) -> Option<Edit> {
    let ends = matches!(view.token(index + 1), Token::RParen | Token::Comma);
    if !view.is_any(index, &["security_barrier", "security_invoker"]) || !ends {
        return None;
    }
    let open = (0..index).rev().find(|place| {
        matches!(
            view.token(*place),
            Token::LParen | Token::RParen | Token::SemiColon
        )
    })?;
    let with = open.checked_sub(1)?;
    if *view.token(open) != Token::LParen || !view.is(with, "WITH") || !makes_view(view, with) {
        return None;
    }
    Some(view.edit(index + 1, index + 1, vec![Token::Eq, keyword("TRUE")]))
}

/// Whether the statement before a token is CREATE VIEW up to its name and columns.
fn makes_view(view: &View<'_>, end: usize) -> bool {
    let mut places = (0..end).rev();
    let is_first = |place: &usize| view.is_any(*place, &["CREATE", "SELECT", "AS"]);
    let Some(first) = places
        .find(is_first)
        .filter(|place| view.is(*place, "CREATE"))
    else {
        return false;
    };
    (first..end).any(|place| view.is(place, "VIEW"))
}
