//! What a request costs each peer: by size, and forged.

use super::{Plan, Rounds, measure};
use crate::load::{Load, Way};
use crate::peer::{COUNTERSIGN, FLOOR, HAPROXY, HAPROXY_16K, Listen, Peer};
use crate::report::{Report, Table, bars};

const LOADS: [(&str, usize, bool); 5] = [
    ("1 KiB", 1024, false),
    ("4 KiB", 4096, false),
    ("64 KiB", 65_536, false),
    ("1 MiB", 1_048_576, false),
    ("4 KiB, forged", 4096, true),
];

pub(super) fn run(plan: &Plan<'_>, report: &mut Report) {
    let peers: Vec<Peer> =
        plan.stage.names(Listen::Clear).into_iter().map(|name| plan.stage.start(name, Listen::Clear)).collect();
    let columns = LOADS.map(|(name, ..)| name);
    let mut cost = Table::new("cost", "CPU µs a request", &columns, 1);
    let mut haproxy = Table::new("haproxy", "Ratio to HAProxy's of the same round", &columns, 2);
    let mut floor = Table::new("floor", "Ratio to the bare hyper program's of the same round", &columns, 2);
    let mut rate = Table::new("rate", "Requests a second, one core", &columns, 0);
    for (_, size, forge) in LOADS {
        // A body larger than the default buffer is refused by the guard.
        let able: Vec<&Peer> = peers.iter().filter(|peer| peer.name != HAPROXY_16K || size < 15_000).collect();
        let rounds = Rounds::play(plan.rounds, able.len(), |place| {
            measure(able[place], &Load { forge, ..plan.load(able[place], size) }, Way::default())
        });
        let place = |name| able.iter().position(|peer| peer.name == name);
        // For a forged request the better HAProxy is the one with default buffers.
        let (best, bare) = (place(if forge { HAPROXY_16K } else { HAPROXY }).expect("HAProxy runs"), place(FLOOR));
        for peer in &peers {
            let of = |figure: &dyn Fn(usize) -> f64| place(peer.name).map_or(f64::NAN, figure);
            cost.put(peer.name, of(&|place| rounds.median(place, |sample| sample.cpu)));
            rate.put(peer.name, of(&|place| rounds.median(place, |sample| sample.rate)));
            haproxy.put(peer.name, of(&|place| rounds.ratio(place, best, |sample| sample.cpu)));
            floor.put(peer.name, of(&|place| rounds.ratio(place, bare.expect("it runs"), |sample| sample.cpu)));
        }
    }
    report.plot("cost", &bars("CPU a request, ratio to HAProxy", &columns, haproxy.rows()));
    report.bar("4 KiB ÷ HAProxy", "≤", 0.95, haproxy.figure(COUNTERSIGN, 1));
    report.bar("4 KiB ÷ bare hyper", "≤", 1.10, floor.figure(COUNTERSIGN, 1));
    report.bar("1 MiB ÷ HAProxy", "≤", 0.95, haproxy.figure(COUNTERSIGN, 3));
    report.bar("4 KiB, forged ÷ HAProxy, 16 KiB buffers", "≤", 0.85, haproxy.figure(COUNTERSIGN, 4));
    haproxy.note("Forged: to HAProxy with its default buffers, which is the cheaper.");
    for table in [cost, haproxy, floor, rate] {
        report.add(table);
    }
    for peer in &peers {
        report.loaded.push((peer.name, peer.process.memory()));
    }
}
