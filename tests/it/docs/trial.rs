//! Tries configurations with the program.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Text, hexadecimal and base64 at once, so that it is a secret of every scheme.
const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A folder to try configurations in, with the files that they name.
pub(super) struct Trial {
    folder: TempDir,
}

/// What a command prints.
pub(super) fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_countersign")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

impl Trial {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["hooks.example.com".to_owned()]).unwrap();
        let file = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
        file("tls.crt", &made.cert.pem());
        file("ca.crt", &made.cert.pem());
        file("tls.key", &made.signing_key.serialize_pem());
        for secret in ["admin-token", "lmif", "lmif-old"] {
            file(secret, SECRET);
        }
        Self { folder }
    }

    /// Fails where `check` does not accept the configuration.
    pub(super) fn accepts(&self, config: &str, what: &str) {
        let output = self.check(config);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what} cannot be used:\n{told}\n{config}");
    }

    /// What `check` says about a configuration that it must refuse.
    pub(super) fn refusal(&self, config: &str) -> String {
        let output = self.check(config);
        assert_eq!(output.status.code(), Some(78), "{config}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn check(&self, config: &str) -> Output {
        let path = self.folder.path().join("countersign.yaml");
        let here = format!("{}/", self.folder.path().display());
        let config = config.replace("/etc/countersign/", &here).replace("/run/secrets/", &here);
        fs::write(&path, &config).unwrap();
        Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["check", "--config"])
            .arg(&path)
            .current_dir(self.folder.path())
            .envs(variables(&config).map(|name| (name, SECRET)))
            .output()
            .unwrap()
    }
}

/// The variables that a configuration names.
fn variables(config: &str) -> impl Iterator<Item = &str> {
    config.split("env: ").skip(1).map(|rest| rest.split([',', '}', ' ', '\n']).next().unwrap_or_default())
}
