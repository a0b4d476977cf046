//! What the machines ask for is done here: by children that do as the scenario says.

use orkestra_runtime::{
    id::Incarnation,
    restart::Exit,
    supervise::{
        event::{Effect, End, Event},
        rules::{ChildId, Kind},
    },
};

use super::{Letter, Stage};
use crate::otp::scenario::Member;

impl Stage<'_> {
    /// `failed` is who has just failed to start: its next start takes its turn in the mailbox.
    pub(super) fn carry_out(
        &mut self,
        name: &str,
        failed: Option<&ChildId>,
        effects: Vec<Effect>,
    ) -> Result<(), String> {
        for effect in effects {
            match effect {
                Effect::Start(id, incarnation) if failed == Some(&id) => {
                    self.node(name)?.mailbox.push_back(Letter::Begin(id, incarnation));
                }
                Effect::Start(id, incarnation) => self.begin(name, id, incarnation)?,
                Effect::Abandon(id, incarnation) => self.abandon(name, id, incarnation)?,
                Effect::Stop(id, incarnation) => self.stop(name, id, incarnation)?,
                Effect::Kill(id, incarnation) => self.kill(name, &id, incarnation)?,
                Effect::Answer(to, reply) => {
                    let said = self.said(name, &reply);
                    self.answers.insert(to.0, Some(said));
                }
                Effect::Opened => self.opened(name)?,
                Effect::End(end) => self.ended(name, &end)?,
                Effect::Admit(..) | Effect::Forget(_) | Effect::Note(_) => {}
                Effect::Drain(..) | Effect::Listen(..) => {
                    return Err(format!("{effect:?} is no effect that OTP knows"));
                }
            }
        }
        Ok(())
    }

    /// The child of a supervisor: an instance of a template is as the template says.
    fn member(&self, name: &str, id: &str) -> Result<Member, String> {
        let of = |member: &&Member| member.parent.as_deref() == Some(name);
        let template = || self.scenario.members.iter().find(of);
        let found = self.scenario.member(id).or_else(template).cloned();
        found.ok_or_else(|| format!("{id} is not in it"))
    }

    pub(super) fn begin(
        &mut self,
        name: &str,
        id: ChildId,
        incarnation: Incarnation,
    ) -> Result<(), String> {
        let member = self.member(name, id.as_str())?;
        let node = self.node(name)?;
        if node.alive.contains_key(&id) {
            return Err(format!("a second incarnation of {id}"));
        }
        node.pending.insert(id.clone());
        if member.rules.kind == Kind::Supervisor {
            node.alive.insert(id.clone(), incarnation);
            return self.open(id.as_str(), incarnation);
        }
        if self.armed.remove(&(id.to_string(), "start".to_owned())) {
            self.held.insert(id, (name.to_owned(), incarnation, true));
            return Ok(());
        }
        self.come_up(name, &member, id, incarnation)
    }

    fn come_up(
        &mut self,
        name: &str,
        member: &Member,
        id: ChildId,
        incarnation: Incarnation,
    ) -> Result<(), String> {
        let n = self.count_start(id.as_str());
        let (sign, event) = match member.nth_start(n) {
            Some("fail" | "crash") => {
                ('x', Event::StartFailed(id.clone(), incarnation, "no".into()))
            }
            Some("ignore") => ('i', Event::Ignored(id.clone(), incarnation)),
            None | Some("dead") => ('+', Event::Started(id.clone(), incarnation)),
            Some(habit) => return Err(format!("no start is called {habit:?}")),
        };
        self.events.push(format!("{sign}{id}{n}"));
        if sign == '+' {
            self.node(name)?.alive.insert(id.clone(), incarnation);
        }
        if member.nth_start(n) == Some("dead") {
            self.events.push(format!("!{id}"));
            let exit = Exit::failed("boom");
            let node = self.node(name)?;
            node.alive.remove(&id);
            node.mailbox.push_back(Letter::Ended(id, incarnation, exit));
        }
        self.results.push_back((name.to_owned(), event));
        Ok(())
    }

    /// Of each start there is one tale; one that has not begun is told of as failed.
    fn abandon(&mut self, name: &str, id: ChildId, incarnation: Incarnation) -> Result<(), String> {
        let node = self.node(name)?;
        let waits = |letter: &Letter| matches!(letter, Letter::Begin(who, _) if *who == id);
        if let Some(at) = node.mailbox.iter().position(waits) {
            node.mailbox.remove(at);
            node.pending.insert(id.clone());
            let event = Event::StartFailed(id, incarnation, "let go of".into());
            self.results.push_back((name.to_owned(), event));
        }
        Ok(())
    }

    fn stop(&mut self, name: &str, id: ChildId, incarnation: Incarnation) -> Result<(), String> {
        let member = self.member(name, id.as_str())?;
        self.node(name)?.pending.insert(id.clone());
        if !self.node(name)?.alive.contains_key(&id) {
            return self.was_dead(name, &id);
        }
        if member.rules.kind == Kind::Supervisor {
            let letter = Letter::Close(Exit::Shutdown);
            self.node(id.as_str())?.mailbox.push_back(letter);
            return Ok(());
        }
        if self.armed.remove(&(id.to_string(), "stop".to_owned())) {
            self.held.insert(id, (name.to_owned(), incarnation, false));
            return Ok(());
        }
        if let Some(ms) = member.slow_ms() {
            self.later.push((self.now_ms + ms, name.to_owned(), id, incarnation));
            return Ok(());
        }
        if !member.has("notrap") {
            self.events.push(format!("-{id}"));
        }
        self.ends(name, &id, incarnation, Exit::Shutdown)
    }

    fn kill(&mut self, name: &str, id: &ChildId, incarnation: Incarnation) -> Result<(), String> {
        if self.member(name, id.as_str())?.rules.kind == Kind::Supervisor {
            return Err(format!(
                "the supervisor {id} is killed, and nobody stops what is below it"
            ));
        }
        self.node(name)?.pending.insert(id.clone());
        if !self.node(name)?.alive.contains_key(id) {
            return self.was_dead(name, id);
        }
        self.ends(name, id, incarnation, Exit::Killed)
    }

    /// Whoever is to be stopped had ended before; the supervisor did not know it yet.
    fn was_dead(&mut self, name: &str, id: &ChildId) -> Result<(), String> {
        let node = self.node(name)?;
        let tells = |letter: &Letter| matches!(letter, Letter::Ended(who, ..) if who == id);
        let at = node.mailbox.iter().position(tells);
        if let Some(Letter::Ended(id, incarnation, exit)) =
            at.and_then(|at| node.mailbox.remove(at))
        {
            self.results.push_back((name.to_owned(), Event::Exited(id, incarnation, exit)));
        }
        Ok(())
    }

    /// A child ends: its supervisor learns it at once if it waits for it, or in its turn.
    pub(super) fn ends(
        &mut self,
        name: &str,
        id: &ChildId,
        incarnation: Incarnation,
        exit: Exit,
    ) -> Result<(), String> {
        self.later.retain(|(_, _, who, _)| who != id);
        self.held.remove(id);
        let node = self.node(name)?;
        node.alive.remove(id);
        if node.pending.contains(id) {
            let event = Event::Exited(id.clone(), incarnation, exit);
            self.results.push_back((name.to_owned(), event));
        } else {
            node.mailbox.push_back(Letter::Ended(id.clone(), incarnation, exit));
        }
        Ok(())
    }

    /// By itself, because the scenario says so.
    pub(super) fn die(&mut self, id: &str, how: &str) -> Result<(), String> {
        let exit = match how {
            "normal" => Exit::Normal,
            "shutdown" | "shutdown_why" => Exit::Shutdown,
            "kill" => Exit::Killed,
            how => Exit::failed(how),
        };
        let lives = |(name, node): (&String, &super::Node)| {
            node.alive.get(id).map(|incarnation| (name.clone(), *incarnation))
        };
        let Some((name, incarnation)) = self.nodes.iter().find_map(lives) else { return Ok(()) };
        self.events.push(format!("!{id}"));
        if let Some(below) = self.nodes.get_mut(id) {
            below.mailbox.push_back(Letter::Close(exit));
            return Ok(());
        }
        self.ends(&name, &id.into(), incarnation, exit)
    }

    /// Whoever is held, or would be, goes on.
    pub(super) fn let_go(&mut self, id: &str) -> Result<(), String> {
        self.armed.retain(|(who, _)| who != id);
        let Some((name, incarnation, starting)) = self.held.remove(id) else { return Ok(()) };
        let (member, id) = (self.member(&name, id)?, ChildId::from(id));
        if starting {
            return self.come_up(&name, &member, id, incarnation);
        }
        self.events.push(format!("-{id}"));
        self.ends(&name, &id, incarnation, Exit::Shutdown)
    }

    fn opened(&mut self, name: &str) -> Result<(), String> {
        let node = self.node(name)?;
        node.opened = true;
        let incarnation = node.incarnation;
        self.tell_parent(name, Event::Started(name.into(), incarnation));
        Ok(())
    }

    fn tell_parent(&mut self, name: &str, event: Event) {
        let parent = self.scenario.member(name).and_then(|member| member.parent.clone());
        self.results.extend(parent.map(|parent| (parent, event)));
    }

    fn ended(&mut self, name: &str, end: &End) -> Result<(), String> {
        let node = self.nodes.remove(name).ok_or("a supervisor ended twice")?;
        if !node.alive.is_empty() {
            return Err(format!("{:?} outlived {name}", node.alive));
        }
        let parent = self.scenario.member(name).and_then(|member| member.parent.clone());
        let incarnation = node.incarnation;
        match (parent, end) {
            (None, End::FailedToStart(id, _)) => self.over = Some(format!("not_started {id}")),
            (None, End::Asked | End::Significant | End::GaveUp(_)) => {
                self.over = Some("down shutdown".to_owned());
            }
            (Some(parent), _) if !node.opened => {
                self.node(&parent)?.alive.remove(name);
                self.tell_parent(
                    name,
                    Event::StartFailed(name.into(), incarnation, end.to_string().into()),
                );
            }
            (Some(parent), _) => self.ends(&parent, &name.into(), incarnation, node.ends_as)?,
        }
        Ok(())
    }
}
