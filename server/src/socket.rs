//! One client's byte stream: plain or TLS, with an input and an output buffer.
//!
//! Invariants:
//! - Input is read ahead at most [`READ_AHEAD_BYTES`] beyond a message that is
//!   being assembled, so a client that sends faster than we work is held back
//!   by TCP.
//! - Output grows by what is fed between two flushes; callers flush at
//!   [`FLUSH_BYTES`], so a slow client slows the query.
//! - Every future here can be dropped without losing bytes in either direction.
//!
//! Not guaranteed: that bytes which were written reached the client.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use pgwire::messages::Message;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use crate::auth::rules::Transport;

/// Output beyond this is written before more is made.
pub(crate) const FLUSH_BYTES: usize = 256 << 10;

/// Input that may wait while a statement runs.
const READ_AHEAD_BYTES: usize = 64 << 10;

/// What is read at once.
const READ_BYTES: usize = 8 << 10;

/// What is read at once while bulk data comes in.
const READ_BULK_BYTES: usize = 128 << 10;

/// The transport below the protocol.
pub(crate) enum Stream {
    /// TCP as it is.
    Plain(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => pin!(stream.read_buf(to)).poll(cx),
            Self::Unix(stream) => pin!(stream.read_buf(to)).poll(cx),
            Self::Tls(stream) => pin!(stream.read_buf(to)).poll(cx),
        }
    }

    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Send + Unpin)> {
        match self {
            Self::Plain(stream) => Pin::new(stream),
            Self::Unix(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(stream.as_mut()),
        }
    }
}

/// A client's connection with its buffers.
pub(crate) struct Socket {
    stream: Stream,
    input: BytesMut,
    output: BytesMut,
    /// Bytes of the output that were written.
    written: u64,
    is_bulk: bool,
}

impl Socket {
    /// Wraps a transport; `input`: bytes that were already read from it.
    pub(crate) fn new(stream: Stream, input: BytesMut) -> Self {
        Self {
            stream,
            input,
            output: BytesMut::new(),
            written: 0,
            is_bulk: false,
        }
    }

    /// Gives the transport back; unread input and unwritten output are lost.
    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }

    /// Moves a plain connection to the runtime that calls this, so that its bytes
    /// wake a thread there at once. TLS stays where it is: it cannot be taken apart.
    pub(crate) fn adopted(self) -> io::Result<Self> {
        let stream = match self.stream {
            Stream::Plain(stream) => Stream::Plain(TcpStream::from_std(stream.into_std()?)?),
            Stream::Unix(stream) => Stream::Unix(UnixStream::from_std(stream.into_std()?)?),
            stream @ Stream::Tls(_) => stream,
        };
        Ok(Self { stream, ..self })
    }

    /// Whether the bytes cannot be read on the way.
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// How the bytes travel.
    pub(crate) fn transport(&self) -> Transport {
        match self.stream {
            Stream::Plain(_) => Transport::Plain,
            Stream::Unix(_) => Transport::Unix,
            Stream::Tls(_) => Transport::Tls,
        }
    }

    /// The certificate that the client showed. The handshake has checked who signed it.
    pub(crate) fn client_certificate(&self) -> Option<&CertificateDer<'static>> {
        match &self.stream {
            Stream::Tls(stream) => stream.get_ref().1.peer_certificates()?.first(),
            Stream::Plain(_) | Stream::Unix(_) => None,
        }
    }

    /// Reads in larger or smaller pieces from now on.
    pub(crate) fn set_bulk(&mut self, is_bulk: bool) {
        self.is_bulk = is_bulk;
    }

    /// Gives empty buffers back, so that an idle connection is cheap.
    pub(crate) fn shrink(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if self.output.is_empty() {
            self.output = BytesMut::new();
        }
    }

    /// What was read and not taken yet.
    pub(crate) fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Where bytes to be sent are put.
    pub(crate) fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// How many bytes were put into the output so far, written or not.
    pub(crate) fn fed(&self) -> u64 {
        self.written + self.output.len() as u64
    }

    /// Appends a message to the output.
    ///
    /// A message that is too long to encode is a bug of ours; nothing of it is
    /// sent and the connection ends.
    pub(crate) fn feed(&mut self, message: &impl Message) -> io::Result<()> {
        let before = self.output.len();
        message.encode(&mut self.output).map_err(|error| {
            self.output.truncate(before);
            io::Error::other(error)
        })
    }

    /// Reads at least one byte; 0 means that the client closed.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// Writes everything that was fed.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Ends when the client has closed or the connection is broken.
    ///
    /// Meanwhile sends what is in the output and reads ahead, up to the bound;
    /// with the input full it only ends on a failed write.
    pub(crate) async fn closed(&mut self) {
        poll_fn(|cx| {
            if let Poll::Ready(Err(_)) = self.poll_flush(cx) {
                return Poll::Ready(());
            }
            while self.input.len() < READ_AHEAD_BYTES {
                match self.poll_fill(cx) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending => break,
                }
            }
            Poll::Pending
        })
        .await;
    }

    /// Says good-bye: sends the rest, then closes our side.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.writer().shutdown().await
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let spare = self.input.capacity() - self.input.len();
        if spare < READ_BYTES / 2 {
            self.input.reserve(if self.is_bulk {
                READ_BULK_BYTES
            } else {
                READ_BYTES
            });
        }
        self.stream.poll_read_into(cx, &mut self.input)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = ready!(self.stream.writer().poll_write(cx, &self.output))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(written);
            self.written += written as u64;
        }
        self.stream.writer().poll_flush(cx)
    }
}
