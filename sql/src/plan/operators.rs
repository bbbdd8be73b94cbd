//! Binary operators by PostgreSQL's rules: which types meet, and what comes out.
//!
//! A string literal without a type takes the type of the other side. Comparisons
//! stay the engine's own after both sides have one type, so that they prune files;
//! arithmetic becomes our own functions, which know overflow (`arithmetic.rs`).
//!
//! Source: PostgreSQL 15 manual, section 10.2.

use std::sync::{Arc, Mutex};

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Placeholder, WindowFunction};
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawBinaryExpr, RawDictionaryExpr, RawWindowExpr,
};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};
use sqlparser::ast::BinaryOperator;

pub(super) mod array;
mod category;
mod concat;
mod condition;
mod literal;
mod named;
mod pattern;

use category::{
    Category, arithmetic_literal, category, integer_digits, later_instant, number_target,
};
pub(super) use category::{cannot_match, literal_target};
pub(crate) use category::{common_type, is_float};

pub(crate) use literal::{cast_expr, literal_as};
use literal::{padding_ignored, require_unique};

use super::arithmetic;
use super::builtin;
use crate::cast::is_text;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::rewrite;
use crate::types::{PgType, oid};

/// Plans operators for one statement.
#[derive(Debug)]
pub(crate) struct OperatorPlanner {
    ctx: Arc<StatementContext>,
    /// Types that parameters took from what they meet, by `$n`.
    parameters: Arc<Mutex<std::collections::BTreeMap<String, PgType>>>,
}

impl OperatorPlanner {
    pub(crate) fn new(
        ctx: &Arc<StatementContext>,
        parameters: Arc<Mutex<std::collections::BTreeMap<String, PgType>>>,
    ) -> Self {
        Self {
            ctx: Arc::clone(ctx),
            parameters,
        }
    }
}

/// One side of an operator with its type; none for an untyped literal or parameter.
struct Side {
    expr: Expr,
    pg_type: Option<PgType>,
    field: Option<FieldRef>,
}

impl ExprPlanner for OperatorPlanner {
    fn plan_binary_op(
        &self,
        raw: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = raw;
        let left = side(left, schema)?;
        let right = side(right, schema)?;
        Ok(PlannerResult::Planned(self.plan(&op, left, right)?))
    }

    fn plan_array_literal(
        &self,
        elements: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let elements = self.array_elements(elements, schema)?;
        Ok(PlannerResult::Planned(array::array_of(elements, schema)?))
    }

    /// An array that the rewrite handed over as a dictionary.
    fn plan_dictionary_literal(
        &self,
        raw: RawDictionaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawDictionaryExpr>> {
        let is_array = |key: &Expr| matches!(key.as_literal(), Some(ScalarValue::Utf8(Some(name))) if name == rewrite::ARRAY);
        if !raw.keys.first().is_some_and(is_array) {
            return Ok(PlannerResult::Original(raw));
        }
        let elements = self.array_elements(raw.values, schema)?;
        Ok(PlannerResult::Planned(array::array_of(elements, schema)?))
    }

    fn plan_window(&self, raw: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        // PostgreSQL counts rows as bigint, the engine as unsigned.
        let target = match raw.func_def.name() {
            "row_number" | "rank" | "dense_rank" => DataType::Int64,
            "ntile" => DataType::Int32,
            _ => return Ok(PlannerResult::Original(raw)),
        };
        let mut window = WindowFunction::new(raw.func_def, raw.args);
        window.params.partition_by = raw.partition_by;
        window.params.order_by = raw.order_by;
        window.params.window_frame = raw.window_frame;
        window.params.filter = raw.filter;
        window.params.null_treatment = raw.null_treatment;
        window.params.distinct = raw.distinct;
        let window = Expr::WindowFunction(Box::new(window));
        Ok(PlannerResult::Planned(datafusion::logical_expr::cast(
            window, target,
        )))
    }
}

fn side(expr: Expr, schema: &DFSchema) -> Result<Side> {
    let untyped = match &expr {
        Expr::Literal(
            ScalarValue::Utf8(_) | ScalarValue::Utf8View(_) | ScalarValue::Null,
            metadata,
        ) => metadata.as_ref().is_none_or(|m| m.inner().is_empty()),
        Expr::Placeholder(Placeholder { field: None, .. }) => true,
        _ => false,
    };
    if untyped {
        return Ok(Side {
            expr,
            pg_type: None,
            field: None,
        });
    }
    if let Some(field) = arithmetic::known_field(&expr) {
        let pg_type = Some(PgType::of_field(&field));
        return Ok(Side {
            expr,
            pg_type,
            field: Some(field),
        });
    }
    let (_, field) = expr.to_field(schema)?;
    Ok(Side {
        expr,
        pg_type: Some(PgType::of_field(&field)),
        field: Some(field),
    })
}

impl OperatorPlanner {
    fn plan(&self, op: &BinaryOperator, left: Side, right: Side) -> Result<Expr, SqlError> {
        if let BinaryOperator::PGCustomBinaryOperator(parts) = op
            && let [quantifier, text] = parts.as_slice()
            && (quantifier == rewrite::ANY || quantifier == rewrite::ALL)
        {
            return self.quantified(quantifier, text, left, right);
        }
        if let BinaryOperator::PGCustomBinaryOperator(parts) = op
            && let [marker, construct, place] = parts.as_slice()
            && marker == rewrite::CONDITION
        {
            return self.condition(construct, place, left);
        }
        if let BinaryOperator::PGCustomBinaryOperator(parts) = op
            && let [marker, place] = parts.as_slice()
            && marker == rewrite::SAME_COLUMN
        {
            return self.cell(place, &left, right);
        }
        if let BinaryOperator::PGCustomBinaryOperator(parts) = op
            && let [marker] = parts.as_slice()
            && marker == rewrite::PERIOD_END
        {
            return self.period_end(left, right);
        }
        let text = match op {
            BinaryOperator::PGCustomBinaryOperator(parts) => {
                parts.last().cloned().unwrap_or_default()
            }
            other => other.to_string(),
        };
        match text.as_str() {
            "AND" => self.logical(left, Operator::And, right),
            "OR" => self.logical(left, Operator::Or, right),
            "-" if left.pg_type.is_some_and(|t| t.oid == oid::JSONB) => {
                self.by_function("-", left, right)
            }
            "+" | "-" | "*" | "/" | "%" => self.arithmetic(&text, left, right),
            "^" => self.power(left, right),
            "=" => self.compare(left, Operator::Eq, right),
            "<>" | "!=" => self.compare(left, Operator::NotEq, right),
            "<" => self.compare(left, Operator::Lt, right),
            "<=" => self.compare(left, Operator::LtEq, right),
            ">" => self.compare(left, Operator::Gt, right),
            ">=" => self.compare(left, Operator::GtEq, right),
            "||" => self.concat(left, right),
            "~" => self.match_regex(left, "textregexeq", right),
            "~*" => self.match_regex(left, "texticregexeq", right),
            "!~" => self.match_regex(left, "textregexne", right),
            "!~*" => self.match_regex(left, "texticregexne", right),
            "~~" => self.match_text(left, Operator::LikeMatch, right),
            "~~*" => self.match_text(left, Operator::ILikeMatch, right),
            "!~~" => self.match_text(left, Operator::NotLikeMatch, right),
            "!~~*" => self.match_text(left, Operator::NotILikeMatch, right),
            "&" => self.bits(left, Operator::BitwiseAnd, right),
            "|" => self.bits(left, Operator::BitwiseOr, right),
            "#" => self.bits(left, Operator::BitwiseXor, right),
            "<<" => self.bits(left, Operator::BitwiseShiftLeft, right),
            ">>" => self.bits(left, Operator::BitwiseShiftRight, right),
            _ => self.by_function(&text, left, right),
        }
    }

    fn logical(&self, left: Side, op: Operator, right: Side) -> Result<Expr, SqlError> {
        let boolean = PgType::new(oid::BOOL);
        let name = op.to_string();
        for side in [&left, &right] {
            if side.pg_type.is_some_and(|t| t != boolean) {
                return Err(SqlError::datatype_mismatch(format!(
                    "argument of {name} must be type boolean, not type {}",
                    display(side)
                )));
            }
        }
        let left = self.typed(left, boolean)?.expr;
        let right = self.typed(right, boolean)?.expr;
        Ok(binary(left, op, right))
    }

    /// Gives an untyped literal or parameter a type.
    fn typed(&self, side: Side, target: PgType) -> Result<Side, SqlError> {
        if side.pg_type.is_some() {
            return Ok(side);
        }
        let expr = match side.expr {
            Expr::Placeholder(placeholder) => {
                self.parameters
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .insert(placeholder.id.clone(), target);
                let field = Arc::new(target.field(&placeholder.id, true));
                Expr::Placeholder(Placeholder {
                    id: placeholder.id,
                    field: Some(field),
                })
            }
            other => literal_as(other, target, &self.ctx)?,
        };
        let (_, field) = expr.to_field(&DFSchema::empty())?;
        Ok(Side {
            expr,
            pg_type: Some(target),
            field: Some(field),
        })
    }

    /// Both sides with a type: an untyped one takes the other's, two become text.
    fn both_typed(&self, left: Side, right: Side) -> Result<(Side, Side), SqlError> {
        let target = match (left.pg_type, right.pg_type) {
            (Some(known), _) | (None, Some(known)) => literal_target(known),
            (None, None) => PgType::new(oid::TEXT),
        };
        Ok((self.typed(left, target)?, self.typed(right, target)?))
    }

    fn compare(&self, left: Side, op: Operator, right: Side) -> Result<Expr, SqlError> {
        if matches!(left.expr, Expr::ScalarSubquery(_) | Expr::SetComparison(_))
            && left.pg_type.is_none()
        {
            return Ok(binary(left.expr, op, right.expr));
        }
        let (left, right) = self.both_typed(left, right)?;
        let (left_type, right_type) = types_of(&left, &right);
        let undefined =
            || SqlError::undefined_operator(&display(&left), &op.to_string(), &display(&right));
        if left_type.oid == oid::BPCHAR || right_type.oid == oid::BPCHAR {
            if !is_text(left_type) || !is_text(right_type) {
                return Err(undefined());
            }
            return Ok(binary(
                padding_ignored(left.expr),
                op,
                padding_ignored(right.expr),
            ));
        }
        let is_order = matches!(
            op,
            Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
        );
        if is_order && left_type.oid == right_type.oid {
            let name = match (left_type.oid, category(left_type)) {
                (oid::JSONB, _) => Some("$jsonb_order"),
                (_, Category::Array) => Some("$array_order"),
                _ => None,
            };
            if let Some(name) = name {
                let order = builtin::call(name, vec![left.expr, right.expr], &self.ctx)?;
                return Ok(binary(order, op, datafusion::logical_expr::lit(0_i32)));
            }
        }
        let common = match (category(left_type), category(right_type)) {
            (Category::Text, Category::Text) | (Category::Boolean, Category::Boolean) => None,
            (Category::Number, Category::Number) => number_target(left_type, right_type),
            (Category::Instant, Category::Instant) if left_type.oid != right_type.oid => {
                Some(PgType::new(later_instant(left_type, right_type)))
            }
            (Category::Interval, Category::Interval) => {
                let key = |side: Side| builtin::call("$interval_key", vec![side.expr], &self.ctx);
                return Ok(binary(key(left)?, op, key(right)?));
            }
            (Category::Array, Category::Array) => (left_type != right_type).then_some(left_type),
            (Category::Other, Category::Other) if left_type.oid == oid::JSON => {
                return Err(undefined());
            }
            (a, b) if a == b && left_type.oid == right_type.oid => None,
            (Category::Instant, Category::Instant) => None,
            _ => return Err(undefined()),
        };
        match common {
            None => Ok(binary(left.expr, op, right.expr)),
            Some(target) => {
                let left = self.cast_side(left, target);
                let right = self.cast_side(right, target);
                Ok(binary(left, op, right))
            }
        }
    }

    /// The second part of one side of OVERLAPS: an end, or how long after the first part.
    fn period_end(&self, first: Side, last: Side) -> Result<Expr, SqlError> {
        if last.pg_type.is_none_or(|t| t.oid != oid::INTERVAL) {
            return Ok(last.expr);
        }
        let first = self.typed(first, PgType::new(oid::TIMESTAMP))?;
        self.arithmetic("+", first, last)
    }

    fn cast_side(&self, side: Side, target: PgType) -> Expr {
        let same = side.pg_type.is_some_and(|t| t.oid == target.oid);
        if same {
            return side.expr;
        }
        cast_expr(side.expr, target, &self.ctx)
    }

    fn arithmetic(&self, op: &str, left: Side, right: Side) -> Result<Expr, SqlError> {
        let (left, right) = match (left.pg_type, right.pg_type) {
            (None, None) => {
                return Err(SqlError::undefined_operator("unknown", op, "unknown"));
            }
            (Some(known), None) => {
                require_unique(op, &left, &right)?;
                let target = arithmetic_literal(known, op);
                (left, self.typed(right, target)?)
            }
            (None, Some(known)) => {
                require_unique(op, &left, &right)?;
                let target = arithmetic_literal(known, op);
                (self.typed(left, target)?, right)
            }
            _ => (left, right),
        };
        let (left_type, right_type) = types_of(&left, &right);
        let undefined =
            || SqlError::undefined_operator(&left_type.display(), op, &right_type.display());
        if category(left_type) == Category::Number && category(right_type) == Category::Number {
            let agree = number_target(left_type, right_type).is_none();
            let fields = match (&left.field, &right.field) {
                (Some(left), Some(right)) if agree => Some([Arc::clone(left), Arc::clone(right)]),
                _ => None,
            };
            let sides = self.same_kind(left, right)?;
            return arithmetic::number(op, sides, fields).map_err(SqlError::from);
        }
        arithmetic::temporal(
            op,
            (left.expr, left_type),
            (right.expr, right_type),
            &self.ctx,
        )?
        .ok_or_else(undefined)
    }

    /// Numbers of one family: integers of one width, numerics, or doubles.
    fn same_kind(&self, left: Side, right: Side) -> Result<(Expr, Expr), SqlError> {
        let (left_type, right_type) = types_of(&left, &right);
        let target = number_target(left_type, right_type);
        let convert = |side: Side| -> Expr {
            let Some(target) = target else {
                return side.expr;
            };
            let own = side.pg_type.unwrap_or(target);
            if own.oid == target.oid {
                return side.expr;
            }
            match (
                target.oid,
                side.field
                    .as_deref()
                    .map(arrow::datatypes::Field::data_type),
            ) {
                // An integer as a numeric keeps only the digits it needs.
                (oid::NUMERIC, Some(data_type)) => {
                    cast_expr(side.expr, integer_digits(data_type), &self.ctx)
                }
                _ => cast_expr(side.expr, target, &self.ctx),
            }
        };
        Ok((convert(left), convert(right)))
    }

    fn power(&self, left: Side, right: Side) -> Result<Expr, SqlError> {
        let double = PgType::new(oid::FLOAT8);
        let left = self.typed(left, double)?;
        let right = self.typed(right, double)?;
        let (left_type, right_type) = types_of(&left, &right);
        let numeric = left_type.oid == oid::NUMERIC || right_type.oid == oid::NUMERIC;
        let has_float = [left_type, right_type]
            .iter()
            .any(|t| matches!(t.oid, oid::FLOAT4 | oid::FLOAT8));
        if numeric && !has_float {
            return builtin::call("power", vec![left.expr, right.expr], &self.ctx);
        }
        let left = self.cast_side(left, double);
        let right = self.cast_side(right, double);
        builtin::call("power", vec![left, right], &self.ctx)
    }

    /// `left op ANY (right)`: an untyped array has elements of the left side's type.
    fn quantified(
        &self,
        quantifier: &str,
        op: &str,
        left: Side,
        right: Side,
    ) -> Result<Expr, SqlError> {
        let name = if quantifier == rewrite::ANY {
            "any_compare"
        } else {
            "all_compare"
        };
        let text = PgType::new(oid::TEXT);
        let element = right
            .pg_type
            .and_then(PgType::element)
            .map(|t| PgType::new(t.oid));
        if let (Some(own), Some(element)) = (left.pg_type, element)
            && cannot_match(own, element)
        {
            let own = PgType::new(own.oid).display();
            return Err(SqlError::undefined_operator(&own, op, &element.display()));
        }
        let left = self.typed(left, element.unwrap_or(text))?;
        let own = literal_target(left.pg_type.unwrap_or(text));
        let array = own.array().unwrap_or(PgType::new(1009));
        let right = self.typed(right, array)?;
        let op = datafusion::logical_expr::lit(op);
        builtin::call(name, vec![op, left.expr, right.expr], &self.ctx)
    }

    fn bits(&self, left: Side, op: Operator, right: Side) -> Result<Expr, SqlError> {
        let (left, right) = self.both_typed(left, right)?;
        let (left_type, right_type) = types_of(&left, &right);
        let is_integer = |t: PgType| matches!(t.oid, oid::INT2 | oid::INT4 | oid::INT8);
        if !is_integer(left_type) || !is_integer(right_type) {
            return self.by_function(&op.to_string(), left, right);
        }
        let (left, right) = self.same_kind(left, right)?;
        Ok(binary(left, op, right))
    }
}

fn types_of(left: &Side, right: &Side) -> (PgType, PgType) {
    let unknown = PgType::new(oid::UNKNOWN);
    (
        left.pg_type.unwrap_or(unknown),
        right.pg_type.unwrap_or(unknown),
    )
}

fn display(side: &Side) -> String {
    side.pg_type
        .map_or_else(|| "unknown".to_owned(), |t| PgType::new(t.oid).display())
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}
