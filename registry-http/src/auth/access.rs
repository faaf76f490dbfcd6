//! What a route needs, and the one function that decides whether it is given.

use registry_core::protocol::access::Access;
use serde::Serialize;

use super::Authentication;

/// What a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequiredAccess {
    /// Nothing: anybody may ask.
    Public,
    /// To be somebody.
    Authenticated,
    /// To be somebody with all of these permissions.
    Access(Vec<Access>),
}

impl RequiredAccess {
    /// Lists what is needed in the form of distribution's 401 answers: one entry for each action.
    pub fn detail(&self) -> Vec<AccessDetail> {
        let Self::Access(accesses) = self else { return Vec::new() };
        let details = accesses.iter().flat_map(|access| {
            access.actions.iter().map(|action| AccessDetail {
                kind: access.resource.kind(),
                class: "",
                name: access.resource.name().to_owned(),
                action: action.as_str(),
            })
        });
        details.collect()
    }
}

/// One action on one resource, as the `detail` of a 401 answer has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccessDetail {
    #[serde(rename = "Type")]
    kind: &'static str,
    class: &'static str,
    name: String,
    action: &'static str,
}

/// Whether a request may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allowed,
    /// It may not as it is; credentials could change that.
    Challenge,
    /// It may not, and the user is known: other credentials of the same user would not help.
    Denied,
}

/// Decides whether the sender may do what the request is for.
pub fn authorize(sender: &Authentication, required: &RequiredAccess) -> Decision {
    match (sender, required) {
        (_, RequiredAccess::Public) | (Authentication::Open, _) => Decision::Allowed,
        (Authentication::Anonymous | Authentication::Rejected, _) => Decision::Challenge,
        // There are no permissions by user yet: whoever has a password may do everything.
        (Authentication::User(_), RequiredAccess::Authenticated | RequiredAccess::Access(_)) => Decision::Allowed,
    }
}

#[cfg(test)]
mod tests {
    use registry_core::protocol::access::{Action, Resource};

    use super::super::User;
    use super::*;

    fn push() -> RequiredAccess {
        let resource = Resource::Repository("a/b".parse().unwrap());
        RequiredAccess::Access(vec![Access { resource, actions: &[Action::Pull, Action::Push] }])
    }

    #[test]
    fn everybody_may_only_what_is_public() {
        let user = Authentication::User(User { name: "u".to_owned() });
        for required in [RequiredAccess::Authenticated, push()] {
            assert_eq!(authorize(&Authentication::Anonymous, &required), Decision::Challenge);
            assert_eq!(authorize(&Authentication::Rejected, &required), Decision::Challenge);
            assert_eq!(authorize(&Authentication::Open, &required), Decision::Allowed);
            assert_eq!(authorize(&user, &required), Decision::Allowed);
        }
        for sender in [Authentication::Anonymous, Authentication::Rejected, Authentication::Open, user] {
            assert_eq!(authorize(&sender, &RequiredAccess::Public), Decision::Allowed);
        }
    }

    #[test]
    fn the_detail_is_distributions() {
        let expected = serde_json::json!([
            { "Type": "repository", "Class": "", "Name": "a/b", "Action": "pull" },
            { "Type": "repository", "Class": "", "Name": "a/b", "Action": "push" },
        ]);
        assert_eq!(serde_json::to_value(push().detail()).unwrap(), expected);
        assert_eq!(serde_json::to_value(RequiredAccess::Authenticated.detail()).unwrap(), serde_json::json!([]));
    }
}
