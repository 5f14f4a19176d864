//! The sending side.

use std::sync::Arc;

use super::endpoint::{self, Surroundings};
use super::inbound::limits;
use super::{Context, listen};
use crate::config::file::{EndpointFile, OutboundFile};
use crate::config::node::Spanned;
use crate::config::read::Named;
use crate::config::resolved::{Egress, Endpoint, Outbound};

pub(super) fn outbound(
    file: OutboundFile,
    mut surroundings: Surroundings<'_>,
    context: &mut Context<'_>,
) -> Option<Outbound> {
    let token = listen::token("outbound", file.listen.as_ref(), file.token, file.has_token, context);
    let limits = limits(&file.limits, context);
    surroundings.egress = Egress { allow: file.allow };
    let endpoints = file.endpoints.and_then(|endpoints| all(endpoints, &mut surroundings, context));
    Some(Outbound {
        listen: file.listen?.value,
        token: token?,
        limits,
        egress: surroundings.egress,
        endpoints: endpoints?,
    })
}

fn all(
    endpoints: Spanned<Named<EndpointFile>>,
    surroundings: &mut Surroundings<'_>,
    context: &mut Context<'_>,
) -> Option<Vec<Arc<Endpoint>>> {
    if endpoints.value.complete && endpoints.value.entries.is_empty() {
        let label = "an endpoint is `name: {url: …, scheme: …, secrets: […]}`";
        context.problems.error(endpoints.span, "there is no endpoint", label);
    }
    let resolved: Vec<_> = endpoints
        .value
        .entries
        .into_iter()
        .map(|(name, file)| file.and_then(|file| endpoint::endpoint(&name, file, surroundings, context)).map(Arc::new))
        .collect();
    resolved.into_iter().collect()
}
