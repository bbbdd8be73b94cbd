//! Which state of the warehouse a statement means: a moment or a snapshot.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Query, Value, Visit, Visitor,
};

use super::idiom::version::SNAPSHOT;
use super::name_parts;
use crate::types::oid;

/// A state of the warehouse; the expressions hold constants and parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Point {
    /// A `timestamptz`: what was the newest then.
    Time(Expr),
    /// A text: the number of a snapshot, or the name of a hold.
    Snapshot(Expr),
}

impl Point {
    /// What stands behind AS OF; see `idiom/version.rs`.
    pub(crate) fn of(moment: Expr) -> Self {
        if let Expr::Function(function) = &moment
            && name_parts(&function.name) == [SNAPSHOT]
            && let FunctionArguments::List(list) = &function.args
            && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(snapshot))] = list.args.as_slice()
        {
            return Self::Snapshot(snapshot.clone());
        }
        Self::Time(moment)
    }

    pub(crate) fn expression(&self) -> &Expr {
        match self {
            Self::Time(expression) | Self::Snapshot(expression) => expression,
        }
    }

    /// The type that the expression has to have.
    pub(crate) fn type_oid(&self) -> u32 {
        match self {
            Self::Time(_) => oid::TIMESTAMPTZ,
            Self::Snapshot(_) => oid::TEXT,
        }
    }

    pub(crate) fn has_subquery(&self) -> bool {
        struct Find;
        impl Visitor for Find {
            type Break = ();
            fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
                ControlFlow::Break(())
            }
        }
        self.expression().visit(&mut Find).is_break()
    }

    /// The numbers of its parameters.
    pub(crate) fn parameters(&self) -> Vec<usize> {
        struct Find(Vec<usize>);
        impl Visitor for Find {
            type Break = ();
            fn pre_visit_value(
                &mut self,
                value: &sqlparser::ast::ValueWithSpan,
            ) -> ControlFlow<()> {
                if let Value::Placeholder(name) = &value.value
                    && let Some(number) = name.strip_prefix('$')
                {
                    self.0.extend(number.parse::<usize>());
                }
                ControlFlow::Continue(())
            }
        }
        let mut find = Find(Vec::new());
        let _: ControlFlow<()> = self.expression().visit(&mut find);
        find.0
    }
}
