//! registry-http from outside: a real server, a real client.

mod auth_htpasswd;
mod debug;
mod documentation;
mod route_properties;
mod server;
mod snapshot;
mod testing;
mod tls;
mod unauthorized;
mod v2;
mod wire;
