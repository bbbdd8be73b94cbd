//! Where a plan reads a relation, and values that a statement keeps without reading them.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use gotgan_storage::{Sequence, Table};

use super::origin;
use super::protected::Protected;
use super::sequence_table::SequenceTable;
use super::system_table::SystemTable;
use crate::error::SqlError;
use crate::pg_catalog::SystemRelation;
use crate::scan::LakeTable;

/// Marks a value as one that is kept, not read. No user can type the name.
pub(crate) const KEPT: &str = "\0kept";

/// The alias that the rows proposed for insertion stand under. No client can send such a
/// name, so none can pass a table off as these.
pub(super) const EXCLUDED_ALIAS: &str = "\0excluded rows";

/// A relation that a plan reads.
#[derive(Clone, Debug)]
pub(crate) enum Leaf {
    Table {
        table: Arc<Table>,
        /// Whether it is the table that the statement changes.
        is_target: bool,
    },
    /// By OID.
    View(u32),
    /// Rows proposed for insertion into the target.
    Excluded,
    Sequence(Arc<Sequence>),
    System(&'static SystemRelation),
}

/// The relation that a node of a plan is, if it is one; what is below is not the reader's.
pub(crate) fn leaf(plan: &LogicalPlan) -> Option<Leaf> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) if alias.alias.table() == EXCLUDED_ALIAS => {
            Some(Leaf::Excluded)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            origin::view_of_alias(alias.alias.table()).map(Leaf::View)
        }
        LogicalPlan::Extension(_) => {
            let node = Protected::of(plan)?;
            Some(Leaf::Table {
                table: Arc::clone(node.table.as_ref()?),
                is_target: node.is_target,
            })
        }
        LogicalPlan::TableScan(scan) => {
            if let Some(table) = LakeTable::downcast(&scan.source) {
                return Some(Leaf::Table {
                    table: Arc::clone(table.table()),
                    is_target: table.has_positions(),
                });
            }
            if let Some(sequence) = SequenceTable::downcast(&scan.source) {
                return Some(Leaf::Sequence(sequence));
            }
            SystemTable::relation_of(&scan.source).map(Leaf::System)
        }
        _ => None,
    }
}

/// The function that marks kept values; it is taken out of a plan before that runs.
pub(super) fn kept_function() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        Arc::new(ScalarUDF::new_from_impl(Kept {
            signature: Signature::any(1, Volatility::Immutable),
        }))
    });
    Arc::clone(&FUNCTION)
}

/// Whether a call marks its argument as kept.
pub(crate) fn is_kept(call: &ScalarFunction) -> bool {
    call.func.name() == KEPT
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Kept {
    signature: Signature,
}

impl ScalarUDFImpl for Kept {
    fn name(&self) -> &'static str {
        KEPT
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let first = arg_types.first().cloned();
        Ok(first.ok_or_else(|| SqlError::internal("a kept value is missing"))?)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let first = args.arg_fields.first().map(Arc::clone);
        Ok(first.ok_or_else(|| SqlError::internal("a kept value is missing"))?)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(args.args.swap_remove(0))
    }
}
