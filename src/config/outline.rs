//! What the reader takes, found out by asking the reader itself.
//!
//! A reader that is asked is given an empty text, an empty map and a list of these in turn, and answers with what it
//! would have taken, instead of refusing it. So the outline cannot drift from what is read: a key that is asked for is a
//! key of the outline. What must be there, what excludes what and what needs what is found by giving keys, one and two
//! at a time.

use std::ops::RangeInclusive;

use super::error::Problems;
use super::node::{Entry, Map, Node, Span, Spanned, Style, Text, Value};
use super::read::{Read, Word};

/// Something that a reader takes.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// A map with exactly one of these keys.
    Choice { what: &'static str, keys: Vec<(&'static str, Vec<Shape>)> },
    /// A whole number.
    Integer(RangeInclusive<u64>),
    /// A list.
    List { items: Vec<Shape>, may_be_empty: bool },
    /// A map whose keys are names of the user's.
    Names(Vec<Shape>),
    /// A map whose keys have a meaning.
    Object(Object),
    /// A text.
    Text { pattern: Option<String>, also: Scalars, examples: Vec<String> },
    /// One of these words.
    Words(Vec<&'static str>),
}

/// A map whose keys have a meaning.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    pub(super) what: &'static str,
    pub(super) keys: Vec<(&'static str, Vec<Shape>)>,
    /// Of each of these lists, one key must be there.
    pub(super) required: Vec<Vec<&'static str>>,
    /// Pairs of which only one may be there.
    pub(super) exclusive: Vec<(&'static str, &'static str)>,
    /// Keys that need another one.
    pub(super) needs: Vec<(&'static str, &'static str)>,
    /// Keys that were missed in what was given.
    missing: Vec<&'static str>,
}

/// What a text may look like to a YAML reader that tells numbers from texts, as this one does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalars {
    Integers,
    None,
    Numbers,
}

/// What was answered so far.
#[derive(Debug)]
pub(super) struct Asking {
    depth: Depth,
    answers: Vec<Shape>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// Keys are asked what they take.
    Deep,
    /// Only the keys of this map count.
    Shallow,
}

/// What `T` takes.
pub(super) fn of<T: Read>() -> Vec<Shape> {
    ask::<T>(&|value| value, true)
}

/// What `T` takes in a place: `wrap` puts a value there.
fn ask<T: Read>(wrap: &dyn Fn(Value) -> Value, lists: bool) -> Vec<Shape> {
    let text = Text { text: String::new(), style: Style::Plain, verbatim: None };
    let mut shapes = answers::<T>(wrap(Value::Text(text)), Depth::Deep).0;
    for shape in answers::<T>(wrap(Value::Map(Map::default())), Depth::Deep).0 {
        shapes.push(match shape {
            Shape::Choice { what, keys } => {
                let inside = |key| ask::<T>(&|value| wrap(map([(key, value)])), true);
                Shape::Choice { what, keys: keys.into_iter().map(|(key, _)| (key, inside(key))).collect() }
            }
            Shape::Object(object) => Shape::Object(constrained::<T>(wrap, object)),
            other => other,
        });
    }
    if lists {
        let items = ask::<T>(&|value| wrap(Value::List(vec![node(value)])), false);
        if !items.is_empty() {
            let may_be_empty = answers::<T>(wrap(Value::List(Vec::new())), Depth::Shallow).1 == 0;
            shapes.push(Shape::List { items, may_be_empty });
        }
    }
    shapes
}

/// What is answered to a value, and how many mistakes it has.
fn answers<T: Read>(value: Value, depth: Depth) -> (Vec<Shape>, usize) {
    let mut problems = Problems::default();
    problems.asking = Some(Asking { depth, answers: Vec::new() });
    T::read(&node(value), &mut problems);
    let errors = problems.errors();
    (problems.asking.map(|asking| asking.answers).unwrap_or_default(), errors)
}

/// Finds which keys work, which must be there, which exclude and which need each other.
fn constrained<T: Read>(wrap: &dyn Fn(Value) -> Value, mut object: Object) -> Object {
    let given = |keys: &[&'static str]| {
        let entries = keys.iter().map(|key| (*key, Value::Broken));
        let (shapes, errors) = answers::<T>(wrap(map(entries)), Depth::Shallow);
        let missing = shapes.into_iter().find_map(|shape| match shape {
            Shape::Object(object) => Some(object.missing),
            _ => None,
        });
        (missing.unwrap_or_default(), errors)
    };
    let always = given(&[]).0;
    // A key that is refused by itself is known and does not work yet.
    object.keys.retain(|(key, _)| given(&[key]).1 == 0);
    let keys: Vec<&'static str> = object.keys.iter().map(|(key, _)| *key).collect();
    for missed in &always {
        let instead = keys.iter().copied().filter(|key| !given(&[key]).0.contains(missed));
        object.required.push(instead.collect());
    }
    for (index, key) in keys.iter().copied().enumerate() {
        let needed = given(&[key]).0.into_iter().filter(|needed| !always.contains(needed));
        object.needs.extend(needed.map(|needed| (key, needed)));
        let others = keys[index + 1..].iter().copied().filter(|other| given(&[key, other]).1 > 0);
        object.exclusive.extend(others.map(|other| (key, other)));
    }
    object
}

fn node(value: Value) -> Node {
    Node::new(Span::default(), value)
}

fn map(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let entry = |(key, value): (&'static str, Value)| Entry {
        key: Spanned { value: key.to_owned(), span: Span::default(), owner: Span::default(), verbatim: None },
        node: node(value),
    };
    Value::Map(Map { entries: entries.into_iter().map(entry).collect(), refused: Vec::new() })
}

impl Shape {
    /// What a word is written as. Words of a closed set name themselves where none of them is found.
    pub(super) fn word<W: Word>() -> Shape {
        let takes = |text| W::parse(text).is_ok();
        match W::parse("") {
            Err(complaint) if !complaint.words.is_empty() => Shape::Words(complaint.words),
            _ => {
                let also = match (takes("410"), takes("4.5")) {
                    (true, true) => Scalars::Numbers,
                    (true, false) => Scalars::Integers,
                    (false, _) => Scalars::None,
                };
                Shape::Text { pattern: W::pattern(), also, examples: Vec::new() }
            }
        }
    }

    pub(super) fn object(
        what: &'static str,
        keys: Vec<(&'static str, Vec<Shape>)>,
        missing: impl IntoIterator<Item = &'static str>,
    ) -> Shape {
        Shape::Object(Object { what, keys, missing: missing.into_iter().collect(), ..Object::default() })
    }
}

impl Problems {
    /// Whether the reader is asked what it takes; what it is given means nothing then.
    pub(super) fn is_asked(&self) -> bool {
        self.asking.is_some()
    }

    /// Whether the reader of a map is asked what its keys take.
    pub(super) fn is_asked_deep(&self) -> bool {
        self.asking.as_ref().is_some_and(|asking| asking.depth == Depth::Deep)
    }

    /// Says what would be taken here, if that is asked.
    pub(super) fn answer(&mut self, shape: impl FnOnce() -> Shape) {
        if let Some(asking) = &mut self.asking {
            asking.answers.push(shape());
        }
    }

    /// Says that these words would be taken here, if that is asked.
    pub(super) fn takes(&mut self, words: &[&'static str]) {
        self.answer(|| Shape::Words(words.to_vec()));
    }

    /// Says that a text would be taken here, and which texts are likely, if that is asked.
    pub(super) fn takes_such_as(&mut self, examples: impl IntoIterator<Item = String>) {
        self.answer(|| Shape::Text { pattern: None, also: Scalars::None, examples: examples.into_iter().collect() });
    }
}
