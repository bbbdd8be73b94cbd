//! What clients send: messages cut out of the input, and their bodies decoded.
//!
//! The messages of the server go through pgwire's encoders. Those of the client
//! are decoded here, because pgwire's decoders panic on a body that ends too
//! early, replace invalid UTF-8 silently, and leave surplus bytes in the input.
//!
//! Invariants:
//! - A message is taken from the input as a whole or not at all, so one with a
//!   bad body does not shift the ones after it.
//! - A message longer than the bound is skipped without being stored.
//!
//! Source: PostgreSQL 18 manual, sections 54.2, 54.7.

use bytes::{Buf, Bytes, BytesMut};

/// Bytes of a message before its body: the type and the length.
const HEADER_BYTES: usize = 5;

/// PostgreSQL's bound for a message (`PQ_LARGE_MESSAGE_LIMIT`); a length beyond
/// it means that the two sides do not understand each other.
const LENGTH_MAX: usize = 0x3fff_ffff;

/// A message as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Type and body.
    Whole {
        /// The type byte.
        kind: u8,
        /// What follows the length.
        body: Bytes,
    },
    /// A message beyond the bound, of which nothing was kept.
    Oversized {
        /// The type byte.
        kind: u8,
        /// How long it was.
        bytes: usize,
    },
}

/// Cuts frames out of a stream of bytes.
#[derive(Debug)]
pub(crate) struct Framer {
    bytes_max: usize,
    /// Bytes of an oversized message that are still to come.
    skip: Option<(u8, usize, usize)>,
}

/// What a statement or a portal is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A prepared statement.
    Statement,
    /// A portal.
    Portal,
}

/// A decoded message of a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Query(String),
    Parse {
        name: String,
        query: String,
        parameter_oids: Vec<u32>,
    },
    Bind(Bind),
    Describe {
        target: Target,
        name: String,
    },
    Execute {
        portal: String,
        rows_max: usize,
    },
    Close {
        target: Target,
        name: String,
    },
    Flush,
    Sync,
    FunctionCall,
    Terminate,
    CopyData(Bytes),
    CopyDone,
    CopyFail(String),
}

/// The fields of a Bind message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bind {
    pub(crate) portal: String,
    pub(crate) statement: String,
    pub(crate) parameter_formats: Vec<i16>,
    pub(crate) parameters: Vec<Option<Bytes>>,
    pub(crate) result_formats: Vec<i16>,
}

/// Why a message cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// The two sides do not understand each other; the connection ends.
    Malformed(String),
    /// A text is not UTF-8; only this message fails.
    NotUtf8(Vec<u8>),
}

impl DecodeError {
    fn malformed(text: &str) -> Self {
        Self::Malformed(text.to_owned())
    }
}

impl Framer {
    /// `bytes_max`: the longest message that is kept, in bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            skip: None,
        }
    }

    /// The longest message that is kept, in bytes.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// The type of the next message, if it has begun to come in.
    pub(crate) fn next_kind(&self, input: &[u8]) -> Option<u8> {
        match self.skip {
            None => input.first().copied(),
            Some(_) => None,
        }
    }

    /// Takes the next frame, or `None` if more input is needed.
    ///
    /// Errors: `Malformed` if the length cannot be.
    pub(crate) fn take(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, DecodeError> {
        if let Some((kind, bytes, missing)) = self.skip {
            let taken = missing.min(input.len());
            input.advance(taken);
            if taken < missing {
                self.skip = Some((kind, bytes, missing - taken));
                return Ok(None);
            }
            self.skip = None;
            return Ok(Some(Frame::Oversized { kind, bytes }));
        }
        let Some((header, _)) = input.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let [kind, length @ ..] = *header;
        let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(0);
        if !(4..=LENGTH_MAX).contains(&length) {
            return Err(DecodeError::malformed("invalid message length"));
        }
        let end = length + 1;
        if length > self.bytes_max {
            input.advance(HEADER_BYTES);
            self.skip = Some((kind, length, end - HEADER_BYTES));
            return self.take(input);
        }
        if input.len() < end {
            // What is reserved is bound by what the client announced and by
            // `bytes_max`; growing in steps keeps a liar from costing memory.
            return Ok(None);
        }
        input.advance(HEADER_BYTES);
        let body = input.split_to(end - HEADER_BYTES).freeze();
        Ok(Some(Frame::Whole { kind, body }))
    }
}

impl Message {
    /// Decodes the body of a message of the given type.
    ///
    /// Errors: `Malformed` for an unknown type and a body of the wrong shape.
    pub(crate) fn decode(kind: u8, body: Bytes) -> Result<Self, DecodeError> {
        let mut body = Body(body);
        let message = match kind {
            b'Q' => Self::Query(body.text()?),
            b'P' => Self::Parse {
                name: body.text()?,
                query: body.text()?,
                parameter_oids: body.list(Body::u32)?,
            },
            b'B' => Self::Bind(Bind {
                portal: body.text()?,
                statement: body.text()?,
                parameter_formats: body.list(Body::i16)?,
                parameters: body.list(Body::value)?,
                result_formats: body.list(Body::i16)?,
            }),
            b'D' => Self::Describe {
                target: body.target("DESCRIBE")?,
                name: body.text()?,
            },
            b'C' => Self::Close {
                target: body.target("CLOSE")?,
                name: body.text()?,
            },
            b'E' => Self::Execute {
                portal: body.text()?,
                // PostgreSQL reads zero and less as no limit.
                rows_max: usize::try_from(body.i32()?).unwrap_or(0),
            },
            b'H' => Self::Flush,
            b'S' => Self::Sync,
            b'X' => return Ok(Self::Terminate),
            b'F' => return Ok(Self::FunctionCall),
            b'd' => return Ok(Self::CopyData(body.0)),
            b'c' => Self::CopyDone,
            b'f' => Self::CopyFail(body.text()?),
            other => {
                let text = format!("invalid frontend message type {other}");
                return Err(DecodeError::Malformed(text));
            }
        };
        body.end()?;
        Ok(message)
    }
}

/// A body that is read from front to back; nothing in it is trusted.
struct Body(Bytes);

impl Body {
    fn take(&mut self, count: usize) -> Result<Bytes, DecodeError> {
        if self.0.len() < count {
            return Err(DecodeError::malformed("insufficient data left in message"));
        }
        Ok(self.0.split_to(count))
    }

    fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.take(1)?.get_u8())
    }

    fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(self.take(2)?.get_i16())
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(self.take(4)?.get_u32())
    }

    fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(self.take(4)?.get_i32())
    }

    /// A text that ends with a zero byte.
    fn text(&mut self) -> Result<String, DecodeError> {
        let Some(length) = self.0.iter().position(|byte| *byte == 0) else {
            return Err(DecodeError::malformed("invalid string in message"));
        };
        let text = self.0.split_to(length);
        self.0.advance(1);
        String::from_utf8(text.into()).map_err(|error| {
            let start = error.utf8_error().valid_up_to();
            // PostgreSQL shows the bytes of the character that is wrong.
            let bytes = error.as_bytes();
            let length = sequence_bytes(bytes[start]).min(bytes.len() - start);
            DecodeError::NotUtf8(bytes[start..start + length].to_vec())
        })
    }

    /// A count of 16 bits without sign, and as many elements.
    fn list<T>(
        &mut self,
        element: fn(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = usize::from(self.take(2)?.get_u16());
        let mut elements = Vec::new();
        for _ in 0..count {
            elements.push(element(self)?);
        }
        Ok(elements)
    }

    /// A length and as many bytes; -1 is NULL.
    fn value(&mut self) -> Result<Option<Bytes>, DecodeError> {
        match self.i32()? {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) => Ok(Some(self.take(length)?)),
                Err(_) => Err(DecodeError::malformed("invalid length of a parameter")),
            },
        }
    }

    fn target(&mut self, message: &str) -> Result<Target, DecodeError> {
        match self.u8()? {
            b'S' => Ok(Target::Statement),
            b'P' => Ok(Target::Portal),
            other => Err(DecodeError::Malformed(format!(
                "invalid {message} message subtype {other}"
            ))),
        }
    }

    fn end(&self) -> Result<(), DecodeError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(DecodeError::malformed("invalid message format"))
    }
}

/// How many bytes a UTF-8 character has that begins with `first`.
fn sequence_bytes(first: u8) -> usize {
    match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
