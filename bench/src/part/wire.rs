//! The same job over TLS, in full handshakes, and over HTTP/2.

use super::{Plan, Rounds, measure};
use crate::load::{Way, Wire};
use crate::peer::{HAPROXY, Listen, Peer};
use crate::report::{Report, Table, bars};

const WIRES: [(&str, Wire, usize); 3] = [
    ("TLS, kept connections", Wire::Tls, 4096),
    ("TLS, a handshake a request", Wire::Handshakes, 1024),
    ("HTTP/2 over TLS", Wire::Http2, 4096),
];

pub(super) fn run(plan: &Plan<'_>, report: &mut Report) {
    let peers: Vec<Peer> =
        plan.stage.names(Listen::Tls).into_iter().map(|name| plan.stage.start(name, Listen::Tls)).collect();
    let columns = WIRES.map(|(name, ..)| name);
    let mut cost = Table::new("wire-cost", "TLS 1.3 and HTTP/2: CPU µs a request", &columns, 1);
    let mut ratio = Table::new("wire-haproxy", "TLS 1.3 and HTTP/2: ratio to HAProxy's of the same round", &columns, 2);
    let mut rate = Table::new("wire-rate", "TLS 1.3 and HTTP/2: requests in a second of CPU", &columns, 0);
    for (_, wire, size) in WIRES {
        let rounds = Rounds::play(plan.rounds, peers.len(), |place| {
            measure(&peers[place], &plan.load(&peers[place], size), Way { wire, ..Way::default() })
        });
        let haproxy = peers.iter().position(|peer| peer.name == HAPROXY).expect("HAProxy runs");
        for (place, peer) in peers.iter().enumerate() {
            cost.put(peer.name, rounds.median(place, |sample| sample.cpu));
            ratio.put(peer.name, rounds.ratio(place, haproxy, |sample| sample.cpu));
            rate.put(peer.name, 1e6 / rounds.median(place, |sample| sample.cpu));
        }
    }
    report.plot("wire", &bars("TLS and HTTP/2: CPU a request, ratio to HAProxy", &columns, ratio.rows()));
    rate.note("A handshake a request: full handshakes in a second of one core.");
    for table in [cost, ratio, rate] {
        report.add(table);
    }
}
