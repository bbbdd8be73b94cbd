//! Names of sequences in the texts of defaults.
//!
//! A default names its sequence as `nextval('schema.name'::regclass)`, always with the
//! schema, so that it does not hang on `search_path`. Where a sequence or its schema gets
//! another name the texts follow; where a default is shown, the name is as short as the
//! reader's `search_path` allows, as in PostgreSQL.

use std::ops::ControlFlow;

use gotgan_storage::{Sequence, SequenceId, Snapshot};
use sqlparser::ast::{self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments};
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::parse::{GotganDialect, name_parts};
use crate::pg_catalog::identifier::{parse_qualified, quote_qualified};
use crate::pg_catalog::objects::schema_name;
use crate::pg_catalog::{lookup, oids};
use crate::rewrite::build;

/// Functions whose first argument is a sequence.
const FUNCTIONS: [&str; 3] = ["nextval", "currval", "setval"];

/// The name of a sequence with its schema, quoted where it has to be.
pub(super) fn qualified(snapshot: &Snapshot, sequence: &Sequence) -> String {
    quote_qualified(schema_name(snapshot, sequence.schema_id), &sequence.name)
}

/// An expression whose sequences are named with their schemas.
///
/// Errors: `42P01`, `42809` for another relation.
pub(crate) fn pinned(ctx: &StatementContext, expression: &Expr) -> Result<Expr, SqlError> {
    let mut expression = expression.clone();
    let pinned = ast::visit_expressions_mut(&mut expression, |expr| match pin(ctx, expr) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Box::new(error)),
    });
    match pinned {
        ControlFlow::Continue(()) => Ok(expression),
        ControlFlow::Break(error) => Err(*error),
    }
}

fn pin(ctx: &StatementContext, expr: &mut Expr) -> Result<(), SqlError> {
    let Expr::Function(function) = expr else {
        return Ok(());
    };
    let is_ours = matches!(name_parts(&function.name).as_slice(),
        [name] if FUNCTIONS.contains(&name.as_str()));
    let FunctionArguments::List(list) = &mut function.args else {
        return Ok(());
    };
    let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))) = list.args.first_mut() else {
        return Ok(());
    };
    let text = match &*argument {
        Expr::Cast {
            expr,
            data_type: ast::DataType::Regclass,
            ..
        } => build::string_text(expr),
        other => build::string_text(other),
    };
    let Some(text) = text.filter(|_| is_ours) else {
        return Ok(());
    };
    let sequence = find(ctx, text)?;
    *argument = Expr::Cast {
        kind: ast::CastKind::DoubleColon,
        expr: Box::new(build::string(qualified(&ctx.snapshot, &sequence))),
        // Lower case, as PostgreSQL shows it.
        data_type: ast::DataType::Custom(
            ast::ObjectName::from(vec![ast::Ident::new("regclass")]),
            Vec::new(),
        ),
        format: None,
        array: false,
    };
    Ok(())
}

/// The sequence that text names, or its OID.
///
/// Errors: `42P01`, `42809`.
fn find(ctx: &StatementContext, text: &str) -> Result<std::sync::Arc<Sequence>, SqlError> {
    let oid = lookup::regclass_in(ctx, text)?;
    let oid = u32::try_from(oid).unwrap_or(0);
    if let Some(sequence) = lookup::sequence(&ctx.snapshot, oid) {
        return Ok(std::sync::Arc::clone(sequence));
    }
    Err(match lookup::class(&ctx.snapshot, oid) {
        Some(other) => SqlError::not_a_sequence(other.name),
        None => SqlError::undefined_table(text),
    })
}

/// The sequences that a stored default takes values of.
pub(crate) fn sequences_in(snapshot: &Snapshot, default: &str) -> Vec<SequenceId> {
    let mut found = Vec::new();
    each_name(default, |schema, name| {
        let schema = snapshot.schema_by_name(schema)?;
        found.push(snapshot.sequence_by_name(schema.id, name)?.id);
        None
    });
    found
}

/// A stored default after a sequence got another name or schema; none if it names others.
///
/// `old`, `new`: schema and name.
pub(crate) fn renamed(default: &str, old: [&str; 2], new: [&str; 2]) -> Option<String> {
    each_name(default, |schema, name| {
        ([schema, name] == old).then(|| quote_qualified(new[0], new[1]))
    })
}

/// A default of a restored table, which names sequences as they were then; none if they
/// are named so now.
///
/// `made`: sequences of then, and the new ones in their places.
pub(crate) fn restored(
    default: &str,
    (then, now): (&Snapshot, &Snapshot),
    made: &[(SequenceId, SequenceId)],
) -> Option<String> {
    each_name(default, |schema, name| {
        let own = then.schema_by_name(schema)?.id;
        let old = then.sequence_by_name(own, name)?.id;
        let new = made.iter().find(|(then, _)| *then == old);
        let text = qualified(now, now.sequence(new.map_or(old, |(_, now)| *now))?);
        (text != quote_qualified(schema, name)).then_some(text)
    })
}

/// A stored default as this session shows it.
pub(crate) fn shown(ctx: &StatementContext, default: &str) -> String {
    let short = each_name(default, |schema, name| {
        let schema = ctx.snapshot.schema_by_name(schema)?;
        let sequence = ctx.snapshot.sequence_by_name(schema.id, name)?;
        let oid = oids::sequence(sequence.id);
        Some(lookup::regclass_out(ctx, i64::from(oid)))
    });
    short.unwrap_or_else(|| default.to_owned())
}

/// A stored default whose sequences are told by their OIDs. None if it has none.
pub(super) fn by_oid(snapshot: &Snapshot, default: &str) -> Option<String> {
    each_name(default, |schema, name| {
        let schema = snapshot.schema_by_name(schema)?;
        let sequence = snapshot.sequence_by_name(schema.id, name)?;
        Some(oids::sequence(sequence.id).to_string())
    })
}

/// Hands schema and name of each sequence in a default to `replace`, and puts what that
/// gives in the name's place. None if nothing was replaced.
fn each_name(
    default: &str,
    mut replace: impl FnMut(&str, &str) -> Option<String>,
) -> Option<String> {
    if !FUNCTIONS.iter().any(|name| default.contains(name)) {
        return None;
    }
    let dialect = GotganDialect::default();
    let tokenizer = Tokenizer::new(&dialect, default);
    let mut tokens = tokenizer.with_unescape(false).tokenize().ok()?;
    let mut is_changed = false;
    for index in 2..tokens.len() {
        let calls = matches!(&tokens[index - 2], Token::Word(word)
            if word.quote_style.is_none() && FUNCTIONS.contains(&word.value.as_str()));
        let (Token::LParen, Token::SingleQuotedString(text)) = (&tokens[index - 1], &tokens[index])
        else {
            continue;
        };
        let Ok(parts) = parse_qualified(&text.replace("''", "'")) else {
            continue;
        };
        if let [schema, name] = parts.as_slice()
            && calls
            && let Some(other) = replace(schema, name)
        {
            tokens[index] = Token::SingleQuotedString(other.replace('\'', "''"));
            is_changed = true;
        }
    }
    is_changed.then(|| tokens.iter().map(ToString::to_string).collect())
}
