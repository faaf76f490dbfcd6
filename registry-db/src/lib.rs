//! registry-db
