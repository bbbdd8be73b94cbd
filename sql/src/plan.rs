//! A syntax tree to a logical plan, and a logical plan to a physical one.
//!
//! The plan of a query, step by step: rewrite of idioms, names against the one
//! snapshot of the statement, operators by PostgreSQL's rules, subqueries that the
//! engine cannot plan turned into joins, then the engine's own optimizer.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::catalog::view::ViewTable;
use datafusion::common::metadata::{FieldMetadata, ScalarAndMetadata};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, ParamValues, Result, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableSource};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::planner::{NullOrdering, ParserOptions, PlannerContext, SqlToRel};
use gotgan_storage::{Lake, SnapshotId, View, ViewDialect};
use sqlparser::ast;
use tokio::runtime::Handle;

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::execute::{self, Limits};
use crate::pg_catalog;
use crate::physical::{Joins, PhysicalPlanner};
use crate::resolve::Resolver;
use crate::rewrite;
use crate::types::{PgType, oid};
use watch::Watch;

mod aggregate;
mod analyze;
mod arithmetic;
mod bag;
mod branches;
pub(crate) mod builtin;
mod check;
mod constant;
mod decorrelate;
mod description;
mod domain;
mod guard;
mod infer;
mod interval;
mod keys;
mod leaf;
mod local;
mod locate;
mod missing;
pub(crate) mod operators;
pub(crate) mod origin;
mod past;
mod protected;
mod provider;
mod relations;
mod row;
mod sample;
mod scope;
mod sequence_table;
mod series;
mod signal;
mod sort_keys;
mod system_table;
mod unify;
mod watch;

pub(crate) use check::{Named, Place, SourceScope, explain_expression, for_each_call, refuse_in};
pub use description::ColumnDescription;
pub(crate) use guard::stored_name;
pub(crate) use keys::{optimizer_rules, with_null_safe_keys};
pub(crate) use leaf::{KEPT, Leaf, is_kept, leaf};
pub(crate) use local::{EXCLUDED_RELATION, LocalRelation, TARGET_RELATION};
pub(crate) use past::past_name;
pub(crate) use protected::{PassProtected, Protected};
use provider::Provider;
pub(crate) use provider::is_aggregate;
pub(crate) use sequence_table::COLUMNS as SEQUENCE_COLUMNS;

/// Deepest chain of views over views.
const VIEW_DEPTH_MAX: usize = 50;

/// A query's logical plan and what its parameters are.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) plan: LogicalPlan,
    /// Type of `$1`, `$2`, ...
    pub(crate) parameters: Vec<PgType>,
}

/// Plans for one statement, against its snapshot.
#[derive(Clone)]
pub(crate) struct Planner {
    pub(crate) lake: Lake,
    pub(crate) ctx: Arc<StatementContext>,
    pub(crate) state: Arc<SessionState>,
    pub(crate) physical: Arc<PhysicalPlanner>,
    /// Whether the statement is so long that planning it takes a while.
    is_long: bool,
    view_depth: usize,
    search_path: Arc<[String]>,
    /// Whether the query names a column such as `tableoid`, which `*` leaves out.
    names_system_columns: bool,
    /// Relations of the statement's own making.
    local: Vec<(String, LocalRelation)>,
    /// Earlier states of the warehouse that relations are read as of.
    past: Past,
    /// Whose rights apply, and what is noted for their check.
    watch: Watch,
}

/// By snapshot, the surroundings of a statement as it sees them there.
pub(crate) type Past = Arc<BTreeMap<SnapshotId, Arc<StatementContext>>>;

impl Planner {
    pub(crate) fn new(
        lake: Lake,
        ctx: Arc<StatementContext>,
        physical: Arc<PhysicalPlanner>,
        is_long: bool,
    ) -> Self {
        let search_path = ctx.search_path.clone();
        let watch = Watch::new(ctx.role_id);
        Self {
            lake,
            ctx,
            state: Arc::clone(physical.state()),
            physical,
            is_long,
            view_depth: 0,
            search_path: search_path.into(),
            names_system_columns: false,
            local: Vec::new(),
            past: Past::default(),
            watch,
        }
    }

    /// The same planner, for a statement that reads relations as of earlier snapshots.
    pub(crate) fn with_past(self, past: Past) -> Self {
        Self { past, ..self }
    }

    pub(crate) fn resolver(&self) -> Resolver<'_> {
        Resolver {
            snapshot: &self.ctx.snapshot,
            search_path: &self.search_path,
            visitor: (self.view_depth == 0).then_some(&*self.ctx),
        }
    }

    /// As [`Self::plan_query`], and can be cancelled in the middle.
    pub(crate) async fn plan_cancellable(
        &self,
        query: &ast::Query,
        known: &[Option<PgType>],
    ) -> Result<Planned, SqlError> {
        if !self.is_long {
            return self.plan_query(query, known);
        }
        let (planner, query, known) = (self.clone(), query.clone(), known.to_vec());
        execute::apart(move || planner.plan_query(&query, &known)).await
    }

    /// The plan that runs; see [`PhysicalPlanner::plan`].
    pub(crate) async fn plan_physical(
        &self,
        plan: &LogicalPlan,
        joins: Joins,
        limits: &Limits,
    ) -> Result<Arc<dyn ExecutionPlan>, SqlError> {
        if !self.is_long {
            return self.physical.plan(plan, joins, limits).await;
        }
        let (planner, plan) = (Arc::clone(&self.physical), plan.clone());
        let (limits, runtime) = (limits.clone(), Handle::current());
        execute::apart(move || runtime.block_on(planner.plan(&plan, joins, &limits))).await
    }

    /// Plans a query. `known` are the types that the client gave for its parameters;
    /// 0 or a missing entry leaves a type to be found out.
    ///
    /// Errors: any of parse analysis; `42P18` never: a parameter that nothing tells
    /// the type of is text.
    pub(crate) fn plan_query(
        &self,
        query: &ast::Query,
        known: &[Option<PgType>],
    ) -> Result<Planned, SqlError> {
        let names_system_columns = locate::names_system_columns(query);
        if names_system_columns && !self.names_system_columns {
            let planner = Self {
                names_system_columns,
                ..self.clone()
            };
            return planner.plan_query(query, known);
        }
        if self.view_depth == 0 {
            check::refuse(query, &self.ctx)?;
        }
        let mut rewritten = query.clone();
        rewrite::scope::resolve(&mut rewritten, self)?;
        rewrite::rewrite_query(&mut rewritten)
            .map_err(|error| locate::with_position(error, query))?;
        let count = locate::parameter_count(&rewritten);
        let mut types: Vec<Option<PgType>> = known.to_vec();
        types.resize(count.max(known.len()), None);
        for (number, target) in locate::parameter_types(&rewritten) {
            if let Some(slot) = number.checked_sub(1).and_then(|index| types.get_mut(index)) {
                *slot = slot.or(Some(target));
            }
        }
        // The first round lets operators choose types, the second plans with them.
        let (planned, mut found) = self.plan_rewritten(&rewritten, &types);
        match planned {
            Ok(plan) if types.iter().take(count).all(Option::is_some) => {
                return Ok(Planned {
                    plan,
                    parameters: types.into_iter().flatten().collect(),
                });
            }
            Ok(plan) => add_inferred(&plan, &mut found)?,
            Err(_) if count > 0 => {}
            Err(error) => return Err(self.explained(error, query)),
        }
        for (index, slot) in types.iter_mut().enumerate() {
            let name = format!("${}", index + 1);
            *slot = slot
                .or_else(|| found.get(&name).copied())
                .or(Some(PgType::new(oid::TEXT)));
        }
        let (planned, _) = self.plan_rewritten(&rewritten, &types);
        let plan = planned.map_err(|error| self.explained(error, query))?;
        Ok(Planned {
            plan,
            parameters: types.into_iter().flatten().collect(),
        })
    }

    /// Why a query cannot be planned, in PostgreSQL's words and with its place.
    fn explained(&self, error: SqlError, query: &ast::Query) -> SqlError {
        locate::with_position(check::explain(self, query, error), query)
    }

    /// The plan, or why there is none, and the types that operators gave parameters.
    fn plan_rewritten(
        &self,
        query: &ast::Query,
        types: &[Option<PgType>],
    ) -> (Result<LogicalPlan, SqlError>, BTreeMap<String, PgType>) {
        let provider = self.provider();
        let mut context =
            PlannerContext::new().with_prepare_param_data_types(parameter_fields(types));
        let sql_to_rel = SqlToRel::new_with_options(&provider, parser_options());
        let planned = sql_to_rel
            .sql_statement_to_plan_with_context(
                ast::Statement::Query(Box::new(query.clone())),
                &mut context,
            )
            .map_err(|error| self.planning_error(error, &provider))
            .and_then(|plan| self.watched(plan, query))
            .and_then(|plan| signal::settle(plan, self.view_depth, &provider))
            .and_then(operators::array::refuse_nested_unnest)
            .and_then(|plan| infer::parameters(plan, &self.ctx))
            .and_then(|plan| analyze::analyze(plan, &self.ctx))
            .and_then(bag::expand)
            .and_then(|plan| decorrelate::decorrelate(plan, &self.ctx))
            .and_then(|plan| self.unnestable(plan))
            .and_then(|plan| self.with_common_types(plan));
        (planned, provider.parameter_types())
    }

    /// UNION, CASE and the like have the common type of their branches only after the
    /// engine's analysis; the client is told that type.
    fn with_common_types(&self, plan: LogicalPlan) -> Result<LogicalPlan, SqlError> {
        if !analyze::has_branches(&plan)? {
            return Ok(plan);
        }
        let config = self.state.config_options();
        Ok(self
            .state
            .analyzer()
            .execute_and_check(plan, config, |_, _| {})?)
    }

    fn provider(&self) -> Provider<'_> {
        Provider::new(self, &self.ctx, Arc::clone(self.state.config_options()))
    }

    /// The engine's planner tells of a missing function by text only; the provider
    /// knows which one it was.
    fn planning_error(&self, error: DataFusionError, provider: &Provider<'_>) -> SqlError {
        let is_precise = matches!(
            error,
            DataFusionError::External(_)
                | DataFusionError::SchemaError(_, _)
                | DataFusionError::NotImplemented(_)
        );
        if !is_precise && let Some(name) = provider.missing_function() {
            return SqlError::undefined_function(&format!("{name}()"));
        }
        SqlError::from(error)
    }

    /// Plans a scalar expression over the columns of `schema`.
    pub(crate) fn plan_expression(
        &self,
        expression: &ast::Expr,
        schema: &datafusion::common::DFSchema,
    ) -> Result<Expr, SqlError> {
        self.plan_expression_with(expression, schema, &[])
    }

    /// As [`Self::plan_expression`], with the types of the parameters in it.
    pub(crate) fn plan_expression_with(
        &self,
        expression: &ast::Expr,
        schema: &datafusion::common::DFSchema,
        parameters: &[PgType],
    ) -> Result<Expr, SqlError> {
        let mut rewritten = expression.clone();
        rewrite::rewrite_expression(&mut rewritten)?;
        self.plan_rewritten_expression(rewritten, schema, parameters)
    }

    /// Plans what a query selects over the columns of `schema`, where its names mean what
    /// they mean in the query.
    fn plan_stored_condition(
        &self,
        mut query: ast::Query,
        schema: &datafusion::common::DFSchema,
    ) -> Result<Expr, SqlError> {
        rewrite::scope::resolve(&mut query, self)?;
        rewrite::rewrite_query(&mut query)?;
        let condition = match *query.body {
            ast::SetExpr::Select(mut select) => select.projection.pop(),
            _ => None,
        };
        let condition = match condition {
            Some(
                ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. },
            ) => Some(expr),
            _ => None,
        };
        let condition = condition.ok_or_else(|| SqlError::internal("a policy was lost"))?;
        self.plan_rewritten_expression(condition, schema, &[])
    }

    fn plan_rewritten_expression(
        &self,
        rewritten: ast::Expr,
        schema: &datafusion::common::DFSchema,
        parameters: &[PgType],
    ) -> Result<Expr, SqlError> {
        let known: Vec<Option<PgType>> = parameters.iter().copied().map(Some).collect();
        let mut context =
            PlannerContext::new().with_prepare_param_data_types(parameter_fields(&known));
        let provider = self.provider();
        let sql_to_rel = SqlToRel::new_with_options(&provider, parser_options());
        let expr = sql_to_rel
            .sql_to_expr(rewritten, schema, &mut context)
            .map_err(|error| self.planning_error(error, &provider))?;
        if provider.has_signals() {
            signal::refuse_in(&expr)?;
        }
        analyze::analyze_expression(expr, schema, &self.ctx)
    }

    /// A planner for a text that is stored, with the same rights. Such a text leaves only
    /// the catalog's names unqualified, and no reader's tables hide these.
    fn for_stored_text(&self) -> Self {
        Self {
            search_path: [pg_catalog::SCHEMA.to_owned()].into(),
            view_depth: self.view_depth + 1,
            local: Vec::new(),
            watch: self.watch.nested(self.watch.role),
            ..self.clone()
        }
    }

    fn view_source(&self, view: &Arc<View>) -> Result<Arc<dyn TableSource>, SqlError> {
        if self.view_depth >= VIEW_DEPTH_MAX {
            return Err(SqlError::with_code(
                crate::sqlstate::STATEMENT_TOO_COMPLEX,
                "views are nested too deeply",
            ));
        }
        let query = match crate::parse::parse_query(&view.text) {
            Err(_) if view.dialect == ViewDialect::DuckDb => {
                return Err(SqlError::not_supported(format!(
                    "the text of the view \"{}\", which DuckDB wrote,",
                    view.name
                )));
            }
            parsed => parsed?,
        };
        self.note_view(view);
        let mut nested = self.for_stored_text();
        nested.watch = self.watch.nested(self.role_behind(view));
        // DuckDB leaves the names of a view's own schema unqualified.
        if view.dialect == ViewDialect::DuckDb
            && let Some(schema) = self.ctx.snapshot.schema(view.schema_id)
        {
            nested.search_path = [schema.name.clone(), pg_catalog::SCHEMA.to_owned()].into();
        }
        let planned = nested.plan_query(&query, &[]).map_err(SqlError::unplaced)?;
        let columns: Vec<Expr> = planned
            .plan
            .schema()
            .columns()
            .into_iter()
            .enumerate()
            .map(|(index, column)| match view.columns.get(index) {
                Some(named) => Expr::Column(column).alias(named.name.as_str()),
                None => Expr::Column(column),
            })
            .collect();
        let mut plan = LogicalPlanBuilder::from(planned.plan)
            .project(columns)?
            .build()?;
        if self.is_barrier(view) {
            plan = Protected::around_view(plan, &view.name);
        }
        let plan = LogicalPlanBuilder::from(plan)
            .alias(origin::view_alias(pg_catalog::oids::view(view.id)))?
            .build()?;
        Ok(provider_as_source(Arc::new(ViewTable::new(
            plan,
            Some(view.text.clone()),
        ))))
    }

    /// Replaces `$n` by values.
    pub(crate) fn bind(
        plan: LogicalPlan,
        values: Vec<(PgType, ScalarValue)>,
    ) -> Result<LogicalPlan, SqlError> {
        if values.is_empty() {
            return Ok(plan);
        }
        let values = values
            .into_iter()
            .map(|(pg_type, value)| {
                let metadata = pg_type.metadata();
                let metadata = (!metadata.is_empty()).then(|| FieldMetadata::from(metadata));
                ScalarAndMetadata::new(value, metadata)
            })
            .collect();
        let plan = plan.replace_params_with_values(&ParamValues::List(values))?;
        plan.apply(|node| {
            unify::require_row_counts(node)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(plan)
    }
}

fn parameter_fields(types: &[Option<PgType>]) -> Vec<Option<FieldRef>> {
    let named = types.iter().enumerate();
    named
        .map(|(index, t)| t.map(|t| Arc::new(t.field(&format!("${}", index + 1), true))))
        .collect()
}

fn parser_options() -> ParserOptions {
    ParserOptions::new()
        .with_parse_float_as_decimal(true)
        .with_enable_ident_normalization(true)
        .with_support_varchar_with_length(true)
        .with_map_string_types_to_utf8view(true)
        .with_default_null_ordering(NullOrdering::NullsMax)
}

/// What the engine itself inferred of parameters, for example from LIMIT.
fn add_inferred(plan: &LogicalPlan, found: &mut BTreeMap<String, PgType>) -> Result<(), SqlError> {
    for (name, field) in plan.get_parameter_fields()? {
        if let Some(field) = field {
            found
                .entry(name)
                .or_insert_with(|| PgType::of_field(&field));
        }
    }
    Ok(())
}
