//! Which columns of a table a role sees masked, and by which policy.
//!
//! Of several masks on a column the one with the highest priority counts. Masks are those
//! of the role that runs the statement, also where it reads through another's view, as in
//! Redshift: what somebody may not see in a table he does not see in a view of it. Only
//! superusers see every value as it is; an owner is masked like others.
//!
//! Source: Redshift's developer guide, ATTACH MASKING POLICY.

use std::collections::BTreeMap;

use gotgan_storage::{
    ColumnId, MaskAttachment, MaskingPolicy, ObjectAccess, PUBLIC_ROLE_ID, Table,
};

use sqlparser::ast::Expr;

use super::actor::Actor;
use crate::error::SqlError;
use crate::parse::{parse_expression, type_name};
use crate::sqlstate;
use crate::types::PgType;

/// How one column is masked.
#[derive(Clone, Debug)]
pub(crate) struct Mask {
    /// None if it is gone: nothing is shown then.
    pub(crate) policy: Option<MaskingPolicy>,
    /// Which of the policy's expressions.
    pub(crate) expression: usize,
    /// The columns that the policy's names stand for, in order.
    pub(crate) input: Vec<ColumnId>,
}

/// The columns of a table that a role sees masked.
pub(crate) fn masks(actor: &Actor, access: &ObjectAccess) -> BTreeMap<ColumnId, Mask> {
    let mut found: BTreeMap<ColumnId, (i64, Mask)> = BTreeMap::new();
    if actor.is_superuser {
        return BTreeMap::new();
    }
    let policies = &actor.rights.lake_access().masking_policies;
    for attached in access.masks.iter().filter(|mask| is_meant(actor, mask)) {
        let policy = policies.iter().find(|own| own.id == attached.policy);
        for (expression, column) in attached.output.iter().enumerate() {
            let column = ColumnId(*column);
            let wins = found
                .get(&column)
                .is_none_or(|(priority, _)| *priority < attached.priority);
            if wins {
                let mask = Mask {
                    policy: policy.cloned(),
                    expression,
                    input: attached.input.iter().copied().map(ColumnId).collect(),
                };
                found.insert(column, (attached.priority, mask));
            }
        }
    }
    let masks = found.into_iter();
    masks.map(|(column, (_, mask))| (column, mask)).collect()
}

/// The type that a masking policy declares for an input.
///
/// Errors: those of a name that is no type.
pub(crate) fn declared_type(text: &str) -> Result<PgType, SqlError> {
    match parse_expression(&format!("CAST(NULL AS {text})"))? {
        Expr::Cast { data_type, .. } => type_name::resolve(&data_type),
        _ => Err(SqlError::undefined_object("type", text)),
    }
}

/// `42501` for a statement that would tell what is behind a mask, such as by an error or by
/// whether a row is found.
pub(crate) fn refusal(column: &str, table: &Table) -> SqlError {
    let text = format!(
        "permission denied for column \"{column}\" of table {}",
        table.name
    );
    SqlError::with_code(sqlstate::INSUFFICIENT_PRIVILEGE, text)
        .with_detail("A masking policy is attached to it.")
}

fn is_meant(actor: &Actor, mask: &MaskAttachment) -> bool {
    mask.role == PUBLIC_ROLE_ID || actor.acts_for(mask.role)
}
