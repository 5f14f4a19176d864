use std::sync::Mutex;

use super::*;
use crate::telemetry::access::Access;
use crate::telemetry::words::Outcome;

/// What a log wrote.
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

impl Written {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().expect("nobody panicked").clone();
        String::from_utf8(bytes).expect("lines are text").lines().map(str::to_owned).collect()
    }
}

/// The lines of what happens in `events`, without their timestamps.
fn logged(format: Format, level: LevelFilter, events: impl FnOnce(&Log)) -> Vec<String> {
    let written = Written::default();
    let log = Log::to(Box::new(written.clone()), format, level).expect("a thread");
    tracing::subscriber::with_default(log.clone(), || events(&log));
    assert!(log.flush(Duration::from_secs(10)));
    let without_time = |line: String| {
        let end = if line.starts_with('{') { "\"," } else { " " };
        line.split_once(end).expect("a timestamp").1.to_owned()
    };
    written.lines().into_iter().map(without_time).collect()
}

fn access() -> Access<'static> {
    Access {
        request: uuid::Uuid::from_u128(0x0198),
        source: Some("lmif"),
        outcome: Outcome::Delivered,
        reason: None,
        status: Some(200),
        event: Some("evt_1%20a"),
        delivery: None,
        duration: Duration::from_micros(12_345),
        attempts: 1,
    }
}

#[test]
fn a_request_is_one_line_of_text() {
    let lines = logged(Format::Text, LevelFilter::INFO, |_| access().log());

    assert_eq!(
        lines,
        [
            "INFO  request request_id=00000000-0000-0000-0000-000000000198 source=lmif outcome=delivered status=200 event=evt_1%20a \
          duration_ms=12.345 attempts=1"
        ]
    );
}

#[test]
fn a_request_is_one_object_of_json() {
    let lines = logged(Format::Json, LevelFilter::INFO, |_| access().log());

    let object: serde_json::Value = serde_json::from_str(&format!("{{{}", lines[0])).expect("JSON");
    assert_eq!(
        object,
        serde_json::json!({
            "level": "info", "message": "request", "request_id": "00000000-0000-0000-0000-000000000198", "source": "lmif",
            "outcome": "delivered", "status": 200, "event": "evt_1%20a", "duration_ms": 12.345, "attempts": 1,
            "target": "countersign::access",
        })
    );
}

#[test]
fn the_timestamp_is_rfc_3339_with_milliseconds() {
    let written = Written::default();
    let log = Log::to(Box::new(written.clone()), Format::Json, LevelFilter::INFO).expect("a thread");

    tracing::subscriber::with_default(log.clone(), || tracing::info!("x"));

    assert!(log.flush(Duration::from_secs(10)));
    let object: serde_json::Value = serde_json::from_str(&written.lines()[0]).expect("JSON");
    let text = object["timestamp"].as_str().expect("a string");
    assert_eq!(text.len(), "2026-11-23T10:11:12.123Z".len(), "{text}");
    text.parse::<jiff::Timestamp>().expect("RFC 3339");
}

#[test]
fn nothing_that_is_logged_can_begin_a_line_or_a_field() {
    let evil = "a\nINFO b=\"c\\d\u{1b}[2J\u{9b}";

    let text = logged(Format::Text, LevelFilter::INFO, |_| tracing::info!(value = evil, other = ?evil, "{evil}"));
    let json = logged(Format::Json, LevelFilter::INFO, |_| tracing::info!(value = evil, other = %evil, "{evil}"));

    assert_eq!(text.len(), 1);
    assert!(text[0].contains(r#" value="a\nINFO b=\"c\\d\u001b[2J\u009b" "#), "{}", text[0]);
    assert_eq!(json.len(), 1);
    let object: serde_json::Value = serde_json::from_str(&format!("{{{}", json[0])).expect("JSON");
    for field in ["message", "value", "other"] {
        assert_eq!(object[field], evil);
    }
}

#[test]
fn values_are_quoted_only_where_it_is_needed() {
    let lines = logged(Format::Text, LevelFilter::INFO, |_| {
        tracing::info!(plain = %"a/b:c", spaced = %"a b", empty = "", assigned = "a=b", number = -1, flag = true, "m");
    });

    assert_eq!(lines, [r#"INFO  m plain=a/b:c spaced="a b" empty="" assigned="a=b" number=-1 flag=true"#]);
}

#[test]
fn an_error_is_shown_with_its_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);
    let error = Outer(io::Error::other("inner"));

    let lines = logged(Format::Text, LevelFilter::INFO, |_| {
        tracing::warn!(error = &error as &(dyn std::error::Error + 'static), "m");
    });

    assert_eq!(lines, [r#"WARN  m error="outer: inner""#]);
}

#[test]
fn other_crates_show_from_warn_on() {
    let lines = logged(Format::Text, LevelFilter::TRACE, |_| {
        tracing::info!(target: "h2::codec", "quiet");
        tracing::info!(target: "countersigned", "quiet");
        tracing::warn!(target: "h2::codec", "loud");
    });

    assert_eq!(lines, ["WARN  loud target=h2::codec"]);
}

#[test]
fn level_and_format_change_while_it_runs() {
    let lines = logged(Format::Text, LevelFilter::WARN, |log| {
        let event = |value: u32| tracing::info!(value, "event");
        event(1);
        log.configure(Format::Text, LevelFilter::INFO);
        event(2);
        log.configure(Format::Json, LevelFilter::INFO);
        event(3);
        log.configure(Format::Text, LevelFilter::OFF);
        event(4);
        log.configure(Format::Text, LevelFilter::INFO);
    });

    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0], "INFO  event value=2");
    assert!(lines[1].ends_with("\"value\":3,\"target\":\"countersign::telemetry::log::tests\"}"), "{}", lines[1]);
}

#[test]
fn nothing_is_formatted_for_a_level_that_is_off() {
    struct Untouchable;
    impl fmt::Display for Untouchable {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            unreachable!("the level is off")
        }
    }

    let lines = logged(Format::Text, LevelFilter::WARN, |_| {
        tracing::info!(field = %Untouchable, "off");
        access().log();
    });

    assert_eq!(lines, [""; 0]);
}

#[test]
fn a_field_may_log_while_it_is_formatted() {
    struct Talkative;
    impl fmt::Display for Talkative {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tracing::info!("inner");
            f.write_str("said")
        }
    }

    let lines = logged(Format::Text, LevelFilter::INFO, |_| tracing::info!(value = %Talkative, "outer"));

    assert_eq!(lines.last().expect("a line"), "INFO  outer value=said");
}
