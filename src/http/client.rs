//! Sends requests to one target over connections that one worker keeps.
//!
//! A worker's connections are its own, so taking one needs no lock. A kept
//! connection may have been closed by the target in the meantime: a request goes
//! out again on a fresh one only if none of it was written to the old one, as
//! nobody knows what an app did with a request that it saw.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::error::Error as _;
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::{Request, Response};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::balance::Busy;
use super::body::Frames;
use super::connection::Connection;
use super::dial::Dial;
use crate::config::Upstream;

pub(crate) use super::error::SendError;

/// How long an unused connection is kept: less than the 5 s after which Node's
/// and uvicorn's servers close one, so that the two rarely cross.
const KEPT_FOR: Duration = Duration::from_secs(4);

/// How long an app that has answered may take to read the rest of the request.
const UNTIL_READY: Duration = Duration::from_secs(1);

/// How many unused connections a worker keeps.
const KEPT: usize = 1024;

/// A client of one target, owned by one worker.
pub(crate) struct Client<D = Arc<Upstream>> {
    target: D,
    /// The longest unused first.
    kept: RefCell<VecDeque<Kept>>,
    /// Whether a task closes those that were not used in time.
    is_swept: Cell<bool>,
}

struct Kept {
    connection: Connection,
    since: Instant,
}

/// How much of an answer is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// From the first byte sent to the end of what is read.
    pub(crate) time: Duration,
    /// Of the answer's body.
    pub(crate) bytes: usize,
}

/// A connection in use; it is kept for the next request once the answer was read whole.
pub(crate) struct Lease<D: Dial = Arc<Upstream>> {
    client: Rc<Client<D>>,
    connection: Connection,
    due: Instant,
    /// Counts it at its address, where there are several.
    pub(super) busy: Option<Busy>,
}

/// A request that was not answered.
pub(super) struct Unanswered {
    pub(super) error: SendError,
    /// The request, if nothing of it was written.
    pub(super) unsent: Option<Box<Request<Frames>>>,
}

impl From<SendError> for Unanswered {
    fn from(error: SendError) -> Self {
        Self { error, unsent: None }
    }
}

impl Lease {
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.client.target
    }
}

impl<D: Dial> Lease<D> {
    /// Reads an answer, up to so many bytes of its body, in what is left of its time.
    pub(crate) async fn read(self, mut answer: Response<Incoming>, most: usize) -> Result<Response<Bytes>, SendError> {
        let reading = timeout_at(self.due, read(&mut answer, most));
        let (body, is_whole) = reading.await.map_err(|_| SendError::Late)??;
        // The rest of a longer answer is not read: its connection is closed.
        if is_whole {
            self.keep();
        }
        Ok(answer.map(|_| body))
    }

    /// Keeps the connection: the answer was read to its end. If the app did not wait for the end of the request, it
    /// cannot be used again.
    pub(crate) fn keep(self) {
        let Self { client, mut connection, .. } = self;
        if connection.is_ready() {
            return client.keep(connection);
        }
        // Its task may just not have had its turn since.
        spawn_local(async move {
            if let Ok(true) = timeout(UNTIL_READY, connection.becomes_ready()).await {
                client.keep(connection);
            }
        });
    }
}

impl Client {
    pub(super) fn upstream(&self) -> &Arc<Upstream> {
        &self.target
    }

    /// Sends a request and waits for the answer's head.
    pub(crate) async fn send(
        self: &Rc<Self>,
        request: Request<Frames>,
    ) -> Result<(Response<Incoming>, Lease), SendError> {
        self.send_within(request, self.target.timeout).await
    }
}

impl<D: Dial> Client<D> {
    pub(crate) fn new(target: D) -> Rc<Self> {
        Rc::new(Self { target, kept: RefCell::default(), is_swept: Cell::new(false) })
    }

    /// Sends a request and reads the answer, up to its bounds. Redirects are answers like others.
    pub(crate) async fn fetch(
        self: &Rc<Self>,
        request: Request<Frames>,
        bounds: Bounds,
    ) -> Result<Response<Bytes>, SendError> {
        let (answer, lease) = self.send_within(request, bounds.time).await?;
        lease.read(answer, bounds.bytes).await
    }

    async fn send_within(
        self: &Rc<Self>,
        request: Request<Frames>,
        time: Duration,
    ) -> Result<(Response<Incoming>, Lease<D>), SendError> {
        let offered = self.offer(request, time, self.target.connect_timeout());
        offered.await.map_err(|Unanswered { error, .. }| error)
    }

    /// Sends a request, over a connection that is made within `connecting` where none is kept.
    pub(super) async fn offer(
        self: &Rc<Self>,
        mut request: Request<Frames>,
        time: Duration,
        connecting: Duration,
    ) -> Result<(Response<Incoming>, Lease<D>), Unanswered> {
        loop {
            let now = Instant::now();
            let Some(connection) = self.take_kept(now) else { break };
            match self.exchange(connection, request, now + time).await? {
                Exchange::Answered(answer, lease) => return Ok((answer, lease)),
                Exchange::Unsent(unsent, _) => request = *unsent,
            }
        }
        // In a box, as every request would carry the room for a TLS handshake otherwise.
        let connection = match Box::pin(self.connect(connecting)).await {
            Ok(connection) => connection,
            Err(error) => return Err(Unanswered { error, unsent: Some(Box::new(request)) }),
        };
        match self.exchange(connection, request, Instant::now() + time).await? {
            Exchange::Answered(answer, lease) => Ok((answer, lease)),
            Exchange::Unsent(unsent, error) => {
                let error = match SendError::ended(error) {
                    SendError::Broken(_) => SendError::Connect(io::ErrorKind::ConnectionReset.into()),
                    error => error,
                };
                Err(Unanswered { error, unsent: Some(unsent) })
            }
        }
    }

    fn keep(self: &Rc<Self>, connection: Connection) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() < KEPT {
            kept.push_back(Kept { connection, since: Instant::now() });
        }
        if !self.is_swept.replace(true) {
            spawn_local(sweep(Rc::downgrade(self)));
        }
    }

    fn take_kept(&self, now: Instant) -> Option<Connection> {
        self.close_old(now);
        // The newest is the likeliest to live.
        Some(self.kept.borrow_mut().pop_back()?.connection)
    }

    /// Closes what was kept long enough, and says when there is more to close.
    fn close_old(&self, now: Instant) -> Option<Instant> {
        let mut kept = self.kept.borrow_mut();
        while kept.front().is_some_and(|oldest| now.duration_since(oldest.since) >= KEPT_FOR) {
            kept.pop_front();
        }
        Some(kept.front()?.since + KEPT_FOR)
    }

    async fn exchange(
        self: &Rc<Self>,
        mut connection: Connection,
        request: Request<Frames>,
        due: Instant,
    ) -> Result<Exchange<D>, SendError> {
        match connection.ask(request, due).await? {
            Ok(answer) => Ok(Exchange::Answered(answer, Lease { client: self.clone(), connection, due, busy: None })),
            Err(mut error) => match error.take_message() {
                Some(request) => Ok(Exchange::Unsent(Box::new(request), error.into_error())),
                None => Err(SendError::ended(error.into_error())),
            },
        }
    }

    async fn connect(&self, within: Duration) -> Result<Connection, SendError> {
        let connecting = timeout(within, self.target.dial());
        connecting.await.unwrap_or_else(|_| Err(SendError::Connect(io::ErrorKind::TimedOut.into())))
    }
}

/// Closes connections when their time is over, also where no request follows, as long as there are any.
async fn sweep<D: Dial>(client: Weak<Client<D>>) {
    while let Some(client) = client.upgrade() {
        let Some(next) = client.close_old(Instant::now()) else {
            client.is_swept.set(false);
            return;
        };
        drop(client);
        sleep_until(next).await;
    }
}

#[expect(clippy::large_enum_variant, reason = "the usual case is to cost no allocation")]
enum Exchange<D: Dial> {
    Answered(Response<Incoming>, Lease<D>),
    /// Nothing of the request was written.
    Unsent(Box<Request<Frames>>, hyper::Error),
}

/// The first bytes of an answer's body, and whether they are all.
async fn read(answer: &mut Response<Incoming>, most: usize) -> Result<(Bytes, bool), SendError> {
    let has_end = [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| answer.headers().contains_key(name));
    let body = answer.body_mut();
    let mut bytes = BytesMut::new();
    while bytes.len() < most {
        let frame = match body.frame().await {
            Some(Ok(frame)) => frame,
            None => return Ok((bytes.freeze(), true)),
            // What ends with its connection ends with it, even if TLS was not closed before: many servers do not.
            Some(Err(error)) if !has_end && is_closed(&error) => break,
            Some(Err(error)) => return Err(SendError::ended(error)),
        };
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data[..data.len().min(most - bytes.len())]);
        }
    }
    Ok((bytes.freeze(), body.is_end_stream()))
}

fn is_closed(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof)
}
