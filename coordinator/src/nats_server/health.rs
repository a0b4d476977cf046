//! Whether a server is ready: its own word, over its monitoring port.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than the server ever says of its health.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Asks `/healthz`: it says `ok` once the server takes clients and its JetStream can be used, in a
/// cluster once there is a leader and this server has caught up with it.
pub(super) async fn is_healthy(port: u16) -> bool {
    let asked = tokio::time::timeout(PATIENCE, ask(port)).await;
    asked.is_ok_and(|answer| answer.is_ok_and(|text| is_well(&text)))
}

fn is_well(answer: &str) -> bool {
    answer.split_whitespace().nth(1) == Some("200")
}

async fn ask(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ok_is_an_ok() {
        assert!(is_well("HTTP/1.0 200 OK\r\n\r\n{\"status\":\"ok\"}"));
        assert!(!is_well("HTTP/1.0 503 Service Unavailable\r\n\r\n200"));
        assert!(!is_well(""));
    }
}
