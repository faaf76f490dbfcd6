//! What permission each operation needs.
//!
//! Source: the Docker token authentication specification; distribution maps methods to actions the same way.

use registry_core::protocol::access::{Access, Action, Resource};
use registry_core::protocol::reference::RepositoryName;

use super::{Route, UploadStart};
use crate::auth::RequiredAccess;

const PULL: &[Action] = &[Action::Pull];
const PUSH: &[Action] = &[Action::Pull, Action::Push];
const DELETE: &[Action] = &[Action::Delete];

impl Route {
    /// Tells what permission the operation needs.
    pub fn required_access(&self) -> RequiredAccess {
        match self {
            Self::Root => RequiredAccess::Public,
            Self::Base | Self::Discover(None) => RequiredAccess::Authenticated,
            Self::Catalog(_) | Self::ListNamespaces(_) | Self::GetNamespace(_) | Self::ListNamespaceTags(..) => {
                RequiredAccess::Access(vec![Access { resource: Resource::Catalog, actions: &[Action::All] }])
            }
            Self::Discover(Some(name))
            | Self::GetRepository(name)
            | Self::ListHistory(name, ..)
            | Self::ListTags(name, _)
            | Self::GetManifest(name, _)
            | Self::GetBlob(name, _)
            | Self::ListReferrers(name, ..) => RequiredAccess::Access(vec![repository(name, PULL)]),
            Self::StartUpload(name, UploadStart::Mount { from: Some(from), .. }) if from != name => {
                RequiredAccess::Access(vec![repository(name, PUSH), repository(from, PULL)])
            }
            Self::PutManifest(name, ..)
            | Self::RestoreTag(name, ..)
            | Self::StartUpload(name, _)
            | Self::GetUpload(name, _)
            | Self::AppendUpload(name, _)
            | Self::CommitUpload(name, ..)
            | Self::CancelUpload(name, _) => RequiredAccess::Access(vec![repository(name, PUSH)]),
            Self::DeleteManifest(name, _) | Self::DeleteBlob(name, _) | Self::DeleteRepository(name) => {
                RequiredAccess::Access(vec![repository(name, DELETE)])
            }
        }
    }
}

fn repository(name: &RepositoryName, actions: &'static [Action]) -> Access {
    Access { resource: Resource::Repository(name.clone()), actions }
}
