//! From a request to a [`Verified`] message.
//!
//! Where the head alone says what is signed before the body, the body is hashed as it comes. Otherwise it is hashed in
//! [`Verifier::finish`]. Either way nothing of a message is trusted before every key was tried against every signature.

use jiff::Timestamp;

use super::given::{Fields, Given};
use super::hashing::Hashing;
use super::offer::{Offer, Offered};
use super::public::Assembly;
use super::{Body, Carrier, Head, Keyring, Mechanism, Recipe, Rejection, Scheme, jws, token};

/// A message whose head has been read and whose body is being hashed.
#[must_use = "nothing is verified before `finish`"]
pub struct Verifier<'k> {
    scheme: &'k Scheme,
    keyring: &'k Keyring,
    now: Timestamp,
    progress: Progress,
}

/// How far a message is.
#[expect(clippy::large_enum_variant, reason = "the largest is the usual one, and is not worth an allocation")]
enum Progress {
    /// All but the body is there, and takes part in the signature as a whole.
    Assembling(Assembly),
    /// The body is hashed as it comes.
    Hashing(Hashing),
    /// The body must be whole before anything begins.
    Waiting,
}

/// A message whose signature matched. Only [`Verifier::finish`] makes one.
///
/// What takes one cannot be reached by code that skips the signature: it does not compile.
///
/// ```compile_fail,E0451
/// use countersign::scheme::{Body, Verified};
///
/// let forged = Verified { original: Body::default(), payload: None, key: 0 };
/// ```
#[derive(Clone, Debug)]
pub struct Verified {
    original: Body,
    /// `None` where the body is the payload.
    payload: Option<Body>,
    key: usize,
}

impl Scheme {
    /// Reads what the head says of the signature, and prepares to hash the body.
    ///
    /// # Errors
    ///
    /// Everything that the head alone shows to be wrong.
    pub fn verifier<'k>(
        &'k self,
        keyring: &'k Keyring,
        head: &Head<'_>,
        now: Timestamp,
    ) -> Result<Verifier<'k>, Rejection> {
        let given = Given { head, id: &self.event_id, fields: Fields::default() };
        let progress = match &self.mechanism {
            Mechanism::Hmac(recipe) if recipe.waits_for_body(&self.event_id) => wait(recipe, &given)?,
            Mechanism::Hmac(recipe) => Progress::Hashing(Hashing::begin(recipe, keyring, &given, now)?),
            Mechanism::PublicKey(recipe) if recipe.waits_for_body(&self.event_id) => wait(recipe, &given)?,
            Mechanism::PublicKey(recipe) => Progress::Assembling(Assembly::begin(recipe, &given, now)?),
            Mechanism::DetachedJws(detached) => {
                detached.token(head)?;
                Progress::Waiting
            }
            Mechanism::Jws(_) => Progress::Waiting,
            Mechanism::Token(header) => {
                token::check(header, keyring, head, now)?;
                Progress::Waiting
            }
        };
        Ok(Verifier { scheme: self, keyring, now, progress })
    }

    /// Verifies a message whose whole body is at hand.
    ///
    /// # Errors
    ///
    /// Where the message is not accepted.
    pub fn verify(
        &self,
        keyring: &Keyring,
        head: &Head<'_>,
        body: impl Into<Body>,
        now: Timestamp,
    ) -> Result<Verified, Rejection> {
        let body = body.into();
        let mut verifier = self.verifier(keyring, head, now)?;
        body.frames().for_each(|frame| verifier.update(frame));
        verifier.finish(head, body)
    }
}

/// What the head alone shows to be wrong, where more cannot be said before the body is there.
fn wait<A, K, S>(recipe: &Recipe<A, K>, given: &Given<'_>) -> Result<Progress, Rejection>
where
    Recipe<A, K>: Offered<Signature = S>,
{
    if !matches!(recipe.carrier, Carrier::Json(_)) {
        Offer::read(recipe, given)?;
    }
    Ok(Progress::Waiting)
}

impl Verifier<'_> {
    /// Takes the next bytes of the body.
    pub fn update(&mut self, frame: &[u8]) {
        if let Progress::Hashing(hashing) = &mut self.progress {
            hashing.update(frame);
        }
    }

    /// Ends the hashing and compares every key with every signature, in constant time.
    ///
    /// `head` is the head that the verifier was made with, `body` holds the bytes that it was updated with.
    ///
    /// # Errors
    ///
    /// Where the message is not accepted.
    pub fn finish(self, head: &Head<'_>, body: Body) -> Result<Verified, Rejection> {
        let Self { scheme, keyring, now, progress } = self;
        match (&scheme.mechanism, progress) {
            (Mechanism::Hmac(recipe), Progress::Hashing(hashing)) => {
                // A caller that hashed other bytes than it hands over has verified nothing.
                if hashing.hashed != body.len() {
                    return Err(Rejection::Mismatch);
                }
                let key = hashing.conclude(keyring, now)?;
                recipe.check_time_in(&body, now)?;
                Ok(Verified { original: body, payload: None, key })
            }
            (Mechanism::Hmac(recipe), _) => {
                let fields = Fields::pick(&body, recipe.pointers(&scheme.event_id));
                let given = Given { head, id: &scheme.event_id, fields };
                let mut hashing = Hashing::begin(recipe, keyring, &given, now)?;
                body.frames().for_each(|frame| hashing.update(frame));
                let key = hashing.conclude(keyring, now)?;
                Ok(Verified { original: body, payload: None, key })
            }
            (Mechanism::PublicKey(recipe), Progress::Assembling(assembly)) => {
                let key = assembly.conclude(keyring, &body, now)?;
                recipe.check_time_in(&body, now)?;
                Ok(Verified { original: body, payload: None, key })
            }
            (Mechanism::PublicKey(recipe), _) => {
                let fields = Fields::pick(&body, recipe.pointers(&scheme.event_id));
                let given = Given { head, id: &scheme.event_id, fields };
                let key = Assembly::begin(recipe, &given, now)?.conclude(keyring, &body, now)?;
                Ok(Verified { original: body, payload: None, key })
            }
            (Mechanism::Jws(algorithm), _) => {
                let (payload, key) = jws::verify(&body.contiguous(), *algorithm, keyring, now)?;
                Ok(Verified { payload: Some(payload.into()), key, original: body })
            }
            (Mechanism::DetachedJws(detached), _) => {
                let key = detached.verify(head, &body, keyring, now)?;
                Ok(Verified { original: body, payload: None, key })
            }
            (Mechanism::Token(header), _) => {
                let key = token::check(header, keyring, head, now)?;
                Ok(Verified { original: body, payload: None, key })
            }
        }
    }
}

impl Verified {
    /// What the sender has to say: the body, or the decoded payload of a JWS.
    pub fn payload(&self) -> &Body {
        self.payload.as_ref().unwrap_or(&self.original)
    }

    /// The body as received.
    pub fn original(&self) -> &Body {
        &self.original
    }

    /// As [`payload`](Self::payload), by value.
    pub fn into_payload(self) -> Body {
        self.payload.unwrap_or(self.original)
    }

    /// As [`original`](Self::original), by value.
    pub fn into_original(self) -> Body {
        self.original
    }

    /// The position in the keyring of the key that matched; of several, the first.
    pub fn key(&self) -> usize {
        self.key
    }
}
