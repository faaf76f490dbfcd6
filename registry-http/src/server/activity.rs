//! What a connection is doing, and until when it may do so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not had a request yet.
    New,
    /// The head of a request is arriving (HTTP/1.1 only: an HTTP/2 connection also has frames without a request).
    Head,
    /// At least one request is being answered.
    Busy,
    /// Between two requests.
    Idle,
}

/// The state that the transport and the requests of one connection write, and its driver reads.
#[derive(Debug)]
pub(super) struct Activity {
    http2: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// When the phase began. None: after its deadline was last asked for. The clock is read there, and not at every step
    /// of a request.
    since: Option<Instant>,
    in_flight: usize,
}

impl Activity {
    pub(super) fn new(opened: Instant, http2: bool) -> Arc<Self> {
        let state = State { phase: Phase::New, since: Some(opened), in_flight: 0 };
        Arc::new(Self { http2, state: Mutex::new(state) })
    }

    /// Notes that a request arrived; it is in flight until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> InFlight {
        let mut state = self.state();
        state.in_flight += 1;
        state.phase = Phase::Busy;
        InFlight(Arc::clone(self))
    }

    pub(super) fn bytes_read(&self) {
        let mut state = self.state();
        if state.phase == Phase::Idle && !self.http2 {
            state.phase = Phase::Head;
            state.since = None;
        }
    }

    /// The end of an answer may still be on its way to a slow peer when the request is over.
    pub(super) fn bytes_written(&self) {
        let mut state = self.state();
        if state.phase == Phase::Idle {
            state.since = None;
        }
    }

    /// Tells when the present phase has to be over. A busy connection is watched by the pace of its transfers instead. To be
    /// asked after every look at the connection, since a phase counts from then on.
    pub(super) fn deadline(&self, header: Duration, idle: Duration) -> Option<(Phase, Instant)> {
        let mut state = self.state();
        let limit = match state.phase {
            Phase::Busy => return None,
            Phase::New | Phase::Head => header,
            Phase::Idle => idle,
        };
        let since = *state.since.get_or_insert_with(Instant::now);
        Some((state.phase, since + limit))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No critical section can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight -= 1;
        if state.in_flight == 0 {
            state.phase = Phase::Idle;
            state.since = None;
        }
    }
}
