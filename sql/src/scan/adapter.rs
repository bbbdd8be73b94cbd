//! Expressions over a table's columns, rewritten for one file.
//!
//! The file's columns have the table's names already (see `columns`), so a column is
//! one of: absent (its initial default), of the same type (as it is), narrower (a cast
//! that pruning can look through), or nested or an interval (storage's conversion).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};
use gotgan_storage::{Column as TableColumn, ColumnType};

use super::columns::TableColumns;
use super::defaults::initial_value;
use crate::SqlError;

/// Makes an adapter for each file that is opened.
#[derive(Debug)]
pub(crate) struct LakeAdapterFactory {
    pub(crate) columns: Arc<TableColumns>,
}

impl PhysicalExprAdapterFactory for LakeAdapterFactory {
    fn create(
        &self,
        _logical_file_schema: SchemaRef,
        physical_file_schema: SchemaRef,
    ) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let columns = Arc::clone(&self.columns);
        Ok(Arc::new(LakeAdapter {
            columns,
            file: physical_file_schema,
        }))
    }
}

#[derive(Debug)]
struct LakeAdapter {
    columns: Arc<TableColumns>,
    file: SchemaRef,
}

impl PhysicalExprAdapter for LakeAdapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let rewritten = expr.transform(|node| {
            let Some(column) = node.downcast_ref::<Column>() else {
                return Ok(Transformed::no(node));
            };
            match self.columns.by_name(column.name()) {
                Some(known) => Ok(Transformed::yes(self.read(known)?)),
                // A column of the reader's own, such as the position of a row.
                None => match self.file.index_of(column.name()) {
                    Ok(index) => Ok(Transformed::yes(Arc::new(Column::new(
                        column.name(),
                        index,
                    )))),
                    Err(_) => Ok(Transformed::no(node)),
                },
            }
        });
        rewritten.data()
    }
}

impl LakeAdapter {
    /// How the file gives the table's column.
    fn read(&self, column: &TableColumn) -> Result<Arc<dyn PhysicalExpr>> {
        let field = Arc::new(self.columns.schema().field_with_name(&column.name)?.clone());
        let Ok(index) = self.file.index_of(&column.name) else {
            let metadata = Some(FieldMetadata::from(field.as_ref()));
            let value = initial_value(column)?;
            return Ok(Arc::new(Literal::new_with_metadata(value, metadata)));
        };
        let source: Arc<dyn PhysicalExpr> = Arc::new(Column::new(&column.name, index));
        let found = self.file.field(index).data_type();
        if found == field.data_type() {
            return Ok(source);
        }
        check_readable(&column.column_type, found)?;
        if column.children.is_empty() && !found.is_nested() {
            return Ok(Arc::new(CastExpr::new_with_target_field(
                source, field, None,
            )));
        }
        Ok(Arc::new(Converted {
            source,
            column_type: column.column_type.clone(),
            field,
        }))
    }
}

fn check_readable(column_type: &ColumnType, found: &DataType) -> Result<(), SqlError> {
    match column_type.plain() {
        ColumnType::Unsupported(name) => Err(SqlError::not_supported(format!(
            "reading a column of DuckDB's type {name}"
        ))),
        ColumnType::Interval if !matches!(found, DataType::Struct(_)) => Err(
            SqlError::not_supported("reading an interval column that DuckDB wrote"),
        ),
        _ => Ok(()),
    }
}

/// A column that storage converts from what the file holds.
#[derive(Debug, Clone)]
struct Converted {
    source: Arc<dyn PhysicalExpr>,
    column_type: ColumnType,
    field: FieldRef,
}

impl PartialEq for Converted {
    fn eq(&self, other: &Self) -> bool {
        self.source.eq(&other.source)
            && self.column_type == other.column_type
            && self.field == other.field
    }
}

impl Eq for Converted {}

impl Hash for Converted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.source.hash(state);
        self.column_type.hash(state);
    }
}

impl fmt::Display for Converted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}::{}",
            self.source,
            self.column_type.declared_name()
        )
    }
}

impl PhysicalExpr for Converted {
    fn return_field(&self, _input_schema: &Schema) -> Result<FieldRef> {
        Ok(Arc::clone(&self.field))
    }

    fn nullable(&self, input_schema: &Schema) -> Result<bool> {
        self.source.nullable(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let stored = self.source.evaluate(batch)?.into_array(batch.num_rows())?;
        let logical = self
            .column_type
            .to_logical(&stored)
            .map_err(SqlError::from)?;
        if logical.data_type() == self.field.data_type() {
            return Ok(ColumnarValue::Array(logical));
        }
        // The metadata of inner fields may differ; a cast sets them.
        Ok(ColumnarValue::Array(cast(
            &logical,
            self.field.data_type(),
        )?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.source]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let Ok([source]) = <[Arc<dyn PhysicalExpr>; 1]>::try_from(children) else {
            return internal_err!("a converted column has one source");
        };
        Ok(Arc::new(Self {
            source,
            ..self.as_ref().clone()
        }))
    }

    fn fmt_sql(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}
