//! Frames and bodies, good and bad.

use super::*;

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).expect("short");
    [&[kind], length.to_be_bytes().as_slice(), body].concat()
}

fn decode(kind: u8, body: &[u8]) -> Result<Message, DecodeError> {
    Message::decode(kind, Bytes::copy_from_slice(body))
}

#[test]
fn a_frame_is_taken_when_it_is_whole() {
    let bytes = [frame(b'Q', b"select 1\0"), frame(b'S', b"")].concat();
    let mut framer = Framer::new(100);
    let mut input = BytesMut::new();
    let mut frames = Vec::new();
    for byte in bytes {
        input.extend_from_slice(&[byte]);
        frames.extend(framer.take(&mut input).expect("well-formed"));
    }
    let body = Bytes::from_static(b"select 1\0");
    assert_eq!(
        frames,
        [
            Frame::Whole { kind: b'Q', body },
            Frame::Whole {
                kind: b'S',
                body: Bytes::new()
            }
        ]
    );
}

#[test]
fn an_oversized_frame_is_skipped_and_the_next_one_is_read() {
    let bytes = [frame(b'Q', &[b'x'; 200]), frame(b'S', b"")].concat();
    let mut framer = Framer::new(100);
    let mut input = BytesMut::new();
    let mut frames = Vec::new();
    for chunk in bytes.chunks(7) {
        input.extend_from_slice(chunk);
        while let Some(frame) = framer.take(&mut input).expect("well-formed") {
            frames.push(frame);
        }
        assert!(input.len() <= 14, "nothing of it is kept");
    }
    assert_eq!(
        frames,
        [
            Frame::Oversized {
                kind: b'Q',
                bytes: 204
            },
            Frame::Whole {
                kind: b'S',
                body: Bytes::new()
            }
        ]
    );
}

#[test]
fn an_impossible_length_is_malformed() {
    for length in [0_i32, 3, -1, i32::MAX] {
        let mut input = BytesMut::from(
            [b"Q".as_slice(), length.to_be_bytes().as_slice()]
                .concat()
                .as_slice(),
        );
        let taken = Framer::new(100).take(&mut input);
        assert_eq!(
            taken,
            Err(DecodeError::malformed("invalid message length")),
            "{length}"
        );
    }
}

#[test]
fn bodies_are_decoded() {
    assert_eq!(
        decode(b'Q', b"select 1\0"),
        Ok(Message::Query("select 1".into()))
    );
    let parse = Message::Parse {
        name: "s".into(),
        query: "q".into(),
        parameter_oids: vec![23],
    };
    assert_eq!(decode(b'P', b"s\0q\0\0\x01\0\0\0\x17"), Ok(parse));
    let bind = Message::Bind(Bind {
        portal: String::new(),
        statement: "s".into(),
        parameter_formats: vec![1],
        parameters: vec![None, Some(Bytes::from_static(b"ab"))],
        result_formats: vec![],
    });
    let body = b"\0s\0\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x02ab\0\0";
    assert_eq!(decode(b'B', body), Ok(bind));
    let execute = Message::Execute {
        portal: String::new(),
        rows_max: 5,
    };
    assert_eq!(decode(b'E', b"\0\0\0\0\x05"), Ok(execute));
    let describe = Message::Describe {
        target: Target::Portal,
        name: "p".into(),
    };
    assert_eq!(decode(b'D', b"Pp\0"), Ok(describe));
    assert_eq!(decode(b'f', b"why\0"), Ok(Message::CopyFail("why".into())));
}

#[test]
fn every_cut_of_a_body_is_malformed_and_never_a_panic() {
    let body: &[u8] = b"\0s\0\0\x01\0\x01\0\x02\xff\xff\xff\xff\0\0\0\x02ab\0\0";
    for end in 0..body.len() {
        let decoded = decode(b'B', &body[..end]);
        assert!(
            matches!(decoded, Err(DecodeError::Malformed(_))),
            "{end}: {decoded:?}"
        );
    }
    for kind in 0..=255 {
        let _ = decode(kind, b"");
        let _ = decode(kind, b"\xff\xff\xff\xff\xff\xff");
    }
    assert_eq!(
        decode(b'S', b"x"),
        Err(DecodeError::malformed("invalid message format"))
    );
}

#[test]
fn text_that_is_not_utf8_shows_the_bytes() {
    assert_eq!(
        decode(b'Q', b"ab\xffcd\0"),
        Err(DecodeError::NotUtf8(vec![0xff]))
    );
    assert_eq!(
        decode(b'Q', b"\xe4b\0"),
        Err(DecodeError::NotUtf8(vec![0xe4, b'b']))
    );
}
