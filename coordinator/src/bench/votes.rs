//! A hundred thousand ballots of one vote, each durable before its voter is answered, and counted
//! beside the sequencer.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use orkestra_runtime::{
    Error, ErrorKind, Result,
    id::{OptionId, VoteId, VoterId},
    time::Moment,
};

use super::{
    Figure, Place,
    baseline::Baselines,
    figure::{Durations, ms, number, rate},
};
use crate::{
    client::votes::{Receipt, Voter, Votes},
    committee::{
        Ballot, Choice, Content, Member, Proposal, Question,
        tally::{Kind, Method},
    },
    system::System,
};

/// How many vote, and how many of them at a time.
const VOTERS: usize = 100_000;
const AT_ONCE: usize = 2_048;
/// Every so many ballots it is asked how long the sequencer takes to answer meanwhile.
const LOOKS: usize = 500;
const OPTIONS: [&str; 3] = ["bread", "rice", "soup"];
const DEADLINE_MS: u64 = 3_600_000;

pub(super) async fn measure(place: &Place, baselines: &Baselines) -> Result<Vec<Figure>> {
    let system = System::builder().data_dir(place.room("votes"))?.start().await?;
    let measured = vote(place, &system.votes(), baselines).await;
    system.stop().await?;
    measured
}

async fn vote(place: &Place, votes: &Votes, baselines: &Baselines) -> Result<Vec<Figure>> {
    let since = |from: Moment| place.clock.now().moment.since(from);
    let proposal = proposal()?;
    let vote = proposal.id.clone();
    votes.call(proposal).await?;
    let began = place.clock.now().moment;
    let mut answers = Durations::default();
    let cast = stream::iter(0..VOTERS).map(|one| cast(votes, &vote, one));
    let mut ballots = cast.buffer_unordered(AT_ONCE);
    let mut taken = 0;
    while let Some(new) = ballots.try_next().await? {
        taken += usize::from(new);
        if taken % LOOKS == 0 {
            let asked = place.clock.now().moment;
            votes.gauges().await?;
            answers.push(since(asked));
        }
    }
    let took = since(began);
    let closed = place.clock.now().moment;
    let outcome = votes.decided(&vote).await?;
    let counted = since(closed);
    let lost = VOTERS - usize::try_from(outcome.turnout.cast).unwrap_or_default().min(VOTERS);
    let [p50, p99] = answers.figures("votes.asked");
    Ok(vec![
        Figure::new("votes.cast.rate", rate(taken, took), "/s").beside(&baselines.append_rate),
        Figure::new("votes.lost", number(lost), "ballots"),
        Figure::new("votes.count", ms(counted), "ms"),
        p50.beside(&baselines.append[0]),
        p99.beside(&baselines.append[1]),
    ])
}

fn proposal() -> Result<Proposal> {
    let question = Question::election(Kind::Ranked, Method::Schulze);
    let mut proposal = Proposal::new(VoteId::new("many")?, voter(0)?, question, DEADLINE_MS);
    for name in OPTIONS {
        let (id, title, text) = (OptionId::new(name)?, String::new(), String::new());
        proposal.options.push(Choice { id, title, text });
    }
    for one in 0..VOTERS {
        proposal.electorate.insert(voter(one)?, Member::default());
    }
    Ok(proposal)
}

fn voter(one: usize) -> Result<VoterId> {
    VoterId::new(format!("voter-{one:06}"))
}

/// Casts one ballot; says whether it is a new one.
async fn cast(votes: &Votes, vote: &VoteId, one: usize) -> Result<bool> {
    let rank = |place: usize| Ok(vec![OptionId::new(OPTIONS[(one * one + place) % 3])?]);
    let ranking = (0..3).map(rank).collect::<Result<_>>()?;
    let ballot = Ballot::of(Content::Ranking(ranking));
    match votes.cast(vote, &Voter::unsigned(voter(one)?), ballot).await? {
        Receipt::Taken { existed, .. } => Ok(!existed),
        Receipt::Equivocated => {
            Err(Error::new(ErrorKind::Fault, "a ballot counted as a second one"))
        }
    }
}
