//! What `sign`, `verify` and `explain` have in common: a scheme, a secret, a request, a time.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;

use crate::clock;
use crate::config;
use crate::scheme::{Head, KeyKind, KeySpec, Keyring, Scheme, Secret};

/// Which scheme, with which secrets or keys.
#[derive(Debug, clap::Args)]
pub(super) struct SchemeArgs {
    /// A preset (see `countersign schemes`), a YAML file that holds a scheme, or a name under `schemes` of --config.
    #[arg(long, value_name = "NAME|FILE")]
    scheme: String,
    /// The configuration that holds the scheme.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// An environment variable that holds the secret, or the private key to sign with; may be given several times.
    #[arg(long, value_name = "VARIABLE", required_unless_present_any = ["secret_file", "key_env", "key_file"])]
    secret_env: Vec<String>,
    /// A file that holds the secret, or the private key to sign with; one final newline is cut off.
    #[arg(long, value_name = "FILE")]
    secret_file: Vec<PathBuf>,
    /// An environment variable that holds the public key to verify by; may be given several times.
    #[arg(long, value_name = "VARIABLE")]
    key_env: Vec<String>,
    /// A file that holds the public key to verify by: PEM, a JWK, a set of JWKs, or the scheme's own form.
    #[arg(long, value_name = "FILE")]
    key_file: Vec<PathBuf>,
}

impl SchemeArgs {
    pub(super) fn load(&self) -> anyhow::Result<(Scheme, Keyring)> {
        let scheme = self.scheme()?;
        let secrets = specs(&self.secret_env, &self.secret_file)?;
        let keys = specs(&self.key_env, &self.key_file)?;
        let public = scheme.key_kind() == KeyKind::Public;
        if !keys.is_empty() && !public {
            bail!("the scheme verifies by a secret, not by a public key: use --secret-env or --secret-file");
        }
        for (specs, private) in [(&secrets, true), (&keys, false)] {
            for spec in specs {
                let id = &spec.id;
                let keyring =
                    Keyring::new(&scheme, vec![spec.clone()]).with_context(|| format!("{id} cannot be used"))?;
                match (public && keyring.signers().all(|signs| signs), private) {
                    (false, true) if public => bail!("{id} is a public key: use --key-env or --key-file"),
                    (true, false) => bail!("{id} is a private key: use --secret-env or --secret-file"),
                    _ => {}
                }
            }
        }
        let specs = [secrets, keys].concat();
        let noun = if public { "key" } else { "secret" };
        let keyring = Keyring::new(&scheme, specs).with_context(|| format!("a {noun} cannot be used"))?;
        Ok((scheme, keyring))
    }

    /// All secrets and keys, whether or not the scheme can use them.
    pub(super) fn specs(&self) -> anyhow::Result<Vec<KeySpec>> {
        Ok([specs(&self.secret_env, &self.secret_file)?, specs(&self.key_env, &self.key_file)?].concat())
    }

    pub(super) fn scheme(&self) -> anyhow::Result<Scheme> {
        if let Some(preset) = crate::scheme::preset(&self.scheme) {
            return Ok(preset.clone());
        }
        if let Some(path) = &self.config {
            return self.configured(path);
        }
        if !Path::new(&self.scheme).is_file() {
            bail!("`{}` is neither a preset nor a file; `countersign schemes` lists the presets", self.scheme);
        }
        let text = std::fs::read_to_string(&self.scheme).with_context(|| format!("cannot read {}", self.scheme))?;
        config::scheme_in(&text, &self.scheme)
            .map_err(|errors| anyhow::anyhow!("the scheme cannot be understood\n\n{errors}"))
    }

    fn configured(&self, path: &Path) -> anyhow::Result<Scheme> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {file}"))?;
        config::scheme_under(&text, &file, &self.scheme)
            .map_err(|errors| anyhow::anyhow!("the configuration cannot be understood\n\n{errors}"))?
            .with_context(|| format!("`{}` is neither a preset nor a name under `schemes` of {file}", self.scheme))
    }
}

fn specs(variables: &[String], files: &[PathBuf]) -> anyhow::Result<Vec<KeySpec>> {
    let mut specs = Vec::new();
    for variable in variables {
        let value = std::env::var_os(variable).with_context(|| format!("variable {variable} is not set"))?;
        specs.push(key(variable, value.into_encoded_bytes()));
    }
    for file in files {
        let name = file.display().to_string();
        let mut value = std::fs::read(file).with_context(|| format!("cannot read {name}"))?;
        if value.ends_with(b"\n") {
            value.pop();
            value.pop_if(|last| *last == b'\r');
        }
        specs.push(key(&name, value));
    }
    Ok(specs)
}

fn key(id: &str, secret: Vec<u8>) -> KeySpec {
    KeySpec { id: id.to_owned(), secret: Secret::new(secret), encoding: None, not_before: None, not_after: None }
}

/// The request beside its body.
#[derive(Debug, clap::Args)]
pub(super) struct RequestArgs {
    /// A header of the request; may be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The method, for schemes that sign it.
    #[arg(long, default_value = "POST")]
    method: Method,
    /// The URL that the sender was given, for schemes that sign it or its query.
    #[arg(long, default_value = "http://localhost/")]
    url: Uri,
    /// The time to sign or verify at, instead of now: RFC 3339, or seconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = time)]
    now: Option<Timestamp>,
}

/// A request as the scheme engine sees it, with owned parts.
pub(super) struct Request {
    pub headers: HeaderMap,
    pub method: Method,
    pub target: PathAndQuery,
    pub public_url: String,
    pub now: Timestamp,
}

impl RequestArgs {
    pub(super) fn load(&self) -> anyhow::Result<Request> {
        let authority = self.url.authority().context("--url is not absolute")?;
        let public_url = format!("{}://{authority}", self.url.scheme_str().unwrap_or("http"));
        let target = self.url.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        let now = self.now.unwrap_or_else(clock::now);
        Ok(Request { headers, method: self.method.clone(), target, public_url, now })
    }

    pub(super) fn url(&self) -> &Uri {
        &self.url
    }
}

impl Request {
    pub(super) fn head(&self) -> Head<'_> {
        Head {
            method: &self.method,
            path: self.target.path(),
            query: self.target.query(),
            headers: &self.headers,
            public_url: Some(&self.public_url),
        }
    }
}

/// The body, from standard input to its end.
pub(super) fn body() -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body).context("cannot read the body from standard input")?;
    Ok(body)
}

pub(super) fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected `Name: value`")?;
    let name = name.trim().parse().map_err(|_| "this is not a header name")?;
    let value = value.trim().parse().map_err(|_| "this is not a header value")?;
    Ok((name, value))
}

fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(seconds) = text.parse() {
        return Timestamp::from_second(seconds).map_err(|error| error.to_string());
    }
    text.parse().map_err(|_| "expected RFC 3339 or seconds since 1970".into())
}
