//! The statements about what was as functions of schema `gotgan`, for tools that send only
//! SELECT.
//!
//! A function must be the only item of a select list, or of FROM; its arguments are
//! constants or parameters. So it can be run before the query around it is planned.

use sqlparser::ast::{
    self, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator, FunctionArguments,
    GroupByExpr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor,
    Value,
};

use super::{
    Action, Answer, FUNCTION_RELATION, HistoryStatement, Hold, Kind, NameArgument, Restore,
    RestoreItem, Undrop,
};
use crate::error::SqlError;
use crate::parse::moment::Point;
use crate::parse::retention::{Retention, Scope};
use crate::parse::{Node, fold};

/// The schema of the functions.
const SCHEMA: &str = "gotgan";

/// Names of the functions and of their parameters, in order.
const SIGNATURES: &[(&str, &[&str])] = &[
    ("adopt_data", &[]),
    (
        "create_snapshot",
        &["name", "retain", "comment", "as_of", "snapshot"],
    ),
    ("drop_snapshot", &["name", "if_exists"]),
    ("expire_snapshots", &["older_than", "dry_run"]),
    ("file_history", &["table_name"]),
    (
        "preview_restore",
        &["source", "target", "as_of", "snapshot"],
    ),
    (
        "preview_restore_schema",
        &["source", "target", "as_of", "snapshot"],
    ),
    ("remove_orphans", &["dry_run"]),
    (
        "restore_schema",
        &["source", "target", "as_of", "snapshot", "with_grants"],
    ),
    (
        "restore_table",
        &[
            "source",
            "target",
            "as_of",
            "snapshot",
            "replace",
            "with_grants",
        ],
    ),
    ("set_retention", &["retention", "table_name", "schema_name"]),
    ("undrop_schema", &["name", "new_name", "id"]),
    ("undrop_table", &["name", "new_name", "id"]),
];

/// A call of one of the functions as the statement that it stands for; anything else as
/// it is.
///
/// Errors: `42883` for arguments that the function does not have; `22023` and `42601`
/// for those that it cannot take.
pub(crate) fn lift(node: Node) -> Result<Node, SqlError> {
    let Node::Ast(statement) = &node else {
        return Ok(node);
    };
    let ast::Statement::Query(query) = statement.as_ref() else {
        return Ok(node);
    };
    let SetExpr::Select(select) = query.body.as_ref() else {
        return Ok(node);
    };
    let Some(call) = value_call(query, select).or_else(|| row_call(query, select)) else {
        return Ok(node);
    };
    let mut arguments = Arguments::new(&call)?;
    let action = arguments.action(call.signature.0)?;
    Ok(Node::History(Box::new(HistoryStatement {
        action,
        answer: call.answer,
    })))
}

/// Whether a function of the schema `gotgan` stands for a statement.
pub(crate) fn is_function(name: &str) -> bool {
    SIGNATURES.iter().any(|(own, _)| *own == name)
}

/// One call with what is made of its answer.
struct Call<'a> {
    signature: &'static (&'static str, &'static [&'static str]),
    arguments: &'a [FunctionArg],
    answer: Answer,
}

fn signature(name: &ObjectName) -> Option<&'static (&'static str, &'static [&'static str])> {
    let [schema, own] = name.0.as_slice() else {
        return None;
    };
    if fold(schema.as_ident()?) != SCHEMA {
        return None;
    }
    let own = fold(own.as_ident()?);
    SIGNATURES.iter().find(|(name, _)| *name == own)
}

/// `SELECT gotgan.f(...) [AS name]`
fn value_call<'a>(query: &Query, select: &'a Select) -> Option<Call<'a>> {
    let (expr, alias) = match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(expr)] => (expr, None),
        [SelectItem::ExprWithAlias { expr, alias }] => (expr, Some(alias)),
        _ => return None,
    };
    let Expr::Function(Function {
        name,
        args: FunctionArguments::List(list),
        filter: None,
        over: None,
        ..
    }) = expr
    else {
        return None;
    };
    let signature = signature(name)?;
    let has_groups = !matches!(&select.group_by,
        GroupByExpr::Expressions(keys, _) if keys.is_empty());
    let is_alone = select.from.is_empty()
        && select.selection.is_none()
        && select.having.is_none()
        && select.distinct.is_none()
        && !has_groups
        && list.duplicate_treatment.is_none()
        && query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none();
    is_alone.then(|| Call {
        signature,
        arguments: &list.args,
        answer: Answer::Value(alias.map_or_else(|| signature.0.to_owned(), fold)),
    })
}

/// `SELECT ... FROM gotgan.f(...) [AS name] ...`
fn row_call<'a>(query: &Query, select: &'a Select) -> Option<Call<'a>> {
    let [item] = select.from.as_slice() else {
        return None;
    };
    let TableFactor::Table {
        name,
        args: Some(list),
        alias,
        ..
    } = &item.relation
    else {
        return None;
    };
    let signature = signature(name)?;
    if !item.joins.is_empty() || query.with.is_some() {
        return None;
    }
    let mut outer = query.clone();
    if let SetExpr::Select(select) = outer.body.as_mut()
        && let Some(item) = select.from.first_mut()
        && let TableFactor::Table {
            name,
            args,
            alias: own,
            ..
        } = &mut item.relation
    {
        *name = ObjectName::from(vec![Ident::with_quote('"', FUNCTION_RELATION)]);
        *args = None;
        *own = Some(alias.clone().unwrap_or_else(|| TableAlias {
            explicit: true,
            name: Ident::new(signature.0),
            columns: Vec::new(),
            at: None,
        }));
    }
    Some(Call {
        signature,
        arguments: &list.args,
        answer: Answer::Rows(Box::new(outer)),
    })
}

/// The arguments of a call in the order of its parameters; NULL is none.
struct Arguments {
    names: &'static [&'static str],
    values: Vec<Option<Expr>>,
}

impl Arguments {
    fn new(call: &Call<'_>) -> Result<Self, SqlError> {
        let (function, names) = *call.signature;
        let mismatch = || {
            SqlError::undefined_function(&format!("{SCHEMA}.{function}"))
                .with_hint(format!("Its parameters are: {}.", names.join(", ")))
        };
        let mut values = vec![None; names.len()];
        let mut is_named = false;
        for (position, argument) in call.arguments.iter().enumerate() {
            let (index, value) = match argument {
                FunctionArg::Unnamed(value) if !is_named => (position, value),
                FunctionArg::Unnamed(_) => {
                    return Err(SqlError::syntax(
                        "positional argument cannot follow named argument",
                    ));
                }
                FunctionArg::Named {
                    name,
                    arg,
                    operator: FunctionArgOperator::RightArrow | FunctionArgOperator::Assignment,
                } => (Self::index(names, &fold(name)).ok_or_else(mismatch)?, arg),
                FunctionArg::ExprNamed {
                    name: Expr::Identifier(name),
                    arg,
                    operator: FunctionArgOperator::RightArrow | FunctionArgOperator::Assignment,
                } => (Self::index(names, &fold(name)).ok_or_else(mismatch)?, arg),
                _ => return Err(mismatch()),
            };
            is_named |= !matches!(argument, FunctionArg::Unnamed(_));
            let (FunctionArgExpr::Expr(value), Some(slot)) = (value, values.get_mut(index)) else {
                return Err(mismatch());
            };
            let is_null = matches!(value, Expr::Value(literal) if literal.value == Value::Null);
            if slot.is_some() {
                return Err(SqlError::syntax(format!(
                    "argument name \"{}\" used more than once",
                    names[index]
                )));
            }
            *slot = (!is_null).then(|| value.clone());
        }
        Ok(Self { names, values })
    }

    fn index(names: &[&str], name: &str) -> Option<usize> {
        names.iter().position(|own| *own == name)
    }

    fn take(&mut self, name: &str) -> Option<Expr> {
        let index = Self::index(self.names, name)?;
        self.values.get_mut(index)?.take()
    }

    fn name(&mut self, name: &str) -> Option<NameArgument> {
        self.take(name)
            .map(|text| NameArgument::Text(Box::new(text)))
    }

    fn required_name(&mut self, name: &str) -> Result<NameArgument, SqlError> {
        self.name(name).ok_or_else(|| missing(name))
    }

    fn flag(&mut self, name: &str, default: bool) -> Result<bool, SqlError> {
        match self.take(name) {
            None => Ok(default),
            Some(Expr::Value(literal)) if matches!(literal.value, Value::Boolean(_)) => {
                Ok(literal.value == Value::Boolean(true))
            }
            Some(_) => Err(SqlError::invalid_parameter(format!(
                "the argument \"{name}\" must be true or false"
            ))),
        }
    }

    /// Errors: `22023` if both a time and a snapshot are given.
    fn point(&mut self) -> Result<Option<Point>, SqlError> {
        match (self.take("as_of"), self.take("snapshot")) {
            (None, None) => Ok(None),
            (Some(time), None) => Ok(Some(Point::Time(time))),
            (None, Some(snapshot)) => Ok(Some(Point::Snapshot(snapshot))),
            (Some(_), Some(_)) => Err(SqlError::invalid_parameter(
                "the arguments \"as_of\" and \"snapshot\" exclude each other",
            )),
        }
    }

    fn restore(&mut self, kind: Kind) -> Result<Restore, SqlError> {
        let item = RestoreItem {
            source: self.required_name("source")?,
            target: self.name("target"),
            point: self
                .point()?
                .ok_or_else(|| missing("as_of\" or \"snapshot"))?,
            replaces: self.flag("replace", false)?,
        };
        Ok(Restore {
            kind,
            items: vec![item],
            with_grants: self.flag("with_grants", false)?,
        })
    }

    fn undrop(&mut self, kind: Kind) -> Result<Undrop, SqlError> {
        Ok(Undrop {
            kind,
            name: self.required_name("name")?,
            id: self.take("id"),
            target: self.name("new_name"),
        })
    }

    fn retention(&mut self) -> Result<Retention, SqlError> {
        let value = self.take("retention");
        let scope = match (self.name("table_name"), self.name("schema_name")) {
            (None, None) => Scope::System,
            (Some(table), None) => Scope::Table(table),
            (None, Some(schema)) => Scope::Schema(schema),
            (Some(_), Some(_)) => {
                return Err(SqlError::invalid_parameter(
                    "the arguments \"table_name\" and \"schema_name\" exclude each other",
                ));
            }
        };
        Ok(Retention {
            scope,
            if_exists: false,
            changes: vec![("gotgan.retention".to_owned(), value)],
        })
    }

    fn action(&mut self, function: &str) -> Result<Action, SqlError> {
        Ok(match function {
            "restore_table" => Action::Restore(self.restore(Kind::Table)?),
            "restore_schema" => Action::Restore(self.restore(Kind::Schema)?),
            "preview_restore" => Action::Preview(self.restore(Kind::Table)?),
            "preview_restore_schema" => Action::Preview(self.restore(Kind::Schema)?),
            "undrop_table" => Action::Undrop(self.undrop(Kind::Table)?),
            "undrop_schema" => Action::Undrop(self.undrop(Kind::Schema)?),
            "create_snapshot" => Action::Hold(Box::new(Hold {
                name: self.required_name("name")?,
                if_not_exists: false,
                point: self.point()?,
                retain: self.take("retain"),
                comment: self.take("comment"),
            })),
            "drop_snapshot" => Action::DropHold {
                names: vec![self.required_name("name")?],
                if_exists: self.flag("if_exists", false)?,
            },
            "adopt_data" => Action::AdoptData,
            "expire_snapshots" => Action::Expire {
                older_than: self.take("older_than"),
                is_dry_run: self.flag("dry_run", false)?,
            },
            "file_history" => Action::FileHistory {
                table: self.required_name("table_name")?,
            },
            "set_retention" => Action::Retention(self.retention()?),
            // Who only looks at what it does must not lose anything.
            _ => Action::RemoveOrphans {
                is_dry_run: self.flag("dry_run", true)?,
            },
        })
    }
}

fn missing(name: &str) -> SqlError {
    SqlError::invalid_parameter(format!("the argument \"{name}\" is missing"))
}
