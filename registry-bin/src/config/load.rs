//! From sources to a configuration.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path as FilePath, PathBuf};

use super::decode::{DecodeError, Fault, decode};
use super::environment::{self, CONFIGURATION_PATH, DATA, ReadSecret};
use super::problem::{ConfigError, MAX_PROBLEMS, Problem, nearest, quoted};
use super::section::{Config, Variables};
use super::shape::Shape;
use super::tree::{Node, Origin, Path, Step};
use super::{validate, yaml};

/// The configuration that is used when none is given.
const EMBEDDED: &str = include_str!("../../config/default.yml");
/// What its lines are called in messages.
const EMBEDDED_NAME: &str = "built-in configuration";
/// The longest file that is read, in bytes. Longer ones are no configuration or secret.
const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024;

/// What a configuration is read from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The file; without one, the embedded configuration.
    pub file: Option<File<'a>>,
    /// The environment variables. Those that are not the registry's are left out of account.
    pub variables: &'a [(String, String)],
    /// How files with secrets are read.
    pub read_secret: ReadSecret<'a>,
}

/// A configuration file that has been read.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// What it is called in messages.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// A valid configuration.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings, with defaults filled in.
    pub config: Config,
    /// Where it comes from: the file's name, or that it is built in.
    pub source_name: String,
    /// What is probably a mistake, such as a variable that sets nothing.
    pub warnings: Vec<String>,
    /// Settings that are accepted and have no effect.
    pub notes: Vec<String>,
}

/// Reads the file at `path`, or else the one that `REGISTRY_CONFIGURATION_PATH` names, or else the embedded
/// configuration, and applies the variables.
///
/// # Errors
///
/// [`ConfigError::Read`] if the file is not there, is not UTF-8, or has more than 2 MiB; [`ConfigError::Invalid`] with
/// all problems of the configuration.
pub fn load(path: Option<&FilePath>, variables: &[(String, String)]) -> Result<Loaded, ConfigError> {
    let named = variables.iter().find(|(name, value)| name == CONFIGURATION_PATH && !value.is_empty());
    let path = path.map(FilePath::to_owned).or_else(|| named.map(|(_, value)| PathBuf::from(value)));
    let read_secret = |path: &FilePath| read_text(path);
    match path {
        None => parse(&Sources { file: None, variables, read_secret: &read_secret }),
        Some(path) => {
            let text = read_text(&path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
            let file = File { name: &path.display().to_string(), text: &text };
            parse(&Sources { file: Some(file), variables, read_secret: &read_secret })
        }
    }
}

fn read_text(path: &FilePath) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("it has more than {MAX_FILE_BYTES} bytes")));
    }
    Ok(text)
}

/// Makes a configuration of its sources. Pure, but for what `read_secret` does.
///
/// # Errors
///
/// [`ConfigError::Invalid`] with all problems of the configuration.
pub fn parse(sources: &Sources<'_>) -> Result<Loaded, ConfigError> {
    let (name, text) = sources.file.map_or((EMBEDDED_NAME, EMBEDDED), |file| (file.name, file.text));
    let shape = Shape::of_config();
    let mut tree = yaml::parse(text, &Origin::Line).map_err(|error| {
        ConfigError::invalid(name, vec![Problem { origin: Origin::Line(error.line), message: error.message }])
    })?;
    environment::expand_selectors(&mut tree, &shape);

    let mut warnings = Vec::new();
    let data = sources.variables.iter().find(|(name, value)| name == DATA && !value.is_empty());
    match (sources.file, data) {
        (None, Some((_, directory))) => set_data_directory(&mut tree, directory),
        (Some(_), Some(_)) => warnings.push(format!("{DATA} has no effect: {name} says where the data are")),
        _ => {}
    }
    let applied = environment::apply(&mut tree, &shape, sources.variables, sources.read_secret);
    warnings.extend(applied.warnings);

    let mut problems = applied.problems;
    let (config, mut found) = decode_all(&mut tree, &shape);
    problems.append(&mut found.problems);
    if let Some(config) = &config {
        problems.extend(validate::check(config, &tree, &found.paths));
    }
    match config {
        Some(mut config) if problems.is_empty() => {
            let notes = validate::notes(&config);
            warnings.extend(validate::warnings(&config));
            fill_in_defaults(&mut config, sources.variables);
            Ok(Loaded { config, source_name: name.to_owned(), warnings, notes })
        }
        _ => Err(ConfigError::invalid(name, problems)),
    }
}

fn set_data_directory(tree: &mut Node, directory: &str) {
    let driver = tree.get_mut("storage").and_then(|storage| storage.get_mut("filesystem"));
    if let Some(root) = driver.and_then(|driver| driver.get_mut("rootdirectory")) {
        *root = Node::text(Origin::Variable(DATA.into()), directory);
    }
}

/// Sets what follows from other keys, so that the configuration that is shown is the one in effect.
fn fill_in_defaults(config: &mut Config, variables: &[(String, String)]) {
    let older = config.loglevel.take();
    config.log.level = Some(config.log.level.or(older).unwrap_or_default());
    if config.database.url.is_none() {
        config.database.url = Some(config.storage.default_database());
    }
    for s3 in config.storage.s3.iter_mut().chain(&mut config.storage.s3aws) {
        s3.environment = Variables::of(variables);
    }
    if let Some(oss) = &mut config.storage.oss {
        oss.environment = Variables::of(variables);
    }
    if let Some(cos) = &mut config.storage.cos {
        cos.environment = Variables::of(variables);
    }
    if let Some(gcs) = &mut config.storage.gcs {
        gcs.environment = Variables::of(variables);
    }
    if let Some(azure) = &mut config.storage.azure {
        azure.environment = Variables::of(variables);
    }
    let replicate = &mut config.storage.replicate;
    if let Some(replicate) = replicate {
        replicate.set_environment(&Variables::of(variables));
    }
    let second = replicate.as_mut().and_then(|replicate| replicate.filesystem.as_mut());
    for filesystem in config.storage.filesystem.iter_mut().chain(second) {
        filesystem.maxthreads = filesystem.maxthreads.max(25);
    }
}

/// The problems of single values, and where they are.
#[derive(Default)]
struct Found {
    problems: Vec<Problem>,
    paths: Vec<Path>,
}

/// Decodes the tree. At a problem the value that has it is noted and taken out, and decoding starts again, so that one
/// load finds all of them.
fn decode_all(tree: &mut Node, shape: &Shape) -> (Option<Config>, Found) {
    let mut found = Found::default();
    loop {
        let error = match decode(tree) {
            Ok(config) => return (Some(config), found),
            Err(error) => error,
        };
        let path = error.path();
        if !matches!(error.fault, Fault::Empty) {
            let origin = tree.origin_of(&path).clone();
            found.problems.push(Problem { origin, message: describe(&error, &path, shape) });
            found.paths.push(path.clone());
        }
        if path.0.is_empty() || found.problems.len() >= MAX_PROBLEMS {
            return (None, found);
        }
        tree.remove(&path);
    }
}

fn describe(error: &DecodeError, path: &Path, shape: &Shape) -> String {
    match &error.fault {
        Fault::Empty => format!("`{path}` has no value"),
        Fault::Unsupported => format!("not supported yet: {path}"),
        Fault::MissingKey(key) => format!("missing key `{key}` in `{path}`"),
        Fault::Invalid(message) if path.0.is_empty() => format!("the configuration: {message}"),
        Fault::Invalid(message) => format!("`{path}`: {message}"),
        Fault::UnknownKey { expected } => {
            let hint = match &suggestions(path, expected, shape)[..] {
                [only] => format!("did you mean `{only}`?"),
                [] if expected.is_empty() => "expected none here".to_owned(),
                [] => format!("expected one of {}", quoted(expected)),
                several => format!("did you mean one of {}?", quoted(several)),
            };
            format!("unknown key `{}`; {hint}", super::problem::shorten(&path.to_string()))
        }
    }
}

/// Returns the keys of which one was probably meant: the nearest in the same section, or those of that name in others.
fn suggestions(path: &Path, expected: &[&str], shape: &Shape) -> Vec<String> {
    let Some((Step::Key(key), parent)) = path.0.split_last() else { return Vec::new() };
    if let Some(known) = nearest(key, expected.iter().copied()) {
        let mut steps = parent.to_vec();
        steps.push(Step::Key(known.to_owned()));
        return vec![Path(steps).to_string()];
    }
    let mut elsewhere = shape.paths();
    // The second store has the keys of the first.
    elsewhere.retain(|path| !path.starts_with("storage.replicate."));
    elsewhere.retain(|path| path.rsplit_once('.').map_or(path.as_str(), |(_, last)| last) == key);
    elsewhere
}
