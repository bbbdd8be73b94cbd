//! A PostgreSQL client that hides nothing: one socket, messages in and out.
//!
//! `send` takes any bytes, so tests can break the protocol; `Reply` is the plain
//! reading of what one simple query or one Sync was answered with.
//! Source: PostgreSQL 15 manual, chapter 55 (Frontend/Backend Protocol).

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};

use crate::oids::type_name;

/// Longest wait for a message before the test fails.
pub const REPLY_TIME_MAX: Duration = Duration::from_secs(60);

/// Largest message that is believed, in bytes; more means the stream is out of step.
const MESSAGE_BYTES_MAX: usize = 1 << 30;

/// One message from the server: its type byte and what follows the length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Type byte, such as `b'Z'` for ReadyForQuery.
    pub tag: u8,
    /// Content without type byte and length.
    pub body: Vec<u8>,
}

/// Whom to connect as. The server's defaults are filled in by `Server::client`.
#[derive(Clone, Debug)]
pub struct Login {
    /// Role to log in as.
    pub user: String,
    /// Password for SCRAM; empty where the server asks for none.
    pub password: String,
    /// Database to connect to.
    pub database: String,
    /// Further startup parameters.
    pub parameters: Vec<(String, String)>,
}

/// What an ErrorResponse or a NoticeResponse says, by field letter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    fields: BTreeMap<u8, String>,
}

impl ServerError {
    /// Reads the body of an ErrorResponse or a NoticeResponse.
    pub fn parse(body: &[u8]) -> ServerError {
        let mut fields = BTreeMap::new();
        for part in body.split(|byte| *byte == 0) {
            if let Some((letter, text)) = part.split_first() {
                fields.insert(*letter, String::from_utf8_lossy(text).into_owned());
            }
        }
        ServerError { fields }
    }

    /// Returns a field by its letter, `""` if absent.
    pub fn field(&self, letter: u8) -> &str {
        self.fields.get(&letter).map_or("", String::as_str)
    }

    /// Returns the severity, such as `ERROR` or `FATAL`.
    pub fn severity(&self) -> &str {
        self.field(b'V')
    }

    /// Returns the SQLSTATE.
    pub fn code(&self) -> &str {
        self.field(b'C')
    }

    /// Returns the primary message.
    pub fn message(&self) -> &str {
        self.field(b'M')
    }

    /// Returns `DETAIL`, `HINT` and `CONTEXT` lines, those that are there.
    pub fn lines(&self) -> Vec<String> {
        [(b'D', "DETAIL"), (b'H', "HINT"), (b'W', "CONTEXT")]
            .iter()
            .filter(|(letter, _)| !self.field(*letter).is_empty())
            .map(|(letter, name)| format!("{name}: {}", self.field(*letter)))
            .collect()
    }
}

/// One column of a RowDescription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Column name.
    pub name: String,
    /// OID of the table that the column comes from, or 0.
    pub table_oid: u32,
    /// Number of the column in that table, or 0.
    pub number: i16,
    /// OID of its type.
    pub type_oid: u32,
    /// Type modifier, or -1.
    pub type_modifier: i32,
    /// 0 for text, 1 for binary.
    pub format: i16,
}

impl Column {
    /// Returns the name of the column's type: `int4`, `text[]`.
    pub fn type_name(&self) -> String {
        type_name(self.type_oid)
    }
}

/// The answer to one statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultSet {
    /// Columns, if the statement returns rows.
    pub columns: Option<Vec<Column>>,
    /// Rows as bytes; `None` is NULL.
    pub rows: Vec<Vec<Option<Vec<u8>>>>,
    /// Command tag; empty for an empty query, `PortalSuspended` for a suspended portal.
    pub tag: String,
    /// What COPY TO STDOUT sent.
    pub copied: Vec<u8>,
}

impl ResultSet {
    /// Returns the rows as text; NULL as `None`.
    pub fn text_rows(&self) -> Vec<Vec<Option<String>>> {
        let text = |cell: &Option<Vec<u8>>| {
            cell.as_ref()
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        self.rows
            .iter()
            .map(|row| row.iter().map(text).collect())
            .collect()
    }

    /// Returns the first column of the first row as text.
    pub fn first(&self) -> Option<String> {
        self.text_rows().first()?.first()?.clone()
    }
}

/// Everything up to and including a ReadyForQuery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Answers of the statements, in order.
    pub results: Vec<ResultSet>,
    /// The error that ended it, if any.
    pub error: Option<ServerError>,
    /// Notices, in order.
    pub notices: Vec<ServerError>,
    /// Transaction status of ReadyForQuery: `I`, `T` or `E`.
    pub status: char,
    /// Type bytes in the order in which they came.
    pub tags: String,
}

impl Reply {
    /// Returns the error's SQLSTATE, `""` if there was none.
    pub fn code(&self) -> &str {
        self.error.as_ref().map_or("", ServerError::code)
    }

    /// Returns the only cell of the first result as text.
    pub fn first(&self) -> Option<String> {
        self.results.first()?.first()
    }

    /// Sorts messages into a reply.
    pub fn parse(messages: &[Message]) -> Result<Reply> {
        let mut reply = Reply {
            status: '?',
            ..Reply::default()
        };
        let mut open = ResultSet::default();
        for message in messages {
            reply.tags.push(char::from(message.tag));
            match message.tag {
                b'T' => open.columns = Some(parse_columns(&message.body)?),
                b'D' => open.rows.push(parse_row(&message.body)?),
                b'd' => open.copied.extend_from_slice(&message.body),
                b'C' => {
                    open.tag = text_until_zero(&message.body);
                    reply.results.push(std::mem::take(&mut open));
                }
                b's' => {
                    open.tag = "PortalSuspended".to_owned();
                    reply.results.push(std::mem::take(&mut open));
                }
                b'I' => reply.results.push(std::mem::take(&mut open)),
                b'E' => reply.error = Some(ServerError::parse(&message.body)),
                b'N' => reply.notices.push(ServerError::parse(&message.body)),
                b'Z' => reply.status = message.body.first().map_or('?', |byte| char::from(*byte)),
                _ => {}
            }
        }
        Ok(reply)
    }
}

/// One connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    /// Values of ParameterStatus, as they were last reported.
    pub parameters: BTreeMap<String, String>,
    /// Process id of BackendKeyData, and after it the secret key, as sent.
    pub key_data: Vec<u8>,
}

impl Client {
    /// Opens a socket and sends nothing.
    pub fn raw(address: SocketAddr) -> Result<Client> {
        let stream = TcpStream::connect(address).context("cannot connect")?;
        stream.set_read_timeout(Some(REPLY_TIME_MAX))?;
        stream.set_write_timeout(Some(REPLY_TIME_MAX))?;
        stream.set_nodelay(true)?;
        Ok(Client {
            stream,
            received: Vec::new(),
            parameters: BTreeMap::new(),
            key_data: Vec::new(),
        })
    }

    /// Connects and logs in, up to the first ReadyForQuery.
    ///
    /// Errors: what the server refused it with, as text that starts with the SQLSTATE.
    pub fn connect(address: SocketAddr, login: &Login) -> Result<Client> {
        let mut client = Client::raw(address)?;
        client.send(&startup(3 << 16, login))?;
        client.authenticate(&login.password)?;
        Ok(client)
    }

    /// Answers the server's authentication requests until it is ready.
    pub fn authenticate(&mut self, password: &str) -> Result<()> {
        let mut scram: Option<ScramSha256> = None;
        loop {
            let message = self.expect_message()?;
            match message.tag {
                b'R' => {
                    if let Some(answer) = authenticate(&message.body, password, &mut scram)? {
                        self.send(&frame(b'p', &answer))?;
                    }
                }
                b'K' => self.key_data = message.body,
                b'E' => {
                    let error = ServerError::parse(&message.body);
                    bail!("{} {}: {}", error.code(), error.severity(), error.message());
                }
                b'Z' => return Ok(()),
                b'S' | b'N' | b'v' => {}
                other => bail!(
                    "unexpected message {:?} while logging in",
                    char::from(other)
                ),
            }
        }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("cannot send")
    }

    /// Reads one byte, such as the answer to an SSLRequest; `None` if the server closed.
    pub fn read_byte(&mut self) -> Result<Option<u8>> {
        if !self.fill(1)? {
            return Ok(None);
        }
        Ok(Some(self.received.remove(0)))
    }

    /// Reads the next message; `None` if the server closed the connection.
    pub fn read_message(&mut self) -> Result<Option<Message>> {
        if !self.fill(5)? {
            ensure!(
                self.received.is_empty(),
                "connection closed inside a message"
            );
            return Ok(None);
        }
        let mut length = [0; 4];
        length.copy_from_slice(&self.received[1..5]);
        let end = u32::from_be_bytes(length) as usize + 1;
        ensure!(
            (5..MESSAGE_BYTES_MAX).contains(&end),
            "absurd message length {end}"
        );
        ensure!(self.fill(end)?, "connection closed inside a message");
        let tag = self.received[0];
        let body = self.received[5..end].to_vec();
        self.received.drain(..end);
        if tag == b'S' {
            let mut parts = body.split(|byte| *byte == 0).map(String::from_utf8_lossy);
            let name = parts.next().unwrap_or_default().into_owned();
            self.parameters
                .insert(name, parts.next().unwrap_or_default().into_owned());
        }
        Ok(Some(Message { tag, body }))
    }

    /// Reads the next message; an error if the server closed the connection.
    pub fn expect_message(&mut self) -> Result<Message> {
        self.read_message()?
            .ok_or_else(|| anyhow!("the server closed the connection"))
    }

    /// Reads all messages up to and including ReadyForQuery.
    pub fn read_until_ready(&mut self) -> Result<Vec<Message>> {
        self.read_until(b'Z')
    }

    /// Reads all messages up to and including one with this type byte.
    pub fn read_until(&mut self, tag: u8) -> Result<Vec<Message>> {
        let mut messages = Vec::new();
        loop {
            let message = self.expect_message()?;
            let is_last = message.tag == tag;
            messages.push(message);
            if is_last {
                return Ok(messages);
            }
        }
    }

    /// Reads until the server closes the connection; returns the last error it sent.
    pub fn read_until_closed(&mut self) -> Result<Option<ServerError>> {
        let mut error = None;
        loop {
            match self.read_message() {
                Ok(Some(message)) if message.tag == b'E' => {
                    error = Some(ServerError::parse(&message.body));
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(error),
                Err(failure) if is_reset(&failure) => return Ok(error),
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Runs a simple query.
    pub fn query(&mut self, sql: &str) -> Result<Reply> {
        self.send(&query(sql))?;
        Reply::parse(&self.read_until_ready()?)
    }

    /// Runs a simple query that must succeed.
    pub fn execute(&mut self, sql: &str) -> Result<Reply> {
        let reply = self.query(sql)?;
        if let Some(error) = &reply.error {
            bail!("{sql}: {} {}", error.code(), error.message());
        }
        Ok(reply)
    }

    /// Returns the only cell that a query answers, as text.
    pub fn value(&mut self, sql: &str) -> Result<String> {
        self.execute(sql)?
            .first()
            .ok_or_else(|| anyhow!("{sql}: no row, or NULL"))
    }

    /// Runs `COPY ... FROM STDIN`, sending `data` in one CopyData.
    pub fn copy_in(&mut self, sql: &str, data: &[u8]) -> Result<Reply> {
        self.send(&query(sql))?;
        let mut messages = Vec::new();
        loop {
            let message = self.expect_message()?;
            let tag = message.tag;
            messages.push(message);
            match tag {
                b'G' => {
                    self.send(&frame(b'd', data))?;
                    self.send(&frame(b'c', &[]))?;
                }
                b'Z' => return Reply::parse(&messages),
                _ => {}
            }
        }
    }

    /// Shuts the socket in both directions without a Terminate message.
    pub fn vanish(self) -> Result<()> {
        Ok(self.stream.shutdown(std::net::Shutdown::Both)?)
    }

    /// Bounds the wait for a reply, where a test expects silence.
    pub fn set_reply_time(&mut self, time: Duration) -> Result<()> {
        Ok(self.stream.set_read_timeout(Some(time))?)
    }

    /// Reads until `count` bytes are there; false if the server closed before.
    fn fill(&mut self, count: usize) -> Result<bool> {
        let mut chunk = vec![0; 64 * 1024];
        while self.received.len() < count {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(length) => self.received.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("cannot read the reply"),
            }
        }
        Ok(true)
    }
}

/// Whether an error means that the peer dropped the connection.
pub fn is_reset(failure: &anyhow::Error) -> bool {
    failure
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| {
            matches!(
                error.kind(),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            )
        })
}

/// Builds a message: type byte, length, body.
pub fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Builds a startup packet for a protocol version, `3 << 16` for 3.0.
pub fn startup(version: u32, login: &Login) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    let fixed = [
        ("user", login.user.as_str()),
        ("database", login.database.as_str()),
    ];
    let further = login
        .parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in fixed.into_iter().chain(further) {
        body.extend_from_slice(name.as_bytes());
        body.push(0);
        body.extend_from_slice(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    let mut bytes = (body.len() as u32 + 4).to_be_bytes().to_vec();
    bytes.extend_from_slice(&body);
    bytes
}

/// Builds a Query message.
pub fn query(sql: &str) -> Vec<u8> {
    frame(b'Q', &terminated(&[sql]))
}

/// Builds a Parse message; `types` are the parameters' OIDs, 0 where unknown.
pub fn parse(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let mut body = terminated(&[name, sql]);
    body.extend_from_slice(&(types.len() as u16).to_be_bytes());
    for oid in types {
        body.extend_from_slice(&oid.to_be_bytes());
    }
    frame(b'P', &body)
}

/// Builds a Bind message with text parameters and one result format for all columns.
pub fn bind(portal: &str, statement: &str, values: &[Option<&str>], format: i16) -> Vec<u8> {
    let mut body = terminated(&[portal, statement]);
    body.extend_from_slice(&0_u16.to_be_bytes());
    body.extend_from_slice(&(values.len() as u16).to_be_bytes());
    for value in values {
        match value {
            Some(text) => {
                body.extend_from_slice(&(text.len() as u32).to_be_bytes());
                body.extend_from_slice(text.as_bytes());
            }
            None => body.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
    }
    body.extend_from_slice(&1_u16.to_be_bytes());
    body.extend_from_slice(&format.to_be_bytes());
    frame(b'B', &body)
}

/// Builds a Describe message; `kind` is `b'S'` for a statement, `b'P'` for a portal.
pub fn describe(kind: u8, name: &str) -> Vec<u8> {
    let mut body = vec![kind];
    body.extend_from_slice(&terminated(&[name]));
    frame(b'D', &body)
}

/// Builds a Close message; `kind` is `b'S'` for a statement, `b'P'` for a portal.
pub fn close(kind: u8, name: &str) -> Vec<u8> {
    let mut body = vec![kind];
    body.extend_from_slice(&terminated(&[name]));
    frame(b'C', &body)
}

/// Builds an Execute message; `rows_max` 0 means all rows.
pub fn execute(portal: &str, rows_max: u32) -> Vec<u8> {
    let mut body = terminated(&[portal]);
    body.extend_from_slice(&rows_max.to_be_bytes());
    frame(b'E', &body)
}

/// Builds a Sync message.
pub fn sync() -> Vec<u8> {
    frame(b'S', &[])
}

/// Builds a Flush message.
pub fn flush() -> Vec<u8> {
    frame(b'H', &[])
}

/// Builds a CancelRequest from the body of BackendKeyData.
pub fn cancel_request(key_data: &[u8]) -> Vec<u8> {
    let mut bytes = (key_data.len() as u32 + 8).to_be_bytes().to_vec();
    bytes.extend_from_slice(&80_877_102_u32.to_be_bytes());
    bytes.extend_from_slice(key_data);
    bytes
}

/// Builds an SSLRequest.
pub fn ssl_request() -> Vec<u8> {
    [8_u32.to_be_bytes(), 80_877_103_u32.to_be_bytes()].concat()
}

/// Joins texts, each with a zero byte after it.
fn terminated(texts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in texts {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// Answers one Authentication message; `None` if nothing is to be sent.
fn authenticate(
    body: &[u8],
    password: &str,
    scram: &mut Option<ScramSha256>,
) -> Result<Option<Vec<u8>>> {
    let (kind, rest) = body
        .split_at_checked(4)
        .context("short Authentication message")?;
    match kind {
        [0, 0, 0, 0] => Ok(None),
        [0, 0, 0, 10] => {
            let binding = ChannelBinding::unsupported();
            let state = scram.insert(ScramSha256::new(password.as_bytes(), binding));
            let first = state.message();
            let mut answer = terminated(&[SCRAM_SHA_256]);
            answer.extend_from_slice(&(first.len() as u32).to_be_bytes());
            answer.extend_from_slice(first);
            Ok(Some(answer))
        }
        [0, 0, 0, 11] => {
            let state = scram.as_mut().context("SASLContinue before SASL")?;
            state.update(rest)?;
            Ok(Some(state.message().to_vec()))
        }
        [0, 0, 0, 12] => {
            scram
                .as_mut()
                .context("SASLFinal before SASL")?
                .finish(rest)?;
            Ok(None)
        }
        other => bail!("unexpected authentication method {other:?}"),
    }
}

/// Reads a text up to its zero byte.
fn text_until_zero(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// Reads big-endian values from a message body, failing where it is too short.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, rest) = self
            .rest
            .split_at_checked(count)
            .context("message too short")?;
        self.rest = rest;
        Ok(head)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn text(&mut self) -> Result<String> {
        let end = self
            .rest
            .iter()
            .position(|byte| *byte == 0)
            .context("text without end")?;
        let text = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.take(1)?;
        Ok(text)
    }
}

/// Reads a RowDescription.
fn parse_columns(body: &[u8]) -> Result<Vec<Column>> {
    let mut reader = Reader { rest: body };
    let count = u16::from_be_bytes(reader.number()?);
    let mut columns = Vec::new();
    for _ in 0..count {
        let name = reader.text()?;
        let table_oid = u32::from_be_bytes(reader.number()?);
        let number = i16::from_be_bytes(reader.number()?);
        let type_oid = u32::from_be_bytes(reader.number()?);
        let _length = i16::from_be_bytes(reader.number()?);
        let type_modifier = i32::from_be_bytes(reader.number()?);
        let format = i16::from_be_bytes(reader.number()?);
        columns.push(Column {
            name,
            table_oid,
            number,
            type_oid,
            type_modifier,
            format,
        });
    }
    Ok(columns)
}

/// Reads a DataRow.
fn parse_row(body: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
    let mut reader = Reader { rest: body };
    let count = u16::from_be_bytes(reader.number()?);
    let mut row = Vec::new();
    for _ in 0..count {
        let length = i32::from_be_bytes(reader.number()?);
        row.push(match usize::try_from(length) {
            Ok(length) => Some(reader.take(length)?.to_vec()),
            Err(_) => None,
        });
    }
    Ok(row)
}
