//! What can be typed behind `orkestra vote`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use crate::written::parse_duration;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum VoteCommand {
    /// Call a vote: put something to voters, by rules that stand from then on.
    #[command(after_help = CALL_HELP)]
    Call(Box<CallArgs>),
    /// Cast a ballot.
    #[command(after_help = CAST_HELP)]
    Cast(Box<CastArgs>),
    /// Reveal a ballot that was cast sealed, now that all are in.
    #[command(after_help = "Example:\n  orkestra vote reveal board --from ballot.json --as ada")]
    Reveal(RevealArgs),
    /// Show a vote: what it asks, who has voted, what it came to, and why.
    #[command(after_help = "Example:\n  orkestra vote get release")]
    Get {
        /// The vote.
        vote: String,
    },
    /// List votes, the newest first.
    #[command(after_help = "Example:\n  orkestra vote list --open -o json")]
    List {
        /// Only those that are not decided.
        #[arg(long)]
        open: bool,
        /// At most so many.
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
    },
    /// Wait until a vote is decided for good, later rounds included.
    #[command(
        after_help = "It ends with 0 when something is decided for (passed, chosen), and with 1 when not, or when it
is still open after the time that --within gives.

Example:
  orkestra vote watch release --within 10m"
    )]
    Watch {
        /// The vote.
        vote: String,
        /// Wait for at most so long.
        #[arg(long, value_name = "TIME", value_parser = parse_duration)]
        within: Option<Duration>,
    },
    /// Count a vote again from the journal alone, signatures included.
    #[command(
        after_help = "It reads the folder, or the journal of a cluster, and believes nothing else. It ends with 0 when
everything is as the outcome says, and with 1 and the first place that is not.

Example:
  orkestra vote recount release"
    )]
    Recount {
        /// The vote.
        vote: String,
    },
    /// Close a vote before its time: what is in counts.
    #[command(after_help = "Example:\n  orkestra vote close release --reason 'all are here'")]
    Close(WordArgs),
    /// Withdraw a vote: it comes to nothing, and nothing follows from it.
    #[command(after_help = "Example:\n  orkestra vote withdraw release --reason 'asked too soon'")]
    Withdraw(WordArgs),
    /// Decide in the place of a vote that waits for a person.
    #[command(
        after_help = "Examples:\n  orkestra vote decide release --pass\n  orkestra vote decide lunch --choose soup"
    )]
    Decide(DecideArgs),
    /// Say what turned out to be right: voters have records by this.
    #[command(
        after_help = "Examples:\n  orkestra vote judge release --pass\n  orkestra vote judge lunch --choose soup"
    )]
    Judge(DecideArgs),
    /// Make a key for a voter: its seed goes to a file, its public half is shown.
    #[command(after_help = "Example:\n  orkestra vote key ada.nk")]
    Key {
        /// The file; it must not be there yet.
        file: PathBuf,
    },
    /// Count the elections and motions of a file, by every method that counts such ballots.
    ///
    /// With -o json it writes what each method answers: `{"ID": {"METHOD": {"winners": [...]}}}`, and
    /// of motions `{"ID": {"at_deadline": {...}, "settled_now": ...}}`. Candidates are named by their
    /// index, tied winners stand together, and numbers are exact. What a method cannot answer is left
    /// out, and said on standard error.
    #[command(after_help = "Examples:
  orkestra vote tally votes.json
  orkestra vote tally votes.json -o json
  orkestra vote tally votes.json --method schulze --method kemeny
  orkestra vote tally votes.json --compare")]
    Tally(TallyArgs),
}

const CALL_HELP: &str = "\
A file says everything (TOML or JSON; docs/voting.md shows one); what is typed counts more. Without
options it is a motion, answered with yes or no; with options voters rank them, unless --method or
--classic says otherwise.

Examples:
  orkestra vote call proposal.toml
  orkestra vote call --id release --title 'Release 1.7?' --voter ada --voter bob=2 --voter eve
  orkestra vote call --id lunch --option soup --option rice --voter ada --voter bob --method approval
  orkestra vote call --id board --voter ada --voter bob --sealed 5m --deadline 2h";

const CAST_HELP: &str = "\
A ballot is final, unless the vote says otherwise; the same again is the same ballot. In a vote of
sealed ballots --keep says into which file goes what `vote reveal` needs later.

Examples:
  orkestra vote cast release yes --as ada
  orkestra vote cast release no --as bob --because 'the tests are red'
  orkestra vote cast release --delegate ada --as eve
  orkestra vote cast lunch --choice soup --as ada
  orkestra vote cast lunch --ranking soup,rice=bread --as ada
  orkestra vote cast lunch --approve soup,rice --as ada
  orkestra vote cast lunch --scores soup=5,rice=2 --as ada --key ada.nk";

#[derive(Debug, Args)]
pub(in crate::cli) struct CallArgs {
    /// What is proposed: a file, or - for the standard input.
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// What the vote is called.
    #[arg(long, value_name = "NAME")]
    pub(super) id: Option<String>,
    /// What people call it.
    #[arg(long, value_name = "TEXT")]
    pub(super) title: Option<String>,
    /// What is proposed, in words.
    #[arg(long, value_name = "TEXT")]
    pub(super) text: Option<String>,
    /// Who proposes it; by default the user.
    #[arg(long, value_name = "NAME")]
    pub(super) proposer: Option<String>,
    /// Who may vote, and with =WEIGHT what that voter weighs; may be repeated.
    #[arg(long = "voter", value_name = "NAME[=WEIGHT]")]
    pub(super) voters: Vec<String>,
    /// What may be chosen; may be repeated.
    #[arg(long = "option", value_name = "ID")]
    pub(super) options: Vec<String>,
    /// The rule of a motion: majority, supermajority, unanimity or consent.
    #[arg(long, value_name = "RULE", conflicts_with_all = ["classic", "method"])]
    pub(super) motion: Option<String>,
    /// A classic method, such as majority, supermajority, unanimous, plurality or weighted.
    #[arg(long, value_name = "METHOD", conflicts_with = "method")]
    pub(super) classic: Option<String>,
    /// Any method of counting, such as schulze, approval, star or kemeny.
    #[arg(long, value_name = "METHOD")]
    pub(super) method: Option<String>,
    /// What ballots are, where the method counts several kinds.
    #[arg(long, value_name = "KIND", requires = "method")]
    pub(super) kind: Option<String>,
    /// How many are elected, by methods that elect several.
    #[arg(long, value_name = "N", requires = "method")]
    pub(super) seats: Option<usize>,
    /// Which part must take part, such as 1/2.
    #[arg(long, value_name = "PART")]
    pub(super) quorum: Option<String>,
    /// For how long it is open; an hour by default.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(super) deadline: Option<Duration>,
    /// Ballots are sealed, and revealed for so long when all are in.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(super) sealed: Option<Duration>,
    /// Voters may change what they said until it is closed.
    #[arg(long)]
    pub(super) changeable: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CastArgs {
    /// The vote.
    pub(super) vote: String,
    #[command(flatten)]
    pub(super) said: SaidArgs,
    #[command(flatten)]
    pub(super) who: WhoArgs,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) because: String,
    /// How sure the voter is to be right, from 0 to 1, such as 4/5; it does not count.
    #[arg(long, value_name = "PART")]
    pub(super) confidence: Option<String>,
    /// The number of the ballot; by default 1, or the next where ballots can be changed.
    #[arg(long, value_name = "N")]
    pub(super) seq: Option<u64>,
    /// Where to keep what reveals the ballot, in a vote of sealed ballots.
    #[arg(long, value_name = "FILE")]
    pub(super) keep: Option<PathBuf>,
}

/// What a ballot says.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct SaidArgs {
    /// yes, no, abstain or veto.
    #[arg(value_name = "WORD", value_parser = ["yes", "no", "abstain", "veto"])]
    pub(super) word: Option<String>,
    /// For one option.
    #[arg(long, value_name = "ID")]
    pub(super) choice: Option<String>,
    /// Best first, with commas between; equals with = between.
    #[arg(long, value_name = "ID,ID=ID,...")]
    pub(super) ranking: Option<String>,
    /// All that the voter can live with.
    #[arg(long, value_name = "ID,...")]
    pub(super) approve: Option<String>,
    /// A score for every option.
    #[arg(long, value_name = "ID=N,...")]
    pub(super) scores: Option<String>,
    /// Points dealt out.
    #[arg(long, value_name = "ID=N,...")]
    pub(super) points: Option<String>,
    /// Whatever another voter says, on a motion.
    #[arg(long, value_name = "VOTER")]
    pub(super) delegate: Option<String>,
}

/// Who votes.
#[derive(Debug, Args)]
pub(in crate::cli) struct WhoArgs {
    /// Who votes; by default the user.
    #[arg(long = "as", value_name = "VOTER")]
    pub(super) voter: Option<String>,
    /// The voter's key: a file with the seed of an nkeys user key.
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RevealArgs {
    /// The vote.
    pub(super) vote: String,
    /// What `vote cast --keep` wrote.
    #[arg(long, value_name = "FILE")]
    pub(super) from: PathBuf,
    #[command(flatten)]
    pub(super) who: WhoArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct WordArgs {
    /// The vote.
    pub(super) vote: String,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(super) reason: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DecideArgs {
    #[command(flatten)]
    pub(super) of: WordArgs,
    #[command(flatten)]
    pub(super) what: RulingArgs,
}

/// What is decided, or was right.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct RulingArgs {
    /// The motion is passed.
    #[arg(long)]
    pub(super) pass: bool,
    /// The motion is not passed.
    #[arg(long)]
    pub(super) fail: bool,
    /// These options.
    #[arg(long, value_name = "ID,...")]
    pub(super) choose: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct TallyArgs {
    /// The file, or - for the standard input; docs/voting.md says what it may hold.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Only by this method; may be repeated.
    #[arg(long = "method", value_name = "METHOD")]
    pub(super) methods: Vec<String>,
    /// Show where the methods disagree instead of what each answers.
    #[arg(long)]
    pub(super) compare: bool,
}
