//! Tries configurations with the program.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::schema::Schema;

/// Text, hexadecimal and base64 at once, so that it is a secret of every scheme.
const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A folder to try configurations in, with the files that they name.
pub(super) struct Trial {
    folder: TempDir,
    schema: Schema,
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
        fs::create_dir(folder.path().join("secrets")).unwrap();
        file("secrets/example", SECRET);
        fs::create_dir(folder.path().join("keys")).unwrap();
        let ours = super::page::root().join("tests/keys");
        for key in ["ed25519", "p256", "p384", "rsa2048"] {
            fs::copy(ours.join(format!("{key}.pub.pem")), folder.path().join(format!("keys/{key}.pem"))).unwrap();
        }
        fs::copy(ours.join("ed25519.pem"), folder.path().join("partner.pem")).unwrap();
        Self { folder, schema: Schema::printed() }
    }

    /// Fails where `check` does not accept the configuration, or an editor would not.
    pub(super) fn accepts(&self, config: &str, what: &str) {
        let output = self.check(config);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what} cannot be used:\n{told}\n{config}");
        let complaints = self.schema.complaints(config).expect("it is YAML");
        assert!(complaints.is_empty(), "{what} is not as the schema says: {complaints:#?}\n{config}");
        keep(config, what);
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
        let folders = ["/etc/countersign/", "/run/secrets/", "/run/credentials/countersign.service/"];
        let config = folders.iter().fold(config.to_owned(), |config, folder| config.replace(folder, &here));
        fs::write(&path, &config).unwrap();
        Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["check", "--config"])
            .arg(&path)
            .current_dir(self.folder.path())
            .envs(variables(&config).map(|name| (name, secret(name))))
            .output()
            .unwrap()
    }
}

/// A password has a user before it.
fn secret(name: &str) -> String {
    if name.ends_with("_BASIC") { format!("user:{SECRET}") } else { SECRET.to_owned() }
}

/// Leaves a configuration for the editor's validator (`tests/interop/editor.mjs`), where `COUNTERSIGN_ACCEPTED` names a
/// folder for it.
fn keep(config: &str, what: &str) {
    if let Some(folder) = std::env::var_os("COUNTERSIGN_ACCEPTED") {
        let name = what.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        fs::write(Path::new(&folder).join(format!("{name}.yaml")), config).unwrap();
    }
}

/// The variables that a configuration names.
fn variables(config: &str) -> impl Iterator<Item = &str> {
    config.split("env: ").skip(1).map(|rest| rest.split([',', '}', ' ', '\n']).next().unwrap_or_default())
}
