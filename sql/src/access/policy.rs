//! Which policies of row security bind a role on a table, and what follows from them.
//!
//! Permissive policies add rows, restrictive ones take away: a row passes if one of the
//! former and all of the latter hold. Without a permissive one no row passes.
//!
//! Policies are looked up by the table's id in the rights of now, also for a table as of
//! an earlier snapshot.
//!
//! Source: PostgreSQL 15, `rowsecurity.c` and `rls.c`.

use std::collections::BTreeMap;

use gotgan_storage::{ObjectRights, PUBLIC_ROLE_ID, Policy, Table};
use sqlparser::ast::{BinaryOperator, Expr, Value};

use super::actor::Actor;
use crate::error::SqlError;
use crate::parse::parse_expression;
use crate::rewrite::build;
use crate::sqlstate;

/// Commands that policies are for, as `pg_policy.polcmd` has them.
pub(crate) mod command {
    pub(crate) const ALL: char = '*';
    pub(crate) const SELECT: char = 'r';
    pub(crate) const INSERT: char = 'a';
    pub(crate) const UPDATE: char = 'w';
    pub(crate) const DELETE: char = 'd';
}

/// The policies of a table that bind a role.
#[derive(Clone, Debug)]
pub(crate) struct Warden {
    table: String,
    policies: Vec<Policy>,
    is_owner: bool,
}

/// Conditions of policies of which one must hold.
pub(crate) type Alternatives = Vec<Condition>;

/// A condition over the columns of a table.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) expr: Expr,
    /// What its names mean: ids of columns.
    pub(crate) names: BTreeMap<String, i64>,
    /// What it calls the table.
    pub(crate) relation: String,
}

impl Condition {
    /// What it calls the table.
    pub(crate) fn relation_of<'a>(&'a self, table: &'a Table) -> &'a str {
        match self.relation.is_empty() {
            true => &table.name,
            false => &self.relation,
        }
    }
}

/// A condition that a row must fulfil which is written.
#[derive(Clone, Debug)]
pub(crate) struct RowRule {
    pub(crate) conditions: Alternatives,
    /// What a row is told that does not.
    pub(crate) error: SqlError,
}

/// Which rows a rule is for, for the wording of its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tested {
    /// A row that is written, by the policies' WITH CHECK.
    New,
    /// A row that is written and must be seen, too.
    Seen,
    /// The old row that ON CONFLICT found.
    Conflicting,
    /// The old row that MERGE found.
    Matched,
}

impl Warden {
    /// None if the role is not bound: row security is off, or passed over.
    pub(crate) fn new(actor: &Actor, table: &Table) -> Option<Self> {
        let held = actor.rights.table(table.id)?;
        Self::of(actor, table, &held)
    }

    /// As [`Self::new`], of a table whose rights are looked up already.
    pub(crate) fn of(actor: &Actor, table: &Table, held: &ObjectRights) -> Option<Self> {
        let access = &held.access;
        if !access.row_security || actor.is_superuser {
            return None;
        }
        let own = actor.rights.role(actor.role);
        if own.is_some_and(|role| role.bypass_rls) {
            return None;
        }
        let is_owner = actor.acts_for(held.owner);
        if is_owner && !access.force_row_security {
            return None;
        }
        let binds = |policy: &&Policy| {
            let mut roles = policy.roles.iter();
            roles.any(|role| *role == PUBLIC_ROLE_ID || actor.acts_for(*role))
        };
        let mut policies: Vec<Policy> = access.policies.iter().filter(binds).cloned().collect();
        policies.sort_by(|one, two| one.name.cmp(&two.name));
        Some(Self {
            table: table.name.clone(),
            policies,
            is_owner,
        })
    }

    /// `42501`: the session asks for an error instead of rows that are left out.
    pub(crate) fn refusal(&self) -> SqlError {
        let text = format!(
            "query would be affected by row-level security policy for table \"{}\"",
            self.table
        );
        let error = SqlError::with_code(sqlstate::INSUFFICIENT_PRIVILEGE, text);
        match self.is_owner {
            true => error.with_hint(
                "To disable the policy for the table's owner, use ALTER TABLE NO FORCE ROW \
                 LEVEL SECURITY.",
            ),
            false => error,
        }
    }

    /// What rows must fulfil to be seen by a command: one of each.
    ///
    /// Errors: those of parsing a stored condition.
    pub(crate) fn visible(&self, command: char) -> Result<Vec<Alternatives>, SqlError> {
        let mut all = vec![any_of(&self.conditions(command, true, using))?];
        for restriction in self.conditions(command, false, using) {
            all.push(any_of(&[restriction])?);
        }
        Ok(all)
    }

    /// What a row must fulfil that a command writes or has found.
    ///
    /// Errors: those of parsing a stored condition.
    pub(crate) fn rules(&self, command: char, tested: Tested) -> Result<Vec<RowRule>, SqlError> {
        let part = match tested {
            Tested::New => check,
            Tested::Seen | Tested::Conflicting | Tested::Matched => using,
        };
        let mut rules = vec![RowRule {
            conditions: any_of(&self.conditions(command, true, part))?,
            error: self.violation(tested, None),
        }];
        for (policy, text) in self.conditions(command, false, part) {
            rules.push(RowRule {
                conditions: any_of(&[(policy, text)])?,
                error: self.violation(tested, Some(&policy.name)),
            });
        }
        Ok(rules)
    }

    /// The texts of all policies of one kind that are for a command.
    fn conditions(
        &self,
        command: char,
        permissive: bool,
        part: fn(&Policy) -> Option<&str>,
    ) -> Vec<(&Policy, &str)> {
        let policies = self.policies.iter().filter(|policy| {
            policy.permissive == permissive
                && (policy.command == command || policy.command == command::ALL)
        });
        let with_text = policies.filter_map(|policy| Some((policy, part(policy)?)));
        with_text.collect()
    }

    /// `42501` for a row that a rule refuses.
    fn violation(&self, tested: Tested, policy: Option<&str>) -> SqlError {
        let (row, suffix) = match tested {
            Tested::New | Tested::Seen => ("new row", ""),
            Tested::Conflicting => ("new row", " (USING expression)"),
            Tested::Matched => ("target row", " (USING expression)"),
        };
        let policy = policy.map_or_else(String::new, |name| format!(" \"{name}\""));
        let text = format!(
            "{row} violates row-level security policy{policy}{suffix} for table \"{}\"",
            self.table
        );
        SqlError::with_code(sqlstate::INSUFFICIENT_PRIVILEGE, text)
    }
}

fn using(policy: &Policy) -> Option<&str> {
    policy.using.as_deref()
}

/// WITH CHECK, or USING where there is none.
fn check(policy: &Policy) -> Option<&str> {
    policy.check.as_deref().or(policy.using.as_deref())
}

/// The texts as conditions, those together that mean the same by their names; false if
/// there is none.
fn any_of(texts: &[(&Policy, &str)]) -> Result<Alternatives, SqlError> {
    let mut groups: Vec<Condition> = Vec::new();
    for (policy, text) in texts {
        let expr = Expr::Nested(Box::new(parse_expression(text)?));
        let names: BTreeMap<String, i64> = policy.columns.iter().cloned().collect();
        let fitting = groups
            .iter_mut()
            .filter(|group| group.relation == policy.relation)
            .find_map(|group| Some((merged(&group.names, &names)?, group)));
        match fitting {
            Some((both, group)) => {
                group.names = both;
                group.expr = either(build::take(&mut group.expr), expr);
            }
            None => groups.push(Condition {
                expr,
                names,
                relation: policy.relation.clone(),
            }),
        }
    }
    if groups.is_empty() {
        groups.push(Condition {
            expr: build::value(Value::Boolean(false)),
            names: BTreeMap::new(),
            relation: String::new(),
        });
    }
    Ok(groups)
}

/// Both maps in one, unless a name has two meanings or a column two names.
pub(crate) fn merged(
    one: &BTreeMap<String, i64>,
    two: &BTreeMap<String, i64>,
) -> Option<BTreeMap<String, i64>> {
    let mut both = one.clone();
    for (name, id) in two {
        let fits = match one.get(name) {
            Some(own) => own == id,
            None => !one.values().any(|own| own == id),
        };
        if !fits {
            return None;
        }
        both.insert(name.clone(), *id);
    }
    Some(both)
}

fn either(left: Expr, right: Expr) -> Expr {
    Expr::Nested(Box::new(Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::Or,
        right: Box::new(right),
    }))
}
