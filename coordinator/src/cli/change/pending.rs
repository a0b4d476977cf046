//! `orkestra task pending`: what waits for people.

use orkestra_runtime::{
    Result,
    id::{AgentId, RunId},
    protocol::ask::AskKind,
    time::{Clock as _, Now},
};

use super::Asking;
use crate::{
    cli::look::Looking,
    output::{Console, Exit, Table, age, duration},
    task::{Answer, Query, people::PendingView},
};

/// Shows what is asked of people, in one run or in all; only looks, whether or not a run goes on.
pub(super) async fn pending(
    run: Option<&str>,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let now = asking.clock.now();
    let run = run.map(RunId::new).transpose()?;
    let looking =
        Looking::at(asking.settings, (&mut *console, now), run.as_ref().map(RunId::as_str)).await?;
    if let Some(run) = &run {
        looking.check_run(run).await?;
    }
    let answer = looking.answer(&Query::Pending(run)).await?;
    looking.close().await;
    let Answer::Pending(pending) = answer else { return Ok(Exit::Negative) };
    console.list(&pending, |pending| table(pending, now))?;
    Ok(Exit::Done)
}

fn table(pending: &[PendingView], now: Now) -> Table {
    let header = ["RUN", "TASK", "ASKS FOR", "WHO", "DECIDED", "AGE", "DUE", "QUESTION"];
    let mut table = Table::new(header);
    for asked in pending {
        table.row([
            asked.run.to_string(),
            asked.task.to_string(),
            match asked.kind {
                AskKind::Approval => "approval".to_owned(),
                AskKind::Answer => "an answer".to_owned(),
            },
            who(&asked.rule, &asked.people),
            decided(asked),
            age(now.wall, asked.since),
            due(asked, now),
            if asked.question.is_empty() { asked.title.clone() } else { asked.question.clone() },
        ]);
    }
    table
}

/// Whose word it takes: `anybody`, `ada`, `any of ada, grace`.
fn who(rule: &str, people: &[AgentId]) -> String {
    let names: Vec<&str> = people.iter().map(AgentId::as_str).collect();
    match names.as_slice() {
        [] => "anybody".to_owned(),
        [one] => (*one).to_owned(),
        names => format!("{rule} of {}", names.join(", ")),
    }
}

fn decided(asked: &PendingView) -> String {
    let words = asked.decisions.iter();
    let words = words.map(|decision| format!("{} {}", decision.by, decision.said.as_str()));
    words.collect::<Vec<_>>().join(", ")
}

/// When its time is over, and what happens then: `reject in 2h`.
fn due(asked: &PendingView, now: Now) -> String {
    let Some(due) = asked.due else { return String::new() };
    let left = due.since(now.wall);
    if left.is_zero() {
        return format!("{} now", asked.on_timeout);
    }
    format!("{} in {}", asked.on_timeout, duration(left))
}

#[cfg(test)]
mod tests {
    use orkestra_runtime::{
        id::TaskId,
        protocol::payload::{Json, Payload},
        time::{Moment, Wall},
    };

    use super::*;
    use crate::task::{PersonDecision, Said};

    #[test]
    fn a_question_is_shown_with_who_may_decide_who_has_and_what_happens_in_the_end() {
        let ada = AgentId::new("ada").unwrap();
        let word = PersonDecision {
            by: ada.clone(),
            said: Said::Approved,
            reason: String::new(),
            via: "ada (uid 1000)".to_owned(),
            at: Wall::from_ms(500),
        };
        let mut asked = PendingView {
            run: RunId::new("r-1").unwrap(),
            task: TaskId::new("gate").unwrap(),
            title: "Release?".to_owned(),
            question: String::new(),
            kind: AskKind::Approval,
            rule: "all".into(),
            people: vec![ada, AgentId::new("grace").unwrap()],
            decisions: vec![word],
            since: Wall::from_ms(0),
            due: Some(Wall::from_ms(61_000)),
            on_timeout: "reject".into(),
            input: Payload::Inline(Json::null()),
        };
        let now = Now { moment: Moment::START, wall: Wall::from_ms(1_000) };
        assert_eq!(
            table(std::slice::from_ref(&asked), now).render(),
            "RUN   TASK   ASKS FOR   WHO                 DECIDED        AGE   DUE            QUESTION\n\
             r-1   gate   approval   all of ada, grace   ada approved   1s    reject in 1m   Release?\n"
        );
        asked.people.clear();
        asked.due = Some(Wall::from_ms(1_000));
        assert_eq!(who("any", &asked.people), "anybody");
        assert_eq!(due(&asked, now), "reject now");
    }
}
