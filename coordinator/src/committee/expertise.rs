//! What the classic agents weigh by domain: the table that the original came with.

use super::tally::Exact;

/// Who is in the table, in the order of its columns.
pub const CLASSIC_AGENTS: [&str; 5] = ["claude", "chatgpt", "gemini", "copilot", "grok"];

/// Domains that weigh alike, and what each agent weighs in them, in halves.
const CLASSIC: [(&[&str], [u8; 5]); 5] = [
    (&["architecture", "design", "ux"], [4, 2, 3, 3, 2]),
    (&["content", "writing", "marketing"], [3, 4, 1, 1, 2]),
    (&["cloud", "database", "firebase"], [3, 1, 4, 2, 2]),
    (&["innovation", "research", "analysis"], [3, 2, 2, 2, 4]),
    (&["deployment", "code", "devops"], [2, 1, 3, 4, 2]),
];

/// What an agent weighs in a domain; one where the table says nothing.
pub fn classic_weight(domain: &str, agent: &str) -> Exact {
    let row = CLASSIC.iter().find(|(domains, _)| domains.contains(&domain));
    let column = CLASSIC_AGENTS.iter().position(|known| *known == agent);
    match (row, column) {
        (Some((_, halves)), Some(column)) => {
            Exact::ratio(halves[column], 2).unwrap_or_else(Exact::one)
        }
        (None, _) | (_, None) => Exact::one(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_as_it_came() {
        let weights =
            |domain| CLASSIC_AGENTS.map(|agent| classic_weight(domain, agent).to_string());
        assert_eq!(weights("architecture"), ["2", "1", "3/2", "3/2", "1"]);
        assert_eq!(weights("marketing"), ["3/2", "2", "1/2", "1/2", "1"]);
        assert_eq!(weights("database"), ["3/2", "1/2", "2", "1", "1"]);
        assert_eq!(weights("research"), ["3/2", "1", "1", "1", "2"]);
        assert_eq!(weights("devops"), ["1", "1/2", "3/2", "2", "1"]);
        assert_eq!(weights("general"), ["1"; 5]);
        assert_eq!(classic_weight("code", "somebody").to_string(), "1");
    }
}
