//! Schemes as their users write them.
//!
//! What is shown in tables and documents is what the configuration file takes, so that a preset can be copied from there.

use std::fmt::{self, Display, Formatter};

use super::{
    Algorithm, Carrier, EcdsaForm, Encoding, Format, KeyForm, Locator, Part, Placeholder, Pointer, PublicAlgorithm,
    SecretEncoding, Template, TimestampSource, TimestampUnit,
};

impl Display for Algorithm {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        })
    }
}

impl Display for PublicAlgorithm {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EcdsaP256Sha256(_) => "ecdsa-p256-sha256",
            Self::EcdsaP384Sha384(_) => "ecdsa-p384-sha384",
            Self::Ed25519 => "ed25519",
            Self::RsaPkcs1Sha256 => "rsa-pkcs1-sha256",
            Self::RsaPssSha256 => "rsa-pss-sha256",
        })
    }
}

impl Display for EcdsaForm {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Der => "der",
            Self::P1363 => "p1363",
        })
    }
}

impl Display for KeyForm {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64 { .. } => "base64",
            Self::Hex => "hex",
            Self::Pem => "pem",
        })
    }
}

impl Display for Encoding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
            Self::HexLower => "hex",
            Self::HexUpper => "HEX",
        })
    }
}

impl Display for SecretEncoding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base64 { strip_prefix } if strip_prefix.is_empty() => f.write_str("base64"),
            Self::Base64 { strip_prefix } => write!(f, "{{base64: {{strip_prefix: {strip_prefix}}}}}"),
            Self::Base64Url => f.write_str("base64url"),
            Self::Hex => f.write_str("hex"),
            Self::Utf8 => f.write_str("utf8"),
        }
    }
}

impl Display for TimestampUnit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Milliseconds => "ms",
            Self::Rfc3339 => "rfc3339",
            Self::Seconds => "s",
        })
    }
}

impl Display for TimestampSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => f.write_str("format"),
            Self::Header(name) => write!(f, "{{header: {name}}}"),
            Self::Json(pointer) => write!(f, "{{json: {pointer}}}"),
        }
    }
}

impl Display for Carrier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers(names) => match &**names {
                [name] => Display::fmt(name, f),
                names => {
                    let names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
                    write!(f, "[{}]", names.join(", "))
                }
            },
            Self::Json(pointer) => write!(f, "{{json: {pointer}}}"),
            Self::Numbered { prefix, suffix } => write!(f, "{prefix}{{n}}{suffix}"),
        }
    }
}

impl Display for Format {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                f.write_str(self.separator.as_deref().unwrap_or_default())?;
            }
            let placeholder = match item.value {
                Placeholder::Signature => "signature",
                Placeholder::Timestamp => "timestamp",
            };
            write!(f, "{}{{{placeholder}}}", item.prefix)?;
        }
        Ok(())
    }
}

impl Display for Template {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Body => f.write_str("{body}"),
            Part::Header(name) => write!(f, "{{header:{name}}}"),
            Part::Id => f.write_str("{id}"),
            Part::Json(pointer) => write!(f, "{{json:{pointer}}}"),
            Part::Literal(text) => f.write_str(text),
            Part::Method => f.write_str("{method}"),
            Part::Query(name) => write!(f, "{{query:{name}}}"),
            Part::Timestamp => f.write_str("{timestamp}"),
            Part::Url => f.write_str("{url}"),
            Part::UrlDecoded => f.write_str("{url:decoded}"),
        })
    }
}

impl Display for Locator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::DigestBody => f.write_str("{digest: body}"),
            Self::Header(name) => write!(f, "{{header: {name}}}"),
            Self::Json(pointer) => write!(f, "{{json: {pointer}}}"),
            Self::Literal(text) => write!(f, "{{literal: {text}}}"),
            Self::Query(name) => write!(f, "{{query: {name}}}"),
        }
    }
}

impl Display for Pointer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use crate::scheme::{Carrier, Format, Mechanism, PRESETS, Recipe, Template, preset};

    #[test]
    fn every_preset_is_read_again_as_it_is_shown() {
        for scheme in PRESETS {
            match &scheme.mechanism {
                Mechanism::Hmac(recipe) => is_read_again(recipe),
                Mechanism::PublicKey(recipe) => is_read_again(recipe),
                Mechanism::DetachedJws(_) | Mechanism::Jws(_) | Mechanism::Token(_) => {}
            }
        }
    }

    fn is_read_again<A, K>(recipe: &Recipe<A, K>) {
        let separator = recipe.format.separator.as_deref();
        assert_eq!(Format::parse(&recipe.format.to_string(), separator).as_ref(), Ok(&recipe.format));
        assert_eq!(Template::parse(&recipe.signed.to_string()).as_ref(), Ok(&recipe.signed));
        // A list is written as YAML writes one, and each header of it is read alone.
        let shown = recipe.carrier.to_string();
        let names = shown.trim_start_matches('[').trim_end_matches(']').split(", ");
        let read: Vec<_> = names.map(|name| Carrier::parse(name).unwrap()).collect();
        match &recipe.carrier {
            Carrier::Headers(names) => {
                let single = |name: &HeaderName| Carrier::Headers(vec![name.clone()].into());
                assert_eq!(read, names.iter().map(single).collect::<Vec<_>>());
            }
            carrier => assert_eq!(read, std::slice::from_ref(carrier)),
        }
    }

    #[test]
    fn what_is_shown_is_what_the_configuration_takes() {
        let scheme = preset("standard-webhooks").unwrap();
        let Mechanism::Hmac(recipe) = &scheme.mechanism else { panic!("it signs with an HMAC") };

        assert_eq!(recipe.algorithm.to_string(), "sha256");
        assert_eq!(recipe.format.to_string(), "v1,{signature}");
        assert_eq!(recipe.signed.to_string(), "{id}.{timestamp}.{body}");
        assert_eq!(recipe.secret.to_string(), "{base64: {strip_prefix: whsec_}}");
        assert_eq!(recipe.timestamp.as_ref().unwrap().from.to_string(), "{header: webhook-timestamp}");
        assert_eq!(scheme.event_id[0].to_string(), "{header: webhook-id}");
        assert_eq!(scheme.event_type.as_ref().unwrap().to_string(), "{json: /type}");
    }
}
