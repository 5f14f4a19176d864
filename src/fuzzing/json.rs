//! What is taken from a JSON body, and what is hidden of one.

use super::text_line;
use crate::scheme::Pointer;
use crate::scheme::fuzz as scheme;
use crate::store::fuzz as store;

/// Pointers on the first line, a space between; then a document. What the scanner finds, and what an operator is shown,
/// is compared with what serde_json reads.
pub fn json(data: &[u8]) {
    let Some((line, document)) = text_line(data) else { return };
    let Ok(pointers) = line.split(' ').take(12).map(Pointer::parse).collect::<Result<Vec<_>, _>>() else { return };
    scheme::fields(&pointers, document);
    scheme::structures(document);
    store::masked(&pointers, document);
}
