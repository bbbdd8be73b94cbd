//! Errors of parse analysis: clauses, groups, columns of subqueries.

use crate::error::SqlError;
use crate::sqlstate as s;

impl SqlError {
    /// `42712`: two FROM items of one name.
    pub(crate) fn duplicate_alias(name: &str) -> Self {
        Self::new(
            s::DUPLICATE_ALIAS,
            format!("table name \"{name}\" specified more than once"),
        )
    }

    /// `42712`: two common table expressions of one name.
    pub(crate) fn duplicate_cte(name: &str) -> Self {
        Self::new(
            s::DUPLICATE_ALIAS,
            format!("WITH query name \"{name}\" specified more than once"),
        )
    }

    /// `42809`: a sequence is wanted.
    pub(crate) fn not_a_sequence(name: &str) -> Self {
        Self::new(
            s::WRONG_OBJECT_TYPE,
            format!("\"{name}\" is not a sequence"),
        )
    }

    /// `42P01`: a qualifier that names nothing in FROM.
    pub(crate) fn missing_from_entry(name: &str) -> Self {
        Self::new(
            s::UNDEFINED_TABLE,
            format!("missing FROM-clause entry for table \"{name}\""),
        )
    }

    /// `42P01`: a qualifier that names what cannot be referred to.
    pub(crate) fn invalid_from_reference(name: &str) -> Self {
        Self::new(
            s::UNDEFINED_TABLE,
            format!("invalid reference to FROM-clause entry for table \"{name}\""),
        )
    }

    /// `42803`; `clause` such as `WHERE`.
    pub(crate) fn aggregate_not_allowed(clause: &str) -> Self {
        Self::new(
            s::GROUPING_ERROR,
            format!("aggregate functions are not allowed in {clause}"),
        )
    }

    /// `42601`.
    pub(crate) fn default_not_allowed() -> Self {
        Self::syntax("DEFAULT is not allowed in this context")
    }

    /// `42803`.
    pub(crate) fn nested_aggregate() -> Self {
        Self::new(
            s::GROUPING_ERROR,
            "aggregate function calls cannot be nested",
        )
    }

    /// `42803`.
    pub(crate) fn window_in_aggregate() -> Self {
        Self::new(
            s::GROUPING_ERROR,
            "aggregate function calls cannot contain window function calls",
        )
    }

    /// `42P20`; `clause` such as `WHERE`.
    pub(crate) fn window_not_allowed(clause: &str) -> Self {
        Self::new(
            s::WINDOWING_ERROR,
            format!("window functions are not allowed in {clause}"),
        )
    }

    /// `42P20`.
    pub(crate) fn nested_window() -> Self {
        Self::new(s::WINDOWING_ERROR, "window function calls cannot be nested")
    }

    /// `42809`: a clause that this kind of function does not take.
    pub(crate) fn wrong_function_kind(message: impl Into<String>) -> Self {
        Self::new(s::WRONG_OBJECT_TYPE, message)
    }

    /// `42704`.
    pub(crate) fn undefined_window(name: &str) -> Self {
        Self::undefined_object("window", name)
    }

    /// `42P10`: a column in LIMIT or OFFSET.
    pub(crate) fn variable_not_allowed(clause: &str) -> Self {
        Self::new(
            s::INVALID_COLUMN_REFERENCE,
            format!("argument of {clause} must not contain variables"),
        )
    }

    /// `42P10`: an alias names more columns than there are; `item` such as `table "t"`.
    pub(crate) fn too_many_aliases(item: &str, available: usize, given: usize) -> Self {
        Self::new(
            s::INVALID_COLUMN_REFERENCE,
            format!("{item} has {available} columns available but {given} columns specified"),
        )
    }

    /// `42703`: a column of USING that one side lacks; `side` is `left` or `right`.
    pub(crate) fn undefined_using_column(name: &str, side: &str) -> Self {
        Self::new(
            s::UNDEFINED_COLUMN,
            format!("column \"{name}\" specified in USING clause does not exist in {side} table"),
        )
    }

    /// `2201W` or `2201X`; `clause` is `LIMIT` or `OFFSET`.
    pub(crate) fn negative_row_count(clause: &str) -> Self {
        let code = if clause == "LIMIT" {
            s::INVALID_ROW_COUNT_IN_LIMIT
        } else {
            s::INVALID_ROW_COUNT_IN_OFFSET
        };
        Self::new(code, format!("{clause} must not be negative"))
    }

    /// `42803`; `column` with its qualifier.
    pub(crate) fn ungrouped_column(column: &str) -> Self {
        Self::new(
            s::GROUPING_ERROR,
            format!(
                "column \"{column}\" must appear in the GROUP BY clause or be used in an aggregate \
                 function"
            ),
        )
    }

    /// `42P10`; `clause` such as `ORDER BY`.
    pub(crate) fn position_not_in_list(clause: &str, position: usize) -> Self {
        Self::new(
            s::INVALID_COLUMN_REFERENCE,
            format!("{clause} position {position} is not in select list"),
        )
    }

    /// `42601`: a key that is a constant but no position.
    pub(crate) fn non_integer_constant(clause: &str) -> Self {
        Self::syntax(format!("non-integer constant in {clause}"))
    }

    /// `42P10`.
    pub(crate) fn distinct_order() -> Self {
        Self::new(
            s::INVALID_COLUMN_REFERENCE,
            "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
        )
    }

    /// `42P10`.
    pub(crate) fn distinct_on_order() -> Self {
        Self::new(
            s::INVALID_COLUMN_REFERENCE,
            "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
        )
    }

    /// `0A000`: ORDER BY of a set operation knows output names only.
    pub(crate) fn invalid_set_order() -> Self {
        Self::new(
            s::FEATURE_NOT_SUPPORTED,
            "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
        )
        .with_detail("Only result column names can be used, not expressions or functions.")
        .with_hint(
            "Add the expression/function to every SELECT, or move the UNION into a FROM clause.",
        )
    }

    /// `42601`.
    pub(crate) fn star_without_tables() -> Self {
        Self::syntax("SELECT * with no tables specified is not valid")
    }

    /// `42601`; `operation` such as `UNION`.
    pub(crate) fn unequal_set_columns(operation: &str) -> Self {
        Self::syntax(format!(
            "each {operation} query must have the same number of columns"
        ))
    }

    /// `42601`.
    pub(crate) fn unequal_values() -> Self {
        Self::syntax("VALUES lists must all be the same length")
    }

    /// `42601`: a scalar subquery of several columns.
    pub(crate) fn subquery_columns() -> Self {
        Self::syntax("subquery must return only one column")
    }

    /// `42601`: a subquery beside IN or ANY; `how` is `many` or `few`.
    pub(crate) fn subquery_width(how: &str) -> Self {
        Self::syntax(format!("subquery has too {how} columns"))
    }

    /// `42883` for an operator before its only operand.
    pub(crate) fn undefined_prefix_operator(operator: &str, operand: &str) -> Self {
        Self::new(
            s::UNDEFINED_FUNCTION,
            format!("operator does not exist: {operator} {operand}"),
        )
        .with_hint(
            "No operator matches the given name and argument type. You might need to add an \
             explicit type cast.",
        )
    }

    /// `42725` for an operator whose operands' types leave several to choose from.
    pub(crate) fn ambiguous_operator(left: &str, operator: &str, right: &str) -> Self {
        Self::ambiguous_prefix_operator(&format!("{left} {operator}"), right)
    }

    /// `42725` for an operator before an operand without a type.
    pub(crate) fn ambiguous_prefix_operator(operator: &str, operand: &str) -> Self {
        Self::new(
            s::AMBIGUOUS_FUNCTION,
            format!("operator is not unique: {operator} {operand}"),
        )
        .with_hint(
            "Could not choose a best candidate operator. You might need to add explicit type \
             casts.",
        )
    }

    /// `42804`; `construct` such as `WHERE`, `found` a type.
    pub(crate) fn not_boolean(construct: &str, found: &str) -> Self {
        Self::datatype_mismatch(format!(
            "argument of {construct} must be type boolean, not type {found}"
        ))
    }

    /// `42804`; `construct` such as `UNION`.
    pub(crate) fn types_do_not_match(construct: &str, first: &str, other: &str) -> Self {
        Self::datatype_mismatch(format!(
            "{construct} types {first} and {other} cannot be matched"
        ))
    }
}
