//! A little vocabulary for votes that are held: one call a line, exact outcomes on the right.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use nkeys::{KeyPair, KeyPairType};
use orkestra_runtime::{
    id::{Number, OptionId, VoteId, VoteNo, VoterId},
    machine::ReplyTo,
    time::{Moment, Now, Wall},
};

use crate::committee::{
    Ballot, Casting, Choice, CommitteeAnswer, CommitteeCommand, CommitteeEffect, CommitteeEvent,
    CommitteeMachine, CommitteeNews, CommitteeQuery, CommitteeRefusal, CommitteeReply,
    CommitteeSettings, Content, Decision, Digest, Electorate, Member, Officer, Outcome, Proposal,
    Question, Scope, Sealing, Signed, Told, VoterKey, sign,
};

pub(super) fn vote(name: &str) -> VoteId {
    VoteId::new(name).unwrap()
}

pub(super) fn voter(name: &str) -> VoterId {
    VoterId::new(name).unwrap()
}

pub(super) fn option(name: &str) -> OptionId {
    OptionId::new(name).unwrap()
}

pub(super) fn choice(name: &str) -> Content {
    Content::Choice(option(name))
}

pub(super) fn ranking(names: &[&str]) -> Content {
    Content::Ranking(names.iter().map(|name| vec![option(name)]).collect())
}

/// Voters who weigh one each.
pub(super) fn electorate(names: &[&str]) -> Electorate {
    names.iter().map(|name| (voter(name), Member::default())).collect()
}

pub(super) fn options(names: &[&str]) -> Vec<Choice> {
    let choice = |name: &&str| Choice {
        id: option(name),
        title: format!("the {name} one"),
        text: String::new(),
    };
    names.iter().map(choice).collect()
}

/// A vote called `v`, proposed by `ann`, open for ten seconds.
pub(super) fn proposal(question: Question, voters: &[&str], choices: &[&str]) -> Proposal {
    Proposal {
        electorate: electorate(voters),
        options: options(choices),
        ..Proposal::new(vote("v"), voter("ann"), question, 10_000)
    }
}

/// A key that is made anew from a number wherever it is needed.
pub(super) struct Key {
    pub(super) seed: String,
    pub(super) public: VoterKey,
}

pub(super) fn key(number: u8) -> Key {
    let pair = KeyPair::new_from_raw(KeyPairType::User, [number; 32]).unwrap();
    Key { seed: pair.seed().unwrap(), public: pair.public_key().parse().unwrap() }
}

pub(super) fn keyed(number: u8) -> Member {
    Member { key: Some(key(number).public), ..Member::default() }
}

pub(super) fn keeper() -> Officer {
    Officer { by: "kim".to_owned(), is_keeper: true, why: "it hangs".to_owned() }
}

pub(super) struct Script {
    pub(super) machine: CommitteeMachine,
    pub(super) journal: Vec<(Wall, CommitteeEvent)>,
    pub(super) now: Now,
    pub(super) told: Vec<(VoteId, Told)>,
    pub(super) news: Vec<CommitteeNews>,
    /// Whether what is to be counted elsewhere is counted.
    pub(super) counts: bool,
    /// How often something was to be.
    pub(super) elsewhere: usize,
    next_asker: u64,
}

impl Script {
    pub(super) fn new() -> Self {
        Self::with(CommitteeSettings::default())
    }

    pub(super) fn with(settings: CommitteeSettings) -> Self {
        Self {
            machine: CommitteeMachine::new(settings),
            journal: Vec::new(),
            now: Now { moment: Moment::from_ms(5), wall: Wall::from_ms(1_000_000) },
            told: Vec::new(),
            news: Vec::new(),
            counts: true,
            elsewhere: 0,
            next_asker: 0,
        }
    }

    pub(super) fn committee(&self) -> &CommitteeMachine {
        &self.machine
    }

    /// One step and all that is due after it.
    pub(super) fn tell(&mut self, command: CommitteeCommand) -> Vec<(u64, CommitteeReply)> {
        let mut replies = self.step(command);
        replies.extend(self.settle());
        replies
    }

    /// What the sequencer does: a command and all that follows from it.
    pub(super) fn step(&mut self, command: CommitteeCommand) -> Vec<(u64, CommitteeReply)> {
        let (mut replies, mut polls) = (Vec::new(), Vec::new());
        let mut commands = VecDeque::from([command]);
        while let Some(command) = commands.pop_front() {
            let next = Number(self.journal.len() as u64 + 1);
            self.machine.hear(self.now, &command);
            let decision = self.machine.decide(self.now, next, &command);
            for (number, event) in (next.0..).zip(decision.events) {
                self.machine.apply(Number(number), self.now.wall, &event);
                self.machine.lead(&event);
                self.journal.push((self.now.wall, event));
            }
            for effect in decision.effects {
                match effect {
                    CommitteeEffect::Reply { to, reply } => replies.push((to.0, reply)),
                    CommitteeEffect::Tell { vote, told, .. } => self.told.push((vote, told)),
                    CommitteeEffect::Count { vote, poll } => polls.push((vote, poll)),
                }
            }
            self.news.extend(decision.news);
            commands.extend(decision.then);
        }
        self.elsewhere += polls.len();
        let counts = self.counts;
        for (vote, poll) in polls.into_iter().filter(|_| counts) {
            let tallied = Box::new(poll.count());
            replies.extend(self.step(CommitteeCommand::Settle { vote, tallied }));
        }
        replies
    }

    pub(super) fn settle(&mut self) -> Vec<(u64, CommitteeReply)> {
        let mut replies = Vec::new();
        for _ in 0..1_000 {
            let Some(command) = self.machine.due(self.now) else {
                let wakeup = self.machine.wakeup(self.now);
                assert!(wakeup.is_none_or(|at| at > self.now.moment), "due, and nothing to do");
                return replies;
            };
            replies.extend(self.step(command));
        }
        panic!("what is due stays due");
    }

    /// Time passes, and what becomes due on the way is done when it is due.
    pub(super) fn wait_ms(&mut self, ms: u64) {
        let end = self.now.moment + Duration::from_millis(ms);
        while self.now.moment < end {
            let wakeup = self.machine.wakeup(self.now);
            let next = wakeup.map_or(end, |at| at.min(end));
            let step = next.since(self.now.moment);
            self.now = Now { moment: self.now.moment + step, wall: self.now.wall + step };
            self.settle();
        }
    }

    pub(super) fn asker(&mut self) -> ReplyTo {
        self.next_asker += 1;
        ReplyTo(self.next_asker)
    }

    /// The one reply that a command has, to whoever asked.
    pub(super) fn ask(
        &mut self,
        command: impl FnOnce(ReplyTo) -> CommitteeCommand,
    ) -> CommitteeReply {
        let to = self.asker();
        let mut replies = self.tell(command(to));
        assert_eq!(replies.len(), 1, "{replies:?}");
        let (asker, reply) = replies.remove(0);
        assert_eq!(asker, to.0);
        reply
    }

    pub(super) fn refused(
        &mut self,
        command: impl FnOnce(ReplyTo) -> CommitteeCommand,
    ) -> CommitteeRefusal {
        match self.ask(command) {
            CommitteeReply::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn open(&mut self, proposal: &Proposal) -> VoteNo {
        let proposal = Box::new(proposal.clone());
        match self.ask(|to| CommitteeCommand::Open { to, proposal }) {
            CommitteeReply::Opened { number, existed: false, .. } => number,
            other => panic!("{other:?}"),
        }
    }

    /// Votes without a signature; fails where that is refused.
    pub(super) fn cast(&mut self, name: &str, content: Content) {
        match self.try_cast(name, Ballot::of(content)) {
            CommitteeReply::Cast { existed: false, .. } => {}
            other => panic!("{name}: {other:?}"),
        }
    }

    pub(super) fn all(&mut self, ballots: &[(&str, Content)]) {
        for (name, content) in ballots {
            self.cast(name, content.clone());
        }
    }

    pub(super) fn try_cast(&mut self, name: &str, ballot: Ballot) -> CommitteeReply {
        self.cast_in("v", name, ballot)
    }

    pub(super) fn cast_in(&mut self, name: &str, who: &str, ballot: Ballot) -> CommitteeReply {
        let casting = Casting { vote: vote(name), voter: voter(who), ballot, signed: None };
        self.ask(|to| CommitteeCommand::Cast { to, casting: Box::new(casting) })
    }

    pub(super) fn refused_cast(&mut self, name: &str, ballot: Ballot) -> CommitteeRefusal {
        match self.try_cast(name, ballot) {
            CommitteeReply::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn scope(&self, name: &str) -> Scope {
        let (no, vote) = self.committee().durable.named(&vote(name)).unwrap();
        vote.scope(no)
    }

    /// Votes with a signature.
    pub(super) fn cast_signed(&mut self, name: &str, number: u8, ballot: Ballot) -> CommitteeReply {
        let bytes = self.scope("v").bytes(&voter(name), &ballot);
        let signed = Some(Signed::unchecked(sign(&key(number).seed, &bytes).unwrap()));
        let casting = Casting { vote: vote("v"), voter: voter(name), ballot, signed };
        self.ask(|to| CommitteeCommand::Cast { to, casting: Box::new(casting) })
    }

    /// Seals a ballot with a nonce of this number.
    pub(super) fn seal(&mut self, name: &str, nonce: u8, ballot: &Ballot) -> CommitteeReply {
        let sealed = self.scope("v").seal(&voter(name), &Digest([nonce; 32]), ballot);
        let sealing =
            Sealing { vote: vote("v"), voter: voter(name), seq: ballot.seq, sealed, signed: None };
        self.ask(|to| CommitteeCommand::Commit { to, sealing })
    }

    pub(super) fn reveal(&mut self, name: &str, nonce: u8, ballot: Ballot) -> CommitteeReply {
        let casting = Casting { vote: vote("v"), voter: voter(name), ballot, signed: None };
        let nonce = Digest([nonce; 32]);
        self.ask(|to| CommitteeCommand::Reveal { to, casting: Box::new(casting), nonce })
    }

    pub(super) fn try_outcome(&self, name: &str) -> Option<Arc<Outcome>> {
        let (_, vote) = self.committee().durable.named(&vote(name))?;
        vote.outcome().cloned()
    }

    pub(super) fn outcome(&self, name: &str) -> Arc<Outcome> {
        self.try_outcome(name).unwrap_or_else(|| panic!("vote {name} is not decided"))
    }

    pub(super) fn decision(&self, name: &str) -> Decision {
        self.outcome(name).decision.clone()
    }

    pub(super) fn is_open(&self, name: &str) -> bool {
        let (_, vote) = self.committee().durable.named(&vote(name)).unwrap();
        vote.is_open()
    }

    pub(super) fn query(&self, query: &CommitteeQuery) -> CommitteeAnswer {
        self.machine.answer(query)
    }

    pub(super) fn minutes(&self, name: &str) -> Vec<String> {
        match self.query(&CommitteeQuery::Minutes(vote(name))) {
            CommitteeAnswer::Minutes(Some(lines)) => lines,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn events(
        &self,
    ) -> impl DoubleEndedIterator<Item = (Number, Wall, &CommitteeEvent)> {
        let numbered = (1..).zip(&self.journal).collect::<Vec<_>>();
        numbered.into_iter().map(|(number, (at, event))| (Number(number), *at, event))
    }

    /// What a replay of the journal comes to, and a restored snapshot: the same, with all that is
    /// known from it.
    pub(super) fn check_replay(&self) {
        let mut replayed = CommitteeMachine::default();
        for (number, at, event) in self.events() {
            replayed.apply(number, at, event);
        }
        let bytes = self.machine.snapshot();
        assert_eq!(replayed.snapshot(), bytes, "the state is not the fold of its journal");
        let restored = CommitteeMachine::restore(CommitteeSettings::default(), &bytes).unwrap();
        assert_eq!(restored.snapshot(), bytes);
        assert_eq!(replayed.durable, self.machine.durable);
        assert_eq!(restored.durable, self.machine.durable);
    }

    /// Another leader begins where this one was, with a clock of its own.
    pub(super) fn take_over(&mut self) {
        let settings = self.machine.settings().clone();
        self.machine = CommitteeMachine::restore(settings, &self.machine.snapshot()).unwrap();
        self.now.moment = Moment::from_ms(1);
        self.machine.promote();
        self.settle();
    }
}
