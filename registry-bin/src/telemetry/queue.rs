//! Lines on their way to a thread that writes them.
//!
//! Whoever has a line only copies it into memory. The thread takes what has gathered within [`GATHER`] and writes it at
//! once, so that a busy server pays for one system call and one wake-up in many lines.

use std::io::Write;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, mem, thread};

/// How much may wait: some tens of thousands of lines. Beyond it, lines are left out and counted.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// How much memory is kept for the next lines.
const KEPT_BYTES: usize = 64 * 1024;
/// How long the first line of a batch waits for others.
const GATHER: Duration = Duration::from_millis(10);
/// How long the end waits for the last lines to be written.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// A thread that writes lines in the order in which they come. Dropping it waits until all are written, for at most
/// [`LAST_WRITE`].
pub(super) struct LineQueue {
    shared: Arc<Shared>,
    ended: Receiver<()>,
}

/// Takes lines for the thread. Never blocks for longer than it takes to copy a batch's memory.
#[derive(Clone)]
pub(super) struct LineSender(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    left_out: u64,
    closed: bool,
}

impl LineQueue {
    /// Starts the thread. `tell` learns how many lines were left out, once there is room again.
    ///
    /// # Errors
    /// If there cannot be a thread.
    pub(super) fn start(mut out: impl Write + Send + 'static, tell: fn(u64)) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (end, ended) = channel();
        let queue = Self { shared: Arc::clone(&shared), ended };
        thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            shared.write_all(&mut out, tell);
            drop(end);
        })?;
        Ok(queue)
    }

    pub(super) fn sender(&self) -> LineSender {
        LineSender(Arc::clone(&self.shared))
    }
}

impl Drop for LineQueue {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.changed.notify_one();
        // Nothing is ever sent: the channel closes when the thread ends.
        let _ = self.ended.recv_timeout(LAST_WRITE);
    }
}

impl LineSender {
    /// Puts a line in the queue, or leaves it out if the queue is full.
    pub(super) fn send(&self, line: &[u8]) {
        let mut state = self.0.state();
        if state.lines.len() + line.len() > MAX_BYTES {
            state.left_out += 1;
            return;
        }
        let is_first = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        drop(state);
        if is_first {
            self.0.changed.notify_one();
        }
    }
}

impl Shared {
    fn write_all(&self, out: &mut impl Write, tell: fn(u64)) {
        let mut batch = Vec::new();
        loop {
            let (left_out, closed) = self.take(&mut batch);
            // Where a log cannot be written, there is nowhere to say so.
            let _ = out.write_all(&batch).and_then(|()| out.flush());
            if left_out > 0 {
                tell(left_out);
            }
            if closed {
                return;
            }
            batch.clear();
            batch.shrink_to(KEPT_BYTES);
        }
    }

    /// Waits for lines and takes them all. Returns how many were left out, and whether these are the last.
    fn take(&self, batch: &mut Vec<u8>) -> (u64, bool) {
        let poisoned = PoisonError::into_inner;
        let state = self.state();
        let state = self.changed.wait_while(state, |state| state.lines.is_empty() && !state.closed);
        let state = self.changed.wait_timeout_while(state.unwrap_or_else(poisoned), GATHER, |state| !state.closed);
        let mut state = state.unwrap_or_else(|error| error.into_inner()).0;
        mem::swap(batch, &mut state.lines);
        (mem::take(&mut state.left_out), state.closed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No critical section can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::{SyncSender, sync_channel};

    use super::*;

    /// Gives every write to a channel, and waits there for room.
    struct Pipe(SyncSender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_owned()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_before_the_end_and_in_order() {
        let (sender, written) = sync_channel(10_000);
        let queue = LineQueue::start(Pipe(sender), |_| ()).unwrap();
        let lines = queue.sender();
        let expected: String = (0..10_000).map(|number| format!("line {number}\n")).collect();
        expected.split_inclusive('\n').for_each(|line| lines.send(line.as_bytes()));
        drop(queue);
        assert_eq!(String::from_utf8(written.try_iter().flatten().collect()).unwrap(), expected);
    }

    #[test]
    fn a_reader_that_does_not_keep_up_holds_nobody_up_and_is_told_of() {
        static LEFT_OUT: AtomicU64 = AtomicU64::new(0);
        let (sender, written) = sync_channel(0);
        let queue = LineQueue::start(Pipe(sender), |count| {
            LEFT_OUT.fetch_add(count, Ordering::Relaxed);
        });
        let queue = queue.unwrap();
        let lines = queue.sender();
        let line = vec![b'x'; 1024];
        let sent = 3 * MAX_BYTES / line.len();
        (0..sent).for_each(|_| lines.send(&line));
        let reader = thread::spawn(move || written.iter().map(|written| written.len()).sum::<usize>());
        drop(queue);
        let written = reader.join().unwrap() / line.len();
        let left_out = LEFT_OUT.load(Ordering::Relaxed) as usize;
        assert!(left_out >= sent - 2 * (MAX_BYTES / line.len()), "{left_out} of {sent}");
        assert_eq!(written + left_out, sent);
    }
}
