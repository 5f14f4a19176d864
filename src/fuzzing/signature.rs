//! Signing and verifying, by any scheme.

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use super::capture::Capture;
use crate::scheme::{
    Body, Cover, EventId, Keyring, Mechanism, Message, Rejection, Scheme, TimestampSource, Verified, type_header_value,
};

/// The moment at which everything happens: within the tolerance of the requests in `tests/vectors/senders`, mostly.
const NOW: i64 = 1_767_225_620;

/// A [`Capture`]: is it accepted, then only because of its key and its body; and what is signed in its place is
/// accepted, in any framing, and not after a bit of it was turned.
pub fn signature(data: &[u8]) {
    let Some(capture) = Capture::read(data) else { return };
    let Some([own, other]) = capture.keyrings() else { return };
    let trial = Trial { capture: &capture, own, other, now: Timestamp::from_second(NOW).expect("a moment") };
    trial.judge(&capture.headers, &capture.body);
    trial.sign(data);
}

struct Trial<'a> {
    capture: &'a Capture,
    own: Keyring,
    other: Keyring,
    now: Timestamp,
}

impl Trial<'_> {
    fn verify(&self, keyring: &Keyring, headers: &HeaderMap, body: impl Into<Body>) -> Result<Verified, Rejection> {
        self.scheme().verify(keyring, &self.capture.head(headers), body, self.now)
    }

    fn scheme(&self) -> &Scheme {
        &self.capture.scheme
    }

    fn judge(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let judged = self.verify(&self.own, headers, body.to_vec());
        let frames: Body = body.chunks(7).map(|frame| frame.to_vec().into()).collect();
        let in_frames = self.verify(&self.own, headers, frames);
        match (judged, in_frames) {
            (Ok(verified), Ok(in_frames)) => {
                assert_eq!(verified.payload().contiguous(), in_frames.payload().contiguous());
                self.accepted(&verified, headers, body);
                true
            }
            (Err(rejection), Err(in_frames)) => {
                assert_eq!(rejection, in_frames);
                false
            }
            (judged, in_frames) => {
                panic!("whole {:?}, in frames {:?}", judged.map(|_| ()), in_frames.map(|_| ()))
            }
        }
    }

    fn accepted(&self, verified: &Verified, headers: &HeaderMap, body: &[u8]) {
        assert_eq!(verified.original().contiguous(), body);
        assert!(self.verify(&self.other, headers, body.to_vec()).is_err(), "another key fits");
        if self.scheme().covers().body == Cover::Signed {
            let longer = [body, b" "].concat();
            assert!(self.verify(&self.own, headers, longer).is_err(), "a longer body fits");
        }
        let head = self.capture.head(headers);
        let identity = self.scheme().identify(verified, &head, None, None);
        named(&identity.id);
        let kind = identity.kind.as_deref().unwrap_or_default();
        assert!(type_header_value(kind).as_bytes().iter().all(u8::is_ascii_graphic));
        if let Some(Ok(greeting)) = self.scheme().greet(verified, &head, &self.own) {
            assert!(!greeting.body.contains(['<', '>', '&', '\r', '\n']), "{greeting:?}");
            assert!(greeting.body.len() < 1024);
        }
    }

    /// Signs what was captured, without the headers that signing writes.
    fn sign(&self, data: &[u8]) {
        let capture = self.capture;
        let mut headers = capture.headers.clone();
        for name in self.scheme().written_headers() {
            headers.remove(name);
        }
        let head = capture.head(&headers);
        let message = Message {
            body: capture.body.clone(),
            event_id: Some("evt_1"),
            event_type: Some("box.created"),
            method: head.method,
            path: head.path,
            query: head.query,
            public_url: head.public_url,
            headers: &headers,
        };
        let Ok(signed) = self.scheme().sign(&self.own, &message, self.now) else { return };
        let written: Vec<HeaderName> = signed.headers.iter().map(|(name, _)| name.clone()).collect();
        let mut headers = headers.clone();
        headers.extend(signed.headers.into_iter().map(|(name, value)| (Some(name), value)));
        // The time stands in the body, and is what it is.
        let is_timed = matches!(self.scheme().timestamp().map(|rule| &rule.from), Some(TimestampSource::Json(_)));
        let is_accepted = self.judge(&headers, &signed.body);
        assert!(is_accepted || is_timed, "what was signed is refused");
        if is_accepted {
            self.turn_a_bit(number(data), &written, headers, &signed.body);
        }
    }

    /// Turns one bit of what was signed, in the body or in what carries the signature; which one, the input says.
    fn turn_a_bit(&self, number: usize, written: &[HeaderName], mut headers: HeaderMap, body: &[u8]) {
        let scheme = self.scheme();
        if matches!(scheme.mechanism, Mechanism::Token(_)) {
            return;
        }
        let (bit, in_body, at) = (1 << (number % 8), number & 8 == 0, number / 16);
        if in_body && !body.is_empty() && scheme.covers().body == Cover::Signed {
            let mut body = body.to_vec();
            let at = at % body.len();
            body[at] ^= bit;
            assert!(self.verify(&self.own, &headers, body).is_err(), "bit {bit} of byte {at} of the body");
        }
        let carriers = scheme.carrier().map(|carrier| carrier.headers()).unwrap_or_default();
        let Some(name) = written.iter().find(|name| carriers.contains(name)) else { return };
        // A time beside the signature that the signature does not cover may be any.
        let several = written.iter().filter(|name| carriers.contains(name)).count() > 1;
        if several || scheme.covers().timestamp == Cover::Unsigned {
            return;
        }
        let signed = headers[name].as_bytes();
        let (at, mut value) = (at % signed.len(), signed.to_vec());
        value[at] ^= bit;
        let is_same = value.eq_ignore_ascii_case(signed);
        let Ok(value) = HeaderValue::from_bytes(&value) else { return };
        headers.insert(name, value);
        // Digits of hexadecimal numbers have two cases.
        let is_refused = self.verify(&self.own, &headers, body.to_vec()).is_err();
        assert!(is_refused || is_same, "bit {bit} of byte {at} of {name}: {:?}", headers[name]);
    }
}

fn named(id: &EventId) {
    let header = id.header_value();
    assert!(!header.is_empty() && header.len() <= 256 && header.as_bytes().iter().all(u8::is_ascii_graphic));
    assert_ne!(id.key("a"), id.key("b"));
}

/// A number that every byte of the input has a part in (FNV-1a).
fn number(data: &[u8]) -> usize {
    let hash = data
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    (hash >> 20) as usize
}
