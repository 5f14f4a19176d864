//! JSON as serde_json reads it, with every member of an object, also where it is given twice.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value.
#[derive(Debug, PartialEq)]
pub(crate) enum Tree {
    Array(Vec<Tree>),
    False,
    Null,
    Number(f64),
    Object(Vec<(String, Tree)>),
    Text(String),
    True,
}

impl Tree {
    /// `None` where serde_json refuses it.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Whether serde_json refuses it for a limit of its own: a number that is too large, or too many levels.
    pub(crate) fn is_beyond(bytes: &[u8]) -> bool {
        let refused = serde_json::from_slice::<Self>(bytes).err().map(|error| error.to_string()).unwrap_or_default();
        refused.contains("out of range") || refused.contains("recursion limit")
    }

    /// The members of an object; of everything else, none.
    pub(crate) fn members(&self) -> &[(String, Tree)] {
        if let Self::Object(members) = self { members } else { &[] }
    }

    /// What stands under a name, where exactly one value does.
    pub(crate) fn member(&self, name: &str) -> Option<&Tree> {
        let mut found = self.members().iter().filter(|(other, _)| other == name);
        found.next().map(|(_, value)| value).filter(|_| found.next().is_none())
    }

    /// What a pointer (RFC 6901) leads to, where no member on its way is given twice.
    pub(crate) fn at(&self, pointer: &str) -> Option<&Tree> {
        pointer.split('/').skip(1).try_fold(self, |tree, step| match tree {
            Self::Object(_) => tree.member(&step.replace("~1", "/").replace("~0", "~")),
            Self::Array(items) => items.get(index(step)?),
            _ => None,
        })
    }

    /// Everything that a pointer can lead to, whichever of several members of a name is taken.
    pub(crate) fn all_at(&self, pointer: &str) -> Vec<&Tree> {
        pointer.split('/').skip(1).fold(vec![self], |trees, step| {
            let name = step.replace("~1", "/").replace("~0", "~");
            let members = trees.iter().flat_map(|tree| tree.members()).filter(|(other, _)| *other == name);
            let items = trees.iter().filter_map(|tree| match tree {
                Self::Array(items) => items.get(index(step)?),
                _ => None,
            });
            members.map(|(_, value)| value).chain(items).collect()
        })
    }

    /// How many levels there are: of a number it is one, of an empty array too.
    pub(crate) fn depth(&self) -> usize {
        1 + self.children().map(Tree::depth).max().unwrap_or(0)
    }

    /// Whether it is an object or an array.
    pub(crate) fn is_structure(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Object(_))
    }

    /// Whether an object anywhere in it gives a member twice.
    pub(crate) fn repeats(&self) -> bool {
        let own = self.members();
        let is_repeated = |at: usize| own[..at].iter().any(|(name, _)| *name == own[at].0);
        (0..own.len()).any(is_repeated) || self.children().any(Tree::repeats)
    }

    fn children(&self) -> impl Iterator<Item = &Tree> {
        let items = if let Self::Array(items) = self { items.as_slice() } else { &[] };
        items.iter().chain(self.members().iter().map(|(_, value)| value))
    }
}

/// The place in an array that a step of a pointer means (RFC 6901 §4).
fn index(step: &str) -> Option<usize> {
    let is_written_so = step == "0" || !step.starts_with(['0', '+']);
    step.parse().ok().filter(|_| is_written_so)
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Whole)
    }
}

struct Whole;

impl<'de> Visitor<'de> for Whole {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(if value { Tree::True } else { Tree::False })
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = array.next_element()? {
            items.push(item);
        }
        Ok(Tree::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = object.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Object(members))
    }
}
