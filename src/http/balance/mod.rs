//! Requests to an app, which may be at several addresses.
//!
//! Each worker decides for itself, by what it sees: it asks the address where fewest of its own requests are under
//! way, and leaves out for a while one that fails again and again. So nothing is shared, and nothing is locked. An app
//! at one address, the usual case, has none of this.

mod health;
mod member;
#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::time::Instant;

use super::body::Frames;
use super::client::{Bounds, Client, Lease, SendError, Unanswered};
use crate::config::Upstream;
pub(crate) use member::Busy;
use member::Member;

/// Marks a request whose `Host` is the sender's, at whatever address the app is asked.
#[derive(Clone, Copy)]
pub(crate) struct KeptHost;

/// A client of one app, owned by one worker.
pub(crate) struct UpstreamClient {
    upstream: Arc<Upstream>,
    at: At,
}

/// Where the app is.
#[derive(Clone)]
enum At {
    One(Rc<Client>),
    Several(Rc<[Rc<Member>]>),
}

impl UpstreamClient {
    pub(crate) fn new(upstream: Arc<Upstream>) -> Rc<Self> {
        let at = if upstream.others.is_empty() {
            At::One(Client::new(upstream.clone()))
        } else {
            At::Several(upstream.addresses().map(|url| Member::new(&upstream, url)).collect())
        };
        Rc::new(Self { upstream, at })
    }

    /// The same connections, and what is known of the addresses, for an upstream that is to be spoken to as this one.
    /// Over TLS none is: what is trusted may have changed.
    pub(crate) fn serving(&self, upstream: &Arc<Upstream>) -> Option<Rc<Self>> {
        let (old, new) = (&self.upstream, upstream);
        let is_same = old.url == new.url
            && old.others == new.others
            && old.timeout == new.timeout
            && old.connect_timeout == new.connect_timeout
            && old.tls.is_none()
            && new.tls.is_none();
        is_same.then(|| Rc::new(Self { upstream: new.clone(), at: self.at.clone() }))
    }

    pub(crate) fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// Sends a request and waits for the answer's head.
    pub(crate) async fn send(&self, request: Request<Frames>) -> Result<(Response<Incoming>, Lease), SendError> {
        match &self.at {
            At::One(client) => client.send(request).await,
            At::Several(members) => Box::pin(self.send_to_any(members, request, self.upstream.timeout)).await,
        }
    }

    /// Sends a request and reads the answer, up to its bounds. Redirects are answers like others.
    pub(crate) async fn fetch(&self, request: Request<Frames>, bounds: Bounds) -> Result<Response<Bytes>, SendError> {
        match &self.at {
            At::One(client) => client.fetch(request, bounds).await,
            At::Several(members) => {
                let (answer, lease) = Box::pin(self.send_to_any(members, request, bounds.time)).await?;
                lease.read(answer, bounds.bytes).await
            }
        }
    }

    /// Asks one address after the other, until something of the request was written. All of them together have the
    /// time to connect that one has.
    async fn send_to_any(
        &self,
        members: &[Rc<Member>],
        mut request: Request<Frames>,
        time: Duration,
    ) -> Result<(Response<Incoming>, Lease), SendError> {
        let until = Instant::now() + self.upstream.connect_timeout;
        let mut left: Vec<&Rc<Member>> = members.iter().collect();
        loop {
            let now = Instant::now();
            let choice = member::choose(&left, now);
            // An address that swallows packets leaves time for the next one.
            let share = until.saturating_duration_since(now) / left.len() as u32;
            let member = left.swap_remove(choice.place);
            let mut busy = member.begin(choice.probes);
            self.name_host(member, &mut request);
            match member.client.offer(request, time, share).await {
                Ok((answer, mut lease)) => {
                    busy.answered();
                    lease.busy = Some(busy);
                    return Ok((answer, lease));
                }
                Err(Unanswered { error, unsent }) => {
                    busy.failed(&error);
                    match unsent {
                        Some(unsent) if !left.is_empty() => request = *unsent,
                        _ => return Err(error),
                    }
                }
            }
        }
    }

    /// Makes `Host` that of the address, unless it is the sender's own, which was to be kept.
    fn name_host(&self, member: &Member, request: &mut Request<Frames>) {
        if request.extensions().get::<KeptHost>().is_none() {
            request.headers_mut().insert(header::HOST, member.client.upstream().url.authority.clone());
        }
    }
}
