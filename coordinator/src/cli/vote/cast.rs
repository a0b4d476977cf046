//! `orkestra vote cast` and `orkestra vote reveal`.

use std::{fmt::Write as _, io::Write as _, path::Path};

use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{VoteId, VoterId},
};
use serde::{Deserialize, Serialize};

use super::{
    args::{CastArgs, RevealArgs, WhoArgs},
    change, detail, look, odd, said, voter_named, voter_of,
};
use crate::{
    cli::{change::Asking, vote::key},
    client::votes::{SealedBallot, Voter},
    committee::{
        Ballot, CommitteeAnswer, CommitteeQuery, CommitteeReply, Digest,
        tally::{Exact, Weight},
        view::{BallotView, ROWS_MAX, VoterView},
    },
    door::VoteAsk,
    output::{Console, Exit},
};

/// What became of a ballot.
#[derive(Serialize)]
struct Taken {
    vote: VoteId,
    voter: VoterId,
    seq: u64,
    hash: Digest,
    existed: bool,
    signed: bool,
    sealed: bool,
}

/// What is kept of a sealed ballot until it is revealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    vote: VoteId,
    voter: VoterId,
    #[serde(flatten)]
    sealed: SealedBallot,
}

async fn who(args: &WhoArgs) -> Result<Voter> {
    let id = voter_named(args.voter.as_deref()).await?;
    match &args.key {
        Some(file) => Voter::signing(id, &key::seed_in(file)?),
        None => Ok(Voter::unsigned(id)),
    }
}

/// Casts a ballot, or commits to it where ballots are sealed.
pub(super) async fn cast(
    args: &CastArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let (vote, content) = (VoteId::new(&args.vote)?, said::content(&args.said)?);
    let voter = who(&args.who).await?;
    let view = voter_of(&vote, voter.id(), asking).await?;
    check_key(&voter, &view)?;
    let confidence = args.confidence.as_deref().map(confidence).transpose()?;
    let seq = match args.seq {
        Some(seq) => seq,
        None if detail(&vote, asking).await?.proposal.changeable => view.newest + 1,
        None => view.newest.max(1),
    };
    let ballot = Ballot { seq, content, reason: args.because.clone(), confidence };
    if view.sealed {
        return commit((args, &voter), (&view, ballot), asking, console).await;
    }
    let hash = view.scope.hash(voter.id(), &ballot);
    not_twice((&vote, &voter, &view), (seq, hash), asking).await?;
    let casting = Box::new(voter.casting(&view.scope, ballot)?);
    told(change(VoteAsk::Cast { casting }, asking).await?, (&vote, &voter), console)
}

fn confidence(text: &str) -> Result<Weight> {
    let part = text.parse::<Exact>().ok().and_then(|part| Weight::of(&part));
    part.ok_or_else(|| {
        let why = format!("{text:?} does not say how sure somebody is: write 0, 4/5 or 1");
        Error::new(ErrorKind::Invalid, why)
    })
}

/// A key is asked for where one is known, and refused where it is another.
fn check_key(voter: &Voter, view: &VoterView) -> Result<()> {
    let why = match (voter.key()?, &view.member.key) {
        (Some(given), Some(known)) if given == *known => return Ok(()),
        (None, None) => return Ok(()),
        (Some(given), Some(known)) => format!(
            "{} signs with key {known} in this vote, and the file has that of {given}: give the \
             right one with --key",
            voter.id()
        ),
        (None, Some(known)) => format!(
            "ballots of {} are signed in this vote, with key {known}: give its file with --key",
            voter.id()
        ),
        (Some(_), None) => {
            format!("{} has no key in this vote: cast the ballot without --key", voter.id())
        }
    };
    Err(Error::new(ErrorKind::Invalid, why))
}

/// Nobody is let sign a second ballot under a number by mistake: that would prove a fraud.
async fn not_twice(
    (vote, voter, view): (&VoteId, &Voter, &VoterView),
    (seq, hash): (u64, Digest),
    asking: &Asking<'_>,
) -> Result<()> {
    if !voter.has_key() || seq > view.newest {
        return Ok(());
    }
    let known = ballot_of(vote, voter.id(), asking).await?;
    if known.is_none_or(|known| known.seq != seq || known.hash == hash) {
        return Ok(());
    }
    let why = format!(
        "{} has cast another ballot under number {seq}, and it is final: a second signed one would \
         prove a fraud, so none is signed",
        voter.id()
    );
    Err(Error::new(ErrorKind::Conflict, why))
}

async fn ballot_of(
    vote: &VoteId,
    voter: &VoterId,
    asking: &Asking<'_>,
) -> Result<Option<BallotView>> {
    let mut after = None;
    loop {
        let (vote, limit) = (vote.clone(), ROWS_MAX as u64);
        let page = match look(CommitteeQuery::Ballots { vote, after, limit }, asking).await? {
            CommitteeAnswer::Ballots(Some(page)) => page,
            CommitteeAnswer::Ballots(None) => return Ok(None),
            answer => return Err(odd(&answer)),
        };
        after = page.rows.last().map(|row| row.voter.clone());
        let found = page.rows.into_iter().find(|row| row.voter == *voter);
        if found.is_some() || !page.more || after.as_ref().is_some_and(|last| last > voter) {
            return Ok(found);
        }
    }
}

async fn commit(
    (args, voter): (&CastArgs, &Voter),
    (view, ballot): (&VoterView, Ballot),
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let vote = view.scope.vote.clone();
    let Some(file) = &args.keep else {
        let why = format!(
            "ballots of vote {vote} are sealed: say with --keep FILE where to keep what `orkestra \
             vote reveal` needs when all are in"
        );
        return Err(Error::new(ErrorKind::Invalid, why));
    };
    // What was sealed before a crash is sealed again as it was, or it would be a second ballot.
    let sealed = match known(file, (&vote, voter.id()), &ballot)? {
        Some(sealed) => sealed,
        None => voter.seal(&view.scope, ballot)?,
    };
    let kept = Kept { vote: vote.clone(), voter: voter.id().clone(), sealed };
    // Before it is committed to: who loses this has no vote.
    keep(file, &kept)?;
    let sealing = voter.sealing(&view.scope, &kept.sealed)?;
    match change(VoteAsk::Commit { sealing }, asking).await? {
        CommitteeReply::Committed { existed } => {
            let taken = Taken {
                vote,
                voter: voter.id().clone(),
                seq: kept.sealed.ballot.seq,
                hash: kept.sealed.sealed,
                existed,
                signed: voter.has_key(),
                sealed: true,
            };
            console.item(&taken, |taken| text(taken, Some(file)))?;
            Ok(Exit::Done)
        }
        reply => told(reply, (&vote, voter), console),
    }
}

fn known(
    file: &Path,
    (vote, voter): (&VoteId, &VoterId),
    ballot: &Ballot,
) -> Result<Option<SealedBallot>> {
    if !file.exists() {
        return Ok(None);
    }
    let kept = read(file)?;
    if (&kept.vote, &kept.voter, &kept.sealed.ballot) == (vote, voter, ballot) {
        return Ok(Some(kept.sealed));
    }
    let shown = file.display();
    let why = format!("{shown} keeps another sealed ballot: name another file with --keep");
    Err(Error::new(ErrorKind::Conflict, why))
}

fn read(file: &Path) -> Result<Kept> {
    let cannot = || format!("cannot read a sealed ballot from {}", file.display());
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::new(ErrorKind::Invalid, cannot()).because(error))?;
    serde_json::from_str(&text)
        .map_err(|error| Error::new(ErrorKind::Invalid, cannot()).because(error))
}

fn keep(file: &Path, kept: &Kept) -> Result<()> {
    if file.exists() {
        return Ok(());
    }
    let cannot = || format!("cannot keep a sealed ballot in {}", file.display());
    let text = serde_json::to_string_pretty(kept)
        .map_err(|error| Error::new(ErrorKind::Fault, cannot()).because(error))?;
    key::private(file)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .map_err(|error| Error::new(ErrorKind::Invalid, cannot()).because(error))
}

/// Reveals what was sealed.
pub(super) async fn reveal(
    args: &RevealArgs,
    asking: &Asking<'_>,
    console: &mut Console,
) -> Result<Exit> {
    let (vote, kept) = (VoteId::new(&args.vote)?, read(&args.from)?);
    let voter = match (&args.who.voter, &args.who.key) {
        (None, None) => Voter::unsigned(kept.voter.clone()),
        (None, Some(file)) => Voter::signing(kept.voter.clone(), &key::seed_in(file)?)?,
        (Some(_), _) => who(&args.who).await?,
    };
    if kept.vote != vote || kept.voter != *voter.id() {
        let why = format!(
            "{} keeps a ballot of {} in vote {}: name that vote and that voter",
            args.from.display(),
            kept.voter,
            kept.vote
        );
        return Err(Error::new(ErrorKind::Invalid, why));
    }
    let view = voter_of(&vote, voter.id(), asking).await?;
    check_key(&voter, &view)?;
    let casting = Box::new(voter.casting(&view.scope, kept.sealed.ballot)?);
    let reply = change(VoteAsk::Reveal { casting, nonce: kept.sealed.nonce }, asking).await?;
    told(reply, (&vote, &voter), console)
}

fn told(
    reply: CommitteeReply,
    (vote, voter): (&VoteId, &Voter),
    console: &mut Console,
) -> Result<Exit> {
    match reply {
        CommitteeReply::Cast { hash, seq, existed } => {
            let (vote, signed) = (vote.clone(), voter.has_key());
            let voter = voter.id().clone();
            let taken = Taken { vote, voter, seq, hash, existed, signed, sealed: false };
            console.item(&taken, |taken| text(taken, None))?;
            Ok(Exit::Done)
        }
        CommitteeReply::Equivocated => {
            console.say(format!(
                "{} signed two different ballots under one number: both are kept as proof, and it \
                 counts as absent in vote {vote}",
                voter.id()
            ))?;
            Ok(Exit::Negative)
        }
        reply => Err(odd(&reply)),
    }
}

fn text(taken: &Taken, kept_in: Option<&Path>) -> String {
    let Taken { vote, voter, seq, hash, existed, signed, .. } = taken;
    let was = if *existed { "had been in before" } else { "is in" };
    let how = if *signed { "signed" } else { "not signed" };
    let mut text =
        format!("ballot {seq} of {voter} in vote {vote} {was}, {how}; its hash is {hash}\n");
    if let Some(file) = kept_in {
        let shown = file.display();
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "it is sealed: when all are in, `orkestra vote reveal {vote} --from {shown}` reveals it, \
             and without that it does not count"
        );
    }
    text
}
