//! The walk along several pointers at once.

use super::TOGETHER;
use super::cursor::{Cursor, Halt};
use super::text;
use crate::scheme::Pointer;

/// A set of pointers, by position.
type Set = u8;

/// What stands at a pointer, as written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'a> {
    /// Nothing so far.
    Nothing,
    /// This number.
    Number(&'a [u8]),
    /// A string with this between its quotes.
    String(&'a [u8]),
    /// A value of another kind, or more than one.
    Unfit,
}

/// A walk through one document.
pub(super) struct Scan<'a, 'p> {
    cursor: Cursor<'a>,
    /// How many pointers there are.
    count: usize,
    /// What is left of every pointer at the level where the walk is.
    paths: [&'p str; TOGETHER],
    found: [Found<'a>; TOGETHER],
    /// Whether the walk may end as soon as everything is found.
    hasty: bool,
}

impl<'a, 'p> Scan<'a, 'p> {
    /// Takes at most [`TOGETHER`] pointers.
    pub(super) fn new(document: &'a [u8], pointers: &[&'p Pointer]) -> Self {
        let mut paths = [""; TOGETHER];
        for (path, pointer) in paths.iter_mut().zip(pointers) {
            *path = &pointer.0;
        }
        Self {
            cursor: Cursor::new(document),
            count: pointers.len(),
            paths,
            found: [Found::Nothing; TOGETHER],
            hasty: true,
        }
    }

    /// Walks until every pointer has found something, which is [`Halt::Found`], or else to the end of the document.
    pub(super) fn until_found(&mut self) -> Result<(), Halt> {
        self.value(Set::MAX >> (TOGETHER - self.count))
    }

    /// Walks to the end of the document.
    pub(super) fn until_end(&mut self) -> Result<(), Halt> {
        self.hasty = false;
        self.until_found()
    }

    pub(super) fn found(&self) -> &[Found<'a>] {
        &self.found[..self.count]
    }

    /// Passes a value that the pointers of `set` lead to or through. The recursion is as deep as the pointers are long.
    fn value(&mut self, set: Set) -> Result<(), Halt> {
        let ends = members(set).filter(|at| self.paths[*at].is_empty()).fold(0, |ends, at| ends | 1 << at);
        let further = set & !ends;
        let found = match self.cursor.peek()? {
            b'"' => Found::String(self.cursor.string()?),
            b'{' | b'[' if further == 0 => {
                self.cursor.skip()?;
                Found::Unfit
            }
            b'{' => {
                self.object(further)?;
                Found::Unfit
            }
            b'[' => {
                self.array(further)?;
                Found::Unfit
            }
            _ => Some(self.cursor.bare()?).filter(|raw| text::is_number(raw)).map_or(Found::Unfit, Found::Number),
        };
        members(ends).for_each(|at| self.found[at] = found);
        if self.hasty && self.found().iter().all(|found| !matches!(found, Found::Nothing)) {
            return Err(Halt::Found(self.cursor.at()));
        }
        Ok(())
    }

    fn object(&mut self, set: Set) -> Result<(), Halt> {
        let (outer, steps) = self.descend(set);
        let mut seen = 0;
        self.cursor.expect(b'{')?;
        let mut more = !self.cursor.pass(b'}')?;
        while more {
            let name = self.cursor.string()?;
            self.cursor.expect(b':')?;
            let named = named(name, set, &steps)?;
            members(named & seen).for_each(|at| self.found[at] = Found::Unfit);
            self.value_or_skip(named & !seen)?;
            seen |= named;
            more = self.cursor.more(b'}')?;
        }
        self.paths = outer;
        Ok(())
    }

    fn array(&mut self, set: Set) -> Result<(), Halt> {
        let (outer, steps) = self.descend(set);
        self.cursor.expect(b'[')?;
        let mut more = !self.cursor.pass(b']')?;
        for index in 0_usize.. {
            if !more {
                break;
            }
            self.value_or_skip(
                members(set).filter(|at| text::is_index(steps[*at], index)).fold(0, |set, at| set | 1 << at),
            )?;
            more = self.cursor.more(b']')?;
        }
        self.paths = outer;
        Ok(())
    }

    fn value_or_skip(&mut self, set: Set) -> Result<(), Halt> {
        if set == 0 { self.cursor.skip() } else { self.value(set) }
    }

    /// Takes the next step from every path of `set`; gives the paths as they were, and the steps.
    fn descend(&mut self, set: Set) -> ([&'p str; TOGETHER], [&'p str; TOGETHER]) {
        let outer = self.paths;
        let mut steps = [""; TOGETHER];
        for at in members(set) {
            let path = outer[at].strip_prefix('/').unwrap_or(outer[at]);
            let len = path.find('/').unwrap_or(path.len());
            (steps[at], self.paths[at]) = path.split_at(len);
        }
        (outer, steps)
    }
}

/// The pointers of `set` whose step has this name, as written in the document.
fn named(name: &[u8], set: Set, steps: &[&str; TOGETHER]) -> Result<Set, Halt> {
    let unescaped;
    let name = if memchr::memchr(b'\\', name).is_some() {
        unescaped = text::unescape(name).ok_or(Halt::Broken)?;
        unescaped.as_bytes()
    } else {
        name
    };
    Ok(members(set).filter(|at| text::is_step(steps[*at], name)).fold(0, |set, at| set | 1 << at))
}

fn members(set: Set) -> impl Iterator<Item = usize> {
    let mut rest = set;
    std::iter::from_fn(move || {
        let at = rest.trailing_zeros() as usize;
        rest &= rest.wrapping_sub(1);
        (at < TOGETHER).then_some(at)
    })
}
