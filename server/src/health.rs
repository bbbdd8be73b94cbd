//! Asks a running server whether it answers, for container health checks.
//!
//! Source: PostgreSQL 18 manual, section 54.7 (SSLRequest).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Every server that speaks the protocol answers this with one byte.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

const TIMEOUT: Duration = Duration::from_secs(3);

/// Connects to a server that listens on `listen`.
///
/// Errors: it does not answer in time, or not as it must.
pub fn check(listen: SocketAddr) -> io::Result<()> {
    let address = SocketAddr::new(reachable(listen.ip()), listen.port());
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(&SSL_REQUEST)?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    match answer {
        [b'S' | b'N'] => Ok(()),
        [other] => Err(io::Error::new(
            ErrorKind::InvalidData,
            format!("answer {other}"),
        )),
    }
}

/// An address that stands for all is reached by loopback.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}
