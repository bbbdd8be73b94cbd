//! References to columns: which relation of which level they mean.

use sqlparser::ast::{Expr, Ident, Spanned, VisitMut, VisitorMut};
use std::ops::ControlFlow;

use super::suggest;
use crate::error::SqlError;
use crate::parse::fold;

/// Columns that every table has but `*` leaves out.
const SYSTEM_COLUMNS: &[&str] = &["tableoid", "xmin", "xmax", "cmin", "cmax", "ctid"];

/// A FROM item with its columns.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    /// What its columns are qualified with.
    pub(super) name: Option<String>,
    /// The table that an alias stands for.
    pub(super) table: Option<String>,
    /// Names of its columns; none if they cannot be told.
    pub(super) columns: Option<Vec<String>>,
}

/// What a level of a query may refer to.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    pub(super) relations: Vec<Relation>,
    /// Items of FROM that cannot be referred to from here.
    pub(super) hidden: Vec<Relation>,
    /// Columns that a join has once, though both sides do.
    pub(super) merged: Vec<String>,
    /// Whether joins merge columns that the text does not name.
    pub(super) is_natural: bool,
    pub(super) outer: Option<&'a Scope<'a>>,
}

/// What a reference stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A column of the innermost level: of which relation, and its name.
    Own {
        relation: usize,
        column: String,
    },
    /// A column of an outer level, or nothing that can be told.
    Other,
    Missing,
    /// A column of several relations.
    Ambiguous,
}

impl Scope<'_> {
    /// What a reference of these parts means.
    pub(super) fn meaning(&self, parts: &[Ident]) -> Meaning {
        match parts {
            [column] => self.bare(&fold(column)),
            [.., relation, column] => self.qualified(&fold(relation), &fold(column)),
            [] => Meaning::Other,
        }
    }

    fn bare(&self, column: &str) -> Meaning {
        let mut found = None;
        let is_single = self.is_natural || self.merged.iter().any(|merged| merged == column);
        for (relation, item) in self.relations.iter().enumerate() {
            match &item.columns {
                None => return Meaning::Other,
                Some(columns) if columns.iter().any(|own| own == column) => {
                    if found.is_some() && !is_single {
                        return Meaning::Ambiguous;
                    }
                    found = found.or(Some(relation));
                }
                Some(_) => {}
            }
        }
        if let Some(relation) = found {
            let column = column.to_owned();
            return Meaning::Own { relation, column };
        }
        let is_row = |item: &Relation| item.name.as_deref() == Some(column);
        if SYSTEM_COLUMNS.contains(&column) || self.relations.iter().any(is_row) {
            return Meaning::Other;
        }
        self.further(|outer| outer.bare(column))
    }

    fn qualified(&self, relation: &str, column: &str) -> Meaning {
        let named = |item: &Relation| item.name.as_deref() == Some(relation);
        let Some(index) = self.relations.iter().position(named) else {
            if self.relations.iter().any(|item| item.name.is_none()) {
                return Meaning::Other;
            }
            return self.further(|outer| outer.qualified(relation, column));
        };
        match &self.relations[index].columns {
            Some(columns) if columns.iter().any(|own| own == column) => Meaning::Own {
                relation: index,
                column: column.to_owned(),
            },
            Some(_) if !SYSTEM_COLUMNS.contains(&column) => Meaning::Missing,
            _ => Meaning::Other,
        }
    }

    fn further(&self, look: impl FnOnce(&Scope<'_>) -> Meaning) -> Meaning {
        match self.outer.map(look) {
            None => Meaning::Missing,
            Some(Meaning::Own { .. }) => Meaning::Other,
            Some(found) => found,
        }
    }

    /// Errors: `42703` or `42P01` for a reference that means nothing.
    pub(super) fn require(&self, parts: &[Ident]) -> Result<(), SqlError> {
        let ([.., last], Some(first)) = (parts, parts.first()) else {
            return Ok(());
        };
        let column = fold(last);
        match self.meaning(parts) {
            Meaning::Missing => {}
            Meaning::Ambiguous => {
                let error = SqlError::ambiguous_column(&column);
                return Err(error.at_location(first.span.start));
            }
            Meaning::Own { .. } | Meaning::Other => return Ok(()),
        }
        let error = match parts {
            [.., relation, _] => {
                let relation = fold(relation);
                if self.knows(&relation) {
                    let error = SqlError::undefined_column(Some(&relation), &column);
                    suggest::column(error, self, Some(&relation), &column)
                } else {
                    suggest::relation(self, &relation)
                }
            }
            _ => {
                let error = SqlError::undefined_column(None, &column);
                suggest::column(error, self, None, &column)
            }
        };
        Err(error.at_location(first.span.start))
    }

    /// Whether a relation of this name can be referred to.
    pub(super) fn knows(&self, relation: &str) -> bool {
        let own = self
            .relations
            .iter()
            .any(|item| item.name.as_deref() == Some(relation));
        own || self.outer.is_some_and(|outer| outer.knows(relation))
    }

    /// How PostgreSQL shows a column of this level.
    pub(super) fn shown(&self, relation: usize, column: &str) -> String {
        match &self.relations[relation].name {
            Some(name) => format!("{name}.{column}"),
            None => column.to_owned(),
        }
    }

    /// The expression in a form that is equal for equal meanings: references are
    /// spelled out, and parentheses gone.
    pub(super) fn canonical(&self, expression: &Expr) -> Expr {
        let mut copy = expression.clone();
        let _: ControlFlow<()> = copy.visit(&mut Canonical { scope: self });
        copy
    }
}

struct Canonical<'a> {
    scope: &'a Scope<'a>,
}

impl VisitorMut for Canonical<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Some(parts) = reference(expression)
            && let Meaning::Own { relation, column } = self.scope.meaning(parts)
        {
            let parts = [relation.to_string(), column];
            let span = expression.span();
            *expression = Expr::CompoundIdentifier(
                parts
                    .map(|part| Ident::with_quote_and_span('"', span, part))
                    .to_vec(),
            );
        }
        while let Expr::Nested(inner) = expression {
            let inner = std::mem::replace(inner.as_mut(), Expr::Tuple(Vec::new()));
            *expression = inner;
        }
        ControlFlow::Continue(())
    }
}

/// The parts of an expression that is a reference.
pub(super) fn reference(expression: &Expr) -> Option<&[Ident]> {
    match expression {
        Expr::Identifier(ident) => Some(std::slice::from_ref(ident)),
        Expr::CompoundIdentifier(parts) => Some(parts),
        _ => None,
    }
}
