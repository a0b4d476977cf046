//! `orkestra vote call`.

use std::time::Duration;

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{OptionId, VoteId, VoteNo, VoterId},
    time::{Clock as _, Wall},
};
use serde::Serialize;

use super::{args::CallArgs, change, detail, odd, proposal, voter_named};
use crate::{
    cli::{change::Asking, failure::Failure},
    client::votes::paged,
    committee::{
        CommitteeReply, Proposal,
        tally::{Exact, Kind, Weight},
    },
    door::VoteAsk,
    output::{Console, Exit, duration},
    public::kept_namespace,
    voting::written::{ElectionWords, MemberWords, OptionWords, Span, WrittenProposal},
};

#[derive(Serialize)]
struct Called {
    vote: VoteId,
    number: VoteNo,
    until: Wall,
    existed: bool,
    voters: usize,
}

/// Calls a vote; the same again finds it.
pub(super) async fn call(
    args: &CallArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let written = match &args.file {
        Some(file) => proposal::read(file)?,
        None => WrittenProposal::default(),
    };
    let proposer = voter_named(args.proposer.as_deref()).await;
    let mut proposal = typed(written, args)?.read(|| proposer)?;
    // What follows from a vote is theirs whose votes it is among.
    if let Some(namespace) = whose(asking) {
        namespace.clone_into(&mut proposal.then.namespace);
    }
    let voters = proposal.electorate.len();
    // Apart, since a proposal is large.
    let called = Box::pin(open(proposal, voters, asking)).await?;
    let now = asking.clock.now().wall;
    console.item(&called, |called| text(called, now))?;
    Ok(Exit::Done)
}

/// The namespace that the vote is called in: in a cluster there is always one, in a folder the
/// proposal may say it.
fn whose<'a>(asking: &'a Asking<'_>) -> Option<&'a str> {
    let named = asking.settings.namespace.as_deref();
    if asking.settings.is_cluster() { Some(kept_namespace(named)) } else { named }
}

async fn open(proposal: Proposal, voters: usize, asking: &Asking<'_>) -> Result<Called> {
    let vote = proposal.id.clone();
    let (pages, proposal) = paged(proposal);
    let is_new = pages.is_empty()
        || match detail(&vote, asking).await {
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(error),
        };
    for members in pages.into_iter().filter(|_| is_new) {
        let ask = VoteAsk::Enrol { vote: vote.clone(), members };
        match change(ask, asking).await? {
            CommitteeReply::Enrolled { .. } => {}
            reply => return Err(odd(&reply)),
        }
    }
    match change(VoteAsk::Call { proposal: Box::new(proposal) }, asking).await? {
        CommitteeReply::Opened { number, until, existed } => {
            Ok(Called { vote, number, until, existed, voters })
        }
        reply => Err(odd(&reply)),
    }
}

fn text(called: &Called, now: Wall) -> String {
    let Called { vote, number, until, existed, voters } = called;
    let left = duration(Duration::from_millis(until.as_ms().saturating_sub(now.as_ms())));
    let was = if *existed { "is open already" } else { "is open" };
    format!(
        "vote {vote} {was} (number {number}) for {left}; {voters} may vote\n\
         cast with `orkestra vote cast {vote} ... --as VOTER`, follow it with `orkestra vote watch \
         {vote}`\n"
    )
}

fn invalid(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, why.into())
}

/// What is typed counts more than what stands in a file.
fn typed(mut written: WrittenProposal, args: &CallArgs) -> Result<WrittenProposal> {
    if let Some(id) = &args.id {
        written.id = Some(VoteId::new(id)?);
    }
    if let Some(title) = &args.title {
        written.title.clone_from(title);
    }
    if let Some(text) = &args.text {
        written.text.clone_from(text);
    }
    if let Some(proposer) = &args.proposer {
        written.proposer = Some(VoterId::new(proposer)?);
    }
    for word in &args.voters {
        let (name, weight) = word.split_once('=').unwrap_or((word, "1"));
        let weight = weight.parse::<Exact>().ok().and_then(|weight| Weight::of(&weight));
        let weight = weight.ok_or_else(|| {
            invalid(format!("{word:?} is no voter with a weight: write NAME, NAME=2 or NAME=3/2"))
        })?;
        let member = MemberWords { weight, ..MemberWords::default() };
        if written.voters.0.insert(VoterId::new(name)?, member).is_some() {
            return Err(invalid(format!("{name} is named twice as a voter")));
        }
    }
    for option in &args.options {
        let (id, title, text) = (OptionId::new(option)?, String::new(), String::new());
        written.options.push(OptionWords { id, title, text });
    }
    if let Some(deadline) = args.deadline {
        written.deadline = Some(Span(deadline));
    }
    if let Some(sealed) = args.sealed {
        written.sealed = Some(Span(sealed));
    }
    written.changeable |= args.changeable;
    asked(written, args)
}

/// What is asked, where that is typed.
fn asked(mut written: WrittenProposal, args: &CallArgs) -> Result<WrittenProposal> {
    if args.motion.is_some() || args.classic.is_some() || args.method.is_some() {
        (written.motion, written.classic, written.election) = (None, None, None);
    }
    if let Some(rule) = &args.motion {
        written.motion = Some(rule.parse().map_err(invalid)?);
    }
    if let Some(method) = &args.classic {
        written.classic = Some(method.parse().map_err(invalid)?);
    }
    if let Some(method) = &args.method {
        written.election = Some(method.parse().map_err(invalid)?);
    }
    let quorum = args.quorum.as_ref().map(|part| {
        let why = format!("{part:?} is no part: write it as 1/2, or 0");
        part.parse::<Exact>().map_err(|_| invalid(why))
    });
    let quorum = quorum.transpose()?;
    let kind = args.kind.clone().map(|kind| {
        let read = serde_json::from_value::<Kind>(serde_json::Value::String(kind));
        read.map_err(|error| invalid(format!("this is no kind of ballots: {error}")))
    });
    let (kind, seats) = (kind.transpose()?, args.seats);
    if written.motion.is_none() && written.classic.is_none() && written.election.is_none() {
        if written.options.is_empty() {
            written.motion = Some("majority".parse().map_err(invalid)?);
        } else {
            written.election = Some("schulze".parse().map_err(invalid)?);
        }
    }
    if let Some(quorum) = &quorum {
        written.motion = written.motion.map(|motion| motion.with_quorum(quorum.clone()));
        written.classic = written.classic.map(|classic| classic.with_quorum(quorum.clone()));
    }
    let with = |election: ElectionWords| election.with(kind, seats, quorum);
    written.election = written.election.map(with);
    Ok(written)
}
