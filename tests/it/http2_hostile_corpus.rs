//! The corpus of hostile HTTP/2 in tests/hostile/http2, sent to the addresses for senders and for the app.
//!
//! As in [`hostile_corpus`](crate::hostile_corpus), each case has a connection of its own, and a good request has to
//! pass afterwards, on a new stream if the connection goes on, and on a fresh connection.

mod answers;
mod compose;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, split};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::hostile_corpus::corpus::{Case, cases};
use crate::hostile_corpus::exchange::Filling;
use crate::hostile_corpus::place::Place;
use crate::hostile_corpus::{AT_ONCE, GAIN, TRIES, is_unharmed};
use crate::support::SOON;
use answers::Answers;
use compose::{BEGINNING, compose};

/// The stream of the good request that follows a case.
const NEXT: u32 = 1001;

/// The error codes of RFC 9113 §7, in their order.
const CODES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// How the bytes of a case are written: so many at once.
#[derive(Clone, Copy, Debug)]
struct Pieces(usize);

async fn exchange(place: &Place, case: &Case, tag: &str, pieces: Pieces) -> Result<(), String> {
    let mut filling = Filling::new(place, tag);
    let bytes = compose(&case.lines, &mut |name| filling.value(name));
    let (mut reader, mut writer) = split(connected(place).await);
    let write = async {
        // What is large is about its size, and comes in fewer pieces.
        for piece in bytes.chunks(pieces.0.max(bytes.len() / 200)) {
            if writer.write_all(piece).await.is_err() {
                // A gateway that has had enough closes while it is written to.
                break;
            }
            if piece.len() < bytes.len() {
                sleep(Duration::from_millis(1)).await;
            }
        }
    };
    let mut answers = Answers::default();
    let words: Vec<_> = case.expect.split(' ').collect();
    let read = async {
        while !words.iter().all(|word| is_there(&answers, word)) && !answers.closed {
            answers.read(&mut reader).await?;
        }
        Ok::<_, String>(())
    };
    let both = async { tokio::join!(write, read).1 };
    timeout(SOON, both).await.map_err(|_| format!("not what was expected, but {answers:?}"))??;
    if let Some(word) = words.iter().find(|word| !is_there(&answers, word)) {
        return Err(format!("no {word}, but {answers:?}"));
    }
    if !answers.closed {
        let next = format!("{tag}-next");
        let _ = writer.write_all(&good(place, &next, NEXT)).await;
        let outcome = until_good(&mut answers, &mut reader, place, &next).await;
        // The gateway may have had enough while the good request was on its way.
        if !(words.contains(&"any") && answers.closed) {
            outcome?;
        }
    }
    let (mut seen, mut came) = (answers.seen(), place.witness.events(&format!("{tag}-")));
    seen.sort();
    came.sort();
    if came != seen || came.iter().any(|id| id.ends_with("smuggled")) {
        return Err(format!("{seen:?} were answered, and the app saw {came:?}"));
    }
    let fresh = format!("{tag}-fresh");
    let (mut reader, mut writer) = split(connected(place).await);
    writer.write_all(&[BEGINNING, &good(place, &fresh, NEXT)].concat()).await.map_err(|error| error.to_string())?;
    until_good(&mut Answers::default(), &mut reader, place, &fresh).await
}

async fn connected(place: &Place) -> TcpStream {
    let stream = TcpStream::connect(place.address).await.unwrap();
    // Else what is written in pieces would leave in one.
    stream.set_nodelay(true).unwrap();
    stream
}

/// Whether what a word asks for is there: what becomes of the connection, `goaway:CODE`, or `STREAM:` with a status
/// or a code.
fn is_there(answers: &Answers, word: &str) -> bool {
    let Some((what, codes)) = word.split_once(':') else {
        return match word {
            "any" => true,
            "closed" => answers.closed,
            "open" => !answers.closed,
            // The first stream, or everything.
            "refused" if answers.statuses.is_empty() => {
                answers.resets.contains_key(&1) || answers.closed && answers.goaway.is_some_and(|code| code > 0)
            }
            _ => false,
        };
    };
    let name = |code: &u32| *CODES.get(*code as usize).unwrap_or(&"?");
    codes.split('|').any(|code| match what.parse::<u32>() {
        Err(_) => answers.goaway.as_ref().is_some_and(|found| name(found) == code),
        Ok(stream) if code.parse::<u16>().is_ok() => {
            answers.is_whole(stream) && answers.statuses.get(&stream).is_some_and(|status| status.to_string() == code)
        }
        Ok(stream) => {
            !answers.statuses.contains_key(&stream)
                && answers.resets.get(&stream).is_some_and(|found| name(found) == code)
        }
    })
}

/// A good request on this stream.
fn good(place: &Place, id: &str, stream: u32) -> Vec<u8> {
    let lines = [
        "bare",
        &format!("HEADERS {stream} END_HEADERS"),
        "  {usual}",
        &format!("DATA {stream} END_STREAM"),
        "  {body}",
    ];
    let mut filling = Filling::of_event(place, id);
    compose(&lines.map(str::to_owned), &mut |name| filling.value(name))
}

async fn until_good<R>(answers: &mut Answers, reader: &mut R, place: &Place, id: &str) -> Result<(), String>
where
    R: tokio::io::AsyncRead + Unpin,
{
    let read = async {
        while !answers.is_whole(NEXT) && !answers.closed {
            answers.read(reader).await?;
        }
        Ok::<_, String>(())
    };
    timeout(SOON, read).await.map_err(|_| format!("a good request is not answered, but {:?}", answers.statuses))??;
    let (status, seen) = (answers.statuses.get(&NEXT), answers.seen());
    let good = match place.is_closed() {
        true => status == Some(&401) && seen.is_empty(),
        false => status == Some(&200) && seen.iter().any(|seen| seen == id),
    };
    if good { Ok(()) } else { Err(format!("a good request is answered {answers:?}")) }
}

async fn withstands(place: Place, cases: &[Case], ways: &[Pieces]) {
    let descriptors = place.descriptors();
    let place = Arc::new(place);
    let mut memory = None;
    for (pass, pieces) in ways.iter().enumerate() {
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let mut running = JoinSet::new();
        for (number, case) in cases.iter().cloned().enumerate() {
            let (place, slots, pieces) = (place.clone(), slots.clone(), *pieces);
            running.spawn(async move {
                let _slot = slots.acquire().await;
                for again in 0.. {
                    match exchange(&place, &case, &format!("{pass}x{number}x{again}"), pieces).await {
                        Ok(()) => break,
                        // A machine that has too much to do has its gateway refuse what is good: it says to come again.
                        Err(error) if again < TRIES && error.contains(": 503") => {
                            sleep(Duration::from_millis(100)).await
                        }
                        Err(error) => return Some(format!("{} as {pieces:?}: {error}", case.name)),
                    }
                }
                None
            });
        }
        let failed: Vec<_> = running.join_all().await.into_iter().flatten().collect();
        is_unharmed(&place, &failed);
        place.until_at_rest(descriptors).await;
        memory.get_or_insert_with(|| place.gateway.memory());
    }
    let gained = place.gateway.memory().saturating_sub(memory.unwrap_or(0));
    assert!(gained < GAIN, "{} KiB more than after the first pass", gained >> 10);
    println!("{} cases in {} ways, {} KiB gained", cases.len(), ways.len(), gained >> 10);
}

#[tokio::test]
async fn senders_that_mean_no_good_do_none_over_http_2() {
    let ways = [Pieces(usize::MAX), Pieces(9), Pieces(usize::MAX), Pieces(25)];

    withstands(Place::inbound().await, &cases("http2"), &ways).await;
}

#[tokio::test]
async fn an_app_that_was_taken_over_smuggles_nothing_over_http_2() {
    let mut cases = cases("http2");
    cases.retain(|case| !case.inbound_only);

    withstands(Place::outbound().await, &cases, &[Pieces(usize::MAX)]).await;
}
