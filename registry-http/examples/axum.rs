//! A registry in memory below `/v2` of an axum application. Run it, and push to 127.0.0.1:5000.

use axum::Router;
use axum::routing::get;
use registry_core::Registry;
use registry_http::RegistryService;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = RegistryService::new(Registry::in_memory());
    let application = Router::new()
        .route("/", get(async || "an application with a registry"))
        .route_service("/v2/", registry.clone())
        .route_service("/v2/{*path}", registry);
    axum::serve(TcpListener::bind("127.0.0.1:5000").await?, application).await?;
    Ok(())
}
