//! Hands the app what is not verified, where its source says `verification: report_only`.
//!
//! The one exception to the rule that no unverified byte reaches the app, and its only place. A [`Leave`] shows that a
//! source wants it; only with one is there an [`Unverified`], which can be forwarded and nothing else: it is no event,
//! so it claims nothing, and it cannot be stored.

use std::rc::Rc;

use http::{HeaderMap, Response, Uri};

use super::entry::Entry;
use super::forward;
use super::message::Disclosed;
use super::reply::Reply;
use super::route::Route;
use crate::config::{Source, Verification};
use crate::http::balance::UpstreamClient;
use crate::http::server::{Share, Way};
use crate::scheme::{Body, Rejection};

/// That a source wants to see what is not verified.
#[derive(Clone, Copy)]
pub(super) struct Leave(());

impl Leave {
    /// `None`: the source refuses it.
    pub(super) fn of(source: &Source) -> Option<Self> {
        (source.verification == Verification::ReportOnly).then_some(Self(()))
    }
}

/// A request whose signature was rejected, for a source that wants it all the same.
pub(super) struct Unverified {
    pub route: Rc<Route>,
    pub client: Rc<UpstreamClient>,
    pub rejection: Rejection,
    pub headers: HeaderMap,
    pub uri: Uri,
    pub way: Rc<Way>,
    pub body: Body,
    /// The body's share of the memory, held as long as the request.
    pub share: Share,
    /// Nobody makes one without it.
    pub _leave: Leave,
}

/// Sends it to its upstream, whatever the source's mode of delivery, and answers with what the app says.
pub(super) async fn forward(unverified: Box<Unverified>, mut entry: Box<Entry>) -> Response<Reply> {
    entry.not_verified(&unverified);
    let client = unverified.client.clone();
    let (disclosed, _share) = Disclosed::of(*unverified);
    let request = disclosed.request(&client.upstream().url, entry.attempt());
    forward::send(&client, request, None, entry).await
}
