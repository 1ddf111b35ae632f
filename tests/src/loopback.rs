//! Ports of this machine, and what is said on them.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use crate::Error;

/// Different free ports on loopback: all are held until all are chosen.
///
/// # Errors
///
/// If there are none.
pub fn free_ports<const N: usize>() -> Result<[u16; N], Error> {
    let fail = || Error::io("find a free port on 127.0.0.1");
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fail())?;
        *port = listener.local_addr().map_err(fail())?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// What a server answers on a path, without TLS, headers included; nothing if it does not answer.
pub fn http_get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}
