//! Leaves out files whose bounds prove that no row of theirs passes the filters.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::nullif;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::{PhysicalExpr, conjunction_opt};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use gotgan_storage::{FileBounds, FileList};

use super::columns::TableColumns;

/// Indexes of the files that may hold a row which passes all `filters`.
///
/// A filter that cannot be planned here, such as one with a subquery, prunes nothing.
pub(crate) fn prune_files(
    session: &dyn Session,
    columns: &TableColumns,
    files: &FileList,
    filters: &[Expr],
) -> Result<Vec<usize>> {
    let all = 0..files.files.len();
    let planned = plan_filters(session, columns.schema(), filters)?;
    let Some(predicate) = conjunction_opt(planned) else {
        return Ok(all.collect());
    };
    let pruning = PruningPredicateBuilder::new()
        .with_file_schema(Arc::clone(columns.schema()))
        .try_build(predicate);
    // What cannot prune is not an error: the filter itself runs above the scan.
    let Ok(pruning) = pruning else {
        return Ok(all.collect());
    };
    let kept = pruning.prune(&Bounds { columns, files })?;
    Ok(all
        .filter(|index| kept.get(*index).copied().unwrap_or(true))
        .collect())
}

fn plan_filters(
    session: &dyn Session,
    schema: &SchemaRef,
    filters: &[Expr],
) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
    if filters.is_empty() {
        return Ok(Vec::new());
    }
    let schema = DFSchema::try_from(Arc::clone(schema))?;
    let planned = filters
        .iter()
        .filter_map(|filter| session.create_physical_expr(filter.clone(), &schema).ok());
    Ok(planned.collect())
}

/// The greatest values of a column's files, unknown where a file may hold a NaN, which
/// sorts above every number.
pub(crate) fn max_values(bounds: &FileBounds) -> ArrayRef {
    if !bounds.max.data_type().is_floating() {
        return Arc::clone(&bounds.max);
    }
    let may_hold_nan: BooleanArray = bounds
        .contains_nan
        .iter()
        .map(|known| Some(known != Some(false)))
        .collect();
    // Unknown lengths cannot happen; if they did, nothing would be pruned.
    nullif(&bounds.max, &may_hold_nan)
        .unwrap_or_else(|_| arrow::array::new_null_array(bounds.max.data_type(), bounds.max.len()))
}

/// Bounds of all files of a table, as DataFusion asks for them.
struct Bounds<'a> {
    columns: &'a TableColumns,
    files: &'a FileList,
}

impl Bounds<'_> {
    fn of(&self, column: &Column) -> Option<Arc<FileBounds>> {
        let known = self.columns.by_name(&column.name)?;
        let field = self.columns.schema().field_with_name(&column.name).ok()?;
        let bounds = self.files.bounds(known.id)?;
        (bounds.min.data_type() == field.data_type()).then_some(bounds)
    }
}

impl PruningStatistics for Bounds<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        Some(Arc::clone(&self.of(column)?.min))
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        Some(max_values(self.of(column)?.as_ref()))
    }

    fn num_containers(&self) -> usize {
        self.files.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        Some(Arc::new(self.of(column)?.null_count.clone()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let counts = self.files.files.iter().map(|file| file.row_count);
        Some(Arc::new(arrow::array::UInt64Array::from_iter_values(
            counts,
        )))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
