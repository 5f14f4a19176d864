//! How MACs and keys are written: hexadecimal and base64, strictly.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD, URL_SAFE_NO_PAD};
use base64::{alphabet, engine::DecodePaddingMode::Indifferent};

use super::hmac::Tag;
use super::{Encoding, SecretEncoding};

/// Room for the longest MAC in base64, rounded up to a whole group.
const SCRATCH: usize = 66;

impl Encoding {
    /// The MAC of `size` bytes that `text` spells; `None` for every other length, letter, padding or trailing bit.
    pub(super) fn decode(self, text: &[u8], size: usize) -> Option<Tag> {
        let mut bytes = [0; SCRATCH];
        let written = match self {
            Self::HexLower | Self::HexUpper if text.len() == size * 2 => decode_hex(text, &mut bytes)?,
            Self::Base64 if text.len() == size.div_ceil(3) * 4 => STANDARD.decode_slice(text, &mut bytes).ok()?,
            Self::Base64Url if text.len() == (size * 4).div_ceil(3) => {
                URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?
            }
            _ => return None,
        };
        (written == size).then(|| Tag::new(&bytes[..size]))
    }

    /// The bytes that `text` spells, at most as many as `most`; as strictly as [`Encoding::decode`].
    pub(super) fn decode_any(self, text: &[u8], most: usize) -> Option<Vec<u8>> {
        if text.len() > most * 2 {
            return None;
        }
        match self {
            Self::HexLower | Self::HexUpper => {
                let mut bytes = vec![0; text.len() / 2];
                decode_hex(text, &mut bytes)?;
                Some(bytes)
            }
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Base64Url => URL_SAFE_NO_PAD.decode(text).ok(),
        }
    }

    /// Whether a signature can hold this byte, in either case where both are read.
    pub(super) fn writes(self, byte: u8) -> bool {
        match self {
            Self::HexLower | Self::HexUpper => byte.is_ascii_hexdigit(),
            Self::Base64 => byte.is_ascii_alphanumeric() || b"+/=".contains(&byte),
            Self::Base64Url => byte.is_ascii_alphanumeric() || b"-_".contains(&byte),
        }
    }

    /// How the bytes of a signature are written.
    pub(super) fn encode(self, signature: &[u8]) -> String {
        match self {
            Self::Base64 => STANDARD.encode(signature),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(signature),
            Self::HexLower => encode_hex(signature, b"0123456789abcdef"),
            Self::HexUpper => encode_hex(signature, b"0123456789ABCDEF"),
        }
    }
}

impl SecretEncoding {
    /// The key that `text` spells.
    ///
    /// Base64 is read as senders' own libraries read it: with or without padding, whatever the unused bits. Who writes
    /// a secret is the operator, and one key in two spellings harms nobody.
    pub(super) fn decode(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Base64 { strip_prefix } => {
                lenient(&alphabet::STANDARD).decode(text.strip_prefix(strip_prefix.as_bytes()).unwrap_or(text)).ok()
            }
            Self::Base64Url => lenient(&alphabet::URL_SAFE).decode(text).ok(),
            Self::Hex => {
                let mut key = vec![0; text.len() / 2];
                decode_hex(text, &mut key)?;
                Some(key)
            }
            Self::Utf8 => Some(text.to_vec()),
        }
    }
}

fn lenient(alphabet: &alphabet::Alphabet) -> GeneralPurpose {
    let config = NO_PAD.with_decode_padding_mode(Indifferent).with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config)
}

/// Writes the bytes that `text` spells to the beginning of `bytes`, and says how many.
fn decode_hex(text: &[u8], bytes: &mut [u8]) -> Option<usize> {
    let (pairs, odd) = text.as_chunks::<2>();
    if !odd.is_empty() || pairs.len() > bytes.len() {
        return None;
    }
    let mut wrong = 0;
    for ([high, low], byte) in pairs.iter().zip(bytes) {
        let (high, low) = (NIBBLES[usize::from(*high)], NIBBLES[usize::from(*low)]);
        wrong |= high | low;
        *byte = high << 4 | low & 15;
    }
    (wrong & NO_DIGIT == 0).then_some(pairs.len())
}

/// A bit that no digit's value has.
const NO_DIGIT: u8 = 0x80;

/// The value of every hexadecimal digit.
const NIBBLES: [u8; 256] = {
    let mut nibbles = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        nibbles[b"0123456789abcdef"[digit] as usize] = digit as u8;
        nibbles[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    nibbles
};

fn encode_hex(bytes: &[u8], digits: &[u8; 16]) -> String {
    let digit = |value: u8| char::from(digits[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    encode_hex(bytes, b"0123456789abcdef")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: &[u8] = b"\x00\x7f\xab\xff";

    fn decodes(encoding: Encoding, text: &str, bytes: &[u8]) -> bool {
        encoding.decode(text.as_bytes(), bytes.len()).is_some_and(|tag| tag.as_bytes() == bytes)
    }

    #[test]
    fn hexadecimal_is_read_in_any_case_and_written_in_its_own() {
        for text in ["007fabff", "007FABFF", "007fAbFf"] {
            assert!(decodes(Encoding::HexLower, text, FOUR));
            assert!(decodes(Encoding::HexUpper, text, FOUR));
        }

        assert_eq!(Encoding::HexLower.encode(FOUR), "007fabff");
        assert_eq!(Encoding::HexUpper.encode(FOUR), "007FABFF");
    }

    #[test]
    fn hexadecimal_of_another_length_or_alphabet_is_refused() {
        for text in ["", "00", "007fabf", "007fabff0", "007fabff00", "007fabfg", "007fab f", "0x7fabff", "+07fabff"] {
            assert!(Encoding::HexLower.decode(text.as_bytes(), 4).is_none(), "{text}");
        }
    }

    #[test]
    fn base64_is_read_only_as_it_is_written() {
        assert_eq!(Encoding::Base64.encode(FOUR), "AH+r/w==");
        assert!(decodes(Encoding::Base64, "AH+r/w==", FOUR));
        for text in
            ["", "AH+r/w", "AH+r/w=", "AH-r_w==", "AH+r/x==", "AH+r/w==\n", " AH+r/w==", "AH+r/w===", "AH+r/wA="]
        {
            assert!(Encoding::Base64.decode(text.as_bytes(), 4).is_none(), "{text}");
        }
    }

    #[test]
    fn base64url_is_read_only_as_it_is_written() {
        assert_eq!(Encoding::Base64Url.encode(FOUR), "AH-r_w");
        assert!(decodes(Encoding::Base64Url, "AH-r_w", FOUR));
        for text in ["", "AH-r_w==", "AH+r/w", "AH-r_x", "AH-r_", "AH-r_w\n", "AH-r_wA"] {
            assert!(Encoding::Base64Url.decode(text.as_bytes(), 4).is_none(), "{text}");
        }
    }

    #[test]
    fn every_length_of_mac_survives_every_encoding() {
        for size in [20, 32, 48, 64] {
            let bytes: Vec<u8> = (1..=size).map(|i: u8| i.wrapping_mul(7)).collect();
            for encoding in [Encoding::Base64, Encoding::Base64Url, Encoding::HexLower, Encoding::HexUpper] {
                let text = encoding.encode(&bytes);
                assert!(decodes(encoding, &text, &bytes), "{encoding:?} {size}");
            }
        }
    }

    #[test]
    fn a_key_in_base64_may_have_a_prefix_and_need_no_padding() {
        let encoding = SecretEncoding::Base64 { strip_prefix: "whsec_".into() };

        for text in ["whsec_AH+r/w==", "AH+r/w==", "AH+r/w"] {
            assert_eq!(encoding.decode(text.as_bytes()).as_deref(), Some(FOUR), "{text}");
        }
        assert_eq!(encoding.decode(b"whsec_not base64"), None);
    }

    #[test]
    fn a_key_is_taken_as_its_encoding_says() {
        assert_eq!(SecretEncoding::Hex.decode(b"007FabfF").as_deref(), Some(FOUR));
        assert_eq!(SecretEncoding::Hex.decode(b"007"), None);
        assert_eq!(SecretEncoding::Base64Url.decode(b"AH-r_w").as_deref(), Some(FOUR));
        assert_eq!(SecretEncoding::Utf8.decode("Zoë".as_bytes()).as_deref(), Some("Zoë".as_bytes()));
    }
}
