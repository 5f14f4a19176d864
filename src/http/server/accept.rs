//! Accepts connections, as many as there may be.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::Service;
use super::connection::connection;
use super::intake::Place;
use super::listen::ListeningSocket;
use super::wire::{Listener, Wire};

/// What the other side is told while all connections are taken.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
    content-type: application/json\r\ncontent-length: 22\r\n\r\n{\"error\":\"overloaded\"}";

/// How many connections over the limit are told so at once; others are closed without a word.
const TOLD: usize = 64;

/// Accepts until the intake drains, then waits for the last answer.
///
/// # Errors
///
/// If the socket cannot be registered with this thread's runtime.
pub(crate) async fn serve<S: Service>(service: Rc<S>, socket: ListeningSocket) -> io::Result<()> {
    let listener = Listener::new(socket)?;
    let mut drain = service.intake().watch();
    loop {
        tokio::select! {
            biased;
            _ = drain.wait_for(|draining| *draining) => break,
            incoming = listener.accept() => accepted(&service, incoming).await,
        }
    }
    // Who was let in by the kernel already is served too.
    while let Ok(Ok(incoming)) = timeout(Duration::ZERO, listener.accept()).await {
        accepted(&service, Ok(incoming)).await;
    }
    drop(listener);
    service.running().until_none().await;
    Ok(())
}

async fn accepted<S: Service>(service: &Rc<S>, incoming: io::Result<(Wire, Option<IpAddr>)>) {
    let (wire, address) = match incoming {
        Ok(incoming) => incoming,
        Err(error) => {
            // Out of descriptors, mostly: the kernel keeps the connection until there are some.
            tracing::error!(cause = %error, "cannot accept a connection");
            return sleep(Duration::from_millis(100)).await;
        }
    };
    let (service, run) = (service.clone(), service.running().one_more());
    let (before, place) = Place::take(service.intake());
    spawn_local(async move {
        let _until_it_is_over = (place, run);
        let limit = service.limits().connections;
        if before < limit {
            connection(&service, wire, address).await;
        } else if before < limit + TOLD {
            Box::pin(turn_away(wire)).await;
        }
    });
}

/// Says that there is no place, and waits a moment until that was read.
async fn turn_away(mut wire: Wire) {
    let told = async {
        wire.write_all(FULL).await?;
        wire.shutdown().await?;
        let mut scratch = [0; 1024];
        while wire.read(&mut scratch).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(Duration::from_secs(1), told).await;
}
