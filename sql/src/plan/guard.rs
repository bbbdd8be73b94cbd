//! Tables with policies of row security or masks, as those see them who are bound by them.
//!
//! ```text
//! Protected            nothing of the statement goes below
//!   Projection         masked values in place of the stored ones
//!     Filter           the policies' conditions
//!       TableScan
//! ```
//!
//! Conditions name the table's columns as these were called when the policy was made; in
//! whatever picture of the table they are found by their ids. One that it does not have
//! is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::catalog::view::ViewTable;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableSource, lit};
use gotgan_storage::{ColumnId, ObjectRights, Table};
use sqlparser::ast::{self, SetExpr};

use super::protected::Protected;
use super::{Planner, TARGET_RELATION, operators};
use crate::access::actor::{Actor, Object};
use crate::access::mask::{self, Mask};
use crate::access::policy::{Alternatives, Condition, Warden};
use crate::access::roles;
use crate::change::relation;
use crate::error::SqlError;
use crate::parse::{parse_expression, parse_query};
use crate::physical::needs_plan;
use crate::rewrite::build;
use crate::scan::LakeTable;
use crate::sqlstate;
use crate::types::PgType;

impl Planner {
    /// A table's rows as the planner's role may see them for all of `commands`.
    ///
    /// Errors: `42501` where the session wants no rows left out; `42P17` for a policy that
    /// reads its own table; those of a stored condition.
    pub(super) fn guarded_source(
        &self,
        scan: LakeTable,
        commands: &[char],
    ) -> Result<Arc<dyn TableSource>, SqlError> {
        let table = Arc::clone(scan.table());
        let is_target = scan.has_positions();
        let source = provider_as_source(Arc::new(scan));
        self.require_known(&table)?;
        let (warden, masks) = self.bounds(&table);
        let warden = warden.filter(|_| !commands.is_empty());
        if warden.is_none() && masks.is_empty() {
            return Ok(source);
        }
        let mut plan = LogicalPlanBuilder::scan(table.name.as_str(), source, None)?.build()?;
        if let Some(warden) = &warden {
            if self
                .ctx
                .settings
                .get("row_security")
                .is_some_and(|on| on == "off")
            {
                return Err(warden.refusal());
            }
            for command in commands {
                for conditions in warden.visible(*command)? {
                    plan = self.filtered(plan, conditions, &table)?;
                }
            }
        }
        if !masks.is_empty() {
            plan = self.masked(plan, &table, &masks, is_target)?;
        }
        let masked: BTreeSet<ColumnId> = masks.into_keys().collect();
        let plan = Protected::around(plan, &table, is_target, &masked);
        Ok(provider_as_source(Arc::new(ViewTable::new(plan, None))))
    }

    /// Errors: `42501` for a table that is gone, where there are masks: those that were
    /// attached to it after the state that is read are not known here.
    fn require_known(&self, table: &Table) -> Result<(), SqlError> {
        let rights = &self.ctx.rights;
        let is_bound = self.role().is_some() && !roles::is_superuser(rights, self.ctx.role_id);
        let is_gone = rights.table(table.id).is_none();
        match is_bound && is_gone && !rights.lake_access().masking_policies.is_empty() {
            false => Ok(()),
            true => {
                let hint = "It was dropped. UNDROP TABLE shows it as its masking policies allow.";
                Err(Actor::denied(Object::Table(table)).with_hint(hint))
            }
        }
    }

    /// The policies and masks that the planner's role is bound by.
    fn bounds(&self, table: &Table) -> (Option<Warden>, BTreeMap<ColumnId, Mask>) {
        let unbound = (None, BTreeMap::new());
        let Some(role) = self.role() else {
            return unbound;
        };
        // Of a table that is gone, what held when it was as it is read.
        let held = self
            .ctx
            .rights
            .table(table.id)
            .unwrap_or_else(|| ObjectRights {
                owner: table.owner_id,
                access: Arc::clone(&table.access),
            });
        let access = &held.access;
        let warden = access.row_security.then(|| {
            let actor = Actor::new(&self.ctx.rights, role);
            Warden::of(&actor, table, &held)
        });
        let masks = match access.masks.is_empty() {
            true => BTreeMap::new(),
            false => mask::masks(&Actor::of(&self.ctx), access),
        };
        (warden.flatten(), masks)
    }

    /// The policies that bind the planner's role on a table.
    pub(crate) fn warden(&self, table: &Table) -> Option<Warden> {
        self.bounds(table).0
    }

    /// The indexes of the columns of a table whose values the statement sees masked.
    pub(crate) fn masked_columns(&self, table: &Table) -> BTreeSet<usize> {
        let masks = self.bounds(table).1;
        let columns = table.columns.iter().enumerate();
        let masked = columns.filter(|(_, column)| masks.contains_key(&column.id));
        masked.map(|(index, _)| index).collect()
    }

    /// What the statement sees of a masked column of a row. `value`: the row's value in
    /// the column at an index.
    ///
    /// Errors: those of the mask.
    pub(crate) fn masked_column(
        &self,
        table: &Table,
        index: usize,
        value: &dyn Fn(usize) -> Expr,
    ) -> Result<Expr, SqlError> {
        let column = &table.columns[index];
        let masks = self.bounds(table).1;
        let shown = match masks.get(&column.id) {
            Some(mask) => self.masked_value(table, mask, value)?,
            None => return Ok(value(index)),
        };
        let target = PgType::of_column(&column.column_type);
        Ok(operators::cast_expr(shown, target, &self.ctx))
    }

    /// The rows of a plan of the table's columns that fulfil one of the conditions.
    fn filtered(
        &self,
        plan: LogicalPlan,
        conditions: Alternatives,
        table: &Arc<Table>,
    ) -> Result<LogicalPlan, SqlError> {
        let shown = plan.schema().columns();
        if let [condition] = conditions.as_slice() {
            let inner = renamed(plan, table, 0, condition)?;
            let passes = self.policy_expression(condition, table, inner.schema())?;
            self.require_present(&passes, table)?;
            let renamed = inner.schema().columns();
            let plan = LogicalPlanBuilder::from(inner).filter(passes)?.build()?;
            let plan = self.unnest(plan)?;
            let back = renamed.into_iter().zip(&shown);
            let back = back.map(|(inner, shown)| as_named(Expr::Column(inner), shown));
            return Ok(LogicalPlanBuilder::from(plan).project(back)?.build()?);
        }
        let plan = self.with_tests(plan, conditions, table, 0)?;
        let tests = plan.schema().columns().split_off(shown.len());
        let passes = tests.into_iter().map(Expr::Column).reduce(Expr::or);
        let passes = passes.ok_or_else(|| SqlError::internal("a policy was lost"))?;
        self.require_present(&passes, table)?;
        let plan = self.unnest(plan)?;
        let shown = shown.into_iter().map(Expr::Column);
        Ok(LogicalPlanBuilder::from(plan)
            .filter(passes)?
            .project(shown)?
            .build()?)
    }

    /// The plan with a boolean for each condition behind its columns, over the table's
    /// columns that stand from `first` on.
    pub(crate) fn with_tests(
        &self,
        plan: LogicalPlan,
        conditions: Alternatives,
        table: &Arc<Table>,
        first: usize,
    ) -> Result<LogicalPlan, SqlError> {
        let mut plan = plan;
        for condition in conditions {
            let shown = plan.schema().columns();
            let inner = renamed(plan, table, first, &condition)?;
            let passes = self.policy_expression(&condition, table, inner.schema())?;
            self.require_present(&passes, table)?;
            let columns = inner.schema().columns().into_iter().zip(&shown);
            let mut columns: Vec<Expr> = columns
                .map(|(inner, shown)| as_named(Expr::Column(inner), shown))
                .collect();
            columns.push(passes.alias(format!("\0test{}", shown.len())));
            plan = LogicalPlanBuilder::from(inner).project(columns)?.build()?;
        }
        Ok(plan)
    }

    /// Errors: `0A000` for a condition that reads other tables, where the table is read as
    /// of an earlier state: these would be read as of that, too.
    fn require_present(&self, condition: &Expr, table: &Table) -> Result<(), SqlError> {
        if !self.ctx.is_past || !condition.exists(|part| Ok(needs_plan(part)))? {
            return Ok(());
        }
        Err(SqlError::not_supported(format!(
            "reading the table \"{}\" as of an earlier state, whose policies have subqueries,",
            table.name
        )))
    }

    /// A condition of a policy over the columns of `schema`, which has those of the table
    /// under the names that the condition has for them.
    ///
    /// Errors: `42P17` if planning it leads to the table's policies again; `42703` for a
    /// column that the table does not have.
    pub(crate) fn policy_expression(
        &self,
        condition: &Condition,
        table: &Arc<Table>,
        schema: &DFSchema,
    ) -> Result<Expr, SqlError> {
        if self.watch.guarded.contains(&table.id) {
            let text = format!(
                "infinite recursion detected in policy for relation \"{}\"",
                table.name
            );
            return Err(SqlError::with_code(
                sqlstate::INVALID_OBJECT_DEFINITION,
                text,
            ));
        }
        let mut nested = self.for_stored_text();
        nested.watch.guarded.push(table.id);
        // A query tells the rewrite what the names of the condition can mean.
        let mut expr = condition.expr.clone();
        build::condition(&mut expr, "POLICY");
        let mut query = parse_query("SELECT true")?;
        if let SetExpr::Select(select) = query.body.as_mut() {
            select.projection = vec![ast::SelectItem::UnnamedExpr(expr)];
            select.from = vec![ast::TableWithJoins {
                relation: relation(TARGET_RELATION, condition.relation_of(table)),
                joins: Vec::new(),
            }];
        }
        let planned = nested
            .plan_stored_condition(query, schema)
            .map_err(SqlError::unplaced)?;
        nested.watch_expression(&planned)?;
        Ok(planned)
    }

    /// The table's columns with masked values in their places; those of the target of a
    /// statement are followed by the stored values, for rows that keep them.
    fn masked(
        &self,
        plan: LogicalPlan,
        table: &Table,
        masks: &BTreeMap<ColumnId, Mask>,
        is_target: bool,
    ) -> Result<LogicalPlan, SqlError> {
        let columns = plan.schema().columns();
        let stored = |index: usize| Expr::Column(columns[index].clone());
        let mut values = Vec::new();
        let mut kept = Vec::new();
        for (index, shown) in columns.iter().enumerate() {
            let column = table.columns.get(index);
            if !column.is_some_and(|column| masks.contains_key(&column.id)) {
                values.push(Expr::Column(shown.clone()));
                continue;
            }
            let value = self.masked_column(table, index, &stored)?;
            values.push(as_named(value, shown));
            if is_target {
                let name = Column::new(shown.relation.clone(), stored_name(index));
                kept.push(as_named(Expr::Column(shown.clone()), &name));
            }
        }
        values.extend(kept);
        Ok(LogicalPlanBuilder::from(plan).project(values)?.build()?)
    }

    /// What a mask makes of a row. `column`: the value of the table's column at an index.
    fn masked_value(
        &self,
        table: &Table,
        mask: &Mask,
        column: &dyn Fn(usize) -> Expr,
    ) -> Result<Expr, SqlError> {
        let Some(policy) = &mask.policy else {
            return Ok(lit(ScalarValue::Null));
        };
        let mut fields = Vec::new();
        let mut inputs = Vec::new();
        for ((name, declared), id) in policy.columns.iter().zip(&mask.input) {
            let index = table.columns.iter().position(|column| column.id == *id);
            let Some(index) = index else {
                return Err(SqlError::not_supported(format!(
                    "reading the table \"{}\" as of a state without the columns of its masking \
                     policy \"{}\"",
                    table.name, policy.name
                )));
            };
            let pg_type = mask::declared_type(declared)?;
            fields.push(pg_type.field(name, true));
            inputs.push(operators::cast_expr(column(index), pg_type, &self.ctx));
        }
        let schema = arrow::datatypes::Schema::new(fields);
        let schema = DFSchema::try_from(schema)?;
        let text = policy.expressions.get(mask.expression);
        let text = text.ok_or_else(|| SqlError::internal("a mask without its expression"))?;
        let parsed = parse_expression(text)?;
        let planned = self.for_stored_text().plan_expression(&parsed, &schema)?;
        let filled = planned.transform(|part| match &part {
            Expr::Column(named) => match schema.maybe_index_of_column(named) {
                Some(index) => Ok(Transformed::yes(inputs[index].clone())),
                None => Ok(Transformed::no(part)),
            },
            _ => Ok(Transformed::no(part)),
        })?;
        Ok(filled.data)
    }
}

/// The plan with the table's columns, which stand from `first` on, by the names that a
/// condition has for them; everything else has a name that none can mean.
fn renamed(
    plan: LogicalPlan,
    table: &Table,
    first: usize,
    condition: &Condition,
) -> Result<LogicalPlan, SqlError> {
    let qualifier = TableReference::bare(condition.relation_of(table));
    let name_of = |index: usize| {
        let column = table.columns.get(index.checked_sub(first)?)?;
        let own = condition.names.iter().find(|(_, id)| **id == column.id.0);
        own.map(|(name, _)| name.as_str())
    };
    let columns = plan.schema().columns().into_iter().enumerate();
    let columns = columns.map(|(index, column)| match name_of(index) {
        Some(name) => Expr::Column(column).alias_qualified(Some(qualifier.clone()), name),
        None => Expr::Column(column).alias(format!("\0hidden{index}")),
    });
    let columns: Vec<Expr> = columns.collect();
    Ok(LogicalPlanBuilder::from(plan).project(columns)?.build()?)
}

/// The name of the stored value of a masked column of a statement's target.
pub(crate) fn stored_name(index: usize) -> String {
    format!("\0stored{index}")
}

/// An expression under the name of a column.
fn as_named(expr: Expr, column: &Column) -> Expr {
    match &column.relation {
        Some(relation) => expr.alias_qualified(Some(relation.clone()), column.name.as_str()),
        None => expr.alias(column.name.as_str()),
    }
}
