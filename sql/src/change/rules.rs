//! What policies of row security demand of the rows that a change writes or finds.
//!
//! Each rule is a boolean behind the other columns of the plan, true for a row that it is
//! not for. The sink tests them before everything else.
//!
//! Source: PostgreSQL 15, `rowsecurity.c`: get_row_security_policies.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Operator, binary_expr, lit};

use super::base::{Base, Target};
use super::{PLACE_COLUMNS, Repeats, Request, action};
use crate::access::policy::{RowRule, Tested, Warden, command};
use crate::error::SqlError;
use crate::plan::Planner;

/// Index of the column that says what is done with a row.
const ACTION: usize = 2;

/// Which row of a change is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    /// The one that is written.
    New,
    /// The one that was proposed for insertion, whatever becomes of it.
    Proposed,
    /// The one that is there.
    Old,
}

/// A rule for one row of a change.
pub(super) struct Rule {
    row: Row,
    /// The action that it is for; none: all.
    action: Option<i32>,
    rule: RowRule,
}

impl Rule {
    pub(super) fn needs_old(&self) -> bool {
        self.row == Row::Old
    }
}

/// What a row is told that a rule refuses.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) error: SqlError,
    /// Whether also rows are tested that nothing is done with.
    pub(super) is_for_all: bool,
}

/// Where the rows of a change stand in its base query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    proposed: usize,
    old: usize,
    /// Behind them.
    pub(super) end: usize,
}

impl Places {
    pub(super) fn new(base: &Base, target: &Target, has_old: bool) -> Self {
        let width = target.table.columns.len();
        let wide = |is_there: bool| if is_there { width } else { 0 };
        let proposed = PLACE_COLUMNS + wide(base.has_values());
        let old = proposed + wide(base.proposed.is_some());
        Self {
            proposed,
            old,
            end: old + wide(has_old),
        }
    }
}

/// The rules for a change. `reads`: whether it reads columns of its target.
///
/// Errors: those of a stored condition.
pub(super) fn of(
    warden: &Warden,
    request: &Request<'_>,
    reads: bool,
) -> Result<Vec<Rule>, SqlError> {
    let mut rules = Vec::new();
    let mut add = |row, action, command, tested| -> Result<(), SqlError> {
        let own = warden.rules(command, tested)?.into_iter();
        rules.extend(own.map(|rule| Rule { row, action, rule }));
        Ok(())
    };
    let update = Some(action::UPDATE);
    match request.word {
        "UPDATE" => {
            add(Row::New, None, command::UPDATE, Tested::New)?;
            if reads {
                add(Row::New, None, command::SELECT, Tested::Seen)?;
            }
        }
        "MERGE" if matches!(request.repeats, Repeats::Never) => {
            // What it may not delete, it does not find.
            add(Row::New, Some(action::INSERT), command::INSERT, Tested::New)?;
        }
        "MERGE" => {
            let delete = Some(action::DELETE);
            add(Row::Old, update, command::UPDATE, Tested::Matched)?;
            add(Row::Old, delete, command::DELETE, Tested::Matched)?;
            let insert = Some(action::INSERT);
            add(Row::New, insert, command::INSERT, Tested::New)?;
            add(Row::New, update, command::UPDATE, Tested::New)?;
        }
        "DELETE" => {}
        _ => {
            let row = match request.base.proposed.is_some() {
                true => Row::Proposed,
                false => Row::New,
            };
            add(row, None, command::INSERT, Tested::New)?;
            if reads {
                add(row, None, command::SELECT, Tested::Seen)?;
            }
            if request.uses.updated.is_some() {
                add(Row::Old, update, command::UPDATE, Tested::Conflicting)?;
                if reads {
                    add(Row::Old, update, command::SELECT, Tested::Conflicting)?;
                }
                add(Row::New, update, command::UPDATE, Tested::New)?;
                if reads {
                    add(Row::New, update, command::SELECT, Tested::Seen)?;
                }
            }
        }
    }
    Ok(rules)
}

/// The plan with a boolean for each rule behind its columns.
pub(super) fn with_rules(
    planner: &Planner,
    plan: LogicalPlan,
    rules: Vec<Rule>,
    target: &Target,
    places: &Places,
) -> Result<(LogicalPlan, Vec<Refusal>), SqlError> {
    let mut plan = plan;
    let mut refusals = Vec::new();
    for Rule { row, action, rule } in rules {
        let first = match row {
            Row::New => PLACE_COLUMNS,
            Row::Proposed => places.proposed,
            Row::Old => places.old,
        };
        let width = plan.schema().fields().len();
        plan = planner.with_tests(plan, rule.conditions, &target.table, first)?;
        let mut columns = plan.schema().columns();
        let tests = columns.split_off(width).into_iter().map(Expr::Column);
        let passes = tests.reduce(Expr::or);
        let mut passes = passes.ok_or_else(|| SqlError::internal("a policy was lost"))?;
        passes = passes.is_true();
        if let Some(action) = action {
            let own = lit(ScalarValue::Int32(Some(action)));
            let done = Expr::Column(columns[ACTION].clone());
            passes = binary_expr(done, Operator::IsDistinctFrom, own).or(passes);
        }
        let mut columns: Vec<Expr> = columns.into_iter().map(Expr::Column).collect();
        columns.push(passes.alias(format!("\0rule{}", refusals.len())));
        plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
        refusals.push(Refusal {
            error: rule.error,
            is_for_all: row == Row::Proposed,
        });
    }
    Ok((plan, refusals))
}
