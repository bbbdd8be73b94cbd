//! What holds for all system relations at once, and what the sample shows.

use std::collections::HashSet;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int16Type, Int64Type};

use super::*;

#[test]
fn every_relation_has_known_types_and_fixed_rows_that_fit() {
    for relation in relations() {
        assert!(
            !relation.fields.fields().is_empty(),
            "{} has no columns",
            relation.name
        );
        let rows = relation.fixed_rows();
        assert!(rows.is_ok(), "{}: {:?}", relation.name, rows.err());
    }
}

#[test]
fn names_and_oids_are_unique() {
    let count = relations().count();
    let names: HashSet<(&str, &str)> = relations().map(|r| (r.schema, r.name)).collect();
    let oids: HashSet<u32> = relations().map(|r| r.oid).collect();
    assert_eq!((names.len(), oids.len()), (count, count));
    assert!(relations().all(|relation| relation.oid < 16_384));
}

#[tokio::test]
async fn the_function_list_is_read_whole() {
    let folder = tempfile::tempdir().expect("folder");
    let context = sample::context(folder.path()).await;
    let rows = relation(SCHEMA, "pg_proc")
        .expect("exists")
        .rows(&context)
        .expect("fits");
    assert!(rows.num_rows() > 800, "{} functions", rows.num_rows());
    let abs = pg_proc::by_name("abs").next().expect("abs is listed");
    assert_eq!(
        (abs.argument_list().as_str(), abs.result_name().as_str()),
        ("real", "real")
    );
}

#[test]
fn keywords_are_listed_by_their_function() {
    let keywords = table_function("pg_get_keywords").expect("exists");
    assert!(keywords.fixed_rows().expect("fits").num_rows() > 400);
}

/// Reads one column of a relation as numbers.
fn numbers(context: &StatementContext, name: &str, column: &str) -> Vec<i64> {
    let rows = relation(SCHEMA, name)
        .expect("exists")
        .rows(context)
        .expect("rows");
    let array = rows.column_by_name(column).expect("a column");
    array.as_primitive::<Int64Type>().iter().flatten().collect()
}

/// Reads one column of a relation as texts.
fn texts(context: &StatementContext, schema: &str, name: &str, column: &str) -> Vec<String> {
    let rows = relation(schema, name)
        .expect("exists")
        .rows(context)
        .expect("rows");
    let array = rows.column_by_name(column).expect("a column");
    array
        .as_string_view()
        .iter()
        .flatten()
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn every_relation_has_rows_that_fit_the_sample() {
    let folder = tempfile::tempdir().expect("folder");
    let context = sample::context(folder.path()).await;
    for relation in relations() {
        let rows = relation.rows(&context);
        assert!(rows.is_ok(), "{}: {:?}", relation.name, rows.err());
    }
    for name in [
        "pg_get_keywords",
        "pg_show_all_settings",
        "pg_timezone_names",
    ] {
        let rows = table_function(name)
            .expect("exists")
            .rows(&context)
            .expect("rows");
        assert!(rows.num_rows() > 0, "{name} is empty");
    }
}

#[tokio::test]
async fn oids_lead_to_the_rows_they_name() {
    let folder = tempfile::tempdir().expect("folder");
    let context = sample::context(folder.path()).await;
    for (from, column, to, key) in [
        ("pg_class", "relnamespace", "pg_namespace", "oid"),
        ("pg_class", "relowner", "pg_authid", "oid"),
        ("pg_class", "reltype", "pg_type", "oid"),
        ("pg_class", "relam", "pg_am", "oid"),
        ("pg_attribute", "attrelid", "pg_class", "oid"),
        ("pg_attribute", "atttypid", "pg_type", "oid"),
        ("pg_attribute", "attcollation", "pg_collation", "oid"),
        ("pg_attrdef", "adrelid", "pg_class", "oid"),
        ("pg_type", "typnamespace", "pg_namespace", "oid"),
        ("pg_type", "typrelid", "pg_class", "oid"),
        ("pg_type", "typelem", "pg_type", "oid"),
        ("pg_type", "typarray", "pg_type", "oid"),
        ("pg_type", "typinput", "pg_proc", "oid"),
        ("pg_type", "typreceive", "pg_proc", "oid"),
        ("pg_constraint", "conrelid", "pg_class", "oid"),
        ("pg_constraint", "conindid", "pg_class", "oid"),
        ("pg_constraint", "confrelid", "pg_class", "oid"),
        ("pg_index", "indrelid", "pg_class", "oid"),
        ("pg_index", "indexrelid", "pg_class", "oid"),
        ("pg_rewrite", "ev_class", "pg_class", "oid"),
        ("pg_description", "classoid", "pg_class", "oid"),
        ("pg_depend", "classid", "pg_class", "oid"),
        ("pg_proc", "pronamespace", "pg_namespace", "oid"),
        ("pg_proc", "prolang", "pg_language", "oid"),
        ("pg_database", "dattablespace", "pg_tablespace", "oid"),
    ] {
        let known: HashSet<i64> = numbers(&context, to, key).into_iter().collect();
        let wrong: Vec<i64> = numbers(&context, from, column)
            .into_iter()
            .filter(|oid| *oid != 0 && !known.contains(oid))
            .collect();
        assert!(
            wrong.is_empty(),
            "{from}.{column}: {wrong:?} are not in {to}"
        );
    }
}

#[tokio::test]
async fn oids_are_the_same_after_a_restart() {
    let folder = tempfile::tempdir().expect("folder");
    let before = numbers(&*sample::context(folder.path()).await, "pg_class", "oid");
    let after = numbers(&*sample::context(folder.path()).await, "pg_class", "oid");
    assert_eq!(before, after);
    assert_eq!(before.len(), before.iter().collect::<HashSet<&i64>>().len());
}

#[tokio::test]
async fn the_hidden_schema_is_shown_nowhere() {
    let folder = tempfile::tempdir().expect("folder");
    let context = sample::context(folder.path()).await;
    let names = texts(&context, SCHEMA, "pg_namespace", "nspname");
    assert_eq!(
        names,
        [
            "pg_catalog",
            "pg_toast",
            "information_schema",
            "gotgan",
            "public",
            "shop"
        ]
    );
    let schemata = texts(&context, "information_schema", "schemata", "schema_name");
    assert!(!schemata.contains(&"main".to_owned()));
}

#[tokio::test]
async fn keys_point_at_columns_by_their_position() {
    let folder = tempfile::tempdir().expect("folder");
    let context = sample::context(folder.path()).await;
    let rows = relation(SCHEMA, "pg_constraint")
        .expect("exists")
        .rows(&context)
        .expect("rows");
    let names = rows
        .column_by_name("conname")
        .expect("a column")
        .as_string_view();
    let keys = rows
        .column_by_name("conkey")
        .expect("a column")
        .as_list::<i32>();
    let found: Vec<(String, Option<Vec<i16>>)> = (0..rows.num_rows())
        .map(|row| {
            let key = keys.is_valid(row).then(|| {
                keys.value(row)
                    .as_primitive::<Int16Type>()
                    .values()
                    .to_vec()
            });
            (names.value(row).to_owned(), key)
        })
        .collect();
    let expected = [
        ("customers_pkey", Some(vec![2])),
        ("customers_email_key", Some(vec![3])),
        ("positive", Some(vec![5])),
        ("orders_customer_fkey", Some(vec![2])),
    ];
    assert_eq!(found, expected.map(|(name, key)| (name.to_owned(), key)));
}

#[tokio::test]
async fn names_become_oids_and_back_along_the_search_path() {
    let folder = tempfile::tempdir().expect("folder");
    let context = sample::context(folder.path()).await;
    for (text, shown) in [
        ("pg_class", "pg_class"),
        ("PG_CATALOG.pg_class", "pg_class"),
        ("information_schema.tables", "information_schema.tables"),
        ("t", "t"),
        ("gotgan.shop.\"orders\"", "shop.orders"),
        ("shop.customers_pkey", "shop.customers_pkey"),
        ("4000000", "4000000"),
        ("-", "-"),
    ] {
        let oid = lookup::regclass_in(&context, text).expect(text);
        assert_eq!(lookup::regclass_out(&context, oid), shown);
    }
    for (text, code) in [
        ("orders", "42P01"),
        ("other.shop.orders", "0A000"),
        ("a b", "42602"),
    ] {
        let error = lookup::regclass_in(&context, text).expect_err(text);
        assert_eq!(error.code.0, code);
    }
    for (text, shown) in [
        ("int4", "integer"),
        ("character varying(10)", "character varying"),
        ("timestamp(3) with time zone", "timestamp with time zone"),
        ("numeric(10,2)[]", "numeric[]"),
        ("_text", "text[]"),
        ("double  precision", "double precision"),
        ("shop.orders", "shop.orders"),
    ] {
        let oid = lookup::regtype_in(&context, text).expect(text);
        assert_eq!(lookup::regtype_out(&context, oid), shown);
    }
    assert_eq!(lookup::find_type(&context, "hstore").expect("a name"), None);
    let namespace = lookup::regnamespace_in(&context, "shop").expect("shop");
    assert_eq!(lookup::regnamespace_out(&context, namespace), "shop");
    assert_eq!(lookup::regrole_in(&context, "gotgan").expect("gotgan"), 10);
}

#[tokio::test]
async fn system_columns_are_there_when_asked_for() {
    let folder = tempfile::tempdir().expect("folder");
    let context = sample::context(folder.path()).await;
    let table = relation_with_system_columns(SCHEMA, "pg_namespace").expect("a table");
    let rows = table.rows(&context).expect("rows");
    let oids = rows
        .column_by_name("tableoid")
        .expect("tableoid")
        .as_primitive::<Int64Type>();
    assert!(oids.iter().all(|oid| oid == Some(2615)));
    assert!(rows.column_by_name("xmin").is_some());
    assert!(relation_with_system_columns(SCHEMA, "pg_views").is_none());
}

#[tokio::test]
async fn both_ends_of_a_foreign_key_have_triggers() {
    let folder = tempfile::tempdir().expect("folder");
    let context = sample::context(folder.path()).await;
    let rows = relation(SCHEMA, "pg_tables")
        .expect("exists")
        .rows(&context)
        .expect("rows");
    let names = rows
        .column_by_name("tablename")
        .expect("a column")
        .as_string_view();
    let flags = rows
        .column_by_name("hastriggers")
        .expect("a column")
        .as_boolean();
    let with: Vec<&str> = (0..rows.num_rows())
        .filter(|&row| flags.value(row))
        .map(|row| names.value(row))
        .collect();
    assert_eq!(with, ["customers", "orders"]);
}
