//! A body as it came.

use std::borrow::Cow;

use bytes::Bytes;

/// A body as its frames, in order and unjoined, so that it is hashed, searched and forwarded without a copy.
///
/// Empty frames are not kept. The first frame needs no allocation, as most bodies are one frame.
#[derive(Clone, Debug, Default)]
pub struct Body {
    first: Bytes,
    rest: Vec<Bytes>,
    len: usize,
}

impl Body {
    /// Appends the next frame.
    pub fn push(&mut self, frame: Bytes) {
        if frame.is_empty() {
            return;
        }
        self.len += frame.len();
        if self.first.is_empty() {
            self.first = frame;
        } else {
            self.rest.push(frame);
        }
    }

    /// Its length in bytes, over all frames.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its frames in order, none of them empty.
    pub fn frames(&self) -> impl Iterator<Item = &Bytes> + Clone {
        std::iter::once(&self.first).filter(|first| !first.is_empty()).chain(&self.rest)
    }

    /// As [`frames`](Self::frames), by value.
    pub fn into_frames(self) -> impl Iterator<Item = Bytes> {
        std::iter::once(self.first).filter(|first| !first.is_empty()).chain(self.rest)
    }

    /// All bytes side by side; copied only where there is more than one frame.
    pub fn contiguous(&self) -> Cow<'_, [u8]> {
        if self.rest.is_empty() {
            return Cow::Borrowed(&self.first);
        }
        let mut joined = Vec::with_capacity(self.len);
        self.frames().for_each(|frame| joined.extend_from_slice(frame));
        Cow::Owned(joined)
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { len: bytes.len(), first: bytes, rest: Vec::new() }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl FromIterator<Bytes> for Body {
    fn from_iter<I: IntoIterator<Item = Bytes>>(frames: I) -> Self {
        let mut body = Self::default();
        frames.into_iter().for_each(|frame| body.push(frame));
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(parts: &[&'static str]) -> Body {
        parts.iter().map(|part| Bytes::from_static(part.as_bytes())).collect()
    }

    #[test]
    fn frames_keep_their_order_and_empty_ones_are_dropped() {
        let body = frames(&["", "a", "", "bc", "d", ""]);

        assert_eq!(body.frames().collect::<Vec<_>>(), ["a", "bc", "d"]);
        assert_eq!(body.clone().into_frames().collect::<Vec<_>>(), ["a", "bc", "d"]);
        assert_eq!(body.contiguous(), b"abcd".as_slice());
        assert_eq!(body.len(), 4);
    }

    #[test]
    fn one_frame_is_not_copied() {
        assert!(matches!(frames(&["whole"]).contiguous(), Cow::Borrowed(b"whole")));
    }

    #[test]
    fn an_empty_body_has_no_frames() {
        let body = frames(&[""]);

        assert!(body.is_empty());
        assert_eq!(body.frames().count(), 0);
        assert!(body.contiguous().is_empty());
    }
}
