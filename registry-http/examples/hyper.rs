//! A registry in memory as a service of hyper. Run it, and push to 127.0.0.1:5000.

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use registry_core::Registry;
use registry_http::RegistryService;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = RegistryService::new(Registry::in_memory());
    let listener = TcpListener::bind("127.0.0.1:5000").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = service.clone();
        tokio::spawn(async move {
            let mut builder = Builder::new(TokioExecutor::new());
            // hyper's deadline for a request's head works only with a timer.
            builder.http1().timer(TokioTimer::new());
            // A connection that breaks off concerns nobody else.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
