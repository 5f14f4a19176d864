//! What it costs to verify a request and to find its event, by scheme and size.
//!
//! `cargo bench --bench verify` prints one line a measurement; the lowest of several rounds counts.

use std::hint::black_box;
use std::time::Instant;

use countersign::scheme::{Head, KeySpec, Keyring, Message, PRESETS, Scheme, Secret};
use http::{HeaderMap, Method};
use jiff::Timestamp;

const ROUNDS: usize = 20;

fn main() {
    println!("{:<20} {:>8} {:>12} {:>12}", "scheme", "bytes", "verify µs", "identify µs");
    for scheme in PRESETS {
        for size in [1024, 4096, 64 * 1024, 1024 * 1024] {
            measure(scheme, size);
        }
    }
}

fn measure(scheme: &Scheme, size: usize) {
    let now = Timestamp::now();
    let keyring = keyring(scheme);
    let message = Message {
        body: body(size).into(),
        event_id: Some("8f7e0a52-0001-4000-8000-000000000001"),
        event_type: Some("box.created"),
        method: &Method::POST,
        path: "/hooks",
        query: None,
        public_url: Some("https://hooks.example"),
        headers: &HeaderMap::new(),
    };
    let signed = scheme.sign(&keyring, &message, now).expect("every preset can sign");
    let headers: HeaderMap = signed.headers.into_iter().collect();
    let head = Head {
        method: &Method::POST,
        path: "/hooks",
        query: None,
        headers: &headers,
        public_url: Some("https://hooks.example"),
    };
    let verify = || scheme.verify(&keyring, &head, signed.body.clone(), now).expect("it was just signed");
    let verified = verify();
    let verifying = lowest(size, || drop(black_box(verify())));
    let identifying = lowest(size, || {
        black_box(scheme.identify(&verified, &head, None, None).id.key("bench"));
    });
    println!("{:<20} {size:>8} {verifying:>12.2} {identifying:>12.2}", scheme.name);
}

fn keyring(scheme: &Scheme) -> Keyring {
    // Base64 behind the prefix that Standard Webhooks strips, and a text for all others.
    let secret = Secret::new(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_vec());
    let key = KeySpec { id: "0".into(), secret, encoding: None, not_before: None, not_after: None };
    Keyring::new(scheme, vec![key]).expect("the secret fits every preset")
}

/// An event whose id and type come again in the items that it holds.
fn body(size: usize) -> String {
    let mut body = String::from(r#"{"id":"evt_1","type":"box.created","HookName":"login","HookId":"1","data":["#);
    while body.len() + 60 < size {
        body.push_str(r#"{"id":"item","type":"thing","name":"a name"},"#);
    }
    body.push_str("null]}");
    body
}

/// Microseconds of the fastest round.
fn lowest(size: usize, run: impl Fn()) -> f64 {
    let times = (4_000_000 / size).clamp(2, 500);
    let round = || {
        let start = Instant::now();
        (0..times).for_each(|_| run());
        start.elapsed().as_secs_f64() * 1e6 / times as f64
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}
