//! The arguments of statements and functions: their values, and types of parameters.

use sqlparser::ast::Expr;

use super::{Action, NameArgument, Parameter, ScalarValue, Session, constant_with};
use crate::error::SqlError;
use crate::parse::history::Restore;
use crate::parse::moment::Point;
use crate::resolve::Name;
use crate::types::{PgType, oid};

/// Evaluates arguments with the parameters of one statement.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'a> {
    pub(super) parameters: &'a [Parameter],
}

impl Arguments<'_> {
    /// A constant as a value of a type; NULL is none.
    async fn value(
        self,
        session: &mut Session,
        expression: &Expr,
        type_oid: u32,
    ) -> Result<Option<ScalarValue>, SqlError> {
        let planner = session.planner().await?;
        let target = PgType::new(type_oid);
        let value = constant_with(&planner, expression, target, self.parameters)?;
        Ok((!value.is_null()).then_some(value))
    }

    pub(super) async fn text(
        self,
        session: &mut Session,
        expression: &Expr,
    ) -> Result<Option<String>, SqlError> {
        let value = self.value(session, expression, oid::TEXT).await?;
        let text = value
            .as_ref()
            .and_then(|value| value.try_as_str().flatten());
        Ok(text.map(str::to_owned))
    }

    pub(super) async fn integer(
        self,
        session: &mut Session,
        expression: &Expr,
    ) -> Result<Option<i64>, SqlError> {
        match self.value(session, expression, oid::INT8).await? {
            Some(ScalarValue::Int64(value)) => Ok(value),
            _ => Ok(None),
        }
    }

    /// Microseconds since 1970, UTC.
    pub(super) async fn time(
        self,
        session: &mut Session,
        expression: &Expr,
    ) -> Result<Option<i64>, SqlError> {
        match self.value(session, expression, oid::TIMESTAMPTZ).await? {
            Some(ScalarValue::TimestampMicrosecond(value, _)) => Ok(value),
            _ => Ok(None),
        }
    }

    /// A length of time in microseconds, as `extract(epoch from ...)` has it: years have
    /// 365.25 days, other months 30.
    pub(super) async fn interval(
        self,
        session: &mut Session,
        expression: &Expr,
    ) -> Result<Option<i64>, SqlError> {
        const DAY: i64 = crate::types::datetime::MICROS_PER_DAY;
        const YEAR: i64 = DAY * 365 + DAY / 4;
        match self.value(session, expression, oid::INTERVAL).await? {
            Some(ScalarValue::IntervalMonthDayNano(Some(value))) => {
                let days = i64::from(value.months % 12) * 30 + i64::from(value.days);
                let parts = [
                    i64::from(value.months / 12).checked_mul(YEAR),
                    days.checked_mul(DAY),
                    Some(value.nanoseconds / 1000),
                ];
                let micros = parts
                    .into_iter()
                    .try_fold(0_i64, |sum, part| sum.checked_add(part?));
                micros
                    .map(Some)
                    .ok_or_else(|| SqlError::out_of_range("interval"))
            }
            _ => Ok(None),
        }
    }

    /// The name of a relation.
    pub(super) async fn name(
        self,
        session: &mut Session,
        name: &NameArgument,
    ) -> Result<Name, SqlError> {
        Name::from_parts(&self.parts(session, name).await?)
    }

    /// The name of something that is in no schema.
    pub(super) async fn plain_name(
        self,
        session: &mut Session,
        name: &NameArgument,
    ) -> Result<String, SqlError> {
        let parts = self.parts(session, name).await?;
        match <[String; 1]>::try_from(parts) {
            Ok([name]) => Ok(name),
            Err(parts) => Err(SqlError::invalid_name_syntax(&parts.join("."))),
        }
    }

    /// The name of a hold, which a text is as it stands.
    pub(super) async fn hold_name(
        self,
        session: &mut Session,
        name: &NameArgument,
    ) -> Result<String, SqlError> {
        match name {
            NameArgument::Written(_) => self.plain_name(session, name).await,
            NameArgument::Text(text) => {
                let text = self.text(session, text).await?;
                text.ok_or_else(|| SqlError::invalid_name_syntax(""))
            }
        }
    }

    async fn parts(
        self,
        session: &mut Session,
        name: &NameArgument,
    ) -> Result<Vec<String>, SqlError> {
        let text = match name {
            NameArgument::Written(_) => None,
            NameArgument::Text(text) => self.text(session, text).await?,
        };
        name.parts(text.as_deref())
    }
}

/// Gives the parameters of an action the types that their places want.
pub(super) fn add_types(action: &Action, types: &mut Vec<Option<PgType>>) {
    let mut places: Vec<(&Expr, u32)> = Vec::new();
    match action {
        Action::Restore(restore) | Action::Preview(restore) => of_restore(restore, &mut places),
        Action::Undrop(undrop) => {
            of_name(&undrop.name, &mut places);
            places.extend(undrop.id.iter().map(|id| (id, oid::INT8)));
            undrop
                .target
                .iter()
                .for_each(|name| of_name(name, &mut places));
        }
        Action::Hold(hold) => {
            of_name(&hold.name, &mut places);
            places.extend(hold.point.iter().map(of_point));
            places.extend(hold.retain.iter().map(|retain| (retain, oid::INTERVAL)));
            places.extend(hold.comment.iter().map(|comment| (comment, oid::TEXT)));
        }
        Action::DropHold { names, .. } => {
            names.iter().for_each(|name| of_name(name, &mut places));
        }
        Action::Expire { older_than, .. } => {
            places.extend(older_than.iter().map(|time| (time, oid::TIMESTAMPTZ)));
        }
        Action::RemoveOrphans { .. } | Action::AdoptData => {}
        Action::FileHistory { table } => of_name(table, &mut places),
        Action::Retention(retention) => {
            let values = retention
                .changes
                .iter()
                .filter_map(|(_, value)| value.as_ref());
            places.extend(values.map(|value| (value, oid::INTERVAL)));
        }
    }
    for (expression, type_oid) in places {
        let numbers = Point::Time(expression.clone()).parameters();
        for index in numbers.iter().filter_map(|number| number.checked_sub(1)) {
            types.resize(types.len().max(index + 1), None);
            // A parameter within an expression says by a cast what it is.
            let is_bare = matches!(expression, Expr::Value(_));
            let found = if is_bare { type_oid } else { oid::TEXT };
            types[index] = types[index].or(Some(PgType::new(found)));
        }
    }
}

fn of_restore<'a>(restore: &'a Restore, places: &mut Vec<(&'a Expr, u32)>) {
    for item in &restore.items {
        of_name(&item.source, places);
        places.push(of_point(&item.point));
        item.target.iter().for_each(|name| of_name(name, places));
    }
}

fn of_name<'a>(name: &'a NameArgument, places: &mut Vec<(&'a Expr, u32)>) {
    if let NameArgument::Text(text) = name {
        places.push((text, oid::TEXT));
    }
}

fn of_point(point: &Point) -> (&Expr, u32) {
    (point.expression(), point.type_oid())
}
