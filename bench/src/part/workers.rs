//! Two workers beside one.
//!
//! Two cores have no third for the load, so requests a second of two workers cannot be set beside those of one: the
//! load takes its share of both cores. What can be is the price of a request. Two processes of one worker each share
//! nothing, so twice the work of one is what they do; one process of two workers under the same load, on the same
//! cores, pays beside that for what its workers share. Twice the ratio of both is how it scales.

use std::io::Read;

use super::{Plan, Rounds, Sample, measure, run_name};
use crate::load::Way;
use crate::peer::{COUNTERSIGN, Config, Listen, PEER_CORE, Peer, arguments, gateway};
use crate::process::own;
use crate::report::{Report, Table};

const BOTH_CORES: &str = "0,1";

pub(super) fn run(plan: &Plan<'_>, report: &mut Report) {
    let start = |cores, workers| gateway(plan.stage, COUNTERSIGN, cores, &Config { workers, ..Config::default() });
    let alone = plan.stage.start(COUNTERSIGN, Listen::Clear);
    let apart = [start(PEER_CORE, 1), start("1", 1)];
    let together = [start(BOTH_CORES, 2)];
    let rounds = Rounds::play(plan.rounds, 3, |contestant| match contestant {
        0 => measure(&alone, &plan.load(&alone, 4096), Way::default()),
        1 => share(plan, &apart),
        _ => share(plan, &together),
    });
    let columns = ["CPU µs a request", "requests/s", "requests in a second of CPU"];
    let mut table = Table::new("workers", "Two workers, 4 KiB", &columns, 0);
    let names = [
        "one worker, the load on the other core",
        "two processes of one worker, the load on both cores",
        "one process of two workers, the load on both cores",
    ];
    for (place, name) in names.into_iter().enumerate() {
        let cpu = rounds.median(place, |sample| sample.cpu);
        for figure in [cpu, rounds.median(place, |sample| sample.rate), 1e6 / cpu] {
            table.put(name, figure);
        }
    }
    table.digits(0, 1);
    let (shared, alone) =
        (2.0 * rounds.ratio(1, 2, |sample| sample.cpu), 2.0 * rounds.ratio(0, 2, |sample| sample.cpu));
    let rate = 2.0 * rounds.ratio(2, 1, |sample| sample.rate);
    table.note(&format!(
        "Two workers do {shared:.2} times the work of one for each second of CPU that a core gives (two processes: 2.00 by \
         definition), and {rate:.2} times by requests a second. Beside one worker that has a core for itself, without the \
         load: {alone:.2}."
    ));
    report.bar("two workers ÷ one", "≥", 1.8, shared);
    report.add(table);
}

/// Two senders on both cores, half of the connections each, and what all `peers` took for them.
fn share(plan: &Plan<'_>, peers: &[Peer]) -> Sample {
    let cpu = || peers.iter().map(|peer| peer.process.cpu()).sum::<f64>();
    let before = cpu();
    let senders = [0, 1].map(|sender| {
        let target = peers[sender % peers.len()].address.to_string();
        let (connections, seconds, run) = ((plan.connections / 2).to_string(), plan.seconds.to_string(), run_name());
        let words = ["load", "--target", &target, "--connections", &connections, "--seconds", &seconds, "--run", &run];
        own(BOTH_CORES, &arguments(&words))
    });
    let mut sample = Sample { cpu: 0.0, rate: 0.0, p50: 0.0, p99: 0.0 };
    let mut requests = 0.0;
    for mut sender in senders {
        let mut line = String::new();
        let _ = sender.stdout.take().map(|mut output| output.read_to_string(&mut line));
        let _ = sender.wait();
        let figure = |name: &str| {
            let at = line.split_whitespace().skip_while(|word| *word != name).nth(1);
            at.and_then(|word| word.parse::<f64>().ok()).unwrap_or_else(|| panic!("no {name} in {line:?}"))
        };
        assert!(figure("unexpected") == 0.0, "{line}");
        requests += figure("requests");
        sample.rate += figure("per_second");
    }
    sample.cpu = (cpu() - before) / requests;
    sample
}
