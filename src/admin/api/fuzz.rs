//! What must hold of whatever is asked of the API.

use http::Uri;
use jiff::Timestamp;

use super::given::Given;
use super::route::{BASE, find};
use crate::fuzzing::text_line;
use crate::store::ledger::DeliveryId;

/// A method and a target on the first line, then a body: what is found says what was asked, and a parameter is the
/// decoded one, given once.
pub fn admin(data: &[u8]) {
    let Some((request, body)) = text_line(data) else { return };
    let Some((method, target)) = request.split_once(' ') else { return };
    let (Ok(method), Ok(target)) = (method.parse(), target.parse::<Uri>()) else { return };
    let Ok((route, name)) = find(&method, target.path()) else { return };
    let pattern = route.path.split_once('{').map_or(route.path.to_owned(), |(before, after)| {
        let behind = after.split_once('}').map_or("", |(_, behind)| behind);
        format!("{before}{name}{behind}")
    });
    assert_eq!(target.path(), format!("{BASE}{pattern}"));
    identified(name);
    let mut given = Given::default();
    let query = target.query().unwrap_or_default();
    if given.query(query, route.parameters).is_err() || given.body(body, route.parameters).is_err() {
        return;
    }
    for parameter in route.parameters {
        let Some(text) = given.text(parameter) else { continue };
        let limit = data.len();
        assert!(!text.is_empty() && text.len() <= limit);
        identified(&text);
        let read = given.read_as(parameter, "a time", |text| text.parse::<Timestamp>().ok());
        assert_eq!(read.is_ok(), text.parse::<Timestamp>().is_ok());
    }
    let narrows = route.parameters.iter().any(|name| *name != "reason" && given.text(name).is_some());
    assert_eq!(given.filters().is_empty(), !narrows, "a reason narrows nothing down: {}", given.filters());
}

/// An id that is read is one that is written, and leads to the row that it was made for.
fn identified(text: &str) {
    let Some(id) = DeliveryId::parse(text) else { return };
    assert_eq!(DeliveryId::parse(&id.to_string()), Some(id));
    let at = Timestamp::from_millisecond(id.millis()).expect("an id is of a moment");
    assert_eq!(DeliveryId::new(at, id.row()), id);
}
