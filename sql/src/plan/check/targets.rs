//! The select list: what each output column is made of.

use sqlparser::ast::{
    Expr, Ident, NamedWindowDefinition, Select, SelectItem, SelectItemQualifiedWildcardKind,
    Spanned, WindowType,
};

use super::from::is_natural;
use super::names::Scope;
use super::query::{Analysis, Ctes};
use super::{Part, Step, walk};
use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::rewrite::output_name;

/// An output column and what it is made of.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) expr: Expr,
}

impl Analysis<'_> {
    /// The select list with `*` spelled out; none if that cannot be told.
    pub(super) fn targets(
        &self,
        select: &Select,
        scope: &Scope<'_>,
        ctes: &Ctes,
    ) -> Result<Option<Vec<Target>>, SqlError> {
        let mut targets = Vec::new();
        let mut is_known = true;
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    self.expression(expr, scope, ctes)?;
                    self.refuse_nested(expr)?;
                    require_windows(expr, &select.named_window)?;
                    let name = match item {
                        SelectItem::ExprWithAlias { alias, .. } => fold(alias),
                        _ => output_name(expr),
                    };
                    targets.push(Target {
                        name,
                        expr: expr.clone(),
                    });
                }
                SelectItem::Wildcard(options) => {
                    let place = options.wildcard_token.0.span;
                    if select.from.is_empty() {
                        return Err(SqlError::star_without_tables().at_location(place.start));
                    }
                    let plain = select.exclude.is_none()
                        && options.opt_exclude.is_none()
                        && scope.merged.is_empty()
                        && !is_natural(&select.from);
                    is_known &= plain && expand(scope, None, place, &mut targets);
                }
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    options,
                ) => {
                    let own = name_parts(name).pop();
                    if let Some(own) = &own
                        && !scope.knows(own)
                    {
                        let error = super::suggest::relation(scope, own);
                        return Err(error.at_location(name.span().start));
                    }
                    let place = name.span();
                    is_known &= options.opt_exclude.is_none()
                        && expand(scope, own.as_deref(), place, &mut targets);
                }
                _ => is_known = false,
            }
        }
        Ok(is_known.then_some(targets))
    }
}

/// Errors: `42704` for a window that the WINDOW clause lacks.
fn require_windows(expression: &Expr, named: &[NamedWindowDefinition]) -> Result<(), SqlError> {
    walk(expression, &mut |part| {
        if let Part::Expr(Expr::Function(function)) = part {
            let wanted = match &function.over {
                Some(WindowType::NamedWindow(name)) => Some(name),
                Some(WindowType::WindowSpec(spec)) => spec.window_name.as_ref(),
                None => None,
            };
            if let Some(wanted) = wanted
                && !named.iter().any(|own| fold(&own.0) == fold(wanted))
            {
                let error = SqlError::undefined_window(&fold(wanted));
                return Err(error.at_location(wanted.span.start));
            }
        }
        Ok(Step::Into)
    })
}

/// Adds the columns that `*` stands for; returns whether they are known.
fn expand(
    scope: &Scope<'_>,
    relation: Option<&str>,
    place: sqlparser::tokenizer::Span,
    targets: &mut Vec<Target>,
) -> bool {
    let mut is_found = false;
    for item in &scope.relations {
        if relation.is_some() && item.name.as_deref() != relation {
            continue;
        }
        is_found = true;
        let (Some(name), Some(columns)) = (&item.name, &item.columns) else {
            return false;
        };
        for column in columns {
            let parts = [name, column].map(|part| Ident::with_quote_and_span('"', place, part));
            targets.push(Target {
                name: column.clone(),
                expr: Expr::CompoundIdentifier(parts.to_vec()),
            });
        }
    }
    is_found
}
