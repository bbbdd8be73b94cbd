//! What a FROM item brings into scope.

use sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SelectItem, SetExpr, TableAlias, TableAliasColumnDef,
    TableFactor,
};

use super::{Walker, list, sample};
use crate::error::SqlError;
use crate::parse::{fold, name_parts};
use crate::rewrite::explode;
use crate::rewrite::naming::output_name;
use crate::rewrite::select::gives_one_column;

/// First part of a name of which only the others count.
const ANYWHERE: &str = "\u{1}";

/// A relation that columns can be qualified with.
#[derive(Clone)]
pub(super) struct Relation {
    pub(super) name: String,
    /// Set where the relation was named with its schema and has no alias.
    schema: Option<String>,
    pub(super) columns: Option<Vec<String>>,
    /// Whether an outer join may leave its row out.
    pub(super) is_optional: bool,
}

impl Relation {
    fn entry(&self, column: &str) -> Entry {
        Entry {
            name: column.to_owned(),
            value: self.reference(column),
            is_merged: false,
        }
    }

    pub(super) fn reference(&self, column: &str) -> Expr {
        let parts = self
            .schema
            .iter()
            .map(String::as_str)
            .chain([self.name.as_str(), column]);
        Expr::CompoundIdentifier(parts.map(|part| Ident::with_quote('"', part)).collect())
    }

    /// A reference that no column with the relation's name can catch.
    pub(super) fn distinct_reference(&self, column: &str) -> Expr {
        let schema = self.schema.as_deref().unwrap_or(ANYWHERE);
        let parts = [schema, self.name.as_str(), column];
        Expr::CompoundIdentifier(parts.map(|part| Ident::with_quote('"', part)).to_vec())
    }
}

/// One column of `*`.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: Expr,
    pub(super) is_merged: bool,
}

/// `JOIN ... USING (...) AS name`.
#[derive(Clone)]
pub(super) struct JoinAlias {
    pub(super) name: String,
    pub(super) columns: Vec<Entry>,
}

/// What a FROM item, or several, bring into scope.
#[derive(Clone, Default)]
pub(super) struct Source {
    pub(super) relations: Vec<Relation>,
    /// What `*` stands for; none if nobody knows.
    pub(super) output: Option<Vec<Entry>>,
    /// The merged columns, also where `output` is unknown.
    pub(super) merged: Vec<Entry>,
    pub(super) aliases: Vec<JoinAlias>,
}

impl Source {
    /// FROM without items.
    pub(super) fn empty() -> Self {
        Self {
            output: Some(Vec::new()),
            ..Self::default()
        }
    }

    fn of_relation(relation: Relation) -> Self {
        let columns = relation.columns.iter().flatten();
        let entries: Vec<Entry> = columns.map(|column| relation.entry(column)).collect();
        Self {
            output: relation.columns.is_some().then_some(entries),
            relations: vec![relation],
            ..Self::default()
        }
    }

    /// The same on the side of an outer join that may have no row.
    pub(super) fn optional(mut self) -> Self {
        for relation in &mut self.relations {
            relation.is_optional = true;
        }
        self
    }

    pub(super) fn add(&mut self, other: Self) {
        self.relations.extend(other.relations);
        self.merged.extend(other.merged);
        self.aliases.extend(other.aliases);
        self.output = match (self.output.take(), other.output) {
            (Some(mut own), Some(more)) => {
                own.extend(more);
                Some(own)
            }
            _ => None,
        };
    }

    /// What `relation.*` stands for; none if nobody knows.
    pub(super) fn relation_columns(&self, name: &str) -> Option<Vec<Entry>> {
        let mut named = self
            .relations
            .iter()
            .filter(|relation| relation.name == name);
        let (Some(relation), None) = (named.next(), named.next()) else {
            return None;
        };
        let columns = relation.columns.as_ref()?;
        Some(
            columns
                .iter()
                .map(|column| relation.entry(column))
                .collect(),
        )
    }

    pub(super) fn has_merged(&self) -> bool {
        !self.merged.is_empty()
    }

    /// A column of this name; of a relation whose columns are unknown, only if it is
    /// the only one.
    pub(super) fn column(&self, name: &str) -> Column {
        if let Some(output) = &self.output {
            let mut named = output.iter().filter(|entry| entry.name == name);
            return match (named.next(), named.next()) {
                (Some(entry), None) => Column::Found(Box::new(entry.value.clone())),
                (Some(_), Some(_)) => Column::Twice,
                (None, _) => Column::Missing,
            };
        }
        match self.relations.as_slice() {
            [only] if self.merged.is_empty() => Column::Found(Box::new(only.reference(name))),
            _ => Column::Unknown,
        }
    }
}

/// Whether a FROM item has a column.
pub(super) enum Column {
    Found(Box<Expr>),
    Twice,
    Missing,
    Unknown,
}

impl Walker<'_> {
    /// What one FROM item brings; short lists of aliases are completed.
    pub(super) fn item(&self, factor: &mut TableFactor) -> Result<Source, SqlError> {
        sample::replace(self, factor)?;
        explode::replace(factor)?;
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                ..
            } => {
                let columns = self.table_columns(name);
                let parts = name_parts(name);
                let schema = match (parts.as_slice(), &alias) {
                    ([.., schema, _], None) => Some(schema.clone()),
                    _ => None,
                };
                let own = parts.last().cloned().unwrap_or_default();
                Ok(aliased(alias.as_mut(), own, schema, columns))
            }
            TableFactor::Derived {
                subquery, alias, ..
            } => {
                let columns = self.query_columns(subquery)?;
                Ok(aliased(alias.as_mut(), String::new(), None, columns))
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                let inner = self.joined(table_with_joins)?;
                let Some(name) = alias else {
                    return Ok(inner);
                };
                let Some(output) = &inner.output else {
                    if inner.has_merged() {
                        return Err(SqlError::not_supported(
                            "an alias of a join whose columns are not known",
                        ));
                    }
                    return Ok(aliased(Some(name), String::new(), None, None));
                };
                let columns = output.iter().map(|entry| entry.name.clone()).collect();
                let source = aliased(Some(name), String::new(), None, Some(columns));
                let tables = std::mem::take(&mut table_with_joins.joins);
                let relation = table_with_joins.relation.clone();
                let joined = sqlparser::ast::TableWithJoins {
                    relation,
                    joins: tables,
                };
                *factor = TableFactor::Derived {
                    lateral: false,
                    subquery: Box::new(list::select_all(joined, output)?),
                    alias: alias.take(),
                    sample: None,
                };
                Ok(source)
            }
            other => Ok(of_function(other)),
        }
    }

    fn table_columns(&self, name: &ObjectName) -> Option<Vec<String>> {
        if let [own] = name_parts(name).as_slice() {
            let frames = self.ctes.iter().rev();
            for (cte, columns) in frames.flat_map(|frame| frame.iter().rev()) {
                if cte == own {
                    return columns.clone();
                }
            }
        }
        self.catalog.columns(name)
    }

    pub(super) fn is_cte(&self, name: &ObjectName) -> bool {
        let parts = name_parts(name);
        let [own] = parts.as_slice() else {
            return false;
        };
        self.ctes.iter().flatten().any(|(cte, _)| cte == own)
    }

    /// The names of a query's columns, if they can be told.
    pub(super) fn query_columns(&self, query: &Query) -> Result<Option<Vec<String>>, SqlError> {
        let Some(with) = &query.with else {
            return self.body_columns(&query.body);
        };
        let mut inner = Walker {
            catalog: self.catalog,
            scopes: Vec::new(),
            ctes: self.ctes.clone(),
            plain: Vec::new(),
            withs: Vec::new(),
        };
        inner.ctes.push(Vec::new());
        for cte in &with.cte_tables {
            inner.define_cte(&mut cte.clone(), with.recursive)?;
        }
        inner.body_columns(&query.body)
    }

    pub(super) fn body_columns(&self, body: &SetExpr) -> Result<Option<Vec<String>>, SqlError> {
        match body {
            SetExpr::Query(query) => self.query_columns(query),
            SetExpr::SetOperation { left, .. } => self.body_columns(left),
            SetExpr::Values(values) => {
                let width = values.rows.first().map_or(0, |row| row.content.len());
                Ok(Some((1..=width).map(|n| format!("column{n}")).collect()))
            }
            SetExpr::Select(select) => self.select_columns(select),
            _ => Ok(None),
        }
    }

    fn select_columns(
        &self,
        select: &sqlparser::ast::Select,
    ) -> Result<Option<Vec<String>>, SqlError> {
        let mut source = Source::empty();
        let has_wildcard = select.projection.iter().any(|item| {
            matches!(
                item,
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(_, _)
            )
        });
        if has_wildcard {
            for table in &select.from {
                source.add(self.joined(&mut table.clone())?);
            }
        }
        let mut names = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(value) => names.push(output_name(value)),
                SelectItem::ExprWithAlias { alias, .. } => names.push(fold(alias)),
                wildcard => match list::named(wildcard, select, &source)? {
                    Some(entries) => names.extend(entries.into_iter().map(|entry| entry.name)),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(names))
    }
}

/// A relation under its alias, whose list of columns may be shorter.
fn aliased(
    alias: Option<&mut TableAlias>,
    own: String,
    schema: Option<String>,
    columns: Option<Vec<String>>,
) -> Source {
    let relation = match alias {
        Some(alias) => Relation {
            name: fold(&alias.name),
            schema: None,
            columns: complete(alias, columns),
            is_optional: false,
        },
        None => Relation {
            name: own,
            schema,
            columns,
            is_optional: false,
        },
    };
    Source::of_relation(relation)
}

/// The columns under an alias; a list that names only the first gets all names.
pub(super) fn complete(alias: &mut TableAlias, own: Option<Vec<String>>) -> Option<Vec<String>> {
    let given: Vec<String> = alias.columns.iter().map(|c| fold(&c.name)).collect();
    let Some(own) = own else {
        // A list is complete where nobody knows better, and the engine checks it.
        return (!given.is_empty()).then_some(given);
    };
    if given.is_empty() || given.len() > own.len() {
        return Some(own);
    }
    for name in own.iter().skip(given.len()) {
        alias.columns.push(TableAliasColumnDef {
            name: Ident::with_quote('"', name.as_str()),
            data_type: None,
        });
    }
    Some(renamed(own, &given))
}

/// `own` with its first names replaced.
pub(super) fn renamed(mut own: Vec<String>, given: &[String]) -> Vec<String> {
    for (name, new) in own.iter_mut().zip(given) {
        name.clone_from(new);
    }
    own
}

/// A function in FROM: its alias tells its columns, or names the only one.
fn of_function(factor: &TableFactor) -> Source {
    let (function, alias, with_ordinality) = match factor {
        TableFactor::Table {
            name,
            alias,
            with_ordinality,
            ..
        }
        | TableFactor::Function {
            name,
            alias,
            with_ordinality,
            ..
        } => (name_parts(name).pop(), alias, *with_ordinality),
        TableFactor::UNNEST {
            alias,
            array_exprs,
            with_ordinality,
            ..
        } => {
            let function = if array_exprs.len() == 1 { "unnest" } else { "" };
            (Some(function.to_owned()), alias, *with_ordinality)
        }
        _ => return Source::default(),
    };
    let function = function.unwrap_or_default();
    let name = match alias {
        Some(alias) => fold(&alias.name),
        None => function.clone(),
    };
    let given: Vec<String> = alias
        .iter()
        .flat_map(|alias| alias.columns.iter().map(|column| fold(&column.name)))
        .collect();
    let columns = if !given.is_empty() && !with_ordinality {
        Some(given)
    } else if given.is_empty() && gives_one_column(&function) {
        let mut own = vec![name.clone()];
        own.extend(with_ordinality.then(|| "ordinality".to_owned()));
        Some(own)
    } else {
        None
    };
    Source::of_relation(Relation {
        name,
        schema: None,
        columns,
        is_optional: false,
    })
}
