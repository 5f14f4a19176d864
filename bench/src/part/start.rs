//! How long a peer takes to its first answer, and how much memory.

use super::{Plan, median, run_name};
use crate::load::{Idle, Load};
use crate::peer::{COUNTERSIGN, Listen, Peer};
use crate::report::{Report, Table};

const IDLE: usize = 5000;

pub(super) fn run(plan: &Plan<'_>, report: &mut Report) {
    let names = plan.stage.names(Listen::Clear);
    let (mut started, mut fresh) = (vec![Vec::new(); names.len()], vec![Vec::new(); names.len()]);
    for _ in 0..2 * plan.rounds {
        for (place, name) in names.iter().enumerate() {
            let peer = plan.stage.start(name, Listen::Clear);
            started[place].push(peer.started);
            fresh[place].push(peer.process.memory());
        }
    }
    let columns = [
        "start to first answer, ms",
        "fresh, MiB",
        "after load, MiB",
        "5,000 idle, one request each, MiB",
        "5,000 idle, nothing sent, MiB",
        "KiB per idle connection",
    ];
    let mut table = Table::new("start", "Start and memory", &columns, 1);
    for (place, name) in names.into_iter().enumerate() {
        let fresh = median(fresh[place].clone());
        let (asked, silent) = (
            idle(plan, &plan.stage.start(name, Listen::Clear), 1),
            idle(plan, &plan.stage.start(name, Listen::Clear), 0),
        );
        let loaded = report.loaded.iter().find(|(peer, _)| *peer == name).map_or(f64::NAN, |(_, memory)| *memory);
        let started = median(started[place].clone());
        for figure in [started, fresh, loaded, asked, silent, (asked - fresh) * 1024.0 / IDLE as f64] {
            table.put(name, figure);
        }
        if name == COUNTERSIGN {
            report.bar("start to first answer, ms", "≤", 25.0, started);
            report.bar("memory fresh, MiB", "≤", 10.0, fresh);
            report.bar("memory after load, MiB", "≤", 20.0, loaded);
            report.bar("memory with 5,000 idle connections, MiB", "≤", 90.0, asked.max(silent));
        }
    }
    report.add(table);
}

/// Memory with many connections that are open.
fn idle(plan: &Plan<'_>, peer: &Peer, requests: usize) -> f64 {
    let load = Load { connections: IDLE, run: run_name(), ..plan.load(peer, 1024) };
    let idle = Idle::open(&load, requests);
    // Answers have been read. Connections that have just been used are not idle yet.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let memory = peer.process.memory();
    drop(idle);
    memory
}
