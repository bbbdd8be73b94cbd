//! The tokens of `changes_made` and our own detail in `commit_extra_info`.
//!
//! Only known tokens are ever written: DuckDB fails on any other. What they cannot
//! say goes into the JSON of [`CommitDetail`].

use serde::{Deserialize, Serialize};

/// One token of `changes_made`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// A schema, by name.
    CreatedSchema(String),
    /// A table or view, or a table under a new name: schema and name.
    CreatedTable(String, String),
    CreatedView(String, String),
    /// Any token that carries only the id of its object.
    Object(ObjectChange, i64),
    /// A macro of DuckDB's, or another token with a name that we do not use.
    Foreign(String),
}

/// What happened to an object that is named by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ObjectChange {
    DroppedSchema,
    DroppedTable,
    AlteredTable,
    DroppedView,
    AlteredView,
    InsertedIntoTable,
    DeletedFromTable,
    InlinedInsert,
    InlinedDelete,
    InlineFlush,
    MergeAdjacent,
    RewriteDelete,
}

impl Change {
    /// The table whose rows are not the same any more. Rows that moved are.
    pub(crate) fn changed_rows_of(&self) -> Option<i64> {
        use ObjectChange::{
            DeletedFromTable, DroppedTable, InlinedDelete, InlinedInsert, InsertedIntoTable,
        };
        match self {
            Self::Object(
                DeletedFromTable | DroppedTable | InlinedDelete | InlinedInsert | InsertedIntoTable,
                id,
            ) => Some(*id),
            _ => None,
        }
    }
}

/// The word of each token that carries an id. Older spellings stand last.
const OBJECT_WORDS: [(&str, ObjectChange); 14] = [
    ("dropped_schema", ObjectChange::DroppedSchema),
    ("dropped_table", ObjectChange::DroppedTable),
    ("altered_table", ObjectChange::AlteredTable),
    ("dropped_view", ObjectChange::DroppedView),
    ("altered_view", ObjectChange::AlteredView),
    ("inserted_into_table", ObjectChange::InsertedIntoTable),
    ("deleted_from_table", ObjectChange::DeletedFromTable),
    ("inlined_insert", ObjectChange::InlinedInsert),
    ("inlined_delete", ObjectChange::InlinedDelete),
    ("inline_flush", ObjectChange::InlineFlush),
    ("merge_adjacent", ObjectChange::MergeAdjacent),
    ("rewrite_delete", ObjectChange::RewriteDelete),
    ("flushed_inlined", ObjectChange::InlineFlush),
    ("compacted_table", ObjectChange::MergeAdjacent),
];

/// Encodes a list of changes as `changes_made`.
pub(crate) fn encode(changes: &[Change]) -> String {
    let tokens: Vec<String> = changes.iter().map(encode_one).collect();
    tokens.join(",")
}

fn encode_one(change: &Change) -> String {
    match change {
        Change::CreatedSchema(name) => format!("created_schema:{}", quote(name)),
        Change::CreatedTable(schema, name) => {
            format!("created_table:{}.{}", quote(schema), quote(name))
        }
        Change::CreatedView(schema, name) => {
            format!("created_view:{}.{}", quote(schema), quote(name))
        }
        Change::Object(kind, id) => {
            let known = OBJECT_WORDS.iter().find(|(_, other)| other == kind);
            let word = known.map(|(word, _)| *word).expect("every kind has a word");
            format!("{word}:{id}")
        }
        Change::Foreign(token) => token.clone(),
    }
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Parses `changes_made`; nothing if the text is malformed.
pub(crate) fn parse(text: &str) -> Option<Vec<Change>> {
    split_tokens(text).into_iter().map(parse_one).collect()
}

/// Splits at the commas that are not inside a quoted name.
fn split_tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut is_quoted = false;
    for (index, character) in text.char_indices() {
        match character {
            // A doubled quote leaves and enters again, which comes out right.
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => {
                tokens.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    tokens.push(&text[start..]);
    tokens.retain(|token| !token.is_empty());
    tokens
}

fn parse_one(token: &str) -> Option<Change> {
    let (word, value) = token.split_once(':')?;
    if let Some((_, kind)) = OBJECT_WORDS.iter().find(|(known, _)| *known == word) {
        return Some(Change::Object(*kind, value.parse().ok()?));
    }
    let names = parse_names(value);
    match (word, names.as_deref()) {
        ("created_schema", Some([name])) => Some(Change::CreatedSchema(name.clone())),
        ("created_table", Some([schema, name])) => {
            Some(Change::CreatedTable(schema.clone(), name.clone()))
        }
        ("created_view", Some([schema, name])) => {
            Some(Change::CreatedView(schema.clone(), name.clone()))
        }
        ("created_schema" | "created_table" | "created_view", _) => None,
        _ => Some(Change::Foreign(token.to_owned())),
    }
}

/// Parses `"a"."b"` into its names.
fn parse_names(value: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = value;
    loop {
        let body = rest.strip_prefix('"')?;
        let mut name = String::new();
        let mut characters = body.char_indices().peekable();
        let after = loop {
            let (index, character) = characters.next()?;
            if character != '"' {
                name.push(character);
            } else if characters.next_if(|(_, next)| *next == '"').is_some() {
                name.push('"');
            } else {
                break &body[index + 1..];
            }
        };
        names.push(name);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Some(names),
            None => return None,
        }
    }
}

/// What we note about a commit of ours in `commit_extra_info`, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitDetail {
    /// The version of this note.
    pub(crate) gotgan: i64,
    /// Who committed: settles a lost reply.
    pub(crate) transaction: String,
    /// The client's own name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) application_name: String,
    /// Every object whose picture changed, so that others reload only those.
    pub(crate) objects: Vec<i64>,
    /// Schema and name of each table among them: after the commit, or before its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tables: Vec<[String; 2]>,
    /// What became of rows and bytes; older commits did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) counts: Option<CommitCounts>,
}

/// Rows and bytes of data files that a commit added and removed. What only moved to
/// other files is bytes, but no rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitCounts {
    pub(crate) rows_added: i64,
    pub(crate) rows_removed: i64,
    pub(crate) bytes_added: i64,
    pub(crate) bytes_removed: i64,
}

impl CommitCounts {
    /// Counts these, too. What another program did not count may look negative: nothing.
    pub(crate) fn add(&mut self, other: Self) {
        self.rows_added += other.rows_added.max(0);
        self.rows_removed += other.rows_removed.max(0);
        self.bytes_added += other.bytes_added.max(0);
        self.bytes_removed += other.bytes_removed.max(0);
    }
}

impl CommitDetail {
    /// The version that we write.
    pub(crate) const VERSION: i64 = 1;

    /// Encodes the note.
    pub(crate) fn encode(&self) -> String {
        serde_json::to_string(self).expect("a struct of texts and numbers has a JSON form")
    }

    /// Decodes a note of ours; nothing if it is not one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let detail: Self = serde_json::from_str(text).ok()?;
        (detail.gotgan == Self::VERSION).then_some(detail)
    }
}

#[cfg(test)]
mod tests;
