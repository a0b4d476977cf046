//! Closing early: when nothing that is missing can change the outcome.

use num_rational::BigRational;

use super::{ClassicBallot, ClassicMethod, ClassicOutcome, ClassicVote};

impl ClassicVote {
    /// The outcome that no missing ballot can change, ballots that are in being final; none while
    /// it is open.
    ///
    /// Looked at are the ends of what can be: nobody else votes, all others abstain, all others are
    /// for the same option, for each. An option's share is smallest or largest, and the attendance
    /// smallest, at one of these, so what is the same at all of them is the same between. Ranked
    /// choice is settled only by a first choice of more than half of all that may count.
    pub fn settled_now(&self) -> Option<ClassicOutcome> {
        let now = self.count().outcome;
        let missing: Vec<&String> =
            self.voters.keys().filter(|voter| !self.ballots.contains_key(*voter)).collect();
        if missing.is_empty() {
            return Some(now);
        }
        if self.rule.security_critical {
            // Any of those who are missing may yet veto; and who else did would be told with them.
            return None;
        }
        let with = |ballot: &ClassicBallot| {
            let mut all = self.clone();
            all.ballots.extend(missing.iter().map(|voter| ((*voter).clone(), ballot.clone())));
            all.count().outcome
        };
        let is_stable = with(&ClassicBallot::Abstain) == now
            && (0..self.options).all(|option| with(&ClassicBallot::For(option)) == now);
        let is_ranked = self.rule.method == ClassicMethod::RankedChoice;
        (is_stable && (!is_ranked || self.is_locked(&now, &missing))).then_some(now)
    }

    /// Whether the winner is the first choice of more than half of all that may come to count.
    fn is_locked(&self, now: &ClassicOutcome, missing: &[&String]) -> bool {
        let ClassicOutcome::Passed { winner } = now else { return false };
        let votes = self.votes();
        let first = |ranking: &[usize]| ranking.first() == Some(winner);
        let has: BigRational =
            votes.iter().filter(|(ranking, _)| first(ranking)).map(|(_, counts)| counts).sum();
        let is_weighed = self.rule.by_expertise;
        let of = |voter: &String| {
            let weight = self.voters.get(voter).filter(|_| is_weighed);
            weight.map_or_else(|| BigRational::from_integer(1.into()), |weight| weight.0.clone())
        };
        let may: BigRational = votes.iter().map(|(_, counts)| counts.clone()).sum::<BigRational>()
            + missing.iter().map(|voter| of(voter)).sum::<BigRational>();
        &has + &has > may
    }
}
