//! Repositories with many tags, and many repositories: what ought to cost the same as with few.
//!
//! Numbers of tags and names are taken in the same order on every server, far apart from one request to the next.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::transfer::repeat;
use super::{Case, Measured, Sampler};
use crate::bed::Bed;
use crate::content::MANIFEST_TYPE;
use crate::dataset::{self, Catalog, Object, TagSet, api};
use crate::http::Connection;
use crate::meter::Usage;
use crate::peer::{Kind, Peer};
use crate::sample::{Percentiles, Unit};
use crate::server::Server;

const FEW: usize = 10;
const MANY: usize = 10_000;
const VERY_MANY: usize = 100_000;
/// Pushes to the one are compared with pushes to the other.
const COMPARED: [usize; 2] = [FEW, VERY_MANY];
const FEW_REPOSITORIES: usize = 2000;
const MANY_REPOSITORIES: usize = 100_000;

/// How many items a page has.
const PAGE: usize = 100;

/// How long a sample lasts, if one request does not take longer.
const TIME: Duration = Duration::from_millis(1000);

/// How many manifests a sample deletes at most: each that is deleted is gone for the samples that follow.
const DELETES: usize = 20;

/// How long, and with how many requests, one repository has its turn before the other has.
const TURN: (Duration, usize) = (Duration::from_millis(100), 10);

/// A prime: its multiples visit all numbers of tags, in no order that a cache could foresee.
const STRIDE: usize = 7919;

/// Returns the cases.
pub(super) fn cases() -> Vec<Box<dyn Case>> {
    let ground = Rc::new(Ground::default());
    let tags = |action, tags| -> Box<dyn Case> { Box::new(Tags { ground: Rc::clone(&ground), action, tags }) };
    let catalog = |repositories| -> Box<dyn Case> { Box::new(LastPage(Catalog { repositories })) };
    vec![
        tags(Action::Page, MANY),
        tags(Action::Page, VERY_MANY),
        tags(Action::Head, VERY_MANY),
        tags(Action::Put, FEW),
        tags(Action::Put, VERY_MANY),
        tags(Action::Delete, MANY),
        tags(Action::Delete, VERY_MANY),
        catalog(FEW_REPOSITORIES),
        catalog(MANY_REPOSITORIES),
    ]
}

/// The servers with the tags, by name: one of each kind for all the cases.
#[derive(Default)]
struct Ground(RefCell<HashMap<String, Rc<Field>>>);

impl Ground {
    /// Returns the server, with a repository for each of these numbers of tags.
    fn field(&self, bed: &Bed, tags: &[usize]) -> io::Result<Rc<Field>> {
        let mut fields = self.0.borrow_mut();
        let field = match fields.get(bed.peer.name()) {
            Some(field) => Rc::clone(field),
            None => Rc::new(Field { server: bed.fresh()?, state: RefCell::default() }),
        };
        for tags in tags {
            if field.state.borrow_mut().brought.insert(*tags) {
                dataset::bring_tags(&field.server, &TagSet::new(*tags))?;
            }
        }
        fields.insert(bed.peer.name().to_owned(), Rc::clone(&field));
        Ok(field)
    }
}

/// A server, and what the samples have done to it.
struct Field {
    server: Server,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// The numbers of tags for which there is a repository.
    brought: HashSet<usize>,
    /// How many manifests have been pushed.
    pushed: usize,
    /// How many of the first tags have been deleted, by the number of tags of their repository.
    deleted: HashMap<usize, usize>,
    /// Samples of pushes that were taken along with another repository's, by number of tags.
    taken_along: HashMap<usize, VecDeque<Measured>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// A page of tags.
    Page,
    /// HEAD of a manifest by tag.
    Head,
    /// PUT of a new manifest to a tag that exists.
    Put,
    /// DELETE of a manifest that has one tag, by digest.
    Delete,
}

struct Tags {
    ground: Rc<Ground>,
    action: Action,
    tags: usize,
}

impl Case for Tags {
    fn name(&self) -> String {
        let tags = grouped(self.tags);
        match self.action {
            Action::Page => format!("tags page at {tags} tags, p99"),
            Action::Head => format!("manifest HEAD by tag at {tags} tags"),
            Action::Put => format!("manifest PUT at {tags} tags, p50"),
            Action::Delete => format!("delete by digest at {tags} tags, p50"),
        }
    }

    fn unit(&self) -> Unit {
        if self.action == Action::Head { Unit::Requests } else { Unit::Milliseconds }
    }

    fn connections(&self) -> u32 {
        1
    }

    fn suits(&self, peer: &Peer) -> bool {
        peer.takes_pushes()
    }

    fn prepare<'a>(&'a self, bed: &'a Bed) -> io::Result<Box<dyn Sampler + 'a>> {
        let needed: &[usize] = if self.action == Action::Put { &COMPARED } else { &[self.tags] };
        let field = self.ground.field(bed, needed)?;
        let set = TagSet::new(self.tags);
        Ok(Box::new(move || {
            // Anew for each sample: servers close connections that are idle while others have their turn.
            let mut connection = field.server.connect()?;
            match self.action {
                Action::Page => field.page(&mut connection, &set),
                Action::Head => field.head(&mut connection, &set),
                Action::Put => field.put(&mut connection, self.tags),
                Action::Delete => field.delete(&mut connection, &set),
            }
        }))
    }
}

impl Field {
    fn page(&self, connection: &mut Connection, set: &TagSet) -> io::Result<Measured> {
        // The first tags may have been deleted; the last page must be a whole one.
        let first = |turn| set.own() + turn * STRIDE % (set.tags - set.own() - PAGE);
        let path = |turn| format!("/v2/{}/tags/list?n={PAGE}&last={}", set.repository, TagSet::tag(first(turn) - 1));
        check_page(connection, &path(0), "tags", &(0..PAGE).map(|at| TagSet::tag(first(0) + at)).collect::<Vec<_>>())?;
        let measured = timed(&self.server, TIME, usize::MAX, |turn| read(connection, "GET", &path(turn), 200))?;
        measured.with(|times| times.p99)
    }

    fn head(&self, connection: &mut Connection, set: &TagSet) -> io::Result<Measured> {
        let shared = set.tags - set.own();
        let path =
            |turn| format!("/v2/{}/manifests/{}", set.repository, TagSet::tag(set.own() + turn * STRIDE % shared));
        timed(&self.server, TIME, usize::MAX, |turn| read(connection, "HEAD", &path(turn), 200))
    }

    /// Pushes to the repository with few tags and to that with very many, turn by turn, so that both meet the same
    /// machine. What is found of the other one is its case's next sample.
    fn put(&self, connection: &mut Connection, tags: usize) -> io::Result<Measured> {
        if let Some(measured) = self.state.borrow_mut().taken_along.get_mut(&tags).and_then(VecDeque::pop_front) {
            return Ok(measured);
        }
        let sets = COMPARED.map(TagSet::new);
        let mut sums: [Option<Measured>; 2] = [None, None];
        let start = Instant::now();
        while start.elapsed() < 2 * TIME {
            for (set, sum) in sets.iter().zip(&mut sums) {
                let measured = self.push_some(connection, set)?;
                *sum = Some(match sum.take() {
                    Some(sum) => sum.plus(measured),
                    None => measured,
                });
            }
        }
        let mut own = None;
        for (set, sum) in sets.iter().zip(sums) {
            let Some(measured) = sum.map(|sum| sum.with(|times| times.p50)).transpose()? else { continue };
            if set.tags == tags {
                own = Some(measured);
            } else {
                self.state.borrow_mut().taken_along.entry(set.tags).or_default().push_back(measured);
            }
        }
        own.ok_or_else(|| io::Error::other(format!("pushes at {tags} tags are not measured")))
    }

    fn push_some(&self, connection: &mut Connection, set: &TagSet) -> io::Result<Measured> {
        let (time, limit) = TURN;
        let state = &mut *self.state.borrow_mut();
        let manifests: Vec<Object> =
            (state.pushed..state.pushed + limit).map(|number| dataset::manifest(&format!("pushed-{number}"))).collect();
        state.pushed += limit;
        let tag = TagSet::tag(set.tags - 1);
        let measured = timed(&self.server, time, limit, |turn| {
            api::put_manifest(connection, &set.repository, &tag, MANIFEST_TYPE, &manifests[turn])
        })?;
        let last = &manifests[measured.latencies.len() - 1];
        let mut body = Vec::new();
        let path = format!("/v2/{}/manifests/{tag}", set.repository);
        connection.get("GET", &path, &[("Accept", MANIFEST_TYPE)], &mut |piece| body.extend_from_slice(piece))?;
        if body == last.bytes {
            Ok(measured)
        } else {
            Err(io::Error::other(format!("{path} is not what was pushed last")))
        }
    }

    fn delete(&self, connection: &mut Connection, set: &TagSet) -> io::Result<Measured> {
        let deleted = self.state.borrow().deleted.get(&set.tags).copied().unwrap_or(0);
        let manifests: Vec<Object> = (deleted..set.own().min(deleted + DELETES)).map(TagSet::own_manifest).collect();
        if manifests.is_empty() {
            return Err(io::Error::other(format!(
                "all manifests of {} are deleted; take fewer rounds",
                set.repository
            )));
        }
        let path = |turn: usize| format!("/v2/{}/manifests/{}", set.repository, manifests[turn].digest);
        let measured = timed(&self.server, TIME, manifests.len(), |turn| {
            connection.call("DELETE", &path(turn), &[], &[])?.expect(202, "the DELETE of a manifest")?;
            Ok(())
        })?;
        let count = measured.latencies.len();
        self.state.borrow_mut().deleted.insert(set.tags, deleted + count);
        for turn in 0..count {
            read(connection, "GET", &path(turn), 404)?;
            read(connection, "GET", &format!("/v2/{}/manifests/{}", set.repository, TagSet::tag(deleted + turn)), 404)?;
        }
        measured.with(|times| times.p50)
    }
}

/// The last page of a catalog.
struct LastPage(Catalog);

impl Case for LastPage {
    fn name(&self) -> String {
        format!("catalog last page at {} repositories, p99", grouped(self.0.repositories))
    }

    fn unit(&self) -> Unit {
        Unit::Milliseconds
    }

    fn connections(&self) -> u32 {
        1
    }

    fn suits(&self, peer: &Peer) -> bool {
        match peer.kind {
            Kind::Ours | Kind::Distribution2 | Kind::Distribution3 => true,
            // It takes minutes to read that many.
            Kind::Zot => self.0.repositories <= FEW_REPOSITORIES,
            // olareg has no catalog.
            Kind::Olareg | Kind::Nginx | Kind::NginxReturn => false,
        }
    }

    fn prepare<'a>(&'a self, bed: &'a Bed) -> io::Result<Box<dyn Sampler + 'a>> {
        let server = bed.fresh()?;
        dataset::bring_catalog(&server, self.0)?;
        let first = self.0.repositories - PAGE;
        let path = format!("/v2/_catalog?n={PAGE}&last={}", Catalog::name(first - 1));
        let names: Vec<_> = (first..self.0.repositories).map(Catalog::name).collect();
        Ok(Box::new(move || {
            let mut connection = server.connect()?;
            check_page(&mut connection, &path, "repositories", &names)?;
            let measured = timed(&server, TIME, usize::MAX, |_| read(&mut connection, "GET", &path, 200))?;
            measured.with(|times| times.p99)
        }))
    }
}

/// Measures the repetition of a request.
fn timed(
    server: &Server,
    time: Duration,
    limit: usize,
    request: impl FnMut(usize) -> io::Result<()>,
) -> io::Result<Measured> {
    let (latencies, elapsed, usage) = server.measure(|| repeat(time, limit, request))?;
    Ok(Measured { figure: None, amount: latencies.len() as f64, elapsed, latencies, usage })
}

impl Measured {
    /// Takes a percentile of the latencies as the figure.
    fn with(mut self, figure: impl FnOnce(&Percentiles) -> f64) -> io::Result<Self> {
        let times = Percentiles::of(&mut self.latencies).ok_or_else(|| io::Error::other("no request was timed"))?;
        self.figure = Some(figure(&times));
        Ok(self)
    }

    /// Adds what followed.
    fn plus(mut self, next: Self) -> Self {
        self.amount += next.amount;
        self.elapsed += next.elapsed;
        self.latencies.extend(next.latencies);
        self.usage = Usage {
            cpu: self.usage.cpu + next.usage.cpu,
            peak_rss_bytes: self.usage.peak_rss_bytes.max(next.usage.peak_rss_bytes),
            ..next.usage
        };
        self
    }
}

/// Sends a request whose answer's body is dropped.
fn read(connection: &mut Connection, method: &str, path: &str, status: u16) -> io::Result<()> {
    let answer = connection.get(method, path, &[("Accept", MANIFEST_TYPE)], &mut |_| {})?;
    answer.expect(status, &format!("{method} {path}"))?;
    Ok(())
}

/// Checks that a page has these items and no others, in order. A server that knows no pages may answer with all that
/// there are, in its own order.
fn check_page(connection: &mut Connection, path: &str, list: &str, items: &[String]) -> io::Result<()> {
    let mut body = Vec::new();
    connection.get("GET", path, &[], &mut |piece| body.extend_from_slice(piece))?.expect(200, path)?;
    let page: Value = serde_json::from_slice(&body)?;
    let found: Vec<&str> = page[list].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let right = if found.len() > items.len() {
        let found: HashSet<_> = found.into_iter().collect();
        items.iter().all(|item| found.contains(item.as_str()))
    } else {
        found == items
    };
    if right { Ok(()) } else { Err(io::Error::other(format!("{path} lacks items or has them in another order"))) }
}

/// Writes a number with a comma before every three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let (head, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
    rest.as_bytes().chunks(3).fold(head.to_owned(), |text, three| text + "," + &String::from_utf8_lossy(three))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (10, "10"), (999, "999"), (2000, "2,000"), (100_000, "100,000")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn samples_add_up() {
        let measured = |millis: u64, peak| Measured {
            figure: None,
            amount: 1.0,
            elapsed: Duration::from_millis(millis),
            latencies: vec![Duration::from_millis(millis)],
            usage: Usage { cpu: Duration::from_millis(1), peak_rss_bytes: peak, rss_bytes: millis },
        };
        let sum = measured(4, 9).plus(measured(2, 5)).with(|times| times.max).unwrap();
        assert_eq!((sum.amount, sum.elapsed, sum.figure), (2.0, Duration::from_millis(6), Some(4.0)));
        assert_eq!((sum.usage.cpu, sum.usage.peak_rss_bytes, sum.usage.rss_bytes), (Duration::from_millis(2), 9, 2));
    }

    #[test]
    fn strides_visit_every_tag() {
        for set in [TagSet::new(MANY), TagSet::new(VERY_MANY)] {
            let shared = set.tags - set.own();
            let visited: HashSet<_> = (0..shared).map(|turn| turn * STRIDE % shared).collect();
            assert_eq!(visited.len(), shared);
        }
    }
}
