//! What may have changed since when.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

use quick_cache::DefaultHashBuilder;
use registry_core::protocol::digest::Digest;
use registry_core::protocol::reference::{RepositoryName, Tag};

/// How many stripes subjects are spread over. Two that share one are taken for the same, which costs a read of the
/// database now and then and is never wrong.
const STRIPES: usize = 1024;

/// What a change may concern, and what an answer rests on.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) enum Subject<'a> {
    /// Where a tag points to, and whether it exists.
    Tag(&'a RepositoryName, &'a Tag),
    /// A manifest of a repository, and all tags that point to it.
    Manifest(&'a RepositoryName, &'a Digest),
    /// A blob, in whichever repositories.
    Blob(&'a Digest),
    /// All blobs.
    EveryBlob,
}

/// A moment on the changes' own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Knows of every subject whether a change of it has been under way since some moment.
#[derive(Debug)]
pub(crate) struct Changes {
    /// Counts the changes that have ended.
    clock: AtomicU64,
    stripes: Box<[Stripe]>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug, Default)]
struct Stripe {
    under_way: AtomicU32,
    last_end: AtomicU64,
}

impl Changes {
    pub(crate) fn new() -> Self {
        let stripes = std::iter::repeat_with(Stripe::default).take(STRIPES).collect();
        Self { clock: AtomicU64::new(0), stripes, hasher: DefaultHashBuilder::default() }
    }

    /// Returns the present moment.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(self.clock.load(SeqCst))
    }

    /// Begins a change, which is under way until the returned value is dropped.
    pub(crate) fn begin<'a>(self: &Arc<Self>, subjects: impl IntoIterator<Item = Subject<'a>>) -> Change {
        let stripes: Vec<usize> = subjects.into_iter().map(|subject| self.index(subject)).collect();
        for &index in &stripes {
            self.stripes[index].under_way.fetch_add(1, SeqCst);
        }
        Change { changes: Arc::clone(self), stripes }
    }

    /// Tells whether there was a moment during this call up to which no change of the subject has been under way since
    /// the ticket was drawn.
    pub(crate) fn none_since(&self, ticket: Ticket, subject: Subject<'_>) -> bool {
        let stripe = &self.stripes[self.index(subject)];
        // In this order: a change leaves its end behind before it ceases to be under way. So when none is under way, the
        // ends of all that were are seen, and the moment is that of the first look.
        stripe.under_way.load(SeqCst) == 0 && stripe.last_end.load(SeqCst) <= ticket.0
    }

    /// Returns the subject's stripe. Which one that is, chance decides anew for every clock.
    pub(super) fn index(&self, subject: Subject<'_>) -> usize {
        self.hasher.hash_one(subject) as usize % STRIPES
    }
}

/// A change that is under way. To be dropped after its transaction has ended, however it ended.
#[derive(Debug)]
pub(crate) struct Change {
    changes: Arc<Changes>,
    stripes: Vec<usize>,
}

impl Drop for Change {
    fn drop(&mut self) {
        if self.stripes.is_empty() {
            return;
        }
        let end = self.changes.clock.fetch_add(1, SeqCst) + 1;
        for &index in &self.stripes {
            let stripe = &self.changes.stripes[index];
            stripe.last_end.fetch_max(end, SeqCst);
            stripe.under_way.fetch_sub(1, SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// A writer's.
        Begin,
        Commit,
        End,
        /// A reader's.
        Draw,
        Read,
        Keep,
    }
    use Step::{Begin, Commit, Draw, End, Keep, Read};

    /// One register in a database, what is kept of it, and those who are at work on it.
    struct World<'a> {
        changes: &'a Arc<Changes>,
        stored: usize,
        kept: Option<(Ticket, usize)>,
        actors: Vec<Actor>,
        hits: usize,
    }

    #[derive(Default)]
    struct Actor {
        done: usize,
        change: Option<Change>,
        ticket: Option<Ticket>,
        value: Option<usize>,
    }

    impl World<'_> {
        /// Lets an actor do its next step. Returns whether what is kept is still right, if it is believed.
        fn step(&mut self, scripts: &[[Step; 3]], who: usize) -> bool {
            let actor = &mut self.actors[who];
            match scripts[who][actor.done] {
                Begin => actor.change = Some(self.changes.begin([Subject::EveryBlob])),
                Commit => self.stored = who + 1,
                End => actor.change = None,
                Draw => actor.ticket = Some(self.changes.ticket()),
                Read => actor.value = Some(self.stored),
                Keep => self.kept = actor.ticket.zip(actor.value),
            }
            actor.done += 1;
            match self.kept {
                Some((ticket, value)) if self.changes.none_since(ticket, Subject::EveryBlob) => {
                    self.hits += 1;
                    value == self.stored
                }
                _ => true,
            }
        }
    }

    /// Plays every order in which the steps can come. Returns how often what was kept was right, or `None` if it was
    /// believed and wrong.
    fn play_all(scripts: &[[Step; 3]]) -> Option<usize> {
        fn extend(scripts: &[[Step; 3]], changes: &Arc<Changes>, order: &mut Vec<usize>) -> Option<usize> {
            if order.len() == scripts.len() * 3 {
                let actors = scripts.iter().map(|_| Actor::default()).collect();
                let mut world = World { changes, stored: 0, kept: None, actors, hits: 0 };
                return order.iter().all(|&who| world.step(scripts, who)).then_some(world.hits);
            }
            let mut hits = 0;
            for who in 0..scripts.len() {
                if order.iter().filter(|&&other| other == who).count() < 3 {
                    order.push(who);
                    hits += extend(scripts, changes, order)?;
                    order.pop();
                }
            }
            Some(hits)
        }
        extend(scripts, &Arc::new(Changes::new()), &mut Vec::new())
    }

    const WRITER: [Step; 3] = [Begin, Commit, End];
    const READER: [Step; 3] = [Draw, Read, Keep];

    #[test]
    fn in_every_order_what_is_believed_is_what_the_database_says() {
        for actors in [&[WRITER, WRITER, READER][..], &[WRITER, READER, READER], &[WRITER, WRITER, READER, READER]] {
            let hits = play_all(actors).expect("something wrong was believed");
            assert!(hits > 0, "nothing was ever believed");
        }
    }

    #[test]
    fn every_other_order_of_the_steps_is_found_out() {
        for wrong in [[Commit, Begin, End], [Begin, End, Commit]] {
            assert_eq!(play_all(&[wrong, READER]), None, "{wrong:?}");
        }
        assert_eq!(play_all(&[WRITER, [Read, Draw, Keep]]), None);
    }

    #[test]
    fn a_change_without_subjects_concerns_nothing() {
        let changes = Arc::new(Changes::new());
        let ticket = changes.ticket();
        drop(changes.begin([]));
        assert_eq!(changes.ticket(), ticket);
    }
}
