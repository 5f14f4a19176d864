//! The disk of the crash suite itself: what it keeps, and what it loses.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use fastrand::Rng;
use tempfile::TempDir;

use crate::support::{Disk, Loss, compiled};

/// A watched folder, and a program that writes there.
struct Bench {
    around: TempDir,
    disk: Disk,
    writer: PathBuf,
}

impl Bench {
    fn new() -> Option<Bench> {
        let around = tempfile::tempdir().unwrap();
        fs::create_dir(around.path().join("store")).unwrap();
        let disk = Disk::watching(&around.path().join("store"), around.path())?;
        let writer = compiled("writer.c", &around.path().join("writer"), &[])?;
        Some(Bench { around, disk, writer })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.around.path().join("store").join(name).components().collect()
    }

    /// Does this in a process of its own, kills that, and says what it said before.
    fn killed_after(&self, script: &str) -> Vec<String> {
        let place = |word: &str| match word.strip_prefix('/') {
            Some("..") => self.around.path().to_owned(),
            Some(name) => self.path(name),
            None => word.into(),
        };
        let mut process = Command::new(&self.writer)
            .args(script.split_whitespace().map(place))
            .envs(self.disk.variables())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said = lines.take_while(|line| line != "done").collect();
        process.kill().unwrap();
        process.wait().unwrap();
        said
    }

    fn content(&self, name: &str) -> String {
        String::from_utf8(fs::read(self.path(name)).unwrap()).unwrap()
    }
}

#[test]
fn what_was_synced_stays_and_the_rest_is_gone() {
    let Some(bench) = Bench::new() else { return };

    bench.killed_after("write /a 0 x 4 sync /a sync-folder / write /a 1 y 1 write /a 4 z 2 write /a 5 z 9");
    assert_eq!(bench.content("a"), "xyxxzzzzzzzzzz");
    bench.disk.lose(Loss::Everything, &mut Rng::with_seed(1));

    assert_eq!(bench.content("a"), "xxxx");
}

#[test]
fn what_was_cut_off_returns_until_that_is_synced() {
    let Some(bench) = Bench::new() else { return };

    bench.killed_after(
        "write /a 0 x 4 sync /a write /b 0 x 4 sync /b sync-folder / truncate /a 1 truncate /b 1 sync /b",
    );
    bench.disk.lose(Loss::Everything, &mut Rng::with_seed(1));

    assert_eq!((bench.content("a"), bench.content("b")), ("xxxx".into(), "x".into()));
}

#[test]
fn names_are_lost_until_the_folder_is_synced() {
    let Some(bench) = Bench::new() else { return };

    bench.killed_after("write /a 0 x 4 sync /a sync-folder / unlink /a write /b 0 y 4 sync /b");
    bench.disk.lose(Loss::Everything, &mut Rng::with_seed(1));

    assert_eq!(bench.content("a"), "xxxx");
    assert!(!bench.path("b").exists());
}

#[test]
fn a_folder_is_lost_with_all_that_is_in_it_until_the_one_around_it_is_synced() {
    let Some(bench) = Bench::new() else { return };
    fs::remove_dir(bench.path("")).unwrap();
    let script = "make-folder / write /a 0 x 4 sync /a sync-folder /";

    bench.killed_after(&format!("{script} sync-folder /.."));
    bench.disk.lose(Loss::Everything, &mut Rng::with_seed(1));
    assert_eq!(bench.content("a"), "xxxx");

    fs::remove_dir_all(bench.path("")).unwrap();
    bench.killed_after(script);
    bench.disk.lose(Loss::Everything, &mut Rng::with_seed(1));
    assert!(!bench.path("").exists());
}

#[test]
fn what_a_failed_sync_lost_a_later_one_does_not_bring_back() {
    let Some(bench) = Bench::new() else { return };

    bench.killed_after("write /a 0 x 9000 sync /a sync-folder /");
    bench.disk.fail_next_sync("a");
    let said = bench.killed_after("write /a 0 y 1 sync /a write /a 8999 z 1 sync /a write /a 8998 w 1");
    assert!(bench.disk.has_failed());
    bench.disk.lose(Loss::Everything, &mut Rng::with_seed(1));

    assert_eq!(said, ["EIO"]);
    assert_eq!(bench.content("a"), format!("{}z", "x".repeat(8999)));
}

#[test]
fn a_torn_write_is_whole_in_each_sector() {
    let Some(bench) = Bench::new() else { return };
    let mut mixed = 0;

    for seed in 0..20 {
        bench.killed_after("write /a 0 x 8192 sync /a sync-folder / write /a 0 y 16384");
        bench.disk.lose(Loss::Sectors(512), &mut Rng::with_seed(seed));

        let content = fs::read(bench.path("a")).unwrap();
        let mut seen: Vec<u8> = content.chunks(512).map(|sector| sector[0]).collect();
        assert!(content.chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
        seen.sort();
        seen.dedup();
        mixed += usize::from(seen.len() > 1);
    }

    assert!(mixed >= 10, "{mixed}");
}

#[test]
fn a_process_is_killed_before_the_step_that_was_asked_for() {
    let Some(bench) = Bench::new() else { return };

    bench.disk.kill_at(3);
    let said = bench.killed_after("write /a 0 x 4 sync /a write /a 4 y 4");

    assert_eq!(said, [""; 0]);
    assert_eq!(bench.content("a"), "xxxx");
}

#[test]
fn a_full_disk_takes_nothing() {
    let Some(bench) = Bench::new() else { return };

    bench.killed_after("write /a 0 x 4 sync /a sync-folder /");
    bench.disk.fill();
    let said = bench.killed_after("write /a 0 y 4");
    bench.disk.free();
    bench.killed_after("write /a 4 z 4 sync /a");

    assert_eq!(said, [""; 0]);
    assert_eq!(bench.content("a"), "xxxxzzzz");
}
