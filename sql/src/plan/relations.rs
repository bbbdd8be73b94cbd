//! The relations and functions that FROM names, as tables of the plan.

use std::sync::Arc;

use datafusion::catalog::view::ViewTable;
use datafusion::common::{Result, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, TableSource};
use gotgan_storage::Relation;

use super::provider::{self, Relations};
use super::{Planner, builtin, missing, sequence_table, series, system_table};
use crate::access::policy::command;
use crate::pg_catalog;
use crate::resolve::{Name, Resolved};
use crate::scan::LakeTable;

impl Relations for Planner {
    fn table_source(&self, reference: &TableReference) -> Result<Arc<dyn TableSource>> {
        if let Some(source) = self.local_source(reference)? {
            return Ok(source);
        }
        let name = match reference {
            TableReference::Bare { table } => Name {
                schema: None,
                name: table.to_string(),
            },
            TableReference::Partial { schema, table } => Name {
                schema: Some(schema.to_string()),
                name: table.to_string(),
            },
            TableReference::Full {
                catalog,
                schema,
                table,
            } => {
                if let Some(planner) = self.as_of_name(catalog) {
                    let name = TableReference::partial(schema.as_ref(), table.as_ref());
                    return planner.table_source(&name);
                }
                let parts = [catalog.to_string(), schema.to_string(), table.to_string()];
                Name::from_parts(&parts)?
            }
        };
        match self.resolver().relation(&name)? {
            Resolved::System(relation) => {
                let whole = self
                    .names_system_columns
                    .then(|| {
                        pg_catalog::relation_with_system_columns(relation.schema, relation.name)
                    })
                    .flatten();
                let relation = whole.unwrap_or(relation);
                let table = system_table::SystemTable::new(relation, self);
                Ok(provider_as_source(Arc::new(table)))
            }
            Resolved::Stored(Relation::Table(table)) => {
                let meter = self.ctx.meter.table(&self.ctx.snapshot, &table);
                let table = LakeTable::new(self.lake.clone(), table).metered(meter);
                let table = match self.ctx.is_past {
                    true => table.at_snapshot(Arc::clone(&self.ctx.snapshot)),
                    false => table,
                };
                Ok(self.guarded_source(table, &[command::SELECT])?)
            }
            Resolved::Stored(Relation::View(view)) => Ok(self.view_source(&view)?),
            Resolved::Sequence(sequence) => {
                let table = sequence_table::SequenceTable::new(sequence, &self.ctx);
                Ok(provider_as_source(Arc::new(table)))
            }
        }
    }

    fn function_source(&self, name: &str, args: &[Expr]) -> Result<Arc<dyn TableSource>> {
        if name == "generate_series" {
            let values: Option<Vec<ScalarValue>> =
                args.iter().map(|arg| arg.as_literal().cloned()).collect();
            if let Some(values) = values
                && let Some(table) = series::table(&values)?
            {
                return Ok(provider_as_source(Arc::new(table)));
            }
            let array = builtin::call("generate_series_array", args.to_vec(), &self.ctx)?;
            return unnested(name, array);
        }
        if let Some(relation) = pg_catalog::table_function(name) {
            let table = system_table::SystemTable::new(relation, self);
            return Ok(provider_as_source(Arc::new(table)));
        }
        // A scalar function in FROM is a table of its one value.
        let Some(function) =
            builtin::resolve(name, &self.ctx).or_else(|| provider::engine_function(name))
        else {
            return Err(missing::error(name, args).into());
        };
        let value = function.call(args.to_vec()).alias(name);
        let plan = LogicalPlanBuilder::empty(true)
            .project(vec![value])?
            .build()?;
        Ok(provider_as_source(Arc::new(ViewTable::new(plan, None))))
    }
}

/// The elements of a constant array as a table with one column.
fn unnested(name: &str, array: Expr) -> Result<Arc<dyn TableSource>> {
    let plan = LogicalPlanBuilder::empty(true)
        .project(vec![array.alias(name)])?
        .unnest_column(name)?
        .build()?;
    Ok(provider_as_source(Arc::new(ViewTable::new(plan, None))))
}
