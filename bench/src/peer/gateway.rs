//! countersign with everything on: deduplication, metrics, limits, timeouts, and its log as it is by default.

use std::fmt::Write;

use super::{BEFORE, Listen, Peer, Stage, arguments};
use crate::process::free_address;

pub(crate) struct Config {
    pub listen: Listen,
    pub workers: usize,
    pub sources: usize,
    /// Lines of each source.
    pub source: String,
    pub store: String,
    /// Where the app is, if not where all peers have it.
    pub app: Option<String>,
    pub admin: Option<std::net::SocketAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Listen::Clear,
            workers: 1,
            sources: 1,
            source: String::new(),
            store: "{memory: {}}".into(),
            app: None,
            admin: None,
        }
    }
}

pub(crate) fn gateway(stage: &Stage, name: &'static str, cores: &str, config: &Config) -> Peer {
    let build = stage.before.as_ref().filter(|_| name == BEFORE).unwrap_or(&stage.countersign);
    let address = free_address();
    let path = stage.write(&format!("countersign-{}.yaml", address.port()), &text(stage, config, address));
    let path_of_first = crate::load::path(0, config.sources as u64);
    stage.run(name, cores, build, &arguments(&["run", "--config", &path]), address, config.listen, &path_of_first)
}

fn text(stage: &Stage, config: &Config, address: std::net::SocketAddr) -> String {
    let mut text = format!("workers: {}\ninbound:\n  listen: {address}\n", config.workers);
    if config.listen != Listen::Clear {
        let (chain, key) = (stage.path("tls.crt"), stage.path("tls.key"));
        let _ = writeln!(text, "  tls: {{certificate: {chain}, key: {key}}}");
    }
    text.push_str("  limits: {body: 2MiB}\n  sources:\n");
    for source in 0..config.sources {
        let path = crate::load::path(source as u64, config.sources as u64);
        let _ = write!(
            text,
            "    lmif-{source}:\n      path: {path}\n      scheme: lmif\n      secrets: [{{env: SECRET}}]\n      upstream: app\n{}",
            config.source
        );
    }
    let app = config.app.clone().unwrap_or_else(|| stage.upstream.to_string());
    let _ = write!(text, "upstreams:\n  app: {{url: \"http://{app}\"}}\nstore: {}\n", config.store);
    if let Some(admin) = config.admin {
        let _ = writeln!(text, "admin: {{listen: {admin}}}");
    }
    let _ = writeln!(text, "{}", stage.extra);
    text
}
