//! A tag as a register: whether some order of all that was done to it explains every answer.

use std::collections::{BTreeSet, HashSet};

use anyhow::bail;

/// What a tag points to, if it is there.
pub(crate) type Value = Option<String>;

/// Something that was done to a tag, with what the answer said of it.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// A manifest was pushed under it.
    Put(String),
    Read(Value),
    /// It was deleted. `found` is whether it was there; unknown if no answer came.
    Delete {
        found: Option<bool>,
    },
    /// A manifest was deleted by its digest, with all its tags.
    DeleteManifest {
        digest: String,
        found: Option<bool>,
    },
    /// From now on it may be deleted by nobody who tells of it, any number of times.
    Lapse,
    /// It was read without an answer, or what was asked for was refused.
    Nothing,
}

/// An action between two moments. Without an end nobody knows whether it came to anything.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) began: u64,
    pub(crate) ended: Option<u64>,
    pub(crate) action: Action,
}

impl Action {
    /// Tells whether this can never change anything.
    fn is_look(&self) -> bool {
        match self {
            Self::Read(_) | Self::Nothing => true,
            Self::Put(_) | Self::Lapse => false,
            Self::Delete { found } | Self::DeleteManifest { found, .. } => *found == Some(false),
        }
    }

    /// Returns the value that this leaves, or nothing if it cannot have happened to `value`.
    fn apply(&self, value: &Value) -> Option<Value> {
        match self {
            Self::Nothing => Some(value.clone()),
            Self::Put(digest) => Some(Some(digest.clone())),
            Self::Lapse => value.is_some().then_some(None),
            Self::Read(read) => (read == value).then(|| value.clone()),
            Self::Delete { found } => found.is_none_or(|found| found == value.is_some()).then_some(None),
            Self::DeleteManifest { digest, found } => {
                let points_to_it = value.as_ref() == Some(digest);
                match found {
                    Some(false) if points_to_it => None,
                    _ => Some(if points_to_it { None } else { value.clone() }),
                }
            }
        }
    }
}

/// One way in which everything up to some moment can have happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    value: Value,
    /// The operations under way that have had their effect already.
    done: BTreeSet<usize>,
}

/// Looks for an order of the operations on a tag that explains every answer.
///
/// # Errors
///
/// If there is none: the first operation whose answer cannot be right.
pub(crate) fn linearize(before: &Value, operations: &[Operation]) -> anyhow::Result<()> {
    let mut moments: Vec<(u64, usize, bool)> = Vec::new();
    for (at, operation) in operations.iter().enumerate() {
        if operation.ended.is_some() || !operation.action.is_look() {
            moments.push((operation.began, at, false));
        }
        moments.extend(operation.ended.map(|ended| (ended, at, true)));
    }
    moments.sort_unstable();
    let mut states = HashSet::from([State { value: before.clone(), done: BTreeSet::new() }]);
    let mut under_way = BTreeSet::new();
    for (_, at, is_end) in moments {
        if !is_end {
            under_way.insert(at);
            continue;
        }
        let reachable = closure(states, &under_way, operations, at);
        states = reachable.into_iter().filter(|state| state.done.contains(&at)).collect();
        if states.is_empty() {
            bail!("no order explains {:?} among {operations:#?}, from {before:?}", operations[at]);
        }
        states = states
            .into_iter()
            .map(|mut state| {
                state.done.remove(&at);
                state
            })
            .collect();
        under_way.remove(&at);
    }
    Ok(())
}

/// Lets operations under way have their effect, in every order, until `wanted` has had its own.
fn closure(
    states: HashSet<State>,
    under_way: &BTreeSet<usize>,
    operations: &[Operation],
    wanted: usize,
) -> HashSet<State> {
    let mut ahead: Vec<State> = states.into_iter().collect();
    let mut reached = HashSet::new();
    while let Some(mut state) = ahead.pop() {
        let fits =
            |at: &&usize| operations[**at].action.is_look() && operations[**at].action.apply(&state.value).is_some();
        // A look that fits now has no reason to wait.
        let looks: Vec<usize> = under_way.difference(&state.done).filter(fits).copied().collect();
        state.done.extend(looks);
        if !reached.insert(state.clone()) || state.done.contains(&wanted) {
            continue;
        }
        for at in under_way.difference(&state.done) {
            let Some(value) = operations[*at].action.apply(&state.value) else { continue };
            // What may not have happened need not happen to no effect.
            if operations[*at].ended.is_some() || value != state.value {
                let mut done = state.done.clone();
                if !matches!(operations[*at].action, Action::Lapse) {
                    done.insert(*at);
                }
                ahead.push(State { value, done });
            }
        }
    }
    reached
}

/// Proves that what no register does is seen, and what one does is not complained about.
///
/// # Errors
///
/// If one of the two is not so.
pub(crate) fn prove_that_disorder_is_seen() -> anyhow::Result<()> {
    let put = |digest: &str| Action::Put(digest.to_owned());
    let read = |digest: &str| Action::Read(Some(digest.to_owned()));
    let gone = || Action::Delete { found: Some(true) };
    let absent = || Action::Read(None);
    let operations = |parts: &[(u64, u64, Action)]| -> Vec<Operation> {
        let operation = |(began, ended, action): &(u64, u64, Action)| Operation {
            began: *began,
            ended: (*ended > 0).then_some(*ended),
            action: action.clone(),
        };
        parts.iter().map(operation).collect()
    };
    let unseen = [
        // A read that is older than what it follows.
        operations(&[(1, 2, put("a")), (3, 4, put("b")), (5, 6, read("a"))]),
        // Two reads that see two writes in opposite orders.
        operations(&[(1, 9, put("a")), (2, 8, put("b")), (10, 11, read("a")), (12, 13, read("b"))]),
        // A tag that comes back by itself.
        operations(&[(1, 2, put("a")), (3, 4, gone()), (5, 6, read("a"))]),
        // A tag that is gone without a delete.
        operations(&[(1, 2, put("a")), (3, 4, absent())]),
        // A tag that lapsed before it could.
        operations(&[(1, 2, put("a")), (3, 4, absent()), (5, 0, Action::Lapse)]),
        // A value that nobody wrote.
        operations(&[(1, 2, put("a")), (3, 4, read("c"))]),
    ];
    for operations in unseen {
        if linearize(&None, &operations).is_ok() {
            bail!("{operations:#?} was taken for the history of a register");
        }
    }
    let seen = operations(&[(1, 0, put("a")), (2, 3, absent()), (4, 5, read("a")), (6, 0, gone()), (7, 8, absent())]);
    linearize(&None, &seen)?;
    let put_again = [(2, 3, put("a")), (4, 5, absent()), (6, 7, put("a")), (8, 9, absent())];
    linearize(&None, &operations(&[&[(1, 0, Action::Lapse)], &put_again[..]].concat()))
}
