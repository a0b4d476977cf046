//! What voters weigh, where that does not stand in the electorate: worked out when a vote is opened, and
//! the same from then on.
//!
//! Of voters who stand in the proposal it stands in the first event. Of those who were enrolled before,
//! who may be many, and of families that are held to a share it follows from that event and from what
//! was folded before it; the roll shows it.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use orkestra_runtime::id::VoterId;

use super::{
    expertise::classic_weight,
    families,
    proposal::{Electorate, Proposal, ProposalFault, Weighting},
    state::Durable,
    tally::{Exact, Weight},
    weights::{Judged, RecordRule},
};

/// Where families are held to a share, weights by record have two decimals, so that what is taken from
/// them stays a fraction of reasonable size.
const HUNDREDTHS: u32 = 100;

impl Durable {
    /// Works out what the voters weigh who stand in a proposal, where nobody was enrolled before.
    pub(super) fn weigh_named(&self, proposal: &mut Proposal) {
        match proposal.weighting.clone() {
            Weighting::Given => {}
            Weighting::Expertise => {
                for (voter, member) in &mut proposal.electorate {
                    let weight = classic_weight(&proposal.domain, voter.as_str());
                    member.weight = Weight::of(&weight).unwrap_or_default();
                }
            }
            Weighting::Record(rule) => {
                let mut members = std::mem::take(&mut proposal.electorate);
                self.by_record(&mut members, proposal, &rule);
                proposal.electorate = members;
            }
        }
    }

    /// Whether more is to be worked out of those who may vote than stands in the proposal and in what
    /// enrolled them.
    pub(super) fn weighs_more(proposal: &Proposal, is_enrolled: bool) -> bool {
        let by_record = matches!(proposal.weighting, Weighting::Record(_));
        proposal.family_cap.is_some() || (is_enrolled && by_record)
    }

    /// Works that out.
    pub(super) fn weigh_all(
        &self,
        members: &mut Electorate,
        proposal: &Proposal,
        is_enrolled: bool,
    ) -> Result<(), ProposalFault> {
        if let (Weighting::Record(rule), true) = (&proposal.weighting, is_enrolled) {
            self.by_record(members, proposal, rule);
        }
        proposal.family_cap.as_ref().map_or(Ok(()), |cap| families::hold(members, cap))
    }

    /// What voters weigh by what was found out of them.
    fn by_record(&self, members: &mut Electorate, proposal: &Proposal, rule: &RecordRule) {
        let of_them = self.records.iter().filter(|((domain, voter), _)| {
            *domain == proposal.domain && members.contains_key(voter)
        });
        let known: BTreeMap<&VoterId, &[Judged]> =
            of_them.map(|((_, voter), record)| (voter, &record.judged[..])).collect();
        let (weights, others) = rule.weights_among(&known, members.len() - known.len());
        let is_held = proposal.family_cap.is_some();
        let weight_of = |weight: &Exact| {
            let weight = if is_held { hundredths(weight) } else { weight.clone() };
            Weight::of(&weight).unwrap_or_default()
        };
        let others = weight_of(&others);
        for (voter, member) in members {
            member.weight = weights.get(voter).map_or(others, weight_of);
        }
    }
}

fn hundredths(weight: &Exact) -> Exact {
    let all = BigInt::from(HUNDREDTHS);
    Exact((&weight.0 * &all).floor() / all)
}
