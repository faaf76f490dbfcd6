//! registry-storage
