//! Functions that return a set of rows in PostgreSQL, for the planner to unnest: here
//! each gives its rows as one array of structs.
//!
//! - `information_schema._pg_expandarray`: the elements of an array as `x`, with
//!   their positions as `n`.
//! - `aclexplode`: each privilege of a list of grants; in FROM, where a row of arrays is
//!   unnested, each of its columns by itself.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, StructArray, new_null_array};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::explode;
use crate::context::StatementContext;
use crate::error::SqlError;
use crate::types::{ELEMENT, PgType, oid};

/// Which of the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Expand,
    Acl,
    /// A column of `Acl`, by index.
    AclColumn(usize),
}

/// The functions for the columns of `aclexplode`; nobody can type their names.
pub(crate) const ACL_COLUMNS: [&str; 4] = [
    "$aclexplode/grantor",
    "$aclexplode/grantee",
    "$aclexplode/privilege_type",
    "$aclexplode/is_grantable",
];

impl Kind {
    /// The name under which the planner finds it.
    fn name(self) -> &'static str {
        match self {
            Kind::Expand => "_pg_expandarray_array",
            Kind::Acl => "aclexplode_array",
            Kind::AclColumn(index) => ACL_COLUMNS[index],
        }
    }
}

/// The function of this name, if it is one of them.
pub(crate) fn function(name: &str, context: &Arc<StatementContext>) -> Option<Arc<ScalarUDF>> {
    let columns = (0..ACL_COLUMNS.len()).map(Kind::AclColumn);
    let kind = [Kind::Expand, Kind::Acl]
        .into_iter()
        .chain(columns)
        .find(|kind| kind.name() == name)?;
    Some(Arc::new(ScalarUDF::new_from_impl(Rows {
        kind,
        signature: Signature::any(1, Volatility::Stable),
        context: Arc::clone(context),
    })))
}

#[derive(Debug)]
struct Rows {
    kind: Kind,
    signature: Signature,
    context: Arc<StatementContext>,
}

/// Within one statement the kind tells the function.
impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && Arc::ptr_eq(&self.context, &other.context)
    }
}

impl Eq for Rows {}

impl Hash for Rows {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
    }
}

/// The columns of `aclexplode`.
fn acl_columns() -> Fields {
    let oid_column = |name: &str| PgType::new(oid::OID).field(name, true);
    Fields::from(vec![
        oid_column("grantor"),
        oid_column("grantee"),
        PgType::new(oid::TEXT).field("privilege_type", true),
        PgType::new(oid::BOOL).field("is_grantable", true),
    ])
}

/// The element of an array of one of these columns.
fn acl_element(index: usize) -> FieldRef {
    Arc::new(acl_columns()[index].as_ref().clone().with_name(ELEMENT))
}

/// One column of lists of rows.
fn column_of(rows: &ListArray, index: usize) -> Result<ListArray> {
    let values = Arc::clone(rows.values().as_struct().column(index));
    let (offsets, nulls) = (rows.offsets().clone(), rows.nulls().cloned());
    Ok(ListArray::try_new(
        acl_element(index),
        offsets,
        values,
        nulls,
    )?)
}

/// `(x, n)` for elements described by `element`.
fn pair(element: &FieldRef) -> Fields {
    let x = element.as_ref().clone().with_name("x").with_nullable(true);
    Fields::from(vec![x, Field::new("n", DataType::Int32, true)])
}

fn element_of(data_type: &DataType) -> Result<FieldRef> {
    match data_type {
        DataType::List(element) => Ok(Arc::clone(element)),
        other => Err(SqlError::undefined_function(&format!("_pg_expandarray({other})")).into()),
    }
}

impl ScalarUDFImpl for Rows {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let columns = match self.kind {
            Kind::Expand => pair(&element_of(arg_types.first().unwrap_or(&DataType::Null))?),
            Kind::Acl => acl_columns(),
            Kind::AclColumn(index) => return Ok(DataType::List(acl_element(index))),
        };
        let row = Field::new(ELEMENT, DataType::Struct(columns), true);
        Ok(DataType::List(Arc::new(row)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let Some(value) = args.args.into_iter().next() else {
            return Err(SqlError::internal("a call without its argument").into());
        };
        let array: ArrayRef = match self.kind {
            Kind::Acl | Kind::AclColumn(_) => {
                let lists = value.into_array(rows)?;
                let exploded = match lists.as_list_opt::<i32>() {
                    Some(lists) => explode::explode(lists, acl_columns(), &self.context)?,
                    None => {
                        let nothing = new_null_array(args.return_field.data_type(), rows);
                        return Ok(ColumnarValue::Array(nothing));
                    }
                };
                match self.kind {
                    Kind::AclColumn(index) => Arc::new(column_of(&exploded, index)?),
                    _ => Arc::new(exploded),
                }
            }
            Kind::Expand => {
                let lists = value.into_array(rows)?;
                let element = element_of(lists.data_type())?;
                Arc::new(expand(lists.as_list::<i32>(), &element)?)
            }
        };
        Ok(ColumnarValue::Array(array))
    }
}

fn expand(lists: &ListArray, element: &FieldRef) -> Result<ListArray> {
    let mut positions = vec![0_i32; lists.values().len()];
    for ends in lists.offsets().windows(2) {
        for (position, offset) in (1..).zip(ends[0]..ends[1]) {
            positions[usize::try_from(offset).unwrap_or(0)] = position;
        }
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::clone(lists.values()),
        Arc::new(Int32Array::from(positions)),
    ];
    let rows = StructArray::try_new(pair(element), columns, None)?;
    let field = Arc::new(Field::new(ELEMENT, rows.data_type().clone(), true));
    let nulls = lists.nulls().cloned();
    Ok(ListArray::try_new(
        field,
        lists.offsets().clone(),
        Arc::new(rows),
        nulls,
    )?)
}
