//! What an attacker would try with TLS: old versions, early data, and the keys of a session.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, HandshakeKind, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::tls::Authority;
use crate::support::{App, Connection, Gateway, GatewayBuilder, SOON, Sender};

/// A gateway that speaks TLS, and who vouches for it.
async fn speaking(app: &App, variables: &[(&str, &str)]) -> (Gateway, Authority) {
    let authority = Authority::new();
    let issued = authority.issue("localhost");
    let tls = "limits: {read_timeout: 2s}\n  tls: {certificate: \"{folder}/tls.crt\", key: \"{folder}/tls.key\"}";
    let config = Gateway::config(app, "").replace("limits: {read_timeout: 2s}", tls);
    let builder = GatewayBuilder::new(config).file("tls.crt", &issued.certificate).file("tls.key", &issued.key);
    let builder = variables.iter().fold(builder, |builder, (name, value)| builder.variable(name, value));
    (builder.start().await, authority)
}

/// The ClientHello of a client that knows nothing later than this version (RFC 5246 §7.4.1.2).
fn hello(version: [u8; 2]) -> Vec<u8> {
    // What today's servers choose of TLS 1.2, and what those of TLS 1.0 and 1.1 did.
    let suites = [0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x0a, 0xc0, 0x14, 0x00, 0x2f];
    // Groups, formats of points, signatures.
    let extensions = [0, 10, 0, 6, 0, 4, 0, 0x1d, 0, 0x17, 0, 11, 0, 2, 1, 0, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4];
    let lengths = ([0, suites.len() as u8], [0, extensions.len() as u8]);
    let body = [&version[..], &[7; 32], &[0], &lengths.0, &suites, &[1, 0], &lengths.1, &extensions].concat();
    let message = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    [&[22, 3, 1, 0, message.len() as u8][..], &message].concat()
}

/// The type of the first record that a ClientHello is answered with, and all of them.
async fn answered(gateway: &Gateway, hello: &[u8]) -> (u8, Vec<u8>) {
    let mut stream = tokio::net::TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(hello).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.expect("it is not closed");
    assert!(read.is_ok() && !answer.is_empty(), "{read:?}");
    (answer[0], answer)
}

#[tokio::test]
async fn tls_before_1_2_is_refused() {
    let app = App::answering(200).await;
    let (gateway, _authority) = speaking(&app, &[]).await;

    for version in [[3, 0], [3, 1], [3, 2]] {
        let (kind, answer) = answered(&gateway, &hello(version)).await;
        // An alert, fatal, and nothing else (RFC 5246 §7.2).
        assert_eq!((kind, answer.len(), answer[5]), (21, 7, 2), "{version:?}: {answer:?}");
    }
    let (kind, answer) = answered(&gateway, &hello([3, 3])).await;
    assert_eq!((kind, answer[5]), (22, 2), "a ServerHello: {answer:?}");
}

/// Sends a request over a connection of this client, and tells how it was opened.
fn served(address: SocketAddr, client: &Arc<ClientConfig>) -> (HandshakeKind, bool) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let mut connection = ClientConnection::new(client.clone(), "localhost".try_into().unwrap()).unwrap();
    let early = connection.early_data().is_some();
    let mut stream = Stream::new(&mut connection, &mut socket);
    stream.write_all(b"GET /hooks/lmif HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 405 "), "{}", String::from_utf8_lossy(&answer));
    (connection.handshake_kind().unwrap(), early)
}

#[tokio::test]
async fn a_resumed_session_takes_no_early_data() {
    let app = App::answering(200).await;
    let (gateway, authority) = speaking(&app, &[]).await;
    let mut client = Arc::unwrap_or_clone(authority.client(&[&rustls::version::TLS13], &["http/1.1"]));
    client.enable_early_data = true;
    let (client, address) = (Arc::new(client), gateway.address);

    let both = tokio::task::spawn_blocking(move || [served(address, &client), served(address, &client)]);

    // What is sent before the handshake is over could be sent again by anybody.
    assert_eq!(both.await.unwrap(), [(HandshakeKind::Full, false), (HandshakeKind::Resumed, false)]);
}

#[tokio::test]
async fn the_environment_takes_no_key_of_a_session_away() {
    let app = App::answering(200).await;
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let (gateway, authority) = speaking(&app, &[("SSLKEYLOGFILE", keys.to_str().unwrap())]).await;

    let stream = authority.connect(gateway.address, &["http/1.1"]).await.unwrap();
    let answer = Connection::http1(stream, "localhost").await.post(&Sender::lmif().event("evt_1")).await;

    assert_eq!(answer.status, 200);
    assert!(!keys.exists());
}
