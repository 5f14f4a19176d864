//! What must hold of what is written to the file, and of what an operator is shown of it.

use bytes::Bytes;
use http::{HeaderMap, header};

use super::rows::Lines;
use super::show::masked as shown;
use crate::fuzzing::tree::Tree;
use crate::scheme::Pointer;

/// Headers are read as they were written, without those that are credentials.
pub(crate) fn headers(given: &HeaderMap) {
    let read = Lines::parse(&Lines::of(given, &[]).0);
    let mut expected = given.clone();
    for name in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::SET_COOKIE] {
        expected.remove(name);
    }
    assert_eq!(read, expected);
}

/// Whatever is at the pointers is not shown, and of what cannot be read nothing is.
pub(crate) fn masked(mask: &[Pointer], body: &[u8]) {
    let seen = shown(mask, Bytes::copy_from_slice(body));
    let Some(tree) = Tree::read(body) else {
        let begins = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start().first();
        assert!(mask.is_empty() || !matches!(begins, Some(b'{' | b'[')) || seen == "***");
        return;
    };
    if seen == "***" {
        return;
    }
    let Some(left) = Tree::read(&seen) else { panic!("{} is no JSON", String::from_utf8_lossy(&seen)) };
    for pointer in mask {
        let hidden = Tree::Text("***".to_owned());
        assert!(left.all_at(&pointer.0).iter().all(|value| **value == hidden), "{pointer} of {tree:?} is shown");
    }
}
