//! What else may have been signed: other bytes around the body, with another algorithm.

use std::borrow::Cow;

use super::offer::{ALGORITHMS, carries, items};
use super::{Captured, Known, Mistake};
use crate::scheme::{Algorithm, Locator, Part, Placeholder, Recipe, Template, TimestampSource};

const ALGORITHM: Known = Known {
    name: "algorithm",
    what: "it is signed with HMAC and {}, not {}",
    advice: "Change the scheme's `algorithm`, or let the sender use the other one.",
};

const SIGNED: Known = Known {
    name: "signed-content",
    what: "what is signed is `{}`, not `{}`",
    advice: "Change the scheme's `signed`, or let the sender sign what the scheme says.",
};

const TIMESTAMP_LEFT_OUT: Known = Known {
    name: "signed-without-timestamp",
    what: "what is signed is `{}`, without the timestamp: not `{}`",
    advice: "Let the sender sign the timestamp too: without it, a captured request can be sent again at any time.",
};

const SEPARATOR: Known = Known {
    name: "signed-separator",
    what: "what is signed is divided in another way: `{}`, not `{}`",
    advice: "Let the sender put it together as the scheme says, or change the scheme's `signed`.",
};

const OTHER_TIMESTAMP: Known = Known {
    name: "timestamp-other",
    what: "the timestamp that is signed stands in `{}`",
    advice: "Name that place in the scheme's `timestamp`, or let the sender sign the time that it sends.",
};

const TIMESTAMP_FORM: Known = Known {
    name: "timestamp-form",
    what: "the timestamp was signed in {} and is sent in another unit",
    advice: "Let the sender sign the very text that it sends.",
};

const TIMESTAMP_ALTERED: Known = Known {
    name: "timestamp-altered",
    what: "the timestamp was signed as a time {} seconds {} than the one that was sent",
    advice: "The sender takes the time twice, or something on the way sets it anew: sign and send one and the same.",
};

const URL: Known = Known {
    name: "signed-url",
    what: "the sender signs another URL: {}",
    advice: "Set `public_url` to what the sender is configured with, or give it here with `--url`.",
};

/// Forms that senders sign. `{path}` stands for path and query.
static FORMS: &[&str] = &[
    "{body}",
    "{timestamp}.{body}",
    "{timestamp}:{body}",
    "{timestamp}{body}",
    "{timestamp}|{body}",
    "{timestamp},{body}",
    "{timestamp}-{body}",
    "{timestamp}_{body}",
    "{timestamp} {body}",
    "{timestamp}\n{body}",
    "v0:{timestamp}:{body}",
    "v1:{timestamp}:{body}",
    "{body}{timestamp}",
    "{body}.{timestamp}",
    "{body}:{timestamp}",
    "{id}.{timestamp}.{body}",
    "{id}{timestamp}{body}",
    "{timestamp}.{id}.{body}",
    "{timestamp}{id}{body}",
    "{id}.{body}",
    "{timestamp}",
    "{url}{body}",
    "{url}.{body}",
    "{url}",
    "{body}{url}",
    "{url}{timestamp}{body}",
    "{method}{url}{body}",
    "{method}{url}{body}{timestamp}",
    "{method}{url}{timestamp}{body}",
    "{method}{path}{body}",
    "{timestamp}{method}{path}{body}",
    "{method}\n{path}\n{timestamp}\n{body}",
    "{path}{body}",
];

/// What may have been signed, and which mistakes that would be.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) algorithm: Algorithm,
    /// Timestamps and ids stand in it as they are.
    pub(super) parts: Vec<Part>,
}

/// A text of the request that may be a part of what is signed, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) place: String,
    pub(super) text: String,
}

/// What the scheme says is signed; `None` where a part of it is not there.
pub(super) fn own(captured: &Captured<'_>, recipe: &Recipe) -> Option<Content> {
    let timestamp = timestamp(captured, recipe);
    let parts = recipe.signed.0.iter().map(|part| match part {
        Part::Timestamp => Some(literal(&timestamp.as_ref()?.text)),
        other => Some(other.clone()),
    });
    Some(Content { mistakes: Vec::new(), algorithm: recipe.algorithm, parts: parts.collect::<Option<_>>()? })
}

/// Everything else that is tried, the likeliest first.
pub(super) fn variants(captured: &Captured<'_>, recipe: &Recipe) -> Vec<Content> {
    let own = own(captured, recipe);
    let mut contents: Vec<Content> = own.iter().flat_map(|own| urls(captured, own)).collect();
    contents.extend(forms(captured, recipe));
    contents.extend(own.iter().flat_map(|own| reformed(captured, recipe, own)));
    let others = ALGORITHMS.iter().filter(|algorithm| **algorithm != recipe.algorithm);
    let with_others: Vec<Content> = others
        .flat_map(|algorithm| {
            let other = ALGORITHM.with(&[&algorithm.to_string(), &recipe.algorithm.to_string()]);
            own.iter().chain(&contents).map(move |content| Content {
                mistakes: std::iter::once(other.clone()).chain(content.mistakes.iter().cloned()).collect(),
                algorithm: *algorithm,
                parts: content.parts.clone(),
            })
        })
        .collect();
    contents.extend(with_others);
    contents.sort_by_key(|content| content.mistakes.len());
    contents
}

/// The time of signing, where the scheme says that it stands.
pub(super) fn timestamp<A, K>(captured: &Captured<'_>, recipe: &Recipe<A, K>) -> Option<Found> {
    let rule = recipe.timestamp.as_ref()?;
    let found = |place: &str, text: String| Some(Found { place: place.to_owned(), text });
    match &rule.from {
        TimestampSource::Format => {
            let mut names = captured.headers.keys().filter(|name| carries(&recipe.carrier, name.as_str()));
            let value = captured.values(names.next()?.as_str()).next()?;
            let parts = items(recipe, &value);
            let by_place = recipe.format.items.iter().all(|item| item.prefix.is_empty());
            let places = recipe.format.items.iter().enumerate();
            let mut places = places.filter(|(_, item)| item.value == Placeholder::Timestamp);
            let text = places.find_map(|(index, item)| {
                let mut begun = parts.iter().filter_map(|part| part.strip_prefix(&*item.prefix));
                if by_place { parts.get(index).copied() } else { begun.next() }.map(ToOwned::to_owned)
            });
            found("the signature", text?)
        }
        TimestampSource::Header(name) => found(name.as_str(), captured.values(name.as_str()).next()?),
        TimestampSource::Json(pointer) => {
            let body: serde_json::Value = serde_json::from_slice(captured.body).ok()?;
            let text = match body.pointer(&pointer.0)? {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Number(number) => number.to_string(),
                _ => return None,
            };
            found(&pointer.0, text)
        }
    }
}

/// Other forms, with every timestamp and id that the request has.
fn forms(captured: &Captured<'_>, recipe: &Recipe) -> Vec<Content> {
    let own_time = timestamp(captured, recipe);
    let times = own_time.iter().cloned().chain(timestamps(captured, own_time.as_ref()));
    let times: Vec<Found> = times.collect();
    let ids = ids(captured);
    let written = recipe.signed.to_string();
    let path = captured.query.map_or_else(|| captured.path.to_owned(), |query| format!("{}?{query}", captured.path));
    let mut contents = Vec::new();
    for form in FORMS {
        let Ok(template) = Template::parse(&form.replace("{path}", "{url}")) else { continue };
        let (timed, identified) = (form.contains("{timestamp}"), form.contains("{id}"));
        let none = [Found { place: String::new(), text: String::new() }];
        for time in if timed { &times[..] } else { &none } {
            for id in if identified { &ids[..] } else { &none } {
                let parts = template.0.iter().map(|part| match part {
                    Part::Timestamp => literal(&time.text),
                    Part::Id => literal(&id.text),
                    Part::Url if form.contains("{path}") => literal(&path),
                    other => other.clone(),
                });
                let elsewhere = timed && own_time.as_ref().is_some_and(|own| own != time);
                let mut mistakes: Vec<Mistake> =
                    elsewhere.then(|| OTHER_TIMESTAMP.with(&[&time.place])).into_iter().collect();
                if *form != written {
                    mistakes.push(composed(form, &written));
                }
                if !mistakes.is_empty() {
                    contents.push(Content { mistakes, algorithm: recipe.algorithm, parts: parts.collect() });
                }
            }
        }
    }
    contents
}

fn composed(form: &str, written: &str) -> Mistake {
    let placeholders = |text: &str| -> Vec<String> {
        text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect()
    };
    let known = if placeholders(form) == placeholders(written) {
        SEPARATOR
    } else if form == "{body}" && written.contains("{timestamp}") {
        TIMESTAMP_LEFT_OUT
    } else {
        SIGNED
    };
    known.with(&[&form.replace('\n', "\\n"), &written.replace('\n', "\\n")])
}

/// Every header, or item of one, that reads as a time.
fn timestamps(captured: &Captured<'_>, own: Option<&Found>) -> Vec<Found> {
    let mut found = Vec::new();
    for name in captured.headers.keys() {
        for value in captured.values(name.as_str()) {
            for item in value.split([',', ';', ' ']) {
                let text = item.split_once('=').map_or(item, |(_, text)| text).trim();
                let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && matches!(text.len(), 10 | 13);
                let one = Found { place: name.as_str().to_owned(), text: text.to_owned() };
                if (digits || text.parse::<jiff::Timestamp>().is_ok()) && own.is_none_or(|own| own.text != text) {
                    found.push(one);
                }
            }
        }
    }
    found.truncate(4);
    found
}

/// Every id that the scheme or a header's name points out.
fn ids(captured: &Captured<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for name in captured.headers.keys().map(|name| name.as_str()) {
        let is_id = name.ends_with("-id") || name.ends_with("-delivery");
        let is_own = captured.scheme.event_id.iter().any(|place| matches!(place, Locator::Header(own) if own == name));
        if is_id || is_own {
            found.extend(captured.values(name).map(|text| Found { place: name.to_owned(), text }));
        }
    }
    found.truncate(4);
    found
}

/// Other URLs than the one that was given, where the scheme signs it.
fn urls(captured: &Captured<'_>, own: &Content) -> Vec<Content> {
    let Some(at) = own.parts.iter().position(|part| matches!(part, Part::Url | Part::UrlDecoded)) else {
        return Vec::new();
    };
    let base = captured.public_url.trim_end_matches('/');
    let (scheme, host) = base.split_once("://").unwrap_or(("https", base));
    let query = captured.query.map(|query| format!("?{query}")).unwrap_or_default();
    let path = captured.path;
    let other = if scheme == "https" { "http" } else { "https" };
    let bare_host =
        host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(host, _)| host);
    let slashed = path.strip_suffix('/').map_or_else(|| format!("{path}/"), ToOwned::to_owned);
    let mut urls = vec![
        ("with the scheme `", other.to_owned(), format!("{other}://{host}{path}{query}")),
        ("with or without a slash at the end of its path, as `", slashed.clone(), format!("{base}{slashed}{query}")),
        ("without its query, as `", path.to_owned(), format!("{base}{path}")),
        ("without scheme and host, as `", path.to_owned(), format!("{path}{query}")),
        ("without scheme, as `", host.to_owned(), format!("{host}{path}{query}")),
        ("without its path, as `", base.to_owned(), base.to_owned()),
        ("without its port, as `", bare_host.to_owned(), format!("{scheme}://{bare_host}{path}{query}")),
    ];
    for port in [":443", ":80"] {
        urls.push(("with the port `", port.to_owned(), format!("{scheme}://{bare_host}{port}{path}{query}")));
    }
    for name in ["x-forwarded-host", "host", "x-original-host"] {
        for host in captured.values(name) {
            for scheme in [scheme, other] {
                urls.push(("with the host `", host.clone(), format!("{scheme}://{host}{path}{query}")));
            }
        }
    }
    let content = |(how, what, url): (&str, String, String)| {
        let mut parts = own.parts.clone();
        parts[at] = literal(&url);
        Content { mistakes: vec![URL.with(&[&format!("{how}{what}`")])], algorithm: own.algorithm, parts }
    };
    urls.into_iter().map(content).collect()
}

/// The same time, written in another unit.
fn reformed(captured: &Captured<'_>, recipe: &Recipe, own: &Content) -> Vec<Content> {
    let Some(time) = timestamp(captured, recipe) else { return Vec::new() };
    let mut forms: Vec<(&str, String)> = Vec::new();
    if let Ok(number) = time.text.parse::<i64>() {
        let moment = |milliseconds| jiff::Timestamp::from_millisecond(milliseconds).ok();
        let (seconds, milliseconds) =
            if number > 100_000_000_000 { (number / 1000, number) } else { (number, number.saturating_mul(1000)) };
        forms.push(("milliseconds", milliseconds.to_string()));
        forms.push(("seconds", seconds.to_string()));
        forms.extend(moment(milliseconds).map(|moment| ("RFC 3339", moment.to_string())));
    } else if let Ok(moment) = time.text.parse::<jiff::Timestamp>() {
        forms.push(("seconds", moment.as_second().to_string()));
        forms.push(("milliseconds", moment.as_millisecond().to_string()));
    }
    let other = forms.into_iter().filter(|(_, text)| *text != time.text);
    other.map(|(unit, text)| retimed(own, recipe, &text, TIMESTAMP_FORM.with(&[unit]))).collect()
}

/// Times near the one that was sent; only where it is one in seconds.
pub(super) fn near(captured: &Captured<'_>, recipe: &Recipe, own: &Content) -> Vec<Content> {
    let sent = timestamp(captured, recipe).and_then(|time| time.text.parse::<i64>().ok());
    let Some(sent) = sent.filter(|sent| (1_000_000_000..100_000_000_000).contains(sent)) else { return Vec::new() };
    let distances = (1..=NEAR).flat_map(|distance| [(distance, "earlier", -1), (distance, "later", 1)]);
    let content = |(distance, which, sign): (i64, &str, i64)| {
        let mistake = TIMESTAMP_ALTERED.with(&[&distance.to_string(), which]);
        retimed(own, recipe, &(sent + sign * distance).to_string(), mistake)
    };
    distances.map(content).collect()
}

/// In seconds.
const NEAR: i64 = 900;

fn retimed(own: &Content, recipe: &Recipe, time: &str, mistake: Mistake) -> Content {
    let parts = own.parts.iter().zip(recipe.signed.0.iter()).map(|(part, written)| match written {
        Part::Timestamp => literal(time),
        _ => part.clone(),
    });
    Content { mistakes: vec![mistake], algorithm: own.algorithm, parts: parts.collect() }
}

pub(super) fn literal(text: &str) -> Part {
    Part::Literal(Cow::Owned(text.to_owned()))
}

/// Every name that a mistake with what is signed can have.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let all =
        [ALGORITHM, SIGNED, TIMESTAMP_LEFT_OUT, SEPARATOR, OTHER_TIMESTAMP, TIMESTAMP_FORM, TIMESTAMP_ALTERED, URL];
    all.into_iter().map(|known| known.name)
}
