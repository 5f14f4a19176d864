//! What the log hears of it.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::harness::{Harness, WINDOW, at};
use crate::telemetry::log::{Format, Log};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn evictions_are_logged_once_a_minute() {
    let harness = Harness::memory();
    let scope = harness.scope_of("lmif", WINDOW, 10);
    let written = Written::default();
    let log = Log::to(Box::new(written.clone()), Format::Text, LevelFilter::WARN).expect("a thread");

    tracing::subscriber::with_default(log.clone(), || {
        for second in 0..70 {
            scope.deliver(second as u64, at(second));
            harness.store.sweep(at(second));
        }
    });

    assert!(log.flush(Duration::from_secs(10)));
    let text = String::from_utf8(written.0.lock().expect("nobody panicked").clone()).expect("text");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("source=lmif evicted=1 entries=10"), "{text}");

    tracing::subscriber::with_default(log.clone(), || harness.store.sweep(at(71)));

    assert!(log.flush(Duration::from_secs(10)));
    let text = String::from_utf8(written.0.lock().expect("nobody panicked").clone()).expect("text");
    assert!(text.contains("source=lmif evicted=59 entries=10"), "{text}");
}
