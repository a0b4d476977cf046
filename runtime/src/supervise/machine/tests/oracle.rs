//! The scenarios that real OTP played, told in its words and compared line by line.

use super::world::{Actor, World};
use crate::supervise::{
    event::{Admin, ChildState, End, Refusal, Reply},
    rules::Plan,
};

impl World {
    pub(super) fn which(&mut self) {
        let states = self.states();
        let children: Vec<String> = states
            .iter()
            .rev()
            .map(|(id, state)| format!("{{{id},{}}}", *state == ChildState::Running))
            .collect();
        self.tell(format!("{{which,[{}]}}", children.join(",")));
    }

    pub(super) fn count(&mut self) {
        let Reply::Counted(counts) = self.answer(Admin::Count) else { panic!("not a count") };
        self.tell(format!(
            "{{count,[{{specs,{}}},{{active,{}}},{{supervisors,{}}},{{workers,{}}}]}}",
            counts.specs, counts.active, counts.supervisors, counts.workers
        ));
    }

    pub(super) fn terminate(&mut self, id: &str) {
        let reply = self.answer(Admin::Terminate(id.into()));
        self.tell(format!("{{terminate_child,{id},{}}}", said(&reply)));
    }

    pub(super) fn restart(&mut self, id: &str) {
        let reply = self.answer(Admin::Restart(id.into()));
        self.tell(format!("{{restart_child,{id},{}}}", said(&reply)));
    }

    pub(super) fn delete(&mut self, id: &str) {
        let reply = self.answer(Admin::Delete(id.into()));
        self.tell(format!("{{delete_child,{id},{}}}", said(&reply)));
    }

    pub(super) fn start_child(&mut self, actor: Actor) {
        let reply = self.add(actor);
        self.tell(format!("{{start_child,{}}}", said(&reply)));
    }

    pub(super) fn close(&mut self) {
        self.tell("stop_requested");
        let began = self.now_ms;
        self.finish();
        assert_eq!(self.end, Some(End::Asked));
        let took = (self.now_ms - began) / 100 * 100;
        self.tell(format!("{{supervisor_down,shutdown,{took}}}"));
    }
}

fn said(reply: &Reply) -> String {
    match reply {
        Reply::Done | Reply::Started(_) | Reply::Ignored => "ok".into(),
        Reply::Refused(Refusal::Running) => "{error,running}".into(),
        Reply::Refused(Refusal::Restarting) => "{error,restarting}".into(),
        Reply::Refused(Refusal::NotFound) => "{error,not_found}".into(),
        Reply::Refused(Refusal::AlreadyStarted) => "already_started".into(),
        Reply::Refused(Refusal::AlreadyPresent) => "{error,already_present}".into(),
        Reply::Refused(Refusal::StartFailed(reason)) => format!("{{error,{reason}}}"),
        reply => format!("{reply:?}"),
    }
}

/// What real OTP did in a scenario: its events and its end, without spaces.
fn otp_did(name: &str) -> Vec<String> {
    const TRACE: &str = include_str!("../../../../tests-data/otp_trace.txt");
    let mut lines: Vec<String> = Vec::new();
    let mut ours = false;
    for line in TRACE.lines() {
        let begins = line.starts_with("   ") && !line.starts_with("    ");
        if let Some(header) = line.strip_prefix("## ") {
            ours = header.split("  #{").next() == Some(name);
        } else if ours && begins {
            lines.push(line.split_whitespace().collect());
        } else if ours && let Some(last) = lines.last_mut() {
            last.extend(line.split_whitespace());
        }
    }
    assert!(!lines.is_empty(), "the oracle knows no scenario called {name:?}");
    lines
}

/// Who runs at the end, in the words of the oracle.
pub(super) fn shown(world: &mut World) -> String {
    let states = world.states();
    let shown = states.iter().map(|(id, state)| match state {
        ChildState::Running => format!("{{{id},running}}"),
        _ => format!("{{{id},undefined}}"),
    });
    shown.collect::<Vec<_>>().join(",")
}

/// Plays a scenario and compares what happened with what happened under OTP, line by line.
pub(super) fn as_otp(name: &str, plan: Plan, actors: Vec<Actor>, script: impl FnOnce(&mut World)) {
    let mut world = World::new(plan, actors).expect("a good plan");
    if world.end.is_none() {
        script(&mut world);
    }
    let asked = world.trace.iter().any(|line| line == "stop_requested");
    let end = match world.end.clone() {
        None => {
            format!("=>{{up,[{}]}}exit=none", shown(&mut world))
        }
        Some(End::FailedToStart(id, reason)) => {
            let why = format!("{{shutdown,{{failed_to_start_child,{id},{reason}}}}}");
            format!("=>{{start_result,{{error,{why}}}}}exit={why}")
        }
        Some(End::Asked) if asked => "=>downexit=none".into(),
        Some(End::Asked | End::Significant | End::GaveUp(_)) => "=>downexit=shutdown".into(),
    };
    world.trace.push(end);
    assert_eq!(world.trace, otp_did(name), "in {name:?}");
}
