//! The methods by name.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::ballots::Kind::{
    self, Approval, Cumulative, Ranked, RankedTruncated as Cut, RankedWeak as Weak, Score, Single,
};

/// Declares the methods: variant, name, what it is, the kinds of ballots that it counts.
macro_rules! methods {
    ($($variant:ident $name:literal $title:literal [$($kind:ident)*];)*) => {
        /// A way of counting.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Method {
            $(#[doc = $title] $variant,)*
        }

        impl Method {
            /// Every method, those of one winner first.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name by which it is asked for.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it does, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// The kinds of ballots that it counts.
            pub const fn kinds(self) -> &'static [Kind] {
                match self { $(Self::$variant => &[$($kind,)*],)* }
            }
        }
    };
}

methods! {
    Plurality "plurality" "Most first places." [Ranked Cut Single];
    AbsoluteMajority "absolute_majority" "More than half of all first places." [Ranked Cut Single];
    Antiplurality "antiplurality" "Fewest last places." [Ranked];
    Borda "borda" "Points by place, down to 0." [Ranked];
    BordaSymmetric "borda_symmetric" "For each ballot, those below less those above." [Ranked Cut Weak];
    TopTwoRunoffPut "top_two_runoff_put" "The two with most first places, against each other." [Ranked];
    IrvSimultaneous "irv_simultaneous" "Instant runoff, all who are lowest out at once." [Ranked];
    IrvTruncated "irv_truncated" "The same, of ballots that may run out." [Ranked Cut];
    IrvPut "irv_put" "Instant runoff, whichever way ties are broken." [Ranked];
    IrvTb "irv_tb" "Instant runoff, ties broken by the fixed list." [Ranked];
    CoombsPut "coombs_put" "Who is last most often is out, whichever way ties are broken." [Ranked];
    BaldwinPut "baldwin_put" "Lowest Borda score is out, whichever way ties are broken." [Ranked];
    NansonStrict "nanson_strict" "All below the average Borda score are out." [Ranked];
    Bucklin "bucklin" "First rank at which somebody has a majority." [Ranked];
    CondorcetWinner "condorcet_winner" "Who beats every other." [Ranked Cut Weak];
    CondorcetLoser "condorcet_loser" "Who loses to every other." [Ranked Cut Weak];
    WeakCondorcetWinners "weak_condorcet_winners" "Who loses to nobody." [Ranked Cut Weak];
    SmithSet "smith_set" "Smallest set that beats all outside it." [Ranked Cut Weak];
    SchwartzSet "schwartz_set" "Smallest sets that nobody outside beats." [Ranked Cut Weak];
    UncoveredSetGillies "uncovered_set_gillies" "Who is covered by nobody." [Ranked Cut Weak];
    Copeland "copeland" "Pairwise wins, ties count half; doubled." [Ranked Cut Weak];
    Llull "llull" "Pairwise wins and ties." [Ranked Cut Weak];
    Minimax "minimax" "Smallest worst defeat." [Ranked];
    MinimaxMargins "minimax_margins" "Smallest worst defeat, by margin." [Ranked Cut Weak];
    MinimaxWinningVotes "minimax_winning_votes" "Smallest worst defeat, by the winner's votes." [Ranked Cut Weak];
    Schulze "schulze" "Strongest paths of defeats." [Ranked];
    SchulzeMargins "schulze_margins" "Strongest paths, by margin." [Ranked Cut Weak];
    SchulzeWinningVotes "schulze_winning_votes" "Strongest paths, by the winner's votes." [Ranked Cut Weak];
    SplitCycle "split_cycle" "Defeats that no cycle weakens." [Ranked Cut Weak];
    RankedPairsTb "ranked_pairs_tb" "Largest defeats locked first, ties by the fixed list." [Ranked];
    RankedPairsTbMargins "ranked_pairs_tb_margins" "The same, by margin." [Ranked Cut Weak];
    RankedPairsTbWinningVotes "ranked_pairs_tb_winning_votes" "The same, by the winner's votes." [Ranked Cut Weak];
    RankedPairsPut "ranked_pairs_put" "Largest defeats locked first, whichever way ties are broken." [Ranked];
    Kemeny "kemeny" "The rankings nearest to all ballots." [Ranked];
    BenhamPut "benham_put" "Instant runoff until somebody beats all who remain." [Ranked];
    SmithIrvPut "smith_irv_put" "Instant runoff within the Smith set." [Ranked];
    Black "black" "The Condorcet winner, else Borda." [Ranked];
    Approval "approval" "Most approvals." [Approval];
    ScoreSum "score_sum" "Highest sum of scores." [Score];
    ScoreMedian "score_median" "Highest lower median, nothing else." [Score];
    Star "star" "The two highest sums, against each other." [Score];
    MajorityGauge "majority_gauge" "Highest median, ties by the larger group around it." [Score];
    MajorityJudgement "majority_judgement" "Highest median, ties by taking medians away one by one." [Score];
    CumulativeSum "cumulative_sum" "Most points." [Cumulative];
    StvScottish "stv_scottish" "Single transferable vote as in Scotland." [Ranked Cut];
    StvMeek "stv_meek" "Single transferable vote by Meek." [Ranked Cut];
    Av "av" "The most approved, together." [Approval];
    Sav "sav" "The same, each ballot split among those it approves." [Approval];
    Pav "pav" "Proportional approval." [Approval];
    Cc "cc" "Most ballots with somebody they approve." [Approval];
    MinimaxAv "minimaxav" "Nearest to the ballot that is farthest away." [Approval];
    SeqPav "seqpav" "Proportional approval, one by one." [Approval];
    SeqCc "seqcc" "Most ballots newly served, one by one." [Approval];
    SeqPhragmen "seqphragmen" "Loads shared evenly, one by one." [Approval];
    EqualShares "equal_shares" "Equal shares, completed by Phragmén." [Approval];
    EqualSharesWithoutCompletion "equal_shares_without_completion" "Equal shares; seats may stay empty." [Approval];
}

impl Method {
    /// Whether it counts ballots of a kind.
    pub fn counts(self, kind: Kind) -> bool {
        self.kinds().contains(&kind)
    }

    /// Every method that counts ballots of a kind.
    pub fn of(kind: Kind) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |method| method.counts(kind))
    }

    /// Whether it elects several.
    pub const fn is_for_seats(self) -> bool {
        matches!(
            self,
            Self::StvScottish
                | Self::StvMeek
                | Self::Av
                | Self::Sav
                | Self::Pav
                | Self::Cc
                | Self::MinimaxAv
                | Self::SeqPav
                | Self::SeqCc
                | Self::SeqPhragmen
                | Self::EqualShares
                | Self::EqualSharesWithoutCompletion
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no method has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoMethod(String);

impl fmt::Display for NoMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no method {:?}", self.0)
    }
}

impl std::error::Error for NoMethod {}

impl FromStr for Method {
    type Err = NoMethod;

    fn from_str(name: &str) -> Result<Self, NoMethod> {
        let found = Self::ALL.iter().find(|method| method.as_str() == name);
        found.copied().ok_or_else(|| NoMethod(name.to_owned()))
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}
