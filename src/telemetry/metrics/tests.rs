use super::*;

#[test]
fn the_counters_of_a_source_stand_at_zero_from_the_start() {
    let metrics = Metrics::new();
    let _source = metrics.source("lmif", ["0", "old"]);

    let text = metrics.render();

    for outcome in ["delivered", "queued", "duplicate", "replayed", "conflict", "filtered", "handshake"] {
        let line = format!("countersign_inbound_deliveries_total{{source=\"lmif\",outcome=\"{outcome}\"}} 0\n");
        assert!(text.contains(&line), "{line}");
    }
    for reason in ["signature_missing", "stale", "secret_expired", "requirement", "body_timeout"] {
        let line = format!("countersign_inbound_rejections_total{{source=\"lmif\",reason=\"{reason}\"}} 0\n");
        assert!(text.contains(&line), "{line}");
    }
    assert!(text.contains("countersign_verified_total{source=\"lmif\",key=\"old\"} 0\n"), "{text}");
    assert!(text.contains("countersign_config_reloads_total{outcome=\"refused\"} 0\n"), "{text}");
}

#[test]
fn what_is_counted_shows() {
    let metrics = Metrics::new();
    let source = metrics.source("lmif", ["0"]);

    source.outcome(Outcome::Failed);
    source.rejection(Reason::TooNew);
    source.verified(0);
    source.verified(9);
    metrics.scope("lmif").show(3, 1, 2);
    metrics.reload(Reload::Applied);
    metrics.body_bytes.set(1024.0);

    let text = metrics.render();
    for line in [
        "countersign_inbound_deliveries_total{source=\"lmif\",outcome=\"failed\"} 1\n",
        "countersign_inbound_rejections_total{source=\"lmif\",reason=\"too_new\"} 1\n",
        "countersign_verified_total{source=\"lmif\",key=\"0\"} 1\n",
        "countersign_dedup_entries{source=\"lmif\"} 3\n",
        "countersign_dedup_evictions_total{source=\"lmif\"} 2\n",
        "countersign_config_reloads_total{outcome=\"applied\"} 1\n",
        "countersign_body_bytes_in_use 1024\n",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[test]
fn what_waits_for_a_target_shows_by_what_it_waits_for() {
    let metrics = Metrics::new();

    metrics.queue("partner").show([1, 2, 3, 4], Duration::from_millis(2500));

    let text = metrics.render();
    for line in [
        "countersign_queue_deliveries{target=\"partner\",state=\"dead\"} 1\n",
        "countersign_queue_deliveries{target=\"partner\",state=\"due\"} 2\n",
        "countersign_queue_deliveries{target=\"partner\",state=\"leased\"} 3\n",
        "countersign_queue_deliveries{target=\"partner\",state=\"paused\"} 4\n",
        "countersign_queue_oldest_seconds{target=\"partner\"} 2.5\n",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[test]
fn attempts_at_a_target_are_counted_from_zero_on_and_timed() {
    let metrics = Metrics::new();
    let target = metrics.target("partner");

    target.attempt(AttemptOutcome::Timeout, Duration::from_secs(3));
    target.open(true);
    metrics.upkeep();

    let text = metrics.render();
    for line in [
        "countersign_attempts_total{target=\"partner\",outcome=\"timeout\"} 1\n",
        "countersign_attempts_total{target=\"partner\",outcome=\"egress_denied\"} 0\n",
        "countersign_attempt_duration_seconds_bucket{target=\"partner\",le=\"5\"} 1\n",
        "countersign_target_open{target=\"partner\"} 1\n",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[test]
fn durations_are_histograms() {
    let metrics = Metrics::new();
    let (source, upstream) = (metrics.source("lmif", []), metrics.upstream("app"));

    source.duration(Duration::from_millis(3));
    upstream.duration(Duration::from_millis(700));
    metrics.upkeep();

    let text = metrics.render();
    for line in [
        "# TYPE countersign_inbound_duration_seconds histogram\n",
        "countersign_inbound_duration_seconds_bucket{source=\"lmif\",le=\"0.0025\"} 0\n",
        "countersign_inbound_duration_seconds_bucket{source=\"lmif\",le=\"0.005\"} 1\n",
        "countersign_inbound_duration_seconds_count{source=\"lmif\"} 1\n",
        "countersign_upstream_duration_seconds_bucket{upstream=\"app\",le=\"+Inf\"} 1\n",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[test]
fn a_source_goes_on_counting_after_a_reload() {
    let metrics = Metrics::new();
    metrics.source("lmif", ["0"]).outcome(Outcome::Delivered);

    metrics.source("lmif", ["0", "1"]).outcome(Outcome::Delivered);

    let line = "countersign_inbound_deliveries_total{source=\"lmif\",outcome=\"delivered\"} 2\n";
    assert!(metrics.render().contains(line));
}

#[test]
fn every_metric_has_a_line_of_help() {
    let metrics = Metrics::new();
    let (_source, _scope, _upstream) = (metrics.source("lmif", ["0"]), metrics.scope("lmif"), metrics.upstream("app"));
    let (_queue, _target) = (metrics.queue("app"), metrics.target("app"));

    let text = metrics.render();

    for Family(name, help) in family::ALL {
        assert!(text.contains(&format!("# HELP {name} {help}\n")), "{name}");
    }
}
