//! Other ways of taking candidates out one by one: Coombs, Baldwin, Nanson.

use num_bigint::BigInt;

use super::{
    answer::{Answer, Refused},
    irv::drop_one,
    method::Method,
    pairwise::Pairwise,
    positional::borda_scores,
    profile::{Profile, highest},
    rounds::{Race, Step, every_way, firsts, lasts, majority, remaining},
};

/// Who is last most often is out, until somebody has a majority of first places.
pub(super) fn coombs_put(profile: &Profile) -> Result<Answer, Refused> {
    let race = vec![true; profile.candidates()];
    every_way((Method::CoombsPut, race, profile.distinct()), |race| {
        let left = remaining(race);
        match majority(profile, &firsts(profile, race)) {
            Some(winner) => Step::Won(vec![winner]),
            None if left.len() == 1 => Step::Won(left),
            None => Step::OneOut(highest(&lasts(profile, race), |one| race[one])),
        }
    })
}

/// Who has the lowest Borda score among those who remain is out.
pub(super) fn baldwin_put(pairwise: &Pairwise) -> Result<Answer, Refused> {
    let race = vec![true; pairwise.candidates()];
    every_way((Method::BaldwinPut, race, 0), |race| drop_one(race, &borda_scores(pairwise, race)))
}

/// All strictly below the average Borda score of those who remain are out, again and again; when
/// nobody is below it, all who remain win.
pub(super) fn nanson(pairwise: &Pairwise) -> Answer {
    let mut race: Race = vec![true; pairwise.candidates()];
    loop {
        let scores = borda_scores(pairwise, &race);
        let left = remaining(&race);
        let sum: BigInt = left.iter().map(|one| &scores[*one]).sum();
        let below: Vec<usize> =
            left.iter().copied().filter(|one| &scores[*one] * left.len() < sum).collect();
        if below.is_empty() {
            return Answer::winners(left);
        }
        for one in below {
            race[one] = false;
        }
    }
}
