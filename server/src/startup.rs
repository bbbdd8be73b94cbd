//! The first packets of a connection: encryption, cancel request, startup.
//!
//!   TCP ─┬─ TLS at once (ALPN "postgresql") ─┐
//!        ├─ SSLRequest ──▶ 'S', TLS ─────────┼──▶ startup packet
//!        └─ GSSENCRequest ──▶ 'N' ───────────┘    or cancel request
//!
//! Invariant: nothing that came unencrypted before a TLS handshake is used
//! after it.
//!
//! Source: PostgreSQL 18 manual, sections 54.2.1, 54.2.11, 54.7.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use gotgan_sql::{SqlError, sqlstate};

use crate::auth::rules::Transport;
use crate::socket::{Socket, Stream};
use crate::tls::Tls;

pub(crate) mod options;
#[cfg(test)]
mod tests;

/// Newest minor version of protocol 3 that we speak.
pub(crate) const PROTOCOL_MINOR_NEWEST: u16 = 2;

const PROTOCOL_MAJOR: u16 = 3;
const CANCEL_CODE: u32 = 80_877_102;
const SSL_CODE: u32 = 80_877_103;
const GSS_CODE: u32 = 80_877_104;

/// Longest packet before a session, as in PostgreSQL.
const PACKET_BYTES_MAX: usize = 10_000;

/// Encryption requests that a client may send before its startup packet.
const NEGOTIATIONS_MAX: usize = 3;

/// The first byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// What a client came for.
pub(crate) enum Opening {
    /// To begin a session.
    Startup(Socket, Startup),
    /// To cancel what another connection runs.
    Cancel {
        /// Closed once that is done: clients wait for it, so that the request does not
        /// reach what they send next.
        socket: Socket,
        /// The process id that the other connection was given.
        connection_id: i32,
        /// The secret key that goes with it.
        key: Bytes,
    },
    /// Something that is answered with this error.
    Refused(Socket, SqlError),
    /// Nothing: it left.
    Closed,
}

/// What a startup packet says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Startup {
    /// The minor protocol version that was asked for.
    pub(crate) minor: u16,
    /// Who wants in.
    pub(crate) user: String,
    /// Which database; the user's name if none was named.
    pub(crate) database: String,
    /// What the program calls itself.
    pub(crate) application_name: String,
    /// Settings, from `options` first, then by name.
    pub(crate) parameters: Vec<(String, String)>,
    /// Protocol options (`_pq_.`), none of which we know.
    pub(crate) unknown_options: Vec<String>,
}

enum Packet {
    Ssl,
    Gss,
    Cancel { connection_id: i32, key: Bytes },
    Startup(Startup),
}

/// Brings a connection to its startup packet.
///
/// Errors: only those of the socket; what a client did wrong is `Refused`.
pub(crate) async fn open(stream: Stream, tls: Option<&Tls>) -> io::Result<Opening> {
    let stream = match stream {
        Stream::Plain(stream) => {
            stream.set_nodelay(true)?;
            let mut first = [0];
            if stream.peek(&mut first).await? == 0 {
                return Ok(Opening::Closed);
            }
            match (first[0] == TLS_HANDSHAKE, tls) {
                (false, _) => Stream::Plain(stream),
                (true, Some(tls)) => Stream::Tls(Box::new(tls.accept_direct(stream).await?)),
                (true, None) => return Ok(Opening::Closed),
            }
        }
        other => other,
    };
    let mut socket = Socket::new(stream, BytesMut::new());
    for _ in 0..NEGOTIATIONS_MAX {
        let packet = match read_packet(&mut socket).await? {
            Some(Ok(packet)) => packet,
            Some(Err(error)) => return Ok(Opening::Refused(socket, *error)),
            None => return Ok(Opening::Closed),
        };
        match (packet, tls) {
            (Packet::Ssl, Some(tls)) if socket.transport() == Transport::Plain => {
                socket = match encrypt(socket, tls).await? {
                    Ok(socket) => socket,
                    Err(refused) => return Ok(refused),
                };
            }
            (Packet::Ssl | Packet::Gss, _) => {
                socket.output().extend_from_slice(b"N");
                socket.flush().await?;
            }
            (Packet::Cancel { connection_id, key }, _) => {
                return Ok(Opening::Cancel {
                    socket,
                    connection_id,
                    key,
                });
            }
            (Packet::Startup(startup), _) => return Ok(Opening::Startup(socket, startup)),
        }
    }
    let error = SqlError::protocol_violation("too many requests for encryption");
    Ok(Opening::Refused(socket, error))
}

/// Answers an SSLRequest with TLS.
async fn encrypt(mut socket: Socket, tls: &Tls) -> io::Result<Result<Socket, Opening>> {
    if !socket.input().is_empty() {
        // Somebody between us may have put bytes in front of the handshake.
        let error = SqlError::protocol_violation("received unencrypted data after SSL request")
            .with_detail("This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.");
        return Ok(Err(Opening::Refused(socket, error)));
    }
    socket.output().extend_from_slice(b"S");
    socket.flush().await?;
    let Stream::Plain(stream) = socket.into_stream() else {
        return Err(io::Error::other("TLS inside TLS"));
    };
    let stream = tls.accept(stream).await?;
    Ok(Ok(Socket::new(
        Stream::Tls(Box::new(stream)),
        BytesMut::new(),
    )))
}

/// Reads one packet without type byte; `None` if the client left before it.
async fn read_packet(socket: &mut Socket) -> io::Result<Option<Result<Packet, Box<SqlError>>>> {
    loop {
        if let Some((length, _)) = socket.input().split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if !(8..=PACKET_BYTES_MAX).contains(&length) {
                let error = SqlError::protocol_violation("invalid length of startup packet");
                return Ok(Some(Err(Box::new(error))));
            }
            if socket.input().len() >= length {
                let mut packet = socket.input().split_to(length).freeze();
                packet.advance(4);
                return Ok(Some(decode(packet).map_err(Box::new)));
            }
        }
        if socket.fill().await? == 0 {
            return Ok(None);
        }
    }
}

/// Decodes what follows a packet's length; at least 4 bytes.
fn decode(mut packet: Bytes) -> Result<Packet, SqlError> {
    match packet.get_u32() {
        SSL_CODE => Ok(Packet::Ssl),
        GSS_CODE => Ok(Packet::Gss),
        // A key has 4 to 256 bytes; a wrong one cancels nothing anyway.
        CANCEL_CODE if packet.len() >= 8 => {
            let connection_id = packet.get_i32();
            Ok(Packet::Cancel {
                connection_id,
                key: packet,
            })
        }
        CANCEL_CODE => Err(SqlError::protocol_violation(
            "invalid length of cancel request",
        )),
        version => {
            let [major, minor] = [(version >> 16) as u16, (version & 0xffff) as u16];
            if major != PROTOCOL_MAJOR {
                let newest = PROTOCOL_MINOR_NEWEST;
                return Err(SqlError::with_code(
                    sqlstate::FEATURE_NOT_SUPPORTED,
                    format!(
                        "unsupported frontend protocol {major}.{minor}: \
                         server supports 3.0 to 3.{newest}"
                    ),
                ));
            }
            decode_startup(minor, packet).map(Packet::Startup)
        }
    }
}

/// Decodes the pairs of texts of a startup packet.
fn decode_startup(minor: u16, mut packet: Bytes) -> Result<Startup, SqlError> {
    let mut startup = Startup {
        minor,
        ..Startup::default()
    };
    let mut by_name = Vec::new();
    loop {
        let name = text(&mut packet)?;
        if name.is_empty() {
            break;
        }
        let value = text(&mut packet)?;
        match name.as_str() {
            "user" => startup.user = value,
            "database" => startup.database = value,
            "options" => startup.parameters = options::parse(&value)?,
            "replication" => options::refuse_replication(&value)?,
            _ if name.starts_with("_pq_.") => startup.unknown_options.push(name),
            _ => by_name.push((name, value)),
        }
    }
    if !packet.is_empty() {
        let text = "invalid startup packet layout: expected terminator as last byte";
        return Err(SqlError::protocol_violation(text));
    }
    if startup.user.is_empty() {
        return Err(options::no_user());
    }
    if startup.database.is_empty() {
        startup.database.clone_from(&startup.user);
    }
    startup.parameters.extend(by_name);
    let name = startup
        .parameters
        .iter()
        .rfind(|(name, _)| name == "application_name");
    startup.application_name = name.map(|(_, value)| value.clone()).unwrap_or_default();
    Ok(startup)
}

/// Takes a text that ends with a zero byte.
fn text(packet: &mut Bytes) -> Result<String, SqlError> {
    let Some(length) = packet.iter().position(|byte| *byte == 0) else {
        return Err(SqlError::protocol_violation(
            "invalid startup packet layout",
        ));
    };
    let bytes = packet.split_to(length);
    packet.advance(1);
    String::from_utf8(bytes.into())
        .map_err(|_| SqlError::protocol_violation("the startup packet is not UTF-8"))
}
