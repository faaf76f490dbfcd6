//! The streams of an HTTP/2 connection, each of which is a task.
//!
//! A peer that stops to read one stream leaves the others alone, so that the transport cannot see it: the response's
//! body is simply not asked for more. Each stream's task therefore watches what the peer owes since the body last gave
//! something, and ends the stream if the peer is too slow; HTTP/2 tells the peer with a reset.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio_util::task::TaskTracker;

use super::pace::{Pace, PaceMeter};
use super::signal::Signal;

tokio::task_local! {
    /// The stream whose task is running.
    static FLOW: Arc<StreamFlow>;
}

/// What the body of a stream's response gave.
#[derive(Debug, Default)]
pub(super) struct StreamFlow {
    /// The body gave data, and was not asked since.
    owed: AtomicBool,
    /// What it gave since the stream's task last looked.
    given: AtomicU64,
}

impl StreamFlow {
    /// Notes that the present stream's body is asked for more: the peer took what there was.
    pub(super) fn asked() {
        // Outside a stream's task, on HTTP/1.1, the transport itself sees a stalled peer.
        let _ = FLOW.try_with(|flow| flow.owed.store(false, Ordering::Relaxed));
    }

    /// Notes that the present stream's body gave data.
    pub(super) fn gave(bytes: usize) {
        let _ = FLOW.try_with(|flow| {
            flow.owed.store(true, Ordering::Relaxed);
            flow.given.fetch_add(bytes as u64, Ordering::Relaxed);
        });
    }
}

/// Runs the streams of one connection.
#[derive(Clone)]
pub(super) struct StreamExecutor {
    pub(super) tasks: TaskTracker,
    pub(super) cut: Signal,
    pub(super) pace: Pace,
}

impl<F> hyper::rt::Executor<F> for StreamExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let flow = Arc::new(StreamFlow::default());
        let paced = PacedStream {
            stream: Box::pin(FLOW.scope(Arc::clone(&flow), stream)),
            flow,
            meter: PaceMeter::new(self.pace),
        };
        let cut = self.cut.clone();
        self.tasks.spawn(async move {
            cut.end(paced).await;
        });
    }
}

struct PacedStream<F> {
    stream: Pin<Box<F>>,
    flow: Arc<StreamFlow>,
    meter: PaceMeter,
}

impl<F: Future<Output = ()>> Future for PacedStream<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let given = self.flow.given.swap(0, Ordering::Relaxed);
        if !self.flow.owed.load(Ordering::Relaxed) {
            self.meter.moved(given);
            return Poll::Pending;
        }
        if given > 0 {
            self.meter.moved(given);
        }
        self.meter.poll_stalled(context)
    }
}
