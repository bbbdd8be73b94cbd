//! The functions over the sample warehouse, by name and arguments.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::FieldRef;
use datafusion::common::ScalarValue;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs};

use crate::context::StatementContext;
use crate::error::SqlError;
use crate::functions::scalar;
use crate::pg_catalog::{lookup, sample};
use crate::types::output::{OutputStyle, to_text_array};
use crate::types::{PgType, oid};

/// An argument of a test.
#[derive(Clone, Copy)]
enum Given<'a> {
    Oid(i64),
    Int(i32),
    Text(&'a str),
    Bool(bool),
    Null,
}

impl Given<'_> {
    fn value(self) -> (FieldRef, ScalarValue) {
        let (type_oid, value) = match self {
            Given::Oid(value) => (oid::OID, ScalarValue::Int64(Some(value))),
            Given::Int(value) => (oid::INT4, ScalarValue::Int32(Some(value))),
            Given::Text(value) => (oid::TEXT, ScalarValue::Utf8View(Some(value.to_owned()))),
            Given::Bool(value) => (oid::BOOL, ScalarValue::Boolean(Some(value))),
            Given::Null => (oid::INT4, ScalarValue::Int32(None)),
        };
        (
            Arc::new(PgType::new(type_oid).field("argument", true)),
            value,
        )
    }
}

/// Calls a function once; the answer as text, `None` for NULL.
fn call(
    context: &Arc<StatementContext>,
    name: &str,
    given: &[Given<'_>],
) -> Result<Option<String>, SqlError> {
    let function = scalar(name, context).unwrap_or_else(|| panic!("{name} is missing"));
    let (fields, values): (Vec<FieldRef>, Vec<ScalarValue>) =
        given.iter().map(|argument| argument.value()).unzip();
    let constants: Vec<Option<&ScalarValue>> = values.iter().map(Some).collect();
    let return_field = function.return_field_from_args(ReturnFieldArgs {
        arg_fields: &fields,
        scalar_arguments: &constants,
    })?;
    let answer = function.invoke_with_args(ScalarFunctionArgs {
        args: values.iter().cloned().map(ColumnarValue::Scalar).collect(),
        arg_fields: fields,
        number_rows: 1,
        return_field: Arc::clone(&return_field),
        config_options: Arc::new(ConfigOptions::new()),
    })?;
    let array: ArrayRef = answer.into_array(1)?;
    let result = PgType::of_field(&return_field);
    let texts = to_text_array(array.as_ref(), result, &OutputStyle::default())?;
    Ok(texts.iter().next().flatten().map(str::to_owned))
}

/// The OID of a relation.
fn class(context: &StatementContext, name: &str) -> Given<'static> {
    Given::Oid(lookup::regclass_in(context, name).expect(name))
}

/// The OID of a constraint of a table.
fn constraint(context: &StatementContext, name: &str) -> Given<'static> {
    let entry = context
        .snapshot
        .tables()
        .flat_map(|table| &table.constraints);
    let found = entry
        .into_iter()
        .find(|entry| entry.name == name)
        .expect(name);
    Given::Oid(i64::from(crate::pg_catalog::oids::object(found.id)))
}

#[tokio::test]
async fn definitions_are_shown_as_sql() {
    let folder = tempfile::tempdir().expect("folder");
    let context = sample::context(folder.path()).await;
    let (yes, no) = (Given::Bool(true), Given::Bool(false));
    let shop = |name: &str| class(&context, name);
    for (name, given, shown) in [
        (
            "pg_get_constraintdef",
            vec![constraint(&context, "customers_pkey")],
            "PRIMARY KEY (id)",
        ),
        (
            "pg_get_constraintdef",
            vec![constraint(&context, "orders_customer_fkey"), yes],
            "FOREIGN KEY (customer) REFERENCES shop.customers(id) ON DELETE CASCADE",
        ),
        (
            "pg_get_constraintdef",
            vec![constraint(&context, "positive")],
            "CHECK ((credit >= 0))",
        ),
        (
            "pg_get_indexdef",
            vec![shop("shop.customers_email_key")],
            "CREATE UNIQUE INDEX customers_email_key ON shop.customers USING btree (email)",
        ),
        (
            "pg_get_indexdef",
            vec![shop("shop.orders_customer_idx"), Given::Int(1), no],
            "customer",
        ),
        (
            "pg_get_viewdef",
            vec![shop("shop.big_orders"), yes],
            "SELECT o.id FROM shop.orders o WHERE (o.amount > 10);",
        ),
        (
            "pg_get_viewdef",
            vec![Given::Text("shop.big_orders")],
            "SELECT o.id FROM shop.orders o WHERE (o.amount > 10);",
        ),
        (
            "pg_get_expr",
            vec![Given::Text("true"), shop("shop.customers")],
            "true",
        ),
        ("pg_get_function_result", vec![Given::Oid(1396)], "bigint"),
        (
            "obj_description",
            vec![shop("shop.customers"), Given::Text("pg_class")],
            "Who buys",
        ),
        (
            "col_description",
            vec![shop("shop.customers"), Given::Int(3)],
            "Login",
        ),
    ] {
        assert_eq!(
            call(&context, name, &given).expect(name).as_deref(),
            Some(shown)
        );
    }
}

#[tokio::test]
async fn types_are_named_as_in_sql() {
    let folder = tempfile::tempdir().expect("folder");
    let context = sample::context(folder.path()).await;
    for (type_oid, modifier, shown) in [
        (23, Given::Int(-1), "integer"),
        (1043, Given::Int(14), "character varying(10)"),
        (1042, Given::Null, "character"),
        (1042, Given::Int(7), "character(3)"),
        (1700, Given::Int(786_438), "numeric(12,2)"),
        (1009, Given::Int(-1), "text[]"),
        (0, Given::Null, "-"),
        (999_999, Given::Null, "???"),
    ] {
        let found = call(&context, "format_type", &[Given::Oid(type_oid), modifier]);
        assert_eq!(found.expect("a type").as_deref(), Some(shown));
    }
}

#[tokio::test]
async fn privileges_follow_the_role_and_the_owner() {
    let folder = tempfile::tempdir().expect("folder");
    let context = sample::context(folder.path()).await;
    let select = Given::Text("select, INSERT");
    let table = Given::Text("shop.orders");
    let asked = call(&context, "has_table_privilege", &[table, select]).expect("a table");
    assert_eq!(asked.as_deref(), Some("t"));
    let public = [Given::Text("public"), table, select];
    assert_eq!(
        call(&context, "has_table_privilege", &public)
            .expect("ok")
            .as_deref(),
        Some("f")
    );
    let nothing = [Given::Oid(77), Given::Text("SELECT")];
    assert_eq!(
        call(&context, "has_table_privilege", &nothing).expect("ok"),
        None
    );
    for (name, given, code) in [
        (
            "has_table_privilege",
            vec![Given::Text("nope"), select],
            "42P01",
        ),
        (
            "has_schema_privilege",
            vec![Given::Text("nope"), Given::Text("USAGE")],
            "3F000",
        ),
        (
            "has_table_privilege",
            vec![table, Given::Text("FLY")],
            "22023",
        ),
        (
            "has_table_privilege",
            vec![Given::Text("nobody"), table, select],
            "42704",
        ),
        ("pg_database_size", vec![Given::Text("nope")], "3D000"),
    ] {
        assert_eq!(call(&context, name, &given).expect_err(name).code.0, code);
    }
}

#[tokio::test]
async fn only_the_search_path_makes_visible() {
    let folder = tempfile::tempdir().expect("folder");
    let context = sample::context(folder.path()).await;
    for (name, shown) in [
        ("t", Some("t")),
        ("pg_class", Some("t")),
        ("shop.orders", Some("f")),
        ("123", None),
    ] {
        let visible = call(&context, "pg_table_is_visible", &[class(&context, name)]);
        assert_eq!(visible.expect(name).as_deref(), shown);
    }
}

#[tokio::test]
async fn names_are_taken_apart() {
    let folder = tempfile::tempdir().expect("folder");
    let context = sample::context(folder.path()).await;
    let text = Given::Text("Shop.\"Orders\"");
    let parts = call(&context, "parse_ident", &[text]).expect("a name");
    assert_eq!(parts.as_deref(), Some("{shop,Orders}"));
    let more = Given::Text("shop.orders()");
    assert_eq!(
        call(&context, "parse_ident", &[more])
            .expect_err("not a name")
            .code
            .0,
        "22023"
    );
    let loose = call(&context, "parse_ident", &[more, Given::Bool(false)]).expect("a name");
    assert_eq!(loose.as_deref(), Some("{shop,orders}"));
}
