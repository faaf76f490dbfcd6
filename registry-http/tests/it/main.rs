//! registry-http from outside: a real server, a real client.

mod server;
mod snapshot;
mod testing;
mod unauthorized;
mod v2;
mod wire;
