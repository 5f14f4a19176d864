//! Small texts: every one is given to everything that reads such.

use crate::{config, http, scheme};

/// A signature, a time, a query, a duration, a size, a URL, an address, a format or a template.
pub fn texts(data: &[u8]) {
    scheme::fuzz::texts(data);
    if let Ok(text) = std::str::from_utf8(data) {
        config::fuzz::texts(text);
        http::fuzz::address(text);
    }
}
