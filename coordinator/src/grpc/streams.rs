//! Streams of answers: how many there are, and when one must end.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tonic::{Request, Status, codegen::http::HeaderMap};

use super::status::{Reason, refused};

/// The metadata in which a client says how long it waits.
const DEADLINE: &str = "grpc-timeout";
/// How long a client may wait at most, in its own words: eight digits and a unit.
const DIGITS_MAX: usize = 8;

/// The streams of a door.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    places: Arc<Semaphore>,
    most: u32,
    closing: watch::Receiver<bool>,
}

/// One stream, which holds a place until it is dropped.
#[derive(Debug)]
pub(super) struct Stream {
    _place: OwnedSemaphorePermit,
    closing: watch::Receiver<bool>,
    /// How long the client waits for the whole of it.
    pub(super) within: Option<Duration>,
}

impl Streams {
    pub(super) fn new(most: u32, closing: watch::Receiver<bool>) -> Self {
        Self { places: Arc::new(Semaphore::new(most as usize)), most, closing }
    }

    /// Tells when the door is being shut.
    pub(super) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.clone()
    }

    /// Begins a stream in answer to this call, if there is room for one more.
    pub(super) fn begin<T>(&self, call: &Request<T>) -> Result<Stream, Status> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let why = format!(
                "{} streams go on at this node: end some, or raise grpc.streams_max",
                self.most
            );
            return Err(refused(Reason::TooManyStreams, why));
        };
        Ok(Stream {
            _place: place,
            closing: self.closing.clone(),
            within: within(call.metadata().as_ref()),
        })
    }
}

impl Stream {
    /// Waits until the door is being shut.
    pub(super) async fn closing(&mut self) -> Status {
        closing(&mut self.closing).await
    }
}

/// Waits until the door is being shut, and says so.
pub(super) async fn closing(told: &mut watch::Receiver<bool>) -> Status {
    // Nobody who could shut it is left: then it is shut.
    let _ = told.wait_for(|is_closing| *is_closing).await;
    refused(Reason::Stopping, "the node is being stopped: go on at another, or when it is back")
}

/// That the time which a client gave is over.
pub(super) fn overdue() -> Status {
    refused(Reason::DeadlineExceeded, "the deadline of the call has passed")
}

/// How long the client waits for the whole of an answer, if it says so. The gate ends calls by it
/// until they begin to answer; streams must look for themselves.
pub(super) fn within(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(DEADLINE)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > DIGITS_MAX {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_read_as_clients_write_it() {
        let read = |text: &str| {
            let mut call = Request::new(());
            call.metadata_mut().insert(DEADLINE, text.parse().unwrap());
            within(call.metadata().as_ref())
        };
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("99999999H"), Some(Duration::from_hours(99_999_999)));
        for odd in ["", "m", "123456789m", "5x", "-1S"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn when_all_places_are_taken_one_more_is_refused_with_when_to_come_again() {
        use tonic_types::StatusExt as _;
        let (_open, closing) = watch::channel(false);
        let streams = Streams::new(1, closing);
        let first = streams.begin(&Request::new(())).unwrap();
        let refused = streams.begin(&Request::new(())).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        assert!(refused.get_error_details().retry_info().is_some());
        drop(first);
        assert!(streams.begin(&Request::new(())).is_ok());
    }
}
