//! Takes back what a disk would have lost, by the logs that tests/crash/unsynced.c wrote.

use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use fastrand::Rng;

/// What a disk loses of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Loss {
    /// All of it.
    Everything,
    /// Each sector of this size at random: writes are torn, and happen in any order.
    Sectors(u64),
}

/// Brings the files of `folder` to what was on disk, and says how many sectors that changed; `logs` is empty afterwards.
pub(crate) fn undo(folder: &Path, logs: &Path, loss: Loss, rng: &mut Rng) -> usize {
    let mut sectors = 0;
    if is_folder_lost(logs, loss, rng) {
        fs::remove_dir_all(folder).unwrap();
    } else {
        undo_names(folder, logs, loss, rng);
    }
    let mut logged: Vec<PathBuf> = fs::read_dir(logs).unwrap().map(|entry| entry.unwrap().path()).collect();
    logged.sort();
    for log in logged.iter().filter(|log| log.extension().is_some_and(|extension| extension == "undo")) {
        let file = folder.join(log.file_stem().unwrap());
        if file.exists() {
            sectors += undo_writes(&file, &fs::read(log).unwrap(), loss, rng);
        }
    }
    fs::remove_dir_all(logs).unwrap();
    fs::create_dir(logs).unwrap();
    sectors
}

/// Whether the folder itself has no name on disk.
fn is_folder_lost(logs: &Path, loss: Loss, rng: &mut Rng) -> bool {
    let is_synced = fs::read(logs.join("folder")).unwrap_or_default().is_empty();
    !is_synced && (loss == Loss::Everything || rng.bool())
}

/// Undoes names from the last on; a journal of the file system keeps their order, so that a beginning of them stays.
fn undo_names(folder: &Path, logs: &Path, loss: Loss, rng: &mut Rng) {
    let names = fs::read_to_string(logs.join("names")).unwrap_or_default();
    let entries: Vec<&str> = names.lines().collect();
    let stays = if loss == Loss::Everything { 0 } else { rng.usize(..=entries.len()) };
    for entry in entries[stays..].iter().rev() {
        let words: Vec<&str> = entry.split(' ').collect();
        let (file, log) = (folder.join(words[1]), logs.join(format!("{}.undo", words[1])));
        match *words {
            ["create", _] => {
                let _ = fs::remove_file(file);
                let _ = fs::remove_file(log);
            }
            ["unlink", _, aside] => {
                // A kill may have come before it was unlinked.
                let _ = fs::rename(logs.join(aside), file);
                let _ = fs::rename(logs.join(format!("{aside}.undo")), log);
            }
            _ => panic!("a log of names holds {entry}"),
        }
    }
}

/// How much of a log comes before a record's old bytes.
const HEAD: usize = 32;

enum Record<'a> {
    /// `reach` bytes from `offset` on were changed. `old` stood there, in a file of `size` bytes.
    Write { offset: u64, reach: u64, size: u64, old: &'a [u8] },
    /// A sync succeeded.
    Synced,
    /// A sync failed.
    Failed,
}

/// Reads a log's records. One that is incomplete was being written by the kill: what it is for has not begun.
fn records(mut log: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    while let Some((head, rest)) = log.split_first_chunk::<HEAD>() {
        let [kind, length] = [0, 4].map(|at| u32::from_le_bytes(head[at..at + 4].try_into().unwrap()));
        let [offset, reach, size] = [8, 16, 24].map(|at| u64::from_le_bytes(head[at..at + 8].try_into().unwrap()));
        let Some((old, rest)) = rest.split_at_checked(length as usize) else { break };
        records.push(match kind {
            1 => Record::Write { offset, reach, size, old },
            2 => Record::Synced,
            3 => Record::Failed,
            _ => panic!("a log of writes holds {kind}"),
        });
        log = rest;
    }
    records
}

fn undo_writes(file: &Path, log: &[u8], loss: Loss, rng: &mut Rng) -> usize {
    let mut undoing = Undoing::new(fs::read(file).unwrap(), loss, rng);
    for record in records(log).iter().rev() {
        match record {
            Record::Write { offset, reach, size, old } => undoing.write(*offset..offset + reach, *size, old),
            Record::Synced => undoing.is_synced = true,
            Record::Failed => undoing.is_synced = false,
        }
    }
    fs::write(file, undoing.content).unwrap();
    undoing.undone
}

/// Goes back in time through the writes of a file.
struct Undoing<'a> {
    content: Vec<u8>,
    /// Whether the writes that it comes to were synced.
    is_synced: bool,
    sector: u64,
    /// How probable it is that a sector reached the disk without being synced.
    luck: f64,
    /// The sectors that are as they were on disk, and whether the file's size is.
    settled: HashSet<u64>,
    is_size_settled: bool,
    /// How many sectors' writes were undone.
    undone: usize,
    rng: &'a mut Rng,
}

impl<'a> Undoing<'a> {
    fn new(content: Vec<u8>, loss: Loss, rng: &'a mut Rng) -> Self {
        let (sector, luck) = match loss {
            Loss::Everything => (4096, 0.0),
            Loss::Sectors(sector) => (sector, rng.f64()),
        };
        let settled = HashSet::new();
        Self { content, is_synced: false, sector, luck, settled, is_size_settled: false, undone: 0, rng }
    }

    fn write(&mut self, range: Range<u64>, size: u64, old: &[u8]) {
        for sector in range.start / self.sector..range.end.div_ceil(self.sector) {
            if self.settled.contains(&sector) {
                continue;
            }
            if self.reached_disk() {
                self.settled.insert(sector);
                continue;
            }
            let start = range.start.max(sector * self.sector);
            let end = range.end.min((sector + 1) * self.sector);
            self.undone += 1;
            self.restore(start..end, &old[old.len().min((start - range.start) as usize)..]);
        }
        if !self.is_size_settled {
            self.is_size_settled = self.reached_disk();
        }
        if !self.is_size_settled {
            self.content.resize(size as usize, 0);
        }
    }

    fn reached_disk(&mut self) -> bool {
        self.is_synced || self.rng.f64() < self.luck
    }

    /// Puts old bytes back; where the file had none, what was never written reads as zero.
    fn restore(&mut self, range: Range<u64>, old: &[u8]) {
        for (place, at) in (range.start..range.end).enumerate() {
            let byte = old.get(place).copied().unwrap_or_default();
            match self.content.get_mut(at as usize) {
                Some(content) => *content = byte,
                None if place < old.len() => {
                    self.content.resize(at as usize, 0);
                    self.content.push(byte);
                }
                None => break,
            }
        }
    }
}
