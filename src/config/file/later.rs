//! Keys of later versions. They are refused, but a mistake in them is told
//! already: what passes here will not have to be written again.

use crate::config::error::Problems;
use crate::config::node::{Node, Value};
use crate::config::read::Read;

/// A value whose form is not fixed yet.
pub(super) struct Anything;

impl Read for Anything {
    fn read(node: &Node, _: &mut Problems) -> Option<Anything> {
        (!matches!(node.value, Value::Broken)).then_some(Anything)
    }
}
