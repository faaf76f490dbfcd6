//! Signals that every connection waits for, all the time, and that come once.
//!
//! A connection looks whether the server stops whenever it is looked at itself, thus several times a request. To ask a
//! [`CancellationToken`] takes locks that all connections share; here, only the first question does.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

/// Something that is to be told to many. A clone is the same signal.
#[derive(Debug, Clone, Default)]
pub(super) struct Signal(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Set before those who wait are woken.
    is_given: AtomicBool,
    waiting: CancellationToken,
}

impl Signal {
    /// Gives the signal. Giving it again changes nothing.
    pub(super) fn give(&self) {
        self.0.is_given.store(true, Ordering::Release);
        self.0.waiting.cancel();
    }

    /// Gives the signal when the returned value is dropped.
    pub(super) fn give_on_drop(&self) -> GiveOnDrop {
        GiveOnDrop(self.clone())
    }

    /// Waits for the signal. Cheap to poll again by the same task.
    pub(super) fn given(&self) -> Given<'_> {
        Given { is_given: &self.0.is_given, wait: self.0.waiting.cancelled(), woken: None }
    }

    /// Runs a future to its end, or drops it when the signal is given.
    pub(super) async fn end(&self, future: impl Future<Output = ()>) {
        let (mut future, mut given) = (pin!(future), pin!(self.given()));
        std::future::poll_fn(|context| match given.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => future.as_mut().poll(context),
        })
        .await;
    }
}

/// Gives a signal when it is dropped.
#[derive(Debug)]
pub(super) struct GiveOnDrop(Signal);

impl Drop for GiveOnDrop {
    fn drop(&mut self) {
        self.0.give();
    }
}

pin_project! {
    /// Ready once the signal is given.
    pub(super) struct Given<'a> {
        is_given: &'a AtomicBool,
        #[pin]
        wait: WaitForCancellationFuture<'a>,
        // Who is woken by `wait`.
        woken: Option<Waker>,
    }
}

impl Future for Given<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let is_waiting = this.woken.as_ref().is_some_and(|woken| woken.will_wake(context.waker()));
        if is_waiting && !this.is_given.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        *this.woken = Some(context.waker().clone());
        this.wait.poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_asked_last_is_woken() {
        let signal = Signal::default();
        let mut given = pin!(signal.given());
        let wakers = [Arc::new(Woken::default()), Arc::new(Woken::default())];
        for waker in [&wakers[0], &wakers[0], &wakers[1], &wakers[1]] {
            let waker = Waker::from(Arc::clone(waker));
            assert!(given.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        signal.give();
        assert_eq!(wakers.map(|woken| woken.0.load(Ordering::Relaxed)), [0, 1]);
        assert!(given.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }

    #[tokio::test]
    async fn a_signal_ends_what_goes_on_and_lasts() {
        let signal = Signal::default();
        signal.end(async {}).await;
        let clone = signal.clone();
        let going = tokio::spawn(async move { clone.end(pending()).await });
        tokio::task::yield_now().await;
        drop(signal.give_on_drop());
        going.await.unwrap();
        signal.given().await;
        signal.end(pending()).await;
    }
}
