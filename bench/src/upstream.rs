//! The app behind the proxies: as cheap as it can be.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"ok\":true}";

#[derive(clap::Args)]
pub(crate) struct Upstream {
    #[arg(long)]
    listen: SocketAddr,
}

impl Upstream {
    pub(crate) fn run(&self) {
        crate::runtime().block_on(async {
            let listener = TcpListener::bind(self.listen).await.expect("the upstream's address");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(answer(stream));
            }
        });
    }
}

async fn answer(mut stream: TcpStream) -> Option<()> {
    let _ = stream.set_nodelay(true);
    let mut buffer = vec![0; 256 * 1024];
    let mut filled = 0;
    loop {
        let head = loop {
            if let Some(end) = find(&buffer[..filled]) {
                break end;
            }
            let count = stream.read(&mut buffer[filled..]).await.ok()?;
            if count == 0 {
                return None;
            }
            filled += count;
        };
        let mut left = (head + content_length(&buffer[..head])).checked_sub(filled)?;
        while left > 0 {
            let count = stream.read(&mut buffer).await.ok()?;
            if count == 0 {
                return None;
            }
            left = left.checked_sub(count)?;
        }
        filled = 0;
        stream.write_all(ANSWER).await.ok()?;
    }
}

/// Where a head ends.
pub(crate) fn find(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

pub(crate) fn content_length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).unwrap_or_default();
    let value = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    value.unwrap_or(0)
}
