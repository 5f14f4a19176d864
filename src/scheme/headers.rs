//! Which headers a scheme needs.

use http::HeaderName;

use super::{Part, Scheme, TimestampSource};

impl Scheme {
    /// The headers that carry or take part in the signature: without one of them, nothing can be verified.
    pub fn signature_headers(&self) -> Vec<HeaderName> {
        let mut names = self.carrier().map(|carrier| carrier.headers()).unwrap_or_default();
        names.extend(self.signed_parts().iter().filter_map(|part| match part {
            Part::Header(name) => Some(name.clone()),
            _ => None,
        }));
        if let Some(TimestampSource::Header(name)) = self.timestamp().map(|rule| &rule.from) {
            names.push(name.clone());
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::super::preset;

    #[test]
    fn carriers_signed_headers_and_timestamps_are_needed() {
        let names = |scheme: &str| preset(scheme).unwrap().signature_headers();

        assert_eq!(names("lmif"), ["x-lmif-signature"]);
        assert_eq!(names("slack"), ["x-slack-signature", "x-slack-request-timestamp"]);
        assert!(names("jws").is_empty());
    }
}
