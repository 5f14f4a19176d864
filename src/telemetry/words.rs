//! The closed sets that labels and log fields take their words from.

/// Declares an enum whose variants each have a word, and a list of all of them.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them, each at the place of its discriminant.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The word for labels and log lines.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }
    };
}

words! {
    /// What became of an inbound request that a source was found for.
    Outcome {
        /// A known id came with another body.
        Conflict = "conflict",
        /// The app answered 2xx.
        Delivered = "delivered",
        /// The delivery was settled before; the first answer was given again.
        Duplicate = "duplicate",
        /// The app did not answer, or not with a 2xx; or the event could not be written to disk.
        Failed = "failed",
        /// The source does not want events of this type.
        Filtered = "filtered",
        /// The preset answered the sender's handshake.
        Handshake = "handshake",
        /// It is on disk, to be delivered.
        Queued = "queued",
        /// It was not what the source accepts.
        Refused = "refused",
        /// A known body came under another id.
        Replayed = "replayed",
        /// A limit was reached.
        Shed = "shed",
    }
}

words! {
    /// Why an inbound request was refused.
    Reason {
        /// The message names another algorithm than the configured one.
        Algorithm = "algorithm",
        /// The body is larger than the source takes.
        BodyTooLarge = "body_too_large",
        /// The body did not come in time.
        BodyTimeout = "body_timeout",
        /// Something demanded beside the signature is missing or wrong.
        Requirement = "requirement",
        /// A secret matched, but not at this time.
        SecretExpired = "secret_expired",
        /// The signature cannot be read.
        SignatureMalformed = "signature_malformed",
        /// No secret made the signature.
        SignatureMismatch = "signature_mismatch",
        /// There is no signature.
        SignatureMissing = "signature_missing",
        /// There is more than one where one is meant.
        SignatureRepeated = "signature_repeated",
        /// The signed time is too long ago.
        Stale = "stale",
        /// The signed time is too far ahead.
        TooNew = "too_new",
    }
}

words! {
    /// What became of a request of the app.
    OutboundOutcome {
        /// A known id or key came with another body.
        Conflict = "conflict",
        /// The receiver answered, and it was success.
        Delivered = "delivered",
        /// All of it was accepted or delivered before.
        Duplicate = "duplicate",
        /// The receiver did not answer, or not with success.
        Failed = "failed",
        /// It is on disk, to be delivered.
        Queued = "queued",
        /// It was not what can be taken.
        Refused = "refused",
        /// A limit was reached, or the store cannot be written.
        Shed = "shed",
        /// No endpoint wants events of this type.
        Unmatched = "unmatched",
    }
}

words! {
    /// What became of an attempt to deliver from the queue, or to an endpoint.
    AttemptOutcome {
        /// No connection could be made, or it broke before the answer's head was whole.
        Connect = "connect",
        /// The address is not one that endpoints may have.
        EgressDenied = "egress_denied",
        /// The answer's status is not success.
        Status = "status",
        /// The answer's status is success.
        Success = "success",
        /// No answer came in time.
        Timeout = "timeout",
        /// The other side is not who it should be, or does not speak TLS.
        Tls = "tls",
    }
}

words! {
    /// What a delivery in the queue waits for.
    QueueState {
        /// The end of its schedule has come, or a status that ends it: an operator.
        Dead = "dead",
        /// Its time.
        Due = "due",
        /// The end of an attempt.
        Leased = "leased",
        /// Its target is paused, or is not in the configuration.
        Paused = "paused",
    }
}

words! {
    /// What became of a reload.
    Reload {
        /// The new configuration is in force.
        Applied = "applied",
        /// The old one still is.
        Refused = "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stands_at_its_discriminant() {
        for (at, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, at);
        }
        for (at, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, at);
        }
        for (at, outcome) in AttemptOutcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, at);
        }
        for (at, outcome) in OutboundOutcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, at);
        }
        for (at, state) in QueueState::ALL.iter().enumerate() {
            assert_eq!(*state as usize, at);
        }
        for (at, reload) in Reload::ALL.iter().enumerate() {
            assert_eq!(*reload as usize, at);
        }
    }
}
