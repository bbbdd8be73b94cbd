//! Golden files: SQL and the answers that it must give.
//!
//! A file is a list of blocks with empty lines between them. The first one is a
//! comment that says what the file is for. The other blocks are:
//!
//! ```text
//!   statement ok [TAG]            SQL, then optionally ---- and its notices; no TAG: any
//!   statement error [CODE [TEXT]] SQL, then optionally ---- and DETAIL, HINT, CONTEXT
//!   query [NAME:TYPE ...]         SQL, then ---- and the rows, columns split by ` | `
//!   copy in ok|error ...          SQL, then <<<< and the data
//!   copy out                      SQL, then ---- and the data
//!   connection NAME               what follows runs on that connection
//! ```
//!
//! Before the first line of a block may stand comments (`#`) and `only WORD`,
//! WORD being `simple`, `extended`, `gotgan` or `postgres`. TEXT need only be part
//! of the message. In data, `→` is a tab and `(blank)` an empty line. `$schema` is
//! the schema that the runner makes for the file and puts into `search_path`.
//!
//! With UPDATE=1 the answers are written into the file instead of compared.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::client::{self, Client, Login, Message, Reply, ResultSet, ServerError};

/// Which server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The server of this project.
    Gotgan,
    /// A real PostgreSQL, which shows what the answers ought to be.
    Postgres,
}

/// How statements are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// One Query message for each statement.
    Simple,
    /// Parse, Describe, Bind, Describe, Execute, Sync.
    Extended,
}

/// Where and how a file runs.
#[derive(Clone, Debug)]
pub struct Run {
    /// Which server.
    pub target: Target,
    /// Which protocol.
    pub protocol: Protocol,
    /// The server's address.
    pub address: SocketAddr,
    /// Whom to connect as.
    pub login: Login,
    /// Name of the schema to make for the file.
    pub schema: String,
}

/// A block of a golden file.
#[derive(Clone, Debug, Default)]
struct Block {
    /// Number of its first line.
    line_number: usize,
    /// Comments and conditions before its header.
    head: Vec<String>,
    /// `statement ok`, `query`, ...; empty in a block of comments.
    header: String,
    /// SQL, without `$schema` replaced.
    sql: Vec<String>,
    /// Data for COPY FROM STDIN.
    data: Option<Vec<String>>,
    /// Lines after `----`.
    expected: Option<Vec<String>>,
}

/// What a statement answered, in the form in which files write it.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    header: String,
    lines: Vec<String>,
}

/// Runs a file; with `update`, writes the answers into it.
///
/// Errors: every block whose answer differs, with both answers.
pub fn run(path: &Path, run: &Run, update: bool) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    let mut blocks = parse(&text)?;
    let purpose = blocks.first().context("empty file")?;
    ensure!(
        purpose.header.is_empty(),
        "a golden file starts with a comment on its purpose"
    );
    let mut session = Session::open(run)?;
    let mut failures = Vec::new();
    for block in &mut blocks {
        if block.header.is_empty() || !applies(block, run)? {
            continue;
        }
        let line_number = block.line_number;
        let outcome = session.run_block(block, update);
        if let Err(error) = outcome {
            failures.push(format!("{}:{line_number}: {error:#}", path.display()));
            if session.is_lost() {
                failures.push("the connection is lost; the rest did not run".to_owned());
                break;
            }
        }
    }
    session.close()?;
    if update {
        std::fs::write(path, render(&blocks))?;
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

/// Splits a file into blocks.
fn parse(text: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut open: Vec<(usize, &str)> = Vec::new();
    for (index, line) in text.lines().chain([""]).enumerate() {
        if !line.is_empty() {
            open.push((index + 1, line));
        } else if !open.is_empty() {
            blocks.push(parse_block(&std::mem::take(&mut open))?);
        }
    }
    Ok(blocks)
}

/// Reads the lines of one block.
fn parse_block(lines: &[(usize, &str)]) -> Result<Block> {
    let mut block = Block {
        line_number: lines[0].0,
        ..Block::default()
    };
    for (number, line) in lines {
        let line = (*line).to_owned();
        if let Some(expected) = &mut block.expected {
            expected.push(line);
        } else if line == "----" {
            block.expected = Some(Vec::new());
        } else if let Some(data) = &mut block.data {
            data.push(line);
        } else if line == "<<<<" {
            block.data = Some(Vec::new());
        } else if !block.header.is_empty() {
            block.sql.push(line);
        } else if line.starts_with('#') || line.starts_with("only ") {
            block.head.push(line);
        } else {
            block.line_number = *number;
            block.header = line;
        }
    }
    let kinds = [
        "statement ok",
        "statement error",
        "query",
        "copy in",
        "copy out",
        "connection ",
    ];
    let is_known = kinds.iter().any(|kind| block.header.starts_with(kind));
    ensure!(
        is_known || block.header.is_empty(),
        "line {}: unknown block",
        block.line_number
    );
    Ok(block)
}

/// Writes blocks back as text.
fn render(blocks: &[Block]) -> String {
    let mut texts = Vec::new();
    for block in blocks {
        let mut lines = block.head.clone();
        if !block.header.is_empty() {
            lines.push(block.header.clone());
        }
        lines.extend(block.sql.iter().cloned());
        for (mark, part) in [("<<<<", &block.data), ("----", &block.expected)] {
            if let Some(part) = part {
                lines.push(mark.to_owned());
                lines.extend(part.iter().cloned());
            }
        }
        texts.push(lines.join("\n") + "\n");
    }
    texts.join("\n")
}

/// Whether a block's `only` lines admit this run.
fn applies(block: &Block, run: &Run) -> Result<bool> {
    let mut is_admitted = true;
    for line in &block.head {
        is_admitted &= match line.strip_prefix("only ") {
            None => true,
            Some("simple") => run.protocol == Protocol::Simple,
            Some("extended") => run.protocol == Protocol::Extended,
            Some("gotgan") => run.target == Target::Gotgan,
            Some("postgres") => run.target == Target::Postgres,
            Some(word) => bail!("line {}: unknown condition {word}", block.line_number),
        };
    }
    Ok(is_admitted)
}

/// The connections of one run of one file.
struct Session<'a> {
    run: &'a Run,
    clients: BTreeMap<String, Client>,
    current: String,
    is_lost: bool,
}

impl<'a> Session<'a> {
    fn open(run: &'a Run) -> Result<Session<'a>> {
        let current = "first".to_owned();
        let mut session = Session {
            run,
            clients: BTreeMap::new(),
            current,
            is_lost: false,
        };
        let schema = &run.schema;
        let client = session.client()?;
        client.execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE"))?;
        client.execute(&format!("CREATE SCHEMA {schema}"))?;
        Ok(session)
    }

    fn close(mut self) -> Result<()> {
        self.clients.clear();
        self.current = "last".to_owned();
        let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.run.schema);
        self.client()?.execute(&drop)?;
        Ok(())
    }

    fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Returns the current connection, opened if need be.
    fn client(&mut self) -> Result<&mut Client> {
        if !self.clients.contains_key(&self.current) {
            let mut client = Client::connect(self.run.address, &self.run.login)?;
            client.execute(&format!("SET search_path = {}", self.run.schema))?;
            client.execute("SET TimeZone = 'UTC'")?;
            self.clients.insert(self.current.clone(), client);
        }
        self.clients.get_mut(&self.current).context("just inserted")
    }

    /// Runs a block and compares its answer, or takes it over.
    fn run_block(&mut self, block: &mut Block, update: bool) -> Result<()> {
        if let Some(name) = block.header.strip_prefix("connection ") {
            self.current = name.to_owned();
            return Ok(());
        }
        let sql = block.sql.join("\n").replace("$schema", &self.run.schema);
        let data = block.data.as_ref().map(|lines| decode_data(lines));
        let protocol = self.run.protocol;
        let sent = self
            .client()?
            .run_statement(protocol, &sql, data.as_deref());
        self.is_lost = sent.is_err();
        let reply = sent?;
        let kind = kind_of(&block.header);
        let answer = answer(kind, &reply).hide(&self.run.schema);
        if update {
            take_over(block, answer);
            return Ok(());
        }
        compare(block, &answer).with_context(|| sql.clone())
    }
}

impl Client {
    /// Runs one statement over either protocol, feeding `data` to COPY FROM STDIN.
    fn run_statement(
        &mut self,
        protocol: Protocol,
        sql: &str,
        data: Option<&[u8]>,
    ) -> Result<Reply> {
        match (protocol, data) {
            (Protocol::Simple, None) => self.query(sql),
            (Protocol::Simple, Some(data)) => self.copy_in(sql, data),
            (Protocol::Extended, data) => self.run_extended(sql, data),
        }
    }

    fn run_extended(&mut self, sql: &str, data: Option<&[u8]>) -> Result<Reply> {
        let mut bytes = client::parse("", sql, &[]);
        bytes.extend(client::describe(b'S', ""));
        bytes.extend(client::bind("", "", &[], 0));
        bytes.extend(client::describe(b'P', ""));
        bytes.extend(client::execute("", 0));
        let Some(data) = data else {
            bytes.extend(client::sync());
            self.send(&bytes)?;
            let messages = self.read_until_ready()?;
            check_descriptions(&messages)?;
            return Reply::parse(&messages);
        };
        bytes.extend(client::flush());
        self.send(&bytes)?;
        let mut messages = Vec::new();
        loop {
            let message = self.expect_message()?;
            let tag = message.tag;
            messages.push(message);
            if tag == b'G' {
                self.send(&client::frame(b'd', data))?;
                self.send(&client::frame(b'c', &[]))?;
            }
            if matches!(tag, b'G' | b'E' | b'C') {
                break;
            }
        }
        self.send(&client::sync())?;
        messages.extend(self.read_until_ready()?);
        Reply::parse(&messages)
    }
}

/// A statement and its portal must be described alike.
fn check_descriptions(messages: &[Message]) -> Result<()> {
    let described: Vec<&Message> = messages
        .iter()
        .filter(|message| matches!(message.tag, b'T' | b'n'))
        .collect();
    if let [statement, portal] = described.as_slice() {
        ensure!(
            statement == portal,
            "Describe of the statement and of its portal differ"
        );
    }
    Ok(())
}

/// Returns the fixed first words of a header.
fn kind_of(header: &str) -> &'static str {
    let kinds = [
        "statement ok",
        "statement error",
        "query",
        "copy in ok",
        "copy in error",
    ];
    kinds
        .into_iter()
        .find(|kind| header.starts_with(kind))
        .unwrap_or("copy out")
}

impl Answer {
    /// Puts `$schema` where the schema of this run is named.
    fn hide(self, schema: &str) -> Answer {
        let hide = |text: &str| text.replace(schema, "$schema");
        let lines = self.lines.iter().map(|line| hide(line)).collect();
        Answer {
            header: hide(&self.header),
            lines,
        }
    }
}

/// Writes a reply in the form of a block of this kind, or of an error.
fn answer(kind: &str, reply: &Reply) -> Answer {
    let prefix = if kind.starts_with("copy in") {
        "copy in"
    } else {
        "statement"
    };
    if let Some(error) = &reply.error {
        let header = format!("{prefix} error {} {}", error.code(), flat(error.message()));
        return Answer {
            header,
            lines: error.lines().iter().map(|line| flat(line)).collect(),
        };
    }
    let empty = ResultSet::default();
    let result = reply.results.last().unwrap_or(&empty);
    let notice = |notice: &ServerError| format!("{}: {}", notice.severity(), notice.message());
    if kind == "copy out" {
        return Answer {
            header: kind.to_owned(),
            lines: encode_data(&result.copied),
        };
    }
    let (Some(columns), "query") = (&result.columns, kind) else {
        let header = format!("{prefix} ok {}", result.tag).trim_end().to_owned();
        return Answer {
            header,
            lines: reply.notices.iter().map(notice).collect(),
        };
    };
    let mut header = "query".to_owned();
    for column in columns {
        let name = &column.name;
        let quote = if name.contains(' ') || name.is_empty() {
            "\""
        } else {
            ""
        };
        header.push_str(&format!(" {quote}{name}{quote}:{}", column.type_name()));
    }
    let rows = result.text_rows();
    let line = |row: &Vec<Option<String>>| match row.is_empty() {
        true => "()".to_owned(),
        false => row.iter().map(cell).collect::<Vec<_>>().join(" | "),
    };
    Answer {
        header,
        lines: rows.iter().map(line).collect(),
    }
}

/// Writes one value of a row.
fn cell(value: &Option<String>) -> String {
    match value {
        None => "NULL".to_owned(),
        Some(text) if text.is_empty() => "(empty)".to_owned(),
        Some(text) if text.trim() != text || text == "NULL" => format!("\"{}\"", flat(text)),
        Some(text) => flat(text),
    }
}

/// Writes a text on one line.
fn flat(text: &str) -> String {
    text.replace('\r', "\\r").replace('\n', "\\n")
}

/// Turns data lines of a file into bytes.
fn decode_data(lines: &[String]) -> Vec<u8> {
    let decode = |line: &String| {
        let text = if line == "(blank)" { "" } else { line.as_str() };
        text.replace('→', "\t").replace('␍', "\r") + "\n"
    };
    lines.iter().map(decode).collect::<String>().into_bytes()
}

/// Turns bytes into data lines of a file.
fn encode_data(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes)
        .replace('\t', "→")
        .replace('\r', "␍");
    let encode = |line: &str| {
        if line.is_empty() {
            "(blank)".to_owned()
        } else {
            line.to_owned()
        }
    };
    text.lines().map(encode).collect()
}

/// Writes an answer into its block.
fn take_over(block: &mut Block, answer: Answer) {
    let kind = kind_of(&block.header);
    let is_error =
        answer.header.starts_with("statement error") || answer.header.starts_with("copy in error");
    let (short, long) = (&block.header, &answer.header);
    let is_kept = is_error && long.starts_with(short.as_str()) && short.len() > kind.len()
        || is_error && answers_error(short, long);
    let is_any_tag = block.header == "statement ok" && answer.header.starts_with("statement ok");
    if !is_kept && !is_any_tag {
        block.header = answer.header;
    }
    if block.expected.is_some() || matches!(kind, "query" | "copy out") && !is_error {
        block.expected = Some(answer.lines);
    }
}

/// Fails if a block's answer is not the one in the file.
fn compare(block: &Block, answer: &Answer) -> Result<()> {
    let is_any_tag = block.header == "statement ok" && answer.header.starts_with("statement ok");
    let is_header_right = block.header == answer.header
        || is_any_tag
        || block.header.contains(" error") && answers_error(&block.header, &answer.header);
    let is_body_right = block
        .expected
        .as_ref()
        .is_none_or(|lines| *lines == answer.lines);
    if is_header_right && is_body_right {
        return Ok(());
    }
    let show = |header: &str, lines: &[String]| format!("{header}\n{}", lines.join("\n"));
    let expected = show(&block.header, block.expected.as_deref().unwrap_or_default());
    bail!(
        "\n--- expected\n{expected}\n--- answered\n{}\n",
        show(&answer.header, &answer.lines)
    )
}

/// Whether an error has the SQLSTATE, and the text if there is one, that a header names.
fn answers_error(header: &str, answer: &str) -> bool {
    let split = |line: &str| -> Option<(String, String, String)> {
        let (kind, rest) = line.split_once(" error")?;
        let rest = rest.trim_start();
        let (code, text) = rest.split_once(' ').unwrap_or((rest, ""));
        Some((kind.to_owned(), code.to_owned(), text.to_owned()))
    };
    match (split(header), split(answer)) {
        (Some((kind, code, text)), Some((answered_kind, answered_code, answered_text))) => {
            kind == answered_kind && code == answered_code && answered_text.contains(&text)
        }
        _ => false,
    }
}
