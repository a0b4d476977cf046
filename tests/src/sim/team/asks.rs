//! What people were asked, and what they were told of their words. It never reads the machine.

use std::collections::{BTreeMap, BTreeSet};

use orkestra_coordinator::task::{PersonDecision, Said, people::PendingView, view::TaskView};
use orkestra_runtime::{
    id::{AgentId, TaskId},
    protocol::{
        ask::{Ask, AskKind, AskRule, OnReject, OnTimeout},
        payload::Payload,
        task::TaskSpec,
    },
};

type Outcome = Result<(), String>;

/// A word of a person, as it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saying {
    pub(super) task: TaskId,
    pub(super) by: AgentId,
    pub(super) said: Said,
    /// Whether the question was open when it was said.
    pub(super) is_open: bool,
}

#[derive(Debug)]
struct Question {
    ask: Ask,
    people: Vec<AgentId>,
    escalated: bool,
    /// What was acknowledged, in that order.
    words: Vec<(AgentId, Said)>,
}

/// Every question that was submitted.
#[derive(Debug, Default)]
pub(super) struct AskBooks {
    questions: BTreeMap<TaskId, Question>,
    ended: BTreeSet<TaskId>,
}

impl AskBooks {
    pub(super) fn asked(&mut self, spec: &TaskSpec) {
        let Some(ask) = spec.ask.clone() else { return };
        let (people, words) = (spec.agents.clone(), Vec::new());
        let question = Question { ask, people, escalated: false, words };
        self.questions.insert(spec.id.clone(), question);
    }

    pub(super) fn is_question(&self, id: &TaskId) -> bool {
        self.questions.contains_key(id)
    }

    pub(super) fn ended(&mut self, id: &TaskId) {
        self.ended.insert(id.clone());
    }

    pub(super) fn is_open(&self, id: &TaskId) -> bool {
        !self.ended.contains(id)
    }

    /// A question is handed on.
    pub(super) fn escalated(&mut self, id: &TaskId) -> Outcome {
        let question = self.questions.get_mut(id).ok_or_else(|| format!("{id} asks nobody"))?;
        if std::mem::replace(&mut question.escalated, true) {
            return Err(format!("{id} is handed on twice"));
        }
        Ok(())
    }

    /// Somebody looks at what is open.
    pub(super) fn shown(&self, open: &[PendingView]) -> Outcome {
        for PendingView { task: id, people, decisions, .. } in open {
            let question = self.questions.get(id).ok_or_else(|| format!("{id} asks nobody"))?;
            if self.ended.contains(id) {
                return Err(format!("{id} asks again, and was said to have ended"));
            }
            if *people != question.circle().0 {
                return Err(format!("{id} is shown to ask {people:?}"));
            }
            if !question.has_said(decisions) {
                return Err(format!("{id} is shown with {decisions:?}: not what was acknowledged"));
            }
        }
        Ok(())
    }

    /// A word is acknowledged.
    pub(super) fn acknowledged(&mut self, saying: &Saying, settled: bool) -> Outcome {
        let Saying { task: id, by, said, is_open } = saying;
        let question = self.questions.get_mut(id).ok_or_else(|| format!("{id} asks nobody"))?;
        if !is_open || !question.admits(by, said) {
            return Err(format!("{by} is heard about {id} with {said:?}, and was not to be"));
        }
        if let Some((_, before)) = question.words.iter().find(|(who, _)| who == by) {
            let same = before == said && !settled;
            return if same { Ok(()) } else { Err(format!("{by} decides {id} twice")) };
        }
        question.words.push((by.clone(), said.clone()));
        if question.verdict().is_some() != settled {
            return Err(format!("{id} is settled: {settled}, after {:?}", question.words));
        }
        Ok(())
    }

    /// A word is refused.
    pub(super) fn refused(&self, saying: &Saying) -> Outcome {
        let Saying { task: id, by, said, is_open } = saying;
        let Some(question) = self.questions.get(id) else { return Ok(()) };
        let before = question.words.iter().find(|(who, _)| who == by);
        let fits = question.admits(by, said) && before.is_none_or(|(_, before)| before == said);
        // What may not have begun to ask refuses too; only those who were asked say something.
        if *is_open && fits {
            Err(format!("{by} is refused by {id} with {said:?}"))
        } else {
            Ok(())
        }
    }

    /// At rest each question came to what was said, and to nothing else.
    pub(super) fn close(&self, view: &TaskView) -> Outcome {
        let Some(question) = self.questions.get(&view.id) else { return Ok(()) };
        if !question.has_said(&view.decisions) {
            return Err(format!("{} keeps {:?}, not its words", view.id, view.decisions));
        }
        let expected = question.expected();
        // What it needs may have failed before it could ask.
        let unasked = question.words.is_empty() && view.reason.as_deref().is_some_and(depends);
        if !unasked && !expected.contains(&&*view.state) {
            return Err(format!("{} is {}, not {expected:?}", view.id, view.state));
        }
        let Some(Payload::Inline(output)) = &view.output else { return Ok(()) };
        let value: serde_json::Value = output.read().map_err(|error| error.to_string())?;
        let is_yes = question.verdict().map(|verdict| verdict == Verdict::Yes);
        if question.ask.kind == AskKind::Approval
            && is_yes.is_some_and(|is_yes| value["approved"] != is_yes)
        {
            return Err(format!("{} came to {value}, and {is_yes:?} was said", view.id));
        }
        Ok(())
    }
}

fn depends(reason: &str) -> bool {
    reason.starts_with("dependency ")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Yes,
    No,
    Split,
}

impl Question {
    /// Whom it asks now, and how many of them it takes.
    fn circle(&self) -> (&[AgentId], AskRule) {
        match &self.ask.on_timeout {
            OnTimeout::Escalate { to } if self.escalated => (to, AskRule::Any),
            _ => (&self.people, self.ask.rule),
        }
    }

    fn admits(&self, by: &AgentId, said: &Said) -> bool {
        let (people, _) = self.circle();
        let fits = match said {
            Said::Rejected => true,
            Said::Approved => self.ask.kind == AskKind::Approval,
            Said::Answered(_) => self.ask.kind == AskKind::Answer,
        };
        fits && (people.is_empty() || people.contains(by))
    }

    fn has_said(&self, kept: &[PersonDecision]) -> bool {
        let kept = kept.iter().map(|kept| (&kept.by, &kept.said));
        kept.eq(self.words.iter().map(|(by, said)| (by, said)))
    }

    /// What the words come to.
    fn verdict(&self) -> Option<Verdict> {
        let (people, rule) = self.circle();
        let counts = |by: &AgentId| people.is_empty() || people.contains(by);
        let words: Vec<&Said> =
            self.words.iter().filter(|(by, _)| counts(by)).map(|(_, said)| said).collect();
        let noes = words.iter().filter(|said| ***said == Said::Rejected).count();
        let same = |said: &&Said| words.iter().filter(|other| *other == said).count();
        let most = words.iter().filter(|said| ***said != Said::Rejected).map(same).max();
        let (most, need) = (most.unwrap_or(0), people.len() / 2 + 1);
        let open = people.len().saturating_sub(words.len());
        match rule {
            AskRule::Any if words.is_empty() => None,
            AskRule::Any => Some(if noes > 0 { Verdict::No } else { Verdict::Yes }),
            AskRule::All if noes > 0 => Some(Verdict::No),
            AskRule::All => (open == 0).then_some(Verdict::Yes),
            AskRule::Majority if most >= need => Some(Verdict::Yes),
            AskRule::Majority if noes > people.len() - need => Some(Verdict::No),
            AskRule::Majority => (most + open < need).then_some(Verdict::Split),
        }
    }

    /// How it may have ended.
    fn expected(&self) -> &'static [&'static str] {
        let no: &[&str] = match self.ask.on_reject {
            OnReject::Fail => &["failed"],
            OnReject::Complete => &["completed"],
        };
        let has_time = self.ask.timeout_ms.is_some();
        match (self.verdict(), &self.ask.on_timeout) {
            (None, _) if !has_time => &[],
            (Some(Verdict::Yes), _) | (None, OnTimeout::Approve) => &["completed"],
            (Some(Verdict::Split), _) => &["failed"],
            (Some(Verdict::No) | None, _) => no,
        }
    }
}
