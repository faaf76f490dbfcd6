//! What no second store can mean.

use super::Check;
use crate::config::section::{Config, ReplicateConfig, StorageDriver};
use crate::config::tree::{Node, Path, Step, Value};
use crate::config::value::DatabaseUrl;
use crate::scrub::SLOWEST;

/// Where its section is.
const SECTION: &str = "storage.replicate";

impl Check<'_> {
    pub(super) fn replicate(&mut self, config: &Config) {
        let Some(replicate) = &config.storage.replicate else { return };
        if matches!(config.storage.driver(), StorageDriver::InMemory)
            || matches!(config.database.url, Some(DatabaseUrl::Memory))
        {
            self.report(SECTION, format!("`{SECTION}` needs a storage and a database that outlive the process"));
        }
        self.second_driver(replicate);
        if replicate.parallelism == 0 {
            let path = format!("{SECTION}.parallelism");
            self.report(&path, format!("`{path}`: expected at least 1, found `0`"));
        }
        if replicate.rate != 0 && replicate.rate < SLOWEST {
            let path = format!("{SECTION}.rate");
            self.report(&path, format!("`{path}`: expected 0, or at least {SLOWEST}, found `{}`", replicate.rate));
        }
    }

    /// Checks the driver by the rules of the first one. They see its section as that of the first.
    fn second_driver(&mut self, replicate: &ReplicateConfig) {
        let second = replicate.storage();
        let names = second.named_drivers();
        if names.is_empty() {
            self.report(SECTION, format!("no second store; expected a driver such as `{SECTION}.filesystem`"));
            return;
        }
        let is_second = |path: &&Path| matches!(&path.0[..], [_, Step::Key(key), ..] if key == "replicate");
        let without = |path: &Path| Path(path.0[..1].iter().chain(&path.0[2..]).cloned().collect());
        let reported: Vec<Path> = self.reported.iter().filter(is_second).map(without).collect();
        let section = self.tree.get("storage").and_then(|storage| storage.get("replicate"));
        let sections = section.map(|section| ("storage".to_owned(), section.clone())).into_iter().collect();
        let tree = Node { origin: self.tree.origin.clone(), value: Value::Map(sections) };
        let mut check = Check { tree: &tree, reported: &reported, problems: Vec::new() };
        check.driver(&second);
        for mut problem in check.problems {
            for name in &names {
                problem.message = problem.message.replace(&format!("storage.{name}"), &format!("{SECTION}.{name}"));
            }
            self.problems.push(problem);
        }
    }
}
