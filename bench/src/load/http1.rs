//! Requests one after another on a connection.

use std::rc::Rc;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{State, Template, Wire, tls};
use crate::upstream::{content_length, find};

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

pub(super) struct Connection {
    state: Rc<State>,
    stream: Box<dyn Stream>,
    template: Template,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    /// A connection over which a request has been answered, if it is one that is kept.
    pub(super) async fn open(state: Rc<State>) -> Option<Self> {
        let (stream, template) = (connect(&state).await?, Template::new(&state.load, state.way));
        let mut connection = Self { state, stream, template, request: Vec::new(), answer: vec![0; 16_384] };
        if connection.state.way.wire != Wire::Handshakes {
            connection.exchange(connection.state.take()).await?;
        }
        Some(connection)
    }

    pub(super) async fn send(mut self) -> Option<()> {
        let expected = format!("HTTP/1.1 {}", self.state.expected());
        while let Some(number) = self.state.next() {
            let (start, count) = self.exchange(number).await?;
            self.state.answered(start, self.answer[..count].starts_with(expected.as_bytes()));
            if self.state.way.wire == Wire::Handshakes {
                self.stream = connect(&self.state).await?;
            }
        }
        Some(())
    }

    async fn exchange(&mut self, number: u64) -> Option<(Instant, usize)> {
        self.template.write(&mut self.request, number);
        let start = Instant::now();
        Some((start, exchange(&mut self.stream, &self.request, &mut self.answer).await?))
    }
}

async fn connect(state: &State) -> Option<Box<dyn Stream>> {
    let stream = TcpStream::connect(state.load.target).await.ok()?;
    let _ = stream.set_nodelay(true);
    Some(match state.way.wire {
        Wire::Plain => Box::new(stream),
        _ => Box::new(tls::connect(stream, b"http/1.1").await?),
    })
}

/// Sends a request; how long its answer is, all of which has been read.
pub(super) async fn exchange(stream: &mut (impl Stream + ?Sized), request: &[u8], answer: &mut [u8]) -> Option<usize> {
    stream.write_all(request).await.ok()?;
    let (mut filled, mut whole) = (0, usize::MAX);
    while filled < whole {
        match stream.read(&mut answer[filled..]).await.ok()? {
            0 => return None,
            count => filled += count,
        }
        if whole == usize::MAX
            && let Some(end) = find(&answer[..filled])
        {
            whole = end + content_length(&answer[..end]);
        }
    }
    Some(filled)
}
