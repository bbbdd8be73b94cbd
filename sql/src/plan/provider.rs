//! What the engine's planner asks while it turns a syntax tree into a plan.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::TableReference;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, TypePlanner};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;

use super::operators::OperatorPlanner;
use super::{aggregate, branches, builtin, leaf, missing};
use crate::context::StatementContext;
use crate::functions::is_signal_name;
use crate::parse::type_name;
use crate::types::PgType;

static SCALARS: LazyLock<HashMap<String, Arc<ScalarUDF>>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    for function in SessionStateDefaults::default_scalar_functions() {
        for name in function
            .aliases()
            .iter()
            .map(String::as_str)
            .chain([function.name()])
        {
            if !crate::functions::BLOCKED.contains(&name) {
                all.insert(name.to_owned(), Arc::clone(&function));
            }
        }
    }
    all
});

static AGGREGATES: LazyLock<HashMap<String, Arc<AggregateUDF>>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    for function in SessionStateDefaults::default_aggregate_functions() {
        for name in function
            .aliases()
            .iter()
            .map(String::as_str)
            .chain([function.name()])
        {
            all.insert(name.to_owned(), Arc::clone(&function));
        }
    }
    all
});

static WINDOWS: LazyLock<HashMap<String, Arc<WindowUDF>>> = LazyLock::new(|| {
    SessionStateDefaults::default_window_functions()
        .into_iter()
        .map(|function| (function.name().to_owned(), function))
        .collect()
});

/// One of the engine's own scalar functions.
pub(super) fn engine_function(name: &str) -> Option<Arc<ScalarUDF>> {
    SCALARS.get(name).map(Arc::clone)
}

/// Whether a call by this name is a scalar function's.
pub(super) fn is_scalar(name: &str, ctx: &Arc<StatementContext>) -> bool {
    builtin::resolve(name, ctx).is_some() || engine_function(name).is_some()
}

/// Whether a call by this name is an aggregate's.
pub(crate) fn is_aggregate(name: &str, ctx: &Arc<StatementContext>) -> bool {
    !is_scalar(name, ctx)
        && (aggregate::resolve(name).is_some()
            || crate::functions::aggregate(name, ctx).is_some()
            || AGGREGATES.contains_key(name))
}

/// How the provider finds relations; the planner itself, so that views can nest.
pub(super) trait Relations {
    /// The relation that a FROM item names.
    fn table_source(&self, name: &TableReference) -> Result<Arc<dyn TableSource>>;
    /// The rows of a function in FROM; its arguments are constants.
    fn function_source(&self, name: &str, args: &[Expr]) -> Result<Arc<dyn TableSource>>;
}

/// Lives for the planning of one statement.
pub(super) struct Provider<'a> {
    relations: &'a dyn Relations,
    ctx: Arc<StatementContext>,
    config: Arc<ConfigOptions>,
    planners: Vec<Arc<dyn ExprPlanner>>,
    parameters: Arc<Mutex<BTreeMap<String, PgType>>>,
    /// The function that was looked up last and not found.
    missing: Mutex<Option<String>>,
    /// Whether a function was looked up that ends what other sessions do.
    has_signals: AtomicBool,
}

impl<'a> Provider<'a> {
    pub(super) fn new(
        relations: &'a dyn Relations,
        ctx: &Arc<StatementContext>,
        config: Arc<ConfigOptions>,
    ) -> Self {
        let parameters = Arc::new(Mutex::new(BTreeMap::new()));
        let operators = OperatorPlanner::new(ctx, Arc::clone(&parameters));
        let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(operators)];
        planners.extend(SessionStateDefaults::default_expr_planners());
        Self {
            relations,
            ctx: Arc::clone(ctx),
            config,
            planners,
            parameters,
            missing: Mutex::new(None),
            has_signals: AtomicBool::new(false),
        }
    }

    /// Types that operators gave to parameters, by `$n`.
    pub(super) fn parameter_types(&self) -> BTreeMap<String, PgType> {
        self.parameters
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// The name of the function whose absence made planning fail.
    pub(super) fn missing_function(&self) -> Option<String> {
        self.missing
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Whether a function was looked up that ends what other sessions do.
    pub(super) fn has_signals(&self) -> bool {
        self.has_signals.load(Ordering::Relaxed)
    }

    /// Whether an aggregate or a window function has this name.
    fn is_other_function(&self, name: &str) -> bool {
        self.get_aggregate_meta(name).is_some() || self.get_window_meta(name).is_some()
    }

    fn note(&self, name: Option<&str>) {
        *self
            .missing
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = name.map(str::to_owned);
    }
}

impl ContextProvider for Provider<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        self.relations.table_source(&name)
    }

    fn get_table_function_source(
        &self,
        name: &str,
        args: Vec<Expr>,
    ) -> Result<Arc<dyn TableSource>> {
        let context = SimplifyContext::builder()
            .with_config_options(Arc::clone(&self.config))
            .build();
        let simplifier = ExprSimplifier::new(context);
        let schema = DFSchema::empty();
        let args: Result<Vec<Expr>> = args
            .into_iter()
            .map(|arg| {
                simplifier
                    .coerce(arg, &schema)
                    .and_then(|e| simplifier.simplify(e))
            })
            .collect();
        self.relations.function_source(name, &args?)
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(
            name, schema,
        ))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(Types))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        if name == leaf::KEPT {
            return Some(leaf::kept_function());
        }
        if is_signal_name(name) {
            self.has_signals.store(true, Ordering::Relaxed);
        }
        let found = builtin::resolve(name, &self.ctx).or_else(|| engine_function(name));
        // The engine plans `unnest` itself, once no function has that name.
        if found.is_some() || name == "unnest" || self.is_other_function(name) {
            return found.map(branches::wrapped);
        }
        self.note(Some(name));
        Some(Arc::new(missing::function(name)))
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        let found = aggregate::resolve(name)
            .or_else(|| crate::functions::aggregate(name, &self.ctx))
            .or_else(|| AGGREGATES.get(name).map(Arc::clone));
        if found.is_some() {
            self.note(None);
        }
        found
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        let found = crate::functions::window(name).or_else(|| WINDOWS.get(name).map(Arc::clone));
        if found.is_some() {
            self.note(None);
        }
        found
    }

    fn get_variable_type(&self, _variable_names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.config
    }

    fn udf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Names of types that the rewrite did not replace, such as in a column list.
#[derive(Debug)]
struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, sql_type: &sqlparser::ast::DataType) -> Result<Option<FieldRef>> {
        let resolved = type_name::resolve(sql_type)?;
        Ok(Some(Arc::new(resolved.field("", true))))
    }
}
