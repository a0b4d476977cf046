//! What whoever watches a run is told of its supervision.

use std::{
    io::{self, Write},
    sync::Mutex,
};

use orkestra_runtime::{id::Incarnation, supervise::event::What, time::Wall};

use super::*;
use crate::output::Surroundings;

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written, data and talk, when a child first starts and then is parked.
fn told(format: Format, is_quiet: bool) -> (String, String) {
    let (out, talk) = (Kept::default(), Kept::default());
    let streams: (Box<dyn Write + Send>, Box<dyn Write + Send>) =
        (Box::new(out.clone()), Box::new(talk.clone()));
    let mut console = Console::new(streams, format, Surroundings::default()).quiet(is_quiet);
    let progress = Progress::on(&console);
    for what in [What::Started, What::Parked] {
        let record = Record {
            v: 1,
            seq: 5,
            at: Wall::from_ms(1_795_251_600_000),
            who: "node/house/agents/a".to_owned(),
            what,
            why: Some("no such file".to_owned()),
            incarnation: Incarnation(3),
            attempt: 3,
            took_ms: None,
            delay_ms: None,
            lost: None,
        };
        tell_supervision(&record, &progress, &mut console).unwrap();
    }
    let text = |kept: &Kept| String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    (text(&out), text(&talk))
}

#[test]
fn people_read_a_line_and_programs_an_event_and_the_quiet_nothing() {
    let line = "09:00:00.000  node/house/agents/a           parked        after 3 tries  \
                (no such file)\n";
    assert_eq!(told(Format::Table, false), (String::new(), line.to_owned()));
    let event = "{\"event\":\"supervision\",\"v\":1,\"seq\":5,\"at\":1795251600000,\
                 \"who\":\"node/house/agents/a\",\"what\":\"parked\",\"why\":\"no such file\",\
                 \"incarnation\":3,\"try\":3}\n";
    assert_eq!(told(Format::Ndjson, false), (event.to_owned(), String::new()));
    assert_eq!(told(Format::Table, true), (String::new(), String::new()));
}
