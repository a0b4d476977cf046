//! Lines of the door: spelled, read, and broken.

use orkestra_runtime::{
    chance::Chance,
    id::{RunId, TaskId},
};

use super::*;
use crate::door::Reason;

fn trouble(line: &str) -> (Value, Trouble) {
    let (id, asked) = read(line.as_bytes());
    (id, asked.unwrap_err())
}

#[test]
fn what_is_written_is_read_again() {
    let requests = [
        Request::Status {},
        Request::TaskRetry { run: None, task: TaskId::new("a").unwrap() },
        Request::TaskCancel {
            run: Some(RunId::new("r-1").unwrap()),
            task: TaskId::new("a").unwrap(),
            reason: Reason::new("line\nbreak").unwrap(),
        },
    ];
    for request in requests {
        let name = Some(AgentId::new("ada").unwrap());
        let asking = Asking { v: VERSION, id: 7, name: name.as_ref(), request: &request };
        let line = serde_json::to_vec(&asking).unwrap();
        assert!(!line.contains(&b'\n'));
        let (id, asked) = read(&line);
        let asked = asked.unwrap();
        assert_eq!((id, asked.name, asked.request), (Value::from(7), name, request));
    }
}

#[test]
fn a_request_is_spelled_as_the_manual_says() {
    let line = br#"{"v":1,"id":"x","command":"task_cancel","task":"a","reason":"why"}"#;
    let request = Request::TaskCancel {
        run: None,
        task: TaskId::new("a").unwrap(),
        reason: Reason::new("why").unwrap(),
    };
    let command = "task_cancel".to_owned();
    let (id, asked) = read(line);
    assert_eq!((id, asked.unwrap()), ("x".into(), Asked { name: None, command, request }));
    let answer = Answered::new(id_of(3), Ok(Value::Bool(true))).line();
    assert_eq!(answer, b"{\"v\":1,\"id\":3,\"ok\":true}\n");
    let busy = Trouble::new(Code::Busy, "later");
    let answer = Answered::new(Value::Null, Err(busy)).line();
    assert_eq!(
        String::from_utf8(answer).unwrap(),
        "{\"v\":1,\"id\":null,\"error\":{\"code\":\"BUSY\",\"message\":\"later\"}}\n"
    );
}

fn id_of(number: u64) -> Value {
    Value::from(number)
}

#[test]
fn junk_is_told_from_what_is_not_known_and_from_what_is_wrong() {
    for junk in ["", "{", "[]", "7", "\u{0}\u{1}", "{\"v\":1}}", &"[".repeat(100_000)] {
        let (id, told) = trouble(junk);
        assert_eq!((id, told.code), (Value::Null, Code::Unreadable), "{junk:.20}");
    }
    let (_, told) = trouble(r#"{"v":1,"id":{},"command":"status"}"#);
    assert_eq!(told.code, Code::Invalid);

    let (id, told) = trouble(r#"{"v":2,"id":5,"command":"status"}"#);
    assert_eq!((id, told.code), (5.into(), Code::UnknownVersion));
    assert!(told.message.contains("speaks version 1 at its door, not 2"), "{}", told.message);

    let (_, told) = trouble(r#"{"v":1,"id":5,"command":"fly","high":true}"#);
    assert_eq!(told.code, Code::UnknownCommand);
    assert!(
        told.message.contains("knows no command \"fly\", but `status`, `task_cancel`"),
        "{}",
        told.message
    );

    for wrong in [
        r#"{"v":1,"id":5}"#,
        r#"{"v":1,"id":5,"command":7}"#,
        r#"{"v":1,"id":5,"command":"task_cancel"}"#,
        r#"{"v":1,"id":5,"command":"task_cancel","task":"no spaces"}"#,
        r#"{"v":1,"id":5,"command":"task_cancel","task":"a","reasn":"typed badly"}"#,
        r#"{"v":1,"id":5,"command":"status","as":"a b"}"#,
    ] {
        assert_eq!(trouble(wrong).1.code, Code::Invalid, "{wrong}");
    }
    let long = "x".repeat(5_000);
    let line = format!(r#"{{"v":1,"id":5,"command":"run_cancel","run":"r","reason":"{long}"}}"#);
    let (_, told) = trouble(&line);
    assert!(told.message.contains("5000 bytes, and at most 4096"), "{}", told.message);
}

#[test]
fn whatever_becomes_of_a_line_on_its_way_it_is_answered() {
    let lines = [
        r#"{"v":1,"id":"x","as":"ada","command":"task_cancel","task":"a","reason":"why"}"#,
        r#"{"v":1,"id":7,"command":"task_answer","task":"a","answer":[1,{"b":null}]}"#,
    ];
    let mut chance = Chance::from_seed(7);
    let (mut good, mut bad) = (0, 0);
    for round in 0..20_000 {
        let mut line = lines[round % lines.len()].as_bytes().to_vec();
        for _ in 0..chance.below(4) {
            let at = usize::try_from(chance.below(line.len() as u64)).unwrap();
            match chance.below(3) {
                0 => line[at] = u8::try_from(chance.below(256)).unwrap(),
                1 => line.insert(at, b'"'),
                _ => line.truncate(at + 1),
            }
        }
        let (id, asked) = read(&line);
        if asked.is_ok() {
            good += 1;
        } else {
            bad += 1;
        }
        let answered = Answered::new(id, asked.map(|_| Value::Bool(true))).line();
        let read: Answered = serde_json::from_slice(&answered).unwrap();
        assert!(read.error.is_some() != read.ok.is_some());
    }
    assert!(good > 1_000 && bad > 1_000, "{good} good, {bad} bad: it proves little");
}

#[test]
fn a_code_of_a_later_version_can_be_read() {
    let read: Trouble = serde_json::from_str(r#"{"code":"NEW","message":"x"}"#).unwrap();
    assert_eq!(read.code, Code::Unknown);
    assert_eq!(Error::from(read).kind(), ErrorKind::Fault);
}
