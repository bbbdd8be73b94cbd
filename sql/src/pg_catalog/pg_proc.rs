//! `pg_proc`, `pg_aggregate` and `pg_language`: the functions that statements call
//! under PostgreSQL's names.
//!
//! Not guaranteed: that a function is shown with every signature it takes, nor that
//! each of those shown is taken; the planner looks functions up elsewhere.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::rows::{NULL, Rows, cells};
use super::{Definition, oids};
use crate::access::actor::Object;
use crate::access::shown;
use crate::types::PgType;

mod table;

/// Language `internal`.
const INTERNAL: u32 = 12;

/// A row of `pg_proc`.
pub(crate) struct Function {
    pub(crate) oid: u32,
    pub(crate) name: &'static str,
    /// `prokind`: f function, a aggregate, w window.
    pub(crate) kind: char,
    volatility: char,
    is_strict: bool,
    pub(crate) returns_set: bool,
    is_variadic: bool,
    pub(crate) result: u32,
    pub(crate) arguments: Vec<u32>,
}

static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let texts = [table::FUNCTIONS, table::SUPPORT];
    let entries = texts.into_iter().flat_map(|text| text.split(';'));
    let mut functions: Vec<Function> = entries.filter_map(|entry| parse(entry.trim())).collect();
    functions.sort_by_key(|function| function.oid);
    functions.dedup_by_key(|function| function.oid);
    functions
});

static BY_OID: LazyLock<HashMap<u32, usize>> = LazyLock::new(|| {
    FUNCTIONS
        .iter()
        .enumerate()
        .map(|(index, f)| (f.oid, index))
        .collect()
});

/// Reads `oid name flags result arguments`; `None` if it is not that, which a test excludes.
fn parse(entry: &'static str) -> Option<Function> {
    let mut parts = entry.split(' ');
    let oid = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let flags = parts.next()?;
    let result = parts.next()?.parse().ok()?;
    let arguments: Result<Vec<u32>, _> = match parts.next() {
        Some(list) => list.split(',').map(str::parse).collect(),
        None => Ok(Vec::new()),
    };
    let more = flags.get(1..)?;
    let kind = more
        .chars()
        .find(|flag| matches!(flag, 'a' | 'w'))
        .unwrap_or('f');
    Some(Function {
        oid,
        name,
        kind,
        volatility: flags.chars().next()?,
        is_strict: more.contains('s'),
        returns_set: more.contains('r'),
        is_variadic: more.contains('v'),
        result,
        arguments: arguments.ok()?,
    })
}

/// The function with this OID.
pub(crate) fn by_oid(oid: u32) -> Option<&'static Function> {
    BY_OID.get(&oid).map(|&index| &FUNCTIONS[index])
}

/// The functions with this name.
pub(crate) fn by_name(name: &str) -> impl Iterator<Item = &'static Function> {
    FUNCTIONS
        .iter()
        .filter(move |function| function.name == name)
}

impl Function {
    /// The arguments' types as a declaration lists them: `integer, text`.
    pub(crate) fn argument_list(&self) -> String {
        let last = self.arguments.len().saturating_sub(1);
        let shown = self.arguments.iter().enumerate().map(|(index, &oid)| {
            let name = PgType::new(oid).display();
            if self.is_variadic && index == last {
                format!("VARIADIC {name}")
            } else {
                name
            }
        });
        shown.collect::<Vec<String>>().join(", ")
    }

    /// The result's type as a declaration names it.
    pub(crate) fn result_name(&self) -> String {
        let name = PgType::new(self.result).display();
        if self.returns_set {
            format!("SETOF {name}")
        } else {
            name
        }
    }

    /// The element type of a variadic parameter, else 0.
    fn variadic(&self) -> u32 {
        match self.arguments.last() {
            Some(&last) if self.is_variadic => PgType::new(last)
                .element()
                .map_or(last, |element| element.oid),
            _ => 0,
        }
    }
}

pub(super) const PG_PROC: Definition = Definition {
    name: "pg_proc",
    oid: 1255,
    columns: "oid:oid proname:name pronamespace:oid proowner:oid prolang:oid procost:float4 \
              prorows:float4 provariadic:oid prosupport:regproc prokind:char prosecdef:bool \
              proleakproof:bool proisstrict:bool proretset:bool provolatile:char \
              proparallel:char pronargs:int2 pronargdefaults:int2 prorettype:oid \
              proargtypes:oidvector proallargtypes:oid[] proargmodes:char[] proargnames:text[] \
              proargdefaults:pg_node_tree protrftypes:oid[] prosrc:text probin:text \
              prosqlbody:pg_node_tree proconfig:text[] proacl:aclitem[]",
    current: |context, rows| {
        for function in FUNCTIONS.iter() {
            let object = Object::Function(function.oid, function.name);
            push(rows, function, shown::object_items(&context.rights, object));
        }
    },
    ..Definition::TABLE
};

/// `acl`: what was granted, if anything was.
fn push(rows: &mut Rows, function: &Function, acl: Option<Vec<String>>) {
    let arguments: Vec<i64> = function
        .arguments
        .iter()
        .map(|&oid| i64::from(oid))
        .collect();
    rows.push(cells![
        function.oid,
        function.name,
        oids::PG_CATALOG,
        oids::SUPERUSER,
        INTERNAL,
        1.0,
        if function.returns_set { 1000.0 } else { 0.0 },
        function.variadic(),
        0,
        function.kind,
        false,
        false,
        function.is_strict,
        function.returns_set,
        function.volatility,
        's',
        i64::try_from(arguments.len()).unwrap_or(0),
        0,
        function.result,
        arguments,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        function.name,
        NULL,
        NULL,
        NULL,
        acl,
    ]);
}

pub(super) const PG_AGGREGATE: Definition = Definition {
    name: "pg_aggregate",
    oid: 2600,
    columns: "aggfnoid:regproc aggkind:char aggnumdirectargs:int2 aggtransfn:regproc \
              aggfinalfn:regproc aggcombinefn:regproc aggserialfn:regproc aggdeserialfn:regproc \
              aggmtransfn:regproc aggminvtransfn:regproc aggmfinalfn:regproc aggfinalextra:bool \
              aggmfinalextra:bool aggfinalmodify:char aggmfinalmodify:char aggsortop:oid \
              aggtranstype:oid aggtransspace:int4 aggmtranstype:oid aggmtransspace:int4 \
              agginitval:text aggminitval:text",
    fixed: |rows| {
        for function in FUNCTIONS.iter().filter(|function| function.kind == 'a') {
            rows.push(cells![
                function.oid,
                'n',
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                false,
                false,
                'r',
                'r',
                0,
                function.result,
                0,
                0,
                0,
                NULL,
                NULL,
            ]);
        }
    },
    ..Definition::TABLE
};

pub(super) const PG_LANGUAGE: Definition = Definition {
    name: "pg_language",
    oid: 2612,
    columns: "oid:oid lanname:name lanowner:oid lanispl:bool lanpltrusted:bool \
              lanplcallfoid:oid laninline:oid lanvalidator:oid lanacl:aclitem[]",
    fixed: |rows| {
        for (oid, name, is_trusted) in [
            (INTERNAL, "internal", false),
            (13, "c", false),
            (14, "sql", true),
        ] {
            rows.push(cells![
                oid,
                name,
                oids::SUPERUSER,
                false,
                is_trusted,
                0,
                0,
                0,
                NULL
            ]);
        }
    },
    ..Definition::TABLE
};
