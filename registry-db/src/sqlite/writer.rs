//! The one writer: all writes that wait are committed together.
//!
//! Syncing the log takes most of a write's time, and one sync does for many. So whoever comes first starts a task on the
//! blocking pool; while it syncs one group, the next gathers. A write that is alone does not wait for others.
//!
//! ```text
//! write ─► queue ─┐                                    ┌─► answer
//! write ─► queue ─┼─► BEGIN, write, write, .., COMMIT ─┼─► answer
//! write ─► queue ─┘   (cannot: each again, alone)      └─► answer
//! ```
//!
//! If one of a group fails, or their commit does, everything is rolled back and each runs once more in a transaction of
//! its own, so that none can spoil another's.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::sqlite::SqliteConnection;
use registry_core::store::StoreErrorKind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::Query;
use super::committer::{Committer, Durability};
use super::connection::{self, Connection};
use crate::cache::Change;
use crate::error::Failure;

/// How many writes wait in the queue at most. Others wait for a place in it.
const QUEUE_MAX: usize = 256;
/// How many writes are committed together at most.
const GROUP_MAX: usize = 64;
/// After how much work a group is committed, though others wait.
const GROUP_TIME: Duration = Duration::from_millis(5);

/// Carries out writes. When it is dropped, the transaction at work is over and the connection closed.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    places: Arc<Semaphore>,
    wait_timeout: Duration,
}

impl Writer {
    /// Takes a connection with `synchronous=FULL`.
    pub(super) fn new(path: PathBuf, connection: SqliteConnection, wait_timeout: Duration) -> Self {
        let shared =
            Shared { committer: Mutex::new(Committer::new(path, connection)), queue: Mutex::new(Queue::default()) };
        Self { shared: Arc::new(shared), places: Arc::new(Semaphore::new(QUEUE_MAX)), wait_timeout }
    }

    /// Runs statements of which all happen or none, and returns once they are committed.
    pub(super) async fn write<A, T>(
        &self,
        durability: Durability,
        change: Change,
        arguments: A,
        query: Query<A, T>,
    ) -> Result<T, Failure>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let mut patience = pin!(tokio::time::sleep(self.wait_timeout));
        let too_late = || Failure::new(StoreErrorKind::Unavailable, "the database is busy with other writes");
        let place = tokio::select! {
            biased;
            place = Arc::clone(&self.places).acquire_owned() => place,
            () = &mut patience => return Err(too_late()),
        };
        let place = place.map_err(|closed| Failure::new(StoreErrorKind::Other, closed))?;
        let (caller, mut answer) = oneshot::channel();
        let write = Box::new(Call { arguments, query, value: None, change, caller });
        let id = self.shared.enqueue(durability, write, place);
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            () = &mut patience => match self.shared.withdraw(id) {
                true => return Err(too_late()),
                false => answer.await,
            },
        };
        answer.map_err(|gone| Failure::new(StoreErrorKind::Other, gone))?
    }

    /// Runs statements here and now, once no caller is left.
    pub(super) fn write_last(
        &mut self,
        statements: impl FnOnce(&mut Connection) -> QueryResult<()>,
    ) -> Result<(), Failure> {
        self.shared.committer().run(Durability::Synced, statements)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // No caller is left, because calls borrow the store.
        self.shared.queue().waiting.clear();
        self.shared.committer().close();
    }
}

/// What callers and the task at work share.
pub(super) struct Shared {
    /// Locked by the task for as long as it is at work.
    committer: Mutex<Committer>,
    /// Locked for moments.
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    next_id: u64,
    /// Whether a task is at work, or about to be, which will look at the queue again.
    is_served: bool,
}

/// A write that waits for its turn, or is at work.
struct Waiting {
    id: u64,
    durability: Durability,
    write: Box<dyn Write>,
    _place: OwnedSemaphorePermit,
}

impl Shared {
    fn enqueue(self: &Arc<Self>, durability: Durability, write: Box<dyn Write>, place: OwnedSemaphorePermit) -> u64 {
        let mut queue = self.queue();
        let id = queue.next_id;
        queue.next_id += 1;
        queue.waiting.push_back(Waiting { id, durability, write, _place: place });
        if !std::mem::replace(&mut queue.is_served, true) {
            drop(queue);
            Service::start(Arc::clone(self));
        }
        id
    }

    /// Takes a write out of the queue; returns false if its turn has come.
    fn withdraw(&self, id: u64) -> bool {
        let mut queue = self.queue();
        let index = queue.waiting.iter().position(|waiting| waiting.id == id);
        index.and_then(|index| queue.waiting.remove(index)).is_some()
    }

    /// Returns the next write if it needs no more than this durability.
    fn next(&self, durability: Durability) -> Option<Waiting> {
        self.queue().waiting.pop_front_if(|waiting| waiting.durability <= durability)
    }

    /// Commits the writes that wait, or as many as go together; returns false if none waits.
    fn commit_group(&self, committer: &mut Committer) -> bool {
        let Some(first) = self.next(Durability::Synced) else { return false };
        let (durability, began) = (first.durability, Instant::now());
        let mut group = vec![first];
        let committed = committer.run(durability, |connection| {
            let mut at = 0;
            while let Some(waiting) = group.get_mut(at) {
                waiting.write.run(connection)?;
                at += 1;
                if at < GROUP_MAX && began.elapsed() < GROUP_TIME {
                    group.extend(self.next(durability));
                }
            }
            Ok(())
        });
        match (committed, group.len()) {
            (Ok(()), _) => group.into_iter().for_each(|waiting| waiting.write.answer(Ok(()))),
            (Err(failure), 1) => group.remove(0).write.answer(Err(failure)),
            (Err(_), _) => {
                for mut waiting in group {
                    let committed = committer.run(waiting.durability, |connection| waiting.write.run(connection));
                    waiting.write.answer(committed);
                }
            }
        }
        true
    }

    /// Tells whether nothing waits, and if so that nobody will look any more.
    fn rest(&self) -> bool {
        let mut queue = self.queue();
        queue.is_served = !queue.waiting.is_empty();
        !queue.is_served
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn committer(&self) -> MutexGuard<'_, Committer> {
        self.committer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that serves the queue until it is empty.
struct Service {
    shared: Arc<Shared>,
    has_begun: bool,
    is_over: bool,
}

impl Service {
    fn start(shared: Arc<Shared>) {
        let service = Self { shared, has_begun: false, is_over: false };
        tokio::task::spawn_blocking(move || service.run());
    }

    fn run(mut self) {
        self.has_begun = true;
        let shared = Arc::clone(&self.shared);
        let mut committer = shared.committer();
        while !self.is_over {
            let is_idle = !shared.commit_group(&mut committer);
            committer.shorten_log(is_idle);
            self.is_over = is_idle && shared.rest();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut queue = self.shared.queue();
        if self.has_begun && !queue.waiting.is_empty() {
            // A write panicked. Those that came after its group, perhaps since, are not to suffer for it.
            drop(queue);
            Self::start(Arc::clone(&self.shared));
        } else {
            queue.is_served = false;
            // The runtime stopped before this began: what waits would wait for ever.
            queue.waiting.clear();
        }
    }
}

/// A write, apart from its types.
trait Write: Send {
    /// Runs the statements, perhaps again.
    fn run(&mut self, connection: &mut Connection) -> QueryResult<()>;

    /// Tells the caller, if it is still there, how it ended.
    fn answer(self: Box<Self>, committed: Result<(), Failure>);
}

struct Call<A, T> {
    arguments: A,
    query: Query<A, T>,
    value: Option<T>,
    /// Under way until the transaction has ended.
    change: Change,
    caller: oneshot::Sender<Result<T, Failure>>,
}

impl<A: Send + Sync, T: Send> Write for Call<A, T> {
    fn run(&mut self, connection: &mut Connection) -> QueryResult<()> {
        self.value = Some(connection::in_place((self.query)(connection, &self.arguments))?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), Failure>) {
        let Self { value, change, caller, .. } = *self;
        drop(change);
        // A caller that went away is not told.
        caller.send(committed.map(|()| value.expect("what was committed has been run"))).ok();
    }
}
