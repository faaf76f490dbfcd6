//! What is measured.

mod cold;
mod crowd;
mod image;
mod pull;
mod push;
mod scale;
mod small;
mod start;
mod tight;
mod transfer;

use std::io;
use std::time::Duration;

use crate::bed::Bed;
use crate::meter::Usage;
use crate::peer::Peer;
use crate::sample::Unit;

/// One row of the table.
pub(crate) trait Case {
    /// Returns the name, for people, unique.
    fn name(&self) -> String;

    /// Returns what its figure counts.
    fn unit(&self) -> Unit;

    /// Returns how many connections are at work.
    fn connections(&self) -> u32;

    /// Returns whether this server can take part.
    fn suits(&self, peer: &Peer) -> bool;

    /// Returns whether a short run has it, which is there to see that all is well.
    fn in_short_run(&self) -> bool {
        false
    }

    /// Makes ready what all the samples of one server need, and warms it up. Not timed.
    ///
    /// # Errors
    /// If the server does not do what it should.
    fn prepare<'a>(&'a self, bed: &'a Bed) -> io::Result<Box<dyn Sampler + 'a>>;
}

/// Takes the samples of one case on one server.
pub(crate) trait Sampler {
    /// Takes one sample: what has to be made ready, the part that is timed, the check of every byte, and the removal
    /// of what was pushed.
    ///
    /// # Errors
    /// If the server does not do what it should.
    fn sample(&mut self) -> io::Result<Measured>;
}

impl<F: FnMut() -> io::Result<Measured>> Sampler for F {
    fn sample(&mut self) -> io::Result<Measured> {
        self()
    }
}

/// What one sample found.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// The figure of [`Unit::Milliseconds`] and [`Unit::Memory`]; that of the other units follows from amount and time.
    pub(crate) figure: Option<f64>,
    /// The work that was done: bytes, requests, images, or how often it was done.
    pub(crate) amount: f64,
    pub(crate) elapsed: Duration,
    /// Of the single requests or transfers; may be empty.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) usage: Usage,
}

impl Measured {
    /// Returns the figure in the unit of the case.
    pub(crate) fn rate(&self, unit: Unit) -> f64 {
        self.figure.unwrap_or_else(|| {
            let by_second = self.amount / self.elapsed.as_secs_f64();
            if unit == Unit::Bytes { by_second / f64::from(1 << 20) } else { by_second }
        })
    }
}

/// Returns all the cases, in the order of the table.
pub(crate) fn all() -> Vec<Box<dyn Case>> {
    let mut all = Vec::new();
    all.extend(pull::cases());
    all.extend(push::cases());
    all.extend(image::cases());
    all.extend(small::cases());
    all.extend(scale::cases());
    all.extend(start::cases());
    all.extend(crowd::cases());
    all.extend(tight::cases());
    all.extend(cold::cases());
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let cases = all();
        let names: BTreeSet<_> = cases.iter().map(|case| case.name()).collect();
        assert_eq!(names.len(), cases.len());
    }

    #[test]
    fn rates_are_counted_by_second() {
        let (elapsed, usage) = (Duration::from_millis(500), Usage::default());
        let mut measured = Measured { figure: None, amount: 1048576.0, elapsed, latencies: Vec::new(), usage };
        assert_eq!(measured.rate(Unit::Bytes), 2.0);
        assert_eq!(measured.rate(Unit::Requests), 2097152.0);
        measured.figure = Some(7.0);
        assert_eq!(measured.rate(Unit::Milliseconds), 7.0);
    }
}
