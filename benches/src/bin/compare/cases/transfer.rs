//! Threads with a connection each, as pulls and pushes use them.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::http::Connection;

/// Runs `work` on every connection at once, each on its own thread, which is given the connection's number. `work` returns
/// how long each piece of it took; all of these are returned by connection.
///
/// # Errors
/// The first error of a thread.
pub(crate) fn on_all(
    connections: &mut [Connection],
    work: impl Fn(usize, &mut Connection) -> io::Result<Vec<Duration>> + Sync,
) -> io::Result<Vec<Vec<Duration>>> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = connections
            .iter_mut()
            .enumerate()
            .map(|(number, connection)| scope.spawn(move || work(number, connection)))
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, io::Result<_>>| {
            thread.join().map_err(|_| io::Error::other("a client's thread has panicked"))?
        };
        threads.into_iter().map(join).collect()
    })
}

/// Repeats `piece` with the numbers from 0 on until `time` is over, at least once and at most `limit` times. Returns how
/// long each took.
///
/// # Errors
/// Those of `piece`.
pub(crate) fn repeat(
    time: Duration,
    limit: usize,
    mut piece: impl FnMut(usize) -> io::Result<()>,
) -> io::Result<Vec<Duration>> {
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.is_empty() || (times.len() < limit && start.elapsed() < time) {
        let begin = Instant::now();
        piece(times.len())?;
        times.push(begin.elapsed());
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_repeated_within_its_bounds() {
        let mut numbers = Vec::new();
        let times = repeat(Duration::MAX, 3, |number| {
            numbers.push(number);
            Ok(())
        });
        assert_eq!((times.unwrap().len(), numbers), (3, vec![0, 1, 2]));
        assert_eq!(repeat(Duration::ZERO, 3, |_| Ok(())).unwrap().len(), 1);
        assert!(repeat(Duration::MAX, 3, |_| Err(io::ErrorKind::Other.into())).is_err());
    }
}
