//! The headers of any message, read by whoever reads some.

use super::capture::headers as read;
use crate::{delivery, http, outbound, store};

/// Lines of headers: what is passed on, what an answer asks for, what the app says of an event, and what is stored.
pub fn headers(data: &[u8]) {
    let (headers, _) = read(data);
    http::fuzz::headers(&headers);
    delivery::fuzz::answer(&headers);
    outbound::fuzz::headers(&headers);
    store::fuzz::headers(&headers);
}
