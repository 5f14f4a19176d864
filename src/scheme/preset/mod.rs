//! The senders that are built in, a file each.
//!
//! A file says what the sender signs and what it does not, links its document, and proves itself by a vector that the
//! sender published or that its own library made. A new sender is one file here and one line in [`PRESETS`].

mod github;
mod jws;
mod lmif;
mod loginradius;
mod lvconnect;
mod shopify;
mod slack;
mod standard_webhooks;
mod stripe;

use std::borrow::Cow::Borrowed;

use super::{
    Algorithm, Carrier, Encoding, Format, Item, Locator, Mechanism, OnConflict, Part, Placeholder, Pointer, Recipe,
    Retries, Scheme, SecretEncoding, Sender, Template, TimestampRule, TimestampSource, TimestampUnit, TypeCase,
};

pub use github::GITHUB;
pub use jws::JWS;
pub use lmif::LMIF;
pub use loginradius::LOGINRADIUS;
pub use lvconnect::LVCONNECT;
pub use shopify::SHOPIFY;
pub use slack::SLACK;
pub use standard_webhooks::STANDARD_WEBHOOKS;
pub use stripe::STRIPE;

/// Every preset, in the order in which they are shown.
pub static PRESETS: &[&Scheme] =
    &[&LVCONNECT, &LOGINRADIUS, &LMIF, &JWS, &GITHUB, &STRIPE, &SLACK, &SHOPIFY, &STANDARD_WEBHOOKS];

/// The preset of this name.
pub fn preset(name: &str) -> Option<&'static Scheme> {
    PRESETS.iter().copied().find(|scheme| scheme.name == name)
}

/// The body and nothing else.
const BODY: Template = Template(Borrowed(&[Part::Body]));

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
