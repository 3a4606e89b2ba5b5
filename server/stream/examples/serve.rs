//! A stream of one shard on `127.0.0.1:4567`: `cargo run -p danmu-stream --example serve -- [directory] [address]`.

use axum::serve::ListenerExt;
use danmu_stream::{Endpoint, Options};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().unwrap_or_else(|| "data".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:4567".to_owned());

    let endpoint = Endpoint::open(Options::new(&dir)).await?;
    let stream = endpoint.ensure_stream("danmu", 1).await?;
    let listener = TcpListener::bind(&address).await?;
    println!("{} on http://{}", stream.arn, listener.local_addr()?);
    println!("the key {} is in {dir}/root-key.json", endpoint.root_key().access_key_id);

    // An event is one small packet that must not wait for a second one.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let served = endpoint.clone();
    let until = async move {
        let _ = tokio::signal::ctrl_c().await;
        served.end_subscriptions();
    };
    axum::serve(listener, endpoint.router()).with_graceful_shutdown(until).await?;
    endpoint.close().await;
    Ok(())
}
