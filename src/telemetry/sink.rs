//! Where lines go: a bounded buffer, and a thread that writes it out.
//!
//! Whoever logs copies a line into the buffer and goes on. When standard output is a
//! pipe that nobody reads, lines are dropped and counted; no request waits for it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many bytes of lines may wait.
const ROOM: usize = 1024 * 1024;

/// How many bytes are worth waking the writer for at once.
const BATCH: usize = 64 * 1024;

/// How long an ordinary line may wait for others to be written with it.
const LINGER: Duration = Duration::from_millis(50);

/// Makes the line that says how many were dropped.
type Notice = Box<dyn Fn(u64) -> Vec<u8> + Send>;

/// The buffer's writing end. Dropping it lets the thread write what is left, and end.
pub(super) struct Sink(Arc<Shared>);

#[derive(Default)]
struct Shared {
    pending: Mutex<Pending>,
    /// For the thread: there is something to do.
    wake: Condvar,
    /// For those who flush: something was written.
    written: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Pending {
    lines: Vec<u8>,
    /// Lines dropped since the last notice.
    dropped: u64,
    /// Write without waiting for more.
    is_urgent: bool,
    is_writing: bool,
    is_closed: bool,
}

impl Sink {
    pub(super) fn start(writer: Box<dyn io::Write + Send>, notice: Notice) -> io::Result<Sink> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("log".into()).spawn(move || theirs.run(writer, &notice))?;
        Ok(Sink(shared))
    }

    /// Takes a line, or drops it. An urgent one is written at once.
    pub(super) fn write(&self, line: &[u8], is_urgent: bool) {
        let mut pending = self.0.lock();
        if pending.lines.len() + line.len() > ROOM {
            pending.dropped += 1;
            self.0.dropped.fetch_add(1, Relaxed);
            return;
        }
        let before = pending.lines.len();
        pending.lines.extend_from_slice(line);
        pending.is_urgent |= is_urgent;
        let is_enough = before < BATCH && pending.lines.len() >= BATCH;
        drop(pending);
        if before == 0 || is_urgent || is_enough {
            self.0.wake.notify_one();
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Relaxed)
    }

    pub(super) fn flush(&self, limit: Duration) -> bool {
        let mut pending = self.0.lock();
        pending.is_urgent = true;
        self.0.wake.notify_one();
        let waited = self.0.written.wait_timeout_while(pending, limit, |pending| !pending.is_done());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_done()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.wake.notify_one();
    }
}

impl Pending {
    fn is_done(&self) -> bool {
        self.lines.is_empty() && self.dropped == 0 && !self.is_writing
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut writer: Box<dyn io::Write + Send>, notice: &Notice) {
        let mut batch = Vec::new();
        while let Some(dropped) = self.next(&mut batch) {
            if dropped > 0 {
                batch.extend_from_slice(&notice(dropped));
            }
            // Where standard output is gone, there is nobody left to tell.
            let _ = writer.write_all(&batch).and_then(|()| writer.flush());
            batch.clear();
            self.lock().is_writing = false;
            self.written.notify_all();
        }
    }

    /// Waits for lines and takes them, with the number of those dropped; `None`: closed, and all is written.
    fn next(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let idle = |pending: &mut Pending| pending.is_done() && !pending.is_closed;
        let few = |pending: &mut Pending| pending.lines.len() < BATCH && !pending.is_urgent && !pending.is_closed;
        let pending = self.wake.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let waited = self.wake.wait_timeout_while(pending, LINGER, few).unwrap_or_else(PoisonError::into_inner);
        let mut pending = waited.0;
        if pending.is_done() {
            return None;
        }
        std::mem::swap(&mut pending.lines, batch);
        pending.is_urgent = false;
        pending.is_writing = true;
        Some(std::mem::take(&mut pending.dropped))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Takes nothing until it is told to, and gives everything it took.
    struct Pipe {
        open: mpsc::Receiver<()>,
        taken: mpsc::Sender<Vec<u8>>,
    }

    impl io::Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // A closed channel opens for good.
            let _ = self.open.recv();
            self.taken.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pipe() -> (Pipe, mpsc::Sender<()>, mpsc::Receiver<Vec<u8>>) {
        let ((opener, open), (taken, taker)) = (mpsc::channel(), mpsc::channel());
        (Pipe { open, taken }, opener, taker)
    }

    fn sink(pipe: Pipe) -> Sink {
        Sink::start(Box::new(pipe), Box::new(|count| format!("dropped {count}\n").into_bytes())).expect("a thread")
    }

    #[test]
    fn lines_are_written_in_order() {
        let (pipe, opener, taken) = pipe();
        let sink = sink(pipe);
        drop(opener);

        sink.write(b"one\n", false);
        sink.write(b"two\n", false);

        assert!(sink.flush(Duration::from_secs(10)));
        assert_eq!(taken.try_iter().collect::<Vec<_>>().concat(), b"one\ntwo\n");
    }

    #[test]
    fn a_pipe_that_nobody_reads_drops_lines_and_holds_nobody_up() {
        let (pipe, opener, taken) = pipe();
        let sink = sink(pipe);
        let line = [b'x'; 1023].into_iter().chain([b'\n']).collect::<Vec<_>>();

        for _ in 0..4096 {
            sink.write(&line, false);
        }
        assert!(!sink.flush(Duration::ZERO));
        let dropped = sink.dropped();
        drop(opener);

        assert!(sink.flush(Duration::from_secs(10)));
        let all = taken.try_iter().collect::<Vec<_>>().concat();
        assert!(dropped >= 4096 - 2 * 1024, "{dropped}");
        assert_eq!(all.iter().filter(|byte| **byte == b'x').count(), (4096 - dropped as usize) * 1023);
        // The thread may take what waits while lines are still being dropped: then there are two notices.
        let notices = String::from_utf8(all).expect("text");
        let told = notices.lines().filter_map(|line| line.strip_prefix("dropped ")?.parse::<u64>().ok());
        assert_eq!(told.sum::<u64>(), dropped);
    }

    #[test]
    fn what_is_left_is_written_when_the_log_is_dropped() {
        let (pipe, opener, taken) = pipe();
        let sink = sink(pipe);
        drop(opener);

        sink.write(b"last\n", false);
        drop(sink);

        assert_eq!(taken.recv().expect("a line"), b"last\n");
    }

    #[test]
    fn an_urgent_line_takes_the_ones_before_it_along() {
        let (pipe, opener, taken) = pipe();
        let sink = sink(pipe);
        drop(opener);

        sink.write(b"usual\n", false);
        sink.write(b"urgent\n", true);

        let mut all = Vec::new();
        while !all.ends_with(b"urgent\n") {
            all.extend(taken.recv().expect("lines"));
        }
        assert!(all.starts_with(b"usual\n"));
    }
}
