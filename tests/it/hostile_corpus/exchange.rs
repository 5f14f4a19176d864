//! One case, sent over a connection of its own, and what is answered, read as strictly as can be.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::{sleep, timeout};

use super::corpus::{Case, Then};
use super::fill;
use super::place::{Place, Stream, event};
use crate::support::SOON;

/// How the bytes of a case are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// All at once.
    Whole,
    /// Up to each carriage return, so that every CR LF comes in two.
    CarriageReturns,
    /// Each byte by itself.
    Bytes,
}

/// How long it is until the next piece, so that it arrives alone. Nothing tells that it has.
const PAUSE: Duration = Duration::from_millis(1);

/// So many pieces are sent one by one; what follows them comes at once.
const MOST_PIECES: usize = 700;

/// The answer to one request.
#[derive(Debug)]
struct Answer {
    status: u16,
    /// The event that the witness saw.
    seen: Option<String>,
}

/// Sends a case, and says what is wrong with what comes of it.
pub(crate) async fn exchange(place: &Place, case: &Case, tag: &str, pieces: Pieces) -> Result<(), String> {
    let mut filling = Filling::new(place, tag);
    let bytes = with_rest(fill::lines(&case.lines, &mut |name| filling.value(name)));
    let (reader, mut writer) = split(place.connect().await);
    let write = async {
        // A gateway that refuses early may have closed while it is written to.
        let _ = write(&mut writer, &bytes, pieces).await;
        if case.then == Then::End {
            let _ = writer.shutdown().await;
        }
        writer
    };
    if case.then == Then::Leave {
        drop((write.await, reader));
        return Ok(());
    }
    let mut answers = Answers { reader, buffer: Vec::new(), to_head: bytes.starts_with(b"HEAD ") };
    if place.is_closed() {
        let most = case.expect.split(' ').count() - 1;
        return refused(answers, write, most).await;
    }
    let judged = async { Judge { place, case, tag }.judge(&mut answers).await };
    let (mut writer, judged) = tokio::join!(write, judged);
    let end = judged?;
    if end != End::Closed {
        let id = format!("{tag}-next");
        let _ = writer.write_all(&place.request(&id)).await;
        answers.to_head = false;
        match answers.next().await? {
            Some(next) => Judge { place, case, tag }.is_good(&next, &id)?,
            None if end == End::Any => {}
            None => return Err("the next good request is not answered".into()),
        }
    }
    let fresh = format!("{tag}-fresh");
    let (reader, mut writer) = split(place.connect().await);
    writer.write_all(&place.request(&fresh)).await.map_err(|error| error.to_string())?;
    let mut answers = Answers { reader, buffer: Vec::new(), to_head: false };
    let answer = answers.next().await?.ok_or("a good request on a fresh connection is not answered")?;
    Judge { place, case, tag }.is_good(&answer, &fresh)
}

/// Where somebody has no right to be, what is good elsewhere is refused as well, and nothing more is read than there.
async fn refused(
    mut answers: Answers,
    write: impl Future<Output = WriteHalf<Box<dyn Stream>>>,
    most: usize,
) -> Result<(), String> {
    let write = async { write.await.shutdown().await };
    let read = async {
        let mut statuses = Vec::new();
        while let Some(answer) = answers.next().await? {
            statuses.push(answer.status);
            if !(400..500).contains(&answer.status) || answer.seen.is_some() || statuses.len() > most {
                return Err(format!("{statuses:?} for a stranger"));
            }
        }
        Ok(())
    };
    tokio::join!(write, read).1
}

async fn write(writer: &mut WriteHalf<Box<dyn Stream>>, bytes: &[u8], pieces: Pieces) -> std::io::Result<()> {
    let ends = |byte: u8| match pieces {
        Pieces::Whole => false,
        Pieces::CarriageReturns => byte == b'\r',
        Pieces::Bytes => true,
    };
    for (number, piece) in bytes.split_inclusive(|byte| ends(*byte)).enumerate() {
        if number == MOST_PIECES {
            let sent: usize = bytes.split_inclusive(|byte| ends(*byte)).take(MOST_PIECES).map(<[u8]>::len).sum();
            return writer.write_all(&bytes[sent..]).await;
        }
        writer.write_all(piece).await?;
        writer.flush().await?;
        if pieces != Pieces::Whole {
            sleep(PAUSE).await;
        }
    }
    writer.flush().await
}

/// What `{rest}` is until everything is there.
const REST: &[u8] = b"{rest}";

/// Writes the length of what follows the head in its place.
fn with_rest(bytes: Vec<u8>) -> Vec<u8> {
    let find = |what: &[u8], from: usize| bytes[from..].windows(what.len()).position(|window| window == what);
    let Some(at) = find(REST, 0) else { return bytes };
    let end = at + find(b"\r\n\r\n", at).expect("a head that ends") + 4;
    let length = (bytes.len() - end).to_string();
    [&bytes[..at], length.as_bytes(), &bytes[at + REST.len()..]].concat()
}

/// What stands for what in a case.
pub(crate) struct Filling<'a> {
    place: &'a Place,
    tag: &'a str,
    id: String,
    requests: usize,
}

impl<'a> Filling<'a> {
    /// The case's own event is the first of this tag.
    pub(crate) fn new(place: &'a Place, tag: &'a str) -> Self {
        Self { place, tag, id: format!("{tag}-0"), requests: 0 }
    }

    /// The same with another id.
    pub(crate) fn of_event(place: &'a Place, id: &'a str) -> Self {
        Self { place, tag: id, id: id.to_owned(), requests: 0 }
    }

    pub(crate) fn value(&mut self, name: &str) -> Vec<u8> {
        let body = event(&self.id);
        let text = match name {
            "body" => body,
            "chunk" => format!("{:x}\r\n{body}\r\n", body.len()),
            "credentials" => {
                let fields = self.place.credentials(body.as_bytes());
                fields.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\r\n")
            }
            "hex" => format!("{:x}", body.len()),
            "length" => body.len().to_string(),
            "path" => self.place.path.to_owned(),
            "request" => {
                self.requests += 1;
                return self.place.request(&format!("{}-{}", self.tag, self.requests));
            }
            "rest" => return REST.to_vec(),
            "signature" => self.place.credentials(body.as_bytes()).remove(1).1,
            "smuggled" => return self.place.smuggled(&format!("{}-smuggled", self.tag)),
            _ => panic!("nothing is called {{{name}}}"),
        };
        text.into_bytes()
    }
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Either of the two, as the rest of what was sent comes early or late.
    Any,
    Closed,
    Open,
}

/// Compares what comes with what must.
struct Judge<'a> {
    place: &'a Place,
    case: &'a Case,
    tag: &'a str,
}

impl Judge<'_> {
    async fn judge(&self, answers: &mut Answers) -> Result<End, String> {
        let mut seen = Vec::new();
        let mut statuses = Vec::new();
        for word in self.case.expect.split(' ') {
            let end = match word {
                "any" => End::Any,
                "closed" => End::Closed,
                "open" => End::Open,
                wanted => {
                    let missing = || format!("no answer of {wanted} after {statuses:?}");
                    let answer = answers.next().await?.ok_or_else(missing)?;
                    statuses.push(answer.status);
                    self.is_allowed(&answer, wanted)?;
                    seen.extend(answer.seen);
                    continue;
                }
            };
            if end == End::Closed
                && let Some(more) = answers.next().await?
            {
                return Err(format!("after {statuses:?} there is {more:?}"));
            }
            let came = self.place.witness.events(&format!("{}-", self.tag));
            if came != seen {
                return Err(format!("{seen:?} were answered, and the app saw {came:?}"));
            }
            return Ok(end);
        }
        Err(format!("{} does not say what becomes of the connection", self.case.name))
    }

    fn is_allowed(&self, answer: &Answer, wanted: &str) -> Result<(), String> {
        let allowed = wanted.split('|').any(|status| answer.status.to_string() == status)
            && (answer.status == 200) == answer.seen.is_some();
        let own = answer.seen.as_ref().is_none_or(|id| id.starts_with(self.tag) && !id.ends_with("smuggled"));
        if allowed && own { Ok(()) } else { Err(format!("{answer:?} instead of {wanted}")) }
    }

    fn is_good(&self, answer: &Answer, id: &str) -> Result<(), String> {
        let good = answer.status == 200 && answer.seen.as_deref() == Some(id);
        if good { Ok(()) } else { Err(format!("a good request is answered {answer:?}")) }
    }
}

/// The answers on a connection.
struct Answers {
    reader: ReadHalf<Box<dyn Stream>>,
    buffer: Vec<u8>,
    to_head: bool,
}

impl Answers {
    /// The next answer but 100; `None`: the connection has ended.
    async fn next(&mut self) -> Result<Option<Answer>, String> {
        timeout(SOON, self.read())
            .await
            .map_err(|_| format!("neither an answer nor an end, but {:?}", String::from_utf8_lossy(&self.buffer)))?
    }

    async fn read(&mut self) -> Result<Option<Answer>, String> {
        loop {
            let end = loop {
                match self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                    Some(end) => break end + 4,
                    None if self.more().await => {}
                    None if self.buffer.is_empty() => return Ok(None),
                    None => return Err(format!("half an answer: {:?}", String::from_utf8_lossy(&self.buffer))),
                }
            };
            let head = String::from_utf8(self.buffer.drain(..end).collect()).map_err(|error| error.to_string())?;
            if head == "HTTP/1.1 100 Continue\r\n\r\n" {
                continue;
            }
            let status =
                head.strip_prefix("HTTP/1.1 ").or(head.strip_prefix("HTTP/1.0 ")).and_then(|rest| rest.get(..3));
            let status = status.and_then(|status| status.parse().ok()).ok_or_else(|| format!("no status: {head}"))?;
            let fields: Vec<_> = head.split("\r\n").filter_map(|line| line.split_once(": ")).collect();
            let lengths: Vec<_> =
                fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).collect();
            let length: usize = match lengths[..] {
                _ if self.to_head => 0,
                [(_, length)] => length.parse().map_err(|_| format!("no length: {head}"))?,
                _ => return Err(format!("not one length: {head}")),
            };
            while self.buffer.len() < length {
                if !self.more().await {
                    return Err(format!("an answer that breaks off: {head}"));
                }
            }
            let body = String::from_utf8_lossy(&self.buffer.drain(..length).collect::<Vec<_>>()).into_owned();
            let seen = body.strip_prefix("{\"seen\":\"").and_then(|rest| rest.strip_suffix("\"}")).map(str::to_owned);
            return Ok(Some(Answer { status, seen }));
        }
    }

    async fn more(&mut self) -> bool {
        self.reader.read_buf(&mut self.buffer).await.is_ok_and(|count| count > 0)
    }
}
