//! The senders that are built in, a file each.
//!
//! A file says what the sender signs and what it does not, links its document, and proves itself by a vector that the
//! sender published or that its own library made. A new sender is one file here and one line in [`PRESETS`].

mod bitbucket;
mod box_com;
mod calendly;
mod discord;
mod docusign;
mod dropbox;
mod github;
mod gitlab;
mod hubspot;
mod intercom;
mod jws;
mod linear;
mod lmif;
mod loginradius;
mod lvconnect;
mod meta;
mod paddle;
mod pagerduty;
mod sendgrid;
mod shopify;
mod slack;
mod square;
mod standard_webhooks;
mod standard_webhooks_v1a;
mod stripe;
mod trello;
mod twitch;
mod typeform;
mod xero;
mod zendesk;
mod zoom;

use std::borrow::Cow::Borrowed;

use super::{
    Acknowledge, Algorithm, Answer, Carrier, EcdsaForm, Encoding, Events, Format, Handshake, Item, KeyForm, Locator,
    Mechanism, OnConflict, Part, Placeholder, Pointer, PublicAlgorithm, Recipe, Retries, Scheme, SecretEncoding,
    Sender, Template, TimestampRule, TimestampSource, TimestampUnit, TypeCase,
};

pub use bitbucket::BITBUCKET;
pub use box_com::BOX;
pub use calendly::CALENDLY;
pub use discord::DISCORD;
pub use docusign::DOCUSIGN;
pub use dropbox::DROPBOX;
pub use github::GITHUB;
pub use gitlab::GITLAB;
pub use hubspot::HUBSPOT;
pub use intercom::INTERCOM;
pub use jws::JWS;
pub use linear::LINEAR;
pub use lmif::LMIF;
pub use loginradius::LOGINRADIUS;
pub use lvconnect::LVCONNECT;
pub use meta::META;
pub use paddle::PADDLE;
pub use pagerduty::PAGERDUTY;
pub use sendgrid::SENDGRID;
pub use shopify::SHOPIFY;
pub use slack::SLACK;
pub use square::SQUARE;
pub use standard_webhooks::STANDARD_WEBHOOKS;
pub use standard_webhooks_v1a::STANDARD_WEBHOOKS_V1A;
pub use stripe::STRIPE;
pub use trello::TRELLO;
pub use twitch::TWITCH;
pub use typeform::TYPEFORM;
pub use xero::XERO;
pub use zendesk::ZENDESK;
pub use zoom::ZOOM;

/// Every preset, in the order in which they are shown.
pub static PRESETS: &[&Scheme] = &[
    &LVCONNECT,
    &LOGINRADIUS,
    &LMIF,
    &JWS,
    &GITHUB,
    &STRIPE,
    &SLACK,
    &SHOPIFY,
    &STANDARD_WEBHOOKS,
    &STANDARD_WEBHOOKS_V1A,
    &DISCORD,
    &SENDGRID,
    &INTERCOM,
    &ZENDESK,
    &SQUARE,
    &TYPEFORM,
    &CALENDLY,
    &PAGERDUTY,
    &PADDLE,
    &ZOOM,
    &TWITCH,
    &BOX,
    &LINEAR,
    &DROPBOX,
    &DOCUSIGN,
    &XERO,
    &TRELLO,
    &META,
    &BITBUCKET,
    &HUBSPOT,
    &GITLAB,
];

/// The preset of this name.
pub fn preset(name: &str) -> Option<&'static Scheme> {
    PRESETS.iter().copied().find(|scheme| scheme.name == name)
}

/// The body and nothing else.
const BODY: Template = Template(Borrowed(&[Part::Body]));

/// The timestamp's text and the body behind it.
const TIMESTAMP_AND_BODY: Template = Template(Borrowed(&[Part::Timestamp, Part::Body]));

/// A value that is the signature and nothing else.
const BARE: Format = prefixed(&[Item { prefix: Borrowed(""), value: Placeholder::Signature }]);

/// A value that is one item.
const fn prefixed(items: &'static [Item]) -> Format {
    Format { items: Borrowed(items), separator: None }
}

const fn json(pointer: &'static str) -> Locator {
    Locator::Json(Pointer(Borrowed(pointer)))
}

const fn five_minutes() -> Option<std::time::Duration> {
    Some(std::time::Duration::from_secs(300))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once_and_finds_its_preset() {
        for scheme in PRESETS {
            assert_eq!(PRESETS.iter().filter(|other| other.name == scheme.name).count(), 1);
            assert_eq!(preset(&scheme.name), Some(*scheme));
        }
        assert_eq!(preset("nobody"), None);
    }

    #[test]
    fn every_preset_links_its_document_and_says_something_about_itself() {
        for scheme in PRESETS {
            assert!(scheme.sender.document.starts_with("https://"), "{}", scheme.name);
            assert!(!scheme.sender.notes.is_empty(), "{}", scheme.name);
            assert!(scheme.sender.notes.iter().all(|note| note.ends_with('.')), "{}", scheme.name);
        }
    }
}
