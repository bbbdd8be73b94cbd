//! What holds for all system relations at once.

use std::collections::HashSet;

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

#[test]
fn the_function_list_is_read_whole() {
    let rows = relation(SCHEMA, "pg_proc")
        .expect("exists")
        .fixed_rows()
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
