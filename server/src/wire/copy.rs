//! COPY's two directions.
//!
//! In: CopyData ──▶ `CopyIn::write`, which is awaited, so a client can send no
//! faster than rows are stored. Out: batches ──▶ lines ──▶ CopyData.
//!
//! Source: PostgreSQL 18 manual, section 54.2.6.

use bytes::{Bytes, BytesMut};
use gotgan_sql::copy::Kind;
use gotgan_sql::{CopyIn, CopyOut, Format, SqlError, sqlstate};
use pgwire::messages::copy::{CopyDone, CopyInResponse, CopyOutResponse};

use crate::connection::Connection;
use crate::encode::copy::Lines;
use crate::socket::FLUSH_BYTES;
use crate::wire::error::Failure;
use crate::wire::message::{Frame, Message};
use crate::wire::supervise::supervise;

/// Small messages are joined up to this, to be parsed at once.
const GATHER_BYTES: usize = 256 << 10;

const COPY_DATA: u8 = b'd';

impl Connection {
    /// Takes a client's data; returns the tag.
    pub(crate) async fn copy_in(&mut self, copy: Box<CopyIn>) -> Result<String, Failure> {
        self.feed_notices()?;
        let (format, columns, formats) = overall(copy.overall_format(), copy.column_count());
        self.socket
            .feed(&CopyInResponse::new(format, columns, formats))?;
        self.socket.set_bulk(true);
        let received = self.receive(copy).await;
        self.socket.set_bulk(false);
        received
    }

    async fn receive(&mut self, mut copy: Box<CopyIn>) -> Result<String, Failure> {
        let mut next = None;
        loop {
            let frame = match next.take() {
                Some(frame) => frame,
                None => self.read_copy_frame().await?,
            };
            let (Frame::Whole { kind, .. } | Frame::Oversized { kind, .. }) = frame;
            match super::decode(frame, self.framer.bytes_max())? {
                Message::CopyData(data) => {
                    let (data, after) = self.gather(data)?;
                    next = after;
                    let writing = copy.write(data);
                    let end = self.registration.signals.end();
                    supervise(&mut self.socket, end, &self.token, writing).await?;
                }
                Message::CopyDone => {
                    let finishing = Box::pin(self.session.finish_copy(copy));
                    let end = self.registration.signals.end();
                    return supervise(&mut self.socket, end, &self.token, finishing).await;
                }
                Message::CopyFail(reason) => {
                    copy.abort().await;
                    let text = format!("COPY from stdin failed: {reason}");
                    return Err(SqlError::with_code(sqlstate::QUERY_CANCELED, text).into());
                }
                // Clients send these before they see that the statement is a COPY.
                Message::Flush | Message::Sync => {}
                Message::Terminate => return Err(Failure::Gone),
                _ => {
                    let text =
                        format!("unexpected message type 0x{kind:02X} during COPY from stdin");
                    return Err(SqlError::protocol_violation(text).into());
                }
            }
        }
    }

    /// The next frame, unless the statement is cancelled while waiting for it.
    async fn read_copy_frame(&mut self) -> Result<Frame, Failure> {
        let token = self.token.clone();
        tokio::select! {
            biased;
            frame = self.read_frame() => frame,
            () = token.cancelled() => Err(SqlError::cancelled().into()),
        }
    }

    /// Joins `first` with the CopyData messages that have come already; also
    /// returns the message after them, if that is another one.
    fn gather(&mut self, first: Bytes) -> Result<(Bytes, Option<Frame>), Failure> {
        let mut joined = None::<BytesMut>;
        loop {
            let length = joined.as_ref().map_or(first.len(), BytesMut::len);
            if length >= GATHER_BYTES {
                break;
            }
            match self.framer.take(self.socket.input())? {
                Some(Frame::Whole {
                    kind: COPY_DATA,
                    body,
                }) => {
                    joined
                        .get_or_insert_with(|| BytesMut::from(first.as_ref()))
                        .extend(body);
                }
                Some(other) => return Ok((joined.map_or(first, BytesMut::freeze), Some(other))),
                None => break,
            }
        }
        Ok((joined.map_or(first, BytesMut::freeze), None))
    }

    /// Sends a query's rows as lines; returns the tag.
    pub(crate) async fn copy_out(&mut self, copy: CopyOut) -> Result<String, Failure> {
        let CopyOut {
            format: options,
            mut rows,
        } = copy;
        let style = self.session.output_style();
        let columns = rows.columns();
        let all = if options.kind == Kind::Binary {
            Format::Binary
        } else {
            Format::Text
        };
        let (format, count, formats) = overall(all, columns.len());
        self.feed_notices()?;
        self.socket
            .feed(&CopyOutResponse::new(format, count, formats))?;
        let mut lines = Lines::new(options, &columns);
        lines.append_header(self.socket.output());
        let mut count = 0;
        loop {
            let next = rows.next();
            let end = self.registration.signals.end();
            let Some(batch) = supervise(&mut self.socket, end, &self.token, next).await? else {
                break;
            };
            let mut encoded = lines.encode(&batch, &style)?;
            while !encoded.is_end() {
                let appended = lines.append(&mut encoded, self.socket.output(), FLUSH_BYTES);
                count += appended;
                self.record_rows(appended);
                self.relieve_or_cancel().await?;
            }
        }
        lines.append_trailer(self.socket.output());
        self.socket.feed(&CopyDone::new())?;
        Ok(format!("COPY {count}"))
    }
}

/// The fields of a response: the format of all, how many columns, their formats.
fn overall(format: Format, column_count: usize) -> (i8, i16, Vec<i16>) {
    let code = i8::from(format == Format::Binary);
    let count = i16::try_from(column_count).unwrap_or(i16::MAX);
    (code, count, vec![i16::from(code); column_count])
}
