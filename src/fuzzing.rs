//! What must hold of any bytes that come from outside: a property for each fuzz target.
//!
//! `fuzz/` tries them with what a fuzzer makes up, and the test below with the inputs that are kept in `fuzz/corpus`,
//! among which is everything that ever failed. A property stands beside the parsers that it is about, in the file
//! `fuzz.rs` of their folder; what concerns several folders stands here. None of this is in the program.

pub(crate) mod capture;
mod headers;
mod json;
mod signature;
mod texts;
pub(crate) mod tree;

pub use crate::admin::fuzz::admin;
pub use crate::config::fuzz::config;
pub use crate::explain::fuzz::explain;
pub use crate::http::server::fuzz::{head, http1};
pub use crate::outbound::fuzz::envelope;
pub use crate::scheme::fuzz::{jws, keys};
pub use headers::headers;
pub use json::json;
pub use signature::signature;
pub use texts::texts;

/// The first line of an input, and what follows it.
pub(crate) fn line(data: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', data) {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, b""),
    }
}

/// As [`line`], where the line is text.
pub(crate) fn text_line(data: &[u8]) -> Option<(&str, &[u8])> {
    let (line, rest) = line(data);
    Some((std::str::from_utf8(line).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn names(folder: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn kept() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
    }

    /// Tries the inputs that are kept for a target.
    fn holds(target: &str, property: fn(&[u8])) {
        let folder = kept().join(target);
        let inputs = names(&folder);
        assert!(!inputs.is_empty(), "nothing is kept for {target}");
        for input in inputs {
            let trying = Trying(folder.join(input));
            property(&fs::read(&trying.0).unwrap());
        }
    }

    /// An input that is named where it fails.
    struct Trying(PathBuf);

    impl Drop for Trying {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("{} does not hold", self.0.display());
            }
        }
    }

    macro_rules! targets {
        ($($target:ident),+) => {
            $(
                #[test]
                fn $target() {
                    holds(stringify!($target), super::$target);
                }
            )+

            #[test]
            fn every_target_has_a_program_and_inputs_and_none_is_left_over() {
                let tried = BTreeSet::from([$(stringify!($target).to_owned()),+]);
                let programs = names(&kept().with_file_name("fuzz_targets"));

                assert_eq!(tried, programs.iter().map(|name| name.replace(".rs", "")).collect());
                assert_eq!(tried, names(&kept()));
            }
        };
    }

    targets!(admin, config, envelope, explain, head, headers, http1, json, jws, keys, signature, texts);
}
