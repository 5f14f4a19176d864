//! `countersign verify`

use std::process::ExitCode;

use super::scheme::{RequestArgs, SchemeArgs, body};
use super::table::printable;
use crate::scheme::{Cover, KeyKind};

#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    #[command(flatten)]
    scheme: SchemeArgs,
    #[command(flatten)]
    request: RequestArgs,
}

impl Verify {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let (scheme, keyring) = self.scheme.load()?;
        let request = self.request.load()?;
        let head = request.head();
        match scheme.verify(&keyring, &head, body()?, request.now) {
            Ok(verified) => {
                let identity = scheme.identify(&verified, &head, None, None);
                let noun = if keyring.kind() == KeyKind::Public { "key" } else { "secret" };
                let key = keyring.key_ids().nth(verified.key()).unwrap_or_default();
                let id = identity.id.header_value();
                let (id, kind) = (id.to_str().unwrap_or_default(), identity.kind.as_deref().unwrap_or("none"));
                let open = match scheme.covers().body {
                    Cover::Unsigned => "the body is not covered: anybody who read a request could have changed it\n",
                    _ => "",
                };
                let told = format!("verified by {noun} {key}\nevent id: {id}\nevent type: {kind}\n{open}");
                super::print(printable(&told))?;
                Ok(ExitCode::SUCCESS)
            }
            Err(rejection) => {
                super::print(format!("rejected: {}: {rejection}\n", rejection.reason()))?;
                Ok(ExitCode::FAILURE)
            }
        }
    }
}
