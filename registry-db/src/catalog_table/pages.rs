//! The catalog, name by name.

use std::collections::VecDeque;

use registry_core::protocol::reference::RepositoryName;
use registry_core::store::metadata::RepositoryStore;

use super::CatalogTableError;

/// How many names are asked for at once.
const PAGE: usize = 500;

pub(super) struct Pages<'a> {
    catalog: &'a dyn RepositoryStore,
    page: VecDeque<RepositoryName>,
    last: Option<RepositoryName>,
    is_over: bool,
}

impl<'a> Pages<'a> {
    pub(super) fn new(catalog: &'a dyn RepositoryStore) -> Self {
        Self { catalog, page: VecDeque::new(), last: None, is_over: false }
    }

    /// Returns the next name in the order of bytes.
    pub(super) async fn next(&mut self) -> Result<Option<RepositoryName>, CatalogTableError> {
        if self.page.is_empty() && !self.is_over {
            let after = self.last.as_ref().map(RepositoryName::as_str);
            let page = self.catalog.repositories(after, PAGE).await.map_err(CatalogTableError::Catalog)?;
            self.is_over = page.len() < PAGE;
            self.last = page.last().cloned();
            self.page = page.into();
        }
        Ok(self.page.pop_front())
    }
}
