//! `pg_policy` and `pg_policies`: policies of row-level security.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use gotgan_storage::{PUBLIC_ROLE_ID, Policy, Table};
use sqlparser::ast::{Expr, Ident, Query, VisitMut, VisitorMut};

use super::identifier::quote;
use super::objects::schema_name;
use super::rows::{Cell, cells};
use super::{Definition, oids};
use crate::access::roles;
use crate::context::StatementContext;
use crate::parse::{fold, parse_expression};

pub(super) const PG_POLICY: Definition = Definition {
    name: "pg_policy",
    oid: 3256,
    columns: "oid:oid polname:name polrelid:oid polcmd:char polpermissive:bool polroles:oid[] \
              polqual:pg_node_tree polwithcheck:pg_node_tree",
    current: |context, rows| {
        for (table, policy) in policies(context) {
            rows.push(cells![
                oids::object(policy.id),
                policy.name.as_str(),
                oids::table(table.id),
                policy.command.to_string(),
                policy.permissive,
                Cell::Ints(policy.roles.clone()),
                condition(table, policy, policy.using.as_deref()),
                condition(table, policy, policy.check.as_deref()),
            ]);
        }
    },
    ..Definition::TABLE
};

pub(super) const PG_POLICIES: Definition = Definition {
    name: "pg_policies",
    oid: 12018,
    columns: "schemaname:name tablename:name policyname:name permissive:text roles:name[] \
              cmd:text qual:text with_check:text",
    current: |context, rows| {
        for (table, policy) in policies(context) {
            let permissive = match policy.permissive {
                true => "PERMISSIVE",
                false => "RESTRICTIVE",
            };
            let roles = policy.roles.iter().map(|role| match *role {
                PUBLIC_ROLE_ID => "public".to_owned(),
                role => roles::name_of(&context.rights, role),
            });
            rows.push(cells![
                schema_name(&context.snapshot, table.schema_id),
                table.name.as_str(),
                policy.name.as_str(),
                permissive,
                Cell::Texts(roles.collect()),
                command(policy.command),
                condition(table, policy, policy.using.as_deref()),
                condition(table, policy, policy.check.as_deref()),
            ]);
        }
    },
    ..Definition::VIEW
};

/// Every policy with its table.
fn policies(context: &StatementContext) -> impl Iterator<Item = (&Arc<Table>, &Policy)> {
    let tables = context.snapshot.tables();
    tables.flat_map(|table| {
        table
            .access
            .policies
            .iter()
            .map(move |policy| (table, policy))
    })
}

fn command(letter: char) -> &'static str {
    match letter {
        'r' => "SELECT",
        'a' => "INSERT",
        'w' => "UPDATE",
        'd' => "DELETE",
        _ => "ALL",
    }
}

/// In parentheses, as PostgreSQL shows conditions, with the names of today.
fn condition(table: &Table, policy: &Policy, text: Option<&str>) -> Cell<'static> {
    match text {
        Some(text) => Cell::Owned(format!("({})", with_names(table, policy, text))),
        None => Cell::Null,
    }
}

/// A condition with the names that the table and its columns have now. In a subquery an
/// unqualified name may be another relation's, and stays as it was written.
fn with_names<'a>(table: &Table, policy: &Policy, text: &'a str) -> Cow<'a, str> {
    let columns = policy.columns.iter();
    let renamed: BTreeMap<&str, &str> = columns
        .filter_map(|(name, id)| {
            let mut now = table.columns.iter();
            let now = now.find(|column| column.id.0 == *id)?.name.as_str();
            (now != name).then_some((name.as_str(), now))
        })
        .collect();
    let relation = match policy.relation.as_str() {
        "" => table.name.as_str(),
        former => former,
    };
    if renamed.is_empty() && relation == table.name {
        return Cow::Borrowed(text);
    }
    let Ok(mut condition) = parse_expression(text) else {
        return Cow::Borrowed(text);
    };
    let mut names = Names {
        renamed,
        relation: [relation, &table.name],
        depth: 0,
    };
    let _ = VisitMut::visit(&mut condition, &mut names);
    Cow::Owned(condition.to_string())
}

/// A name as a text has it, quoted where it must be.
fn shown(name: &str) -> Ident {
    Ident::new(quote(name))
}

/// Puts new names in the places of former ones.
struct Names<'a> {
    /// Columns: former name, new name.
    renamed: BTreeMap<&'a str, &'a str>,
    /// The table: former name, new name.
    relation: [&'a str; 2],
    /// Of subqueries.
    depth: usize,
}

impl Names<'_> {
    fn rename(&self, column: &mut Ident) {
        if let Some(new) = self.renamed.get(fold(column).as_str()) {
            *column = shown(new);
        }
    }
}

impl VisitorMut for Names<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        match expression {
            Expr::Identifier(column) if self.depth == 0 => self.rename(column),
            Expr::CompoundIdentifier(parts) => {
                if let [relation, column] = parts.as_mut_slice()
                    && fold(relation) == self.relation[0]
                {
                    *relation = shown(self.relation[1]);
                    self.rename(column);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
