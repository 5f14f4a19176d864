use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;

use super::*;
use crate::config::Retry;
use crate::store::recall::Call;
use crate::telemetry::log::{Format, Log};
use crate::telemetry::words::AttemptOutcome;

const TAKES: Duration = Duration::from_millis(10);

/// A log of what this thread does.
struct Listening {
    log: Log,
    written: Written,
    _installed: DefaultGuard,
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Listening {
    fn start() -> Listening {
        let written = Written::default();
        let log = Log::to(Box::new(written.clone()), Format::Text, LevelFilter::INFO).unwrap();
        Listening { _installed: tracing::subscriber::set_default(log.clone()), log, written }
    }

    /// The lines that have this in them.
    fn lines(&self, with: &str) -> Vec<String> {
        assert!(self.log.flush(Duration::from_secs(10)));
        let text = String::from_utf8(self.written.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(with)).map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_attempt_leaves_a_line_and_a_dead_delivery_another() {
    let log = Listening::start();
    let rig = Rig::new();
    let courier =
        rig.serve(endpoint("partner"), Retry { schedule: [0, 60].map(Duration::from_secs).into(), ..Retry::none() });
    courier.decide(|_, number| match number {
        1 => (Script::Fail(AttemptOutcome::Timeout), TAKES),
        _ => (Script::Answer(503), TAKES),
    });

    let id = rig.accept(&endpoint("partner")).await;
    rig.pass(120.0).await;

    let attempts = log.lines(" attempt ");
    let expected =
        format!("attempt delivery={id} event=e endpoint=partner attempt=1 outcome=timeout error=\"as told\"");
    assert!(attempts[0].contains(&expected) && attempts[0].contains(" next=2026-02-02T02:41:00.0"), "{attempts:?}");
    assert!(attempts[1].contains("attempt=2 outcome=status status=503"), "{attempts:?}");
    assert!(attempts[1].ends_with("next=dead"), "{attempts:?}");
    let dead = log.lines("WARN");
    assert_eq!((attempts.len(), dead.len()), (2, 1));
    assert!(dead[0].contains(&format!("delivery={id}")) && dead[0].contains("attempts=2"), "{dead:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_target_that_goes_down_and_comes_back_is_told_once_each() {
    let log = Listening::start();
    let rig = Rig::new();
    let courier = rig.serve(upstream("app"), Retry::lmif());
    courier.always(Script::Fail(AttemptOutcome::Connect), TAKES);

    rig.accept_many(&upstream("app"), 100).await;
    rig.pass(600.0).await;
    courier.always(Script::Answer(200), TAKES);
    rig.pass(600.0).await;

    let (down, back) = (log.lines("seems to be down"), log.lines("answers again"));
    assert_eq!((down.len(), back.len()), (1, 1), "{down:?} {back:?}");
    assert!(down[0].contains("WARN") && down[0].contains("upstream=app"), "{down:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_outage_of_the_store_is_told_once_for_all_targets() {
    let log = Listening::start();
    let rig = Rig::new();
    let couriers = [rig.courier(), rig.courier(), rig.courier()];
    let courses = [("one", &couriers[0]), ("other", &couriers[1]), ("idle", &couriers[2])];
    let courses = courses.map(|(name, courier)| rig::course(upstream(name), Retry::lmif(), courier));
    rig.engine.configure(courses.into());
    rig.ledger.fail(Call::Record, usize::MAX);

    rig.accept_many(&upstream("one"), 100).await;
    rig.accept_many(&upstream("other"), 100).await;
    rig.pass(600.0).await;
    rig.ledger.mend();
    rig.pass(600.0).await;

    assert_eq!((log.lines("stand still").len(), log.lines("go on").len()), (1, 1));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_pause_is_told_once_and_with_its_reason() {
    let log = Listening::start();
    let rig = Rig::new();
    let courier = rig.serve(endpoint("partner"), Retry::lmif());
    courier.always(Script::Answer(410), TAKES);

    rig.accept_many(&endpoint("partner"), 100).await;
    rig.pass(10.0).await;

    let paused = log.lines("paused");
    assert_eq!(paused.len(), 1);
    assert!(paused[0].contains("endpoint=partner reason=\"the endpoint answered 410\""), "{paused:?}");
}
