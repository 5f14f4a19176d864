//! A line on the terminal that says how far it is.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::time::Duration;

use tokio::time::sleep;

use crate::clock::{self, Instant};

/// How often it is drawn anew.
const EVERY: Duration = Duration::from_millis(100);

/// The bar itself, in characters.
const WIDTH: u64 = 30;

/// The line; it goes when the value is dropped.
pub(super) struct Bar {
    whole: u64,
}

impl Bar {
    pub(super) fn new(whole: u64) -> Self {
        Self { whole }
    }

    /// Draws, again and again, how many are done, and how many of them went wrong.
    pub(super) async fn follow(&self, start: Instant, done: impl Fn() -> (u64, u64)) -> Infallible {
        loop {
            sleep(EVERY).await;
            let (done, wrong) = done();
            let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
            draw(&line(done, self.whole, wrong, clock::since(start), columns));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        draw("");
    }
}

/// Puts a line in the place of the one before. Who closed standard error does not watch.
fn draw(line: &str) {
    let _ = write!(io::stderr(), "\r\x1b[K{line}").and_then(|()| io::stderr().flush());
}

/// What is shown, no longer than the terminal is wide; 0: nobody knows how wide that is.
fn line(done: u64, whole: u64, wrong: u64, took: Duration, columns: usize) -> String {
    let full = (WIDTH * done / whole.max(1)) as usize;
    let bar = format!("[{}{}]", "#".repeat(full), "-".repeat(WIDTH as usize - full));
    let rate = done as f64 / took.as_secs_f64().max(0.001);
    let mut line = format!("{bar} {done} of {whole}, {rate:.0} a second");
    if wrong > 0 {
        line += &format!(", {wrong} not as they should be");
    }
    if columns > 0 {
        // The last column makes some terminals go on in the next line.
        line.truncate(columns - 1);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is() {
        let second = Duration::from_secs(2);

        assert_eq!(line(0, 10, 0, Duration::ZERO, 0), format!("[{}] 0 of 10, 0 a second", "-".repeat(30)));
        let half = format!("[{}{}] 500 of 1000, 250 a second", "#".repeat(15), "-".repeat(15));
        assert_eq!(line(500, 1000, 0, second, 200), half);
        let all = format!("[{}] 10 of 10, 5 a second, 3 not as they should be", "#".repeat(30));
        assert_eq!(line(10, 10, 3, second, 0), all);
    }

    #[test]
    fn it_is_never_wider_than_the_terminal() {
        for columns in [1, 2, 20, 40, 41] {
            assert_eq!(line(5, 10, 1, Duration::from_secs(1), columns).len(), columns - 1);
        }
    }
}
