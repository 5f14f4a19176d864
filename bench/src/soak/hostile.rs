//! Senders who are slow, hang up, or send too much or too little.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::books::Told;
use super::client::{Answer, Unanswered};
use super::traffic::{Event, Sender, is_out_of_season, path, told};

/// Sends more than `limits.body`.
pub(super) async fn too_large(sender: &mut Sender) {
    sender.world.books.count("too large");
    let head = head(sender, &[], 3 << 20);
    let answer = raw(sender, &[head.as_bytes(), &vec![b'x'; 256 << 10]], Duration::ZERO).await;
    expect(sender, answer, &[413], "too large");
}

/// Sends the half of a request, and ends.
pub(super) async fn half(sender: &mut Sender, event: &Event) {
    sender.world.books.count("half a request");
    let whole = request(sender, event, false);
    let Some(mut stream) = connect(sender).await else { return };
    let cut = sender.rng.usize(1..whole.len());
    let _ = stream.write_all(&whole[..cut]).await;
    drop(stream);
    sender.world.books.tell(sender.way.name, Told::Nothing);
}

/// Sends a whole request, and does not wait for the answer.
pub(super) async fn hang_up(sender: &mut Sender, event: &Event) {
    sender.world.books.count("hung up after sending");
    let whole = request(sender, event, true);
    let Some(mut stream) = connect(sender).await else { return };
    let _ = stream.write_all(&whole).await;
    sleep(Duration::from_millis(sender.rng.u64(..30))).await;
    drop(stream);
    sender.world.books.tell(sender.way.name, Told::Nothing);
}

/// Sends so slowly that the time for a body is over first.
pub(super) async fn too_slow(sender: &mut Sender, event: &Event) {
    sender.world.books.count("too slow");
    let whole = request(sender, event, false);
    let end = whole.len() - event.length.min(20) - 4;
    let pieces: Vec<&[u8]> = std::iter::once(&whole[..end]).chain(whole[end..whole.len() - 1].chunks(1)).collect();
    let answer = raw(sender, &pieces, Duration::from_millis(600)).await;
    // The secret is right and the body is not whole: it must not arrive.
    expect(sender, answer, &[408], "too slow");
}

/// Sends in pieces, in time.
pub(super) async fn in_pieces(sender: &mut Sender, event: &Event) {
    sender.world.books.count("sent in pieces");
    let whole = request(sender, event, true);
    let pieces: Vec<&[u8]> = whole.chunks(whole.len() / 4 + 1).collect();
    let answer = raw(sender, &pieces, Duration::from_millis(50)).await;
    if let Ok(Answer { status: 200..=299, .. }) = answer {
        sender.world.books.acknowledge(sender.way.name, &event.id);
        return told(&sender.world, sender.way, &answer);
    }
    told(&sender.world, sender.way, &answer);
    sender.deliver(event).await;
}

fn head(sender: &Sender, headers: &[(&'static str, String)], length: usize) -> String {
    let path = path(sender.way);
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\n{lines}Content-Length: {length}\r\n\r\n",
        sender.world.addresses.inbound
    )
}

/// An event with its signature, as HTTP/1.1.
fn request(sender: &Sender, event: &Event, is_genuine: bool) -> Vec<u8> {
    let (world, body) = (&sender.world, event.body(is_genuine));
    let (headers, body) = sender.way.style.sign(world.season.secret(), world.clock.now(), &event.id, &body);
    [head(sender, &headers, body.len()).into_bytes(), body].concat()
}

async fn connect(sender: &Sender) -> Option<TcpStream> {
    let stream = TcpStream::connect(sender.world.addresses.inbound).await.ok()?;
    stream.set_nodelay(true).ok()?;
    Some(stream)
}

/// Writes piece by piece as long as there is no answer, and reads the answer's status.
async fn raw(sender: &Sender, pieces: &[&[u8]], pause: Duration) -> Result<Answer, Unanswered> {
    let stream = connect(sender).await.ok_or(Unanswered::Unsent)?;
    let (mut read, mut write) = stream.into_split();
    let mut answer = Vec::new();
    for piece in pieces {
        let _ = write.write_all(piece).await;
        if !pause.is_zero() && timeout(pause, read.read_buf(&mut answer)).await.is_ok() {
            break;
        }
    }
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        match tokio::time::timeout_at(until, read.read_buf(&mut answer)).await {
            Err(_) => return Err(Unanswered::Late),
            Ok(Err(_) | Ok(0)) => return Err(Unanswered::Broken),
            Ok(Ok(_)) => {}
        }
    }
    let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    let status = text.get(9..12).and_then(|status| status.parse().ok()).ok_or(Unanswered::Broken)?;
    Ok(Answer { status, is_replayed: text.contains("countersign-replayed: true"), body: bytes::Bytes::new() })
}

fn expect(sender: &Sender, answer: Result<Answer, Unanswered>, statuses: &[u16], what: &str) {
    let season = sender.world.season.number.get();
    told(&sender.world, sender.way, &answer);
    match answer {
        Ok(Answer { status, .. }) if statuses.contains(&status) || status == 503 => {}
        Ok(Answer { status: 404, .. }) if is_out_of_season(&sender.world, sender.way, season) => {}
        Err(Unanswered::Unsent | Unanswered::Broken) => {}
        other => sender.world.books.complain("answered otherwise", format!("{what} at {}: {other:?}", sender.way.name)),
    }
}
