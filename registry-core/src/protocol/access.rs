//! What a request needs permission for, in the terms of the token scope grammar.
//!
//! Source: the Docker token authentication specification, "Resource scope grammar": `type:name:action,action`.

use std::fmt;

use super::reference::RepositoryName;

/// What somebody wants to do to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Read.
    Pull,
    /// Write.
    Push,
    /// Remove.
    Delete,
    /// Everything that the resource offers.
    All,
}

impl Action {
    /// Returns the word of the scope grammar.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::All => "*",
        }
    }
}

/// Something that permissions are given for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// One repository.
    Repository(RepositoryName),
    /// The list of all repositories.
    Catalog,
}

impl Resource {
    /// Returns the type of the scope grammar.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Repository(_) => "repository",
            Self::Catalog => "registry",
        }
    }

    /// Returns the name of the scope grammar.
    pub fn name(&self) -> &str {
        match self {
            Self::Repository(name) => name.as_str(),
            Self::Catalog => "catalog",
        }
    }
}

/// One permission that a request needs. `Display` gives it as a scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Access {
    /// To what.
    pub resource: Resource,
    /// To do what; never empty.
    pub actions: &'static [Action],
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.resource.kind(), self.resource.name())?;
        for (index, action) in self.actions.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{}", action.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_reads_as_a_scope() {
        let repository = Resource::Repository("a/b".parse().unwrap());
        let push = Access { resource: repository, actions: &[Action::Pull, Action::Push] };
        assert_eq!(push.to_string(), "repository:a/b:pull,push");
        let catalog = Access { resource: Resource::Catalog, actions: &[Action::All] };
        assert_eq!(catalog.to_string(), "registry:catalog:*");
    }
}
