//! What well-known secrets look like, and how they are struck out of a text.

use orkestra_runtime::{Result, protocol::task::Failure};
use regex::{Captures, Regex};

use super::finding::Severity;

/// One kind of secret. The first group of the pattern is the secret, or else the whole match is.
pub(crate) struct Kind {
    pub(crate) rule: &'static str,
    pub(crate) name: &'static str,
    pub(crate) severity: Severity,
    pub(crate) pattern: &'static str,
    /// The least entropy, in hundredths of a bit a character, below which it is a placeholder.
    pub(crate) entropy_min: u32,
}

const fn kind(
    rule: &'static str,
    name: &'static str,
    severity: Severity,
    pattern: &'static str,
) -> Kind {
    Kind { rule, name, severity, pattern, entropy_min: 280 }
}

/// The assignment of a literal to something that is named like a secret.
pub(crate) const ASSIGNED: &str = "assigned";
/// The beginning of a private key; what follows it is looked at apart.
pub(crate) const PRIVATE_KEY: &str = "private_key";

/// All kinds that are known, the particular ones first.
pub(crate) const KINDS: [Kind; 17] = [
    Kind {
        entropy_min: 0,
        ..kind(
            PRIVATE_KEY,
            "private key",
            Severity::Critical,
            r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
        )
    },
    kind("aws_key", "AWS access key id", Severity::Critical, r"\b((?:AKIA|ASIA)[0-9A-Z]{16})\b"),
    kind(
        "aws_secret",
        "AWS secret access key",
        Severity::Critical,
        r#"(?i)aws_?secret_?(?:access_?)?key["']?\s*[:=]\s*["']?([A-Za-z0-9/+]{40})\b"#,
    ),
    kind(
        "github_token",
        "GitHub token",
        Severity::Critical,
        r"\b(gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b",
    ),
    kind("gitlab_token", "GitLab token", Severity::Critical, r"\b(glpat-[A-Za-z0-9_-]{20,255})"),
    kind(
        "slack_token",
        "Slack token",
        Severity::Critical,
        r"\b(xox[abeoprs]-[A-Za-z0-9-]{20,255})",
    ),
    kind(
        "slack_webhook",
        "Slack webhook",
        Severity::High,
        r"hooks\.slack\.com/services/(T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{16,})",
    ),
    kind(
        "stripe_key",
        "Stripe live key",
        Severity::Critical,
        r"\b([sr]k_live_[A-Za-z0-9]{16,255})\b",
    ),
    kind("google_key", "Google API key", Severity::Critical, r"\b(AIza[0-9A-Za-z_-]{35})"),
    kind("anthropic_key", "Anthropic key", Severity::Critical, r"\b(sk-ant-[A-Za-z0-9_-]{24,255})"),
    Kind {
        entropy_min: 350,
        ..kind(
            "openai_key",
            "OpenAI key",
            Severity::Critical,
            r"\b(sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_]{20}[A-Za-z0-9_-]{12,255})",
        )
    },
    kind("npm_token", "npm token", Severity::Critical, r"\b(npm_[A-Za-z0-9]{36})\b"),
    kind("pypi_token", "PyPI token", Severity::Critical, r"\b(pypi-[A-Za-z0-9_-]{60,255})"),
    kind(
        "sendgrid_key",
        "SendGrid key",
        Severity::Critical,
        r"\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})",
    ),
    kind(
        "jwt",
        "signed web token",
        Severity::High,
        r"\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})",
    ),
    kind(
        "url_password",
        "password in an address",
        Severity::High,
        r#"\b[a-z][a-z0-9+.-]{1,20}://[^/\s:@"'<>]{1,100}:([^/\s:@"'<>]{6,200})@"#,
    ),
    kind(
        ASSIGNED,
        "password or token",
        Severity::High,
        r#"(?i)(?:password|passwd|passphrase|secret|token|api_?key|access_?key|auth_?key|private_?key)[a-z0-9_]{0,20}["']?\s{0,8}(?::=|=>|[:=])\s{0,8}["']([^"'\s]{8,200})["']"#,
    ),
];

/// A private key and as much of its body as follows on the line, with line ends spelled out or not.
const KEY_WITH_BODY: &str = r#"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:(?:\\[nr]|[\s"'+,#/*])*[A-Za-z0-9+/=]{16,})*"#;

/// How often a text is looked at again; each time something of it is gone.
const ROUNDS_MAX: usize = 1_000;

/// Strikes secrets out.
pub(crate) struct Redactor {
    patterns: Vec<Regex>,
}

impl Redactor {
    pub(crate) fn new() -> Result<Self, Failure> {
        let known = KINDS.iter().map(|kind| kind.pattern);
        let patterns = [KEY_WITH_BODY].into_iter().chain(known).map(pattern);
        Ok(Self { patterns: patterns.collect::<Result<_, _>>()? })
    }

    /// The text with each secret replaced. What stands where another was may be one only then, so it
    /// is looked at again until nothing is found.
    pub(crate) fn strike(&self, text: &str) -> String {
        let mut struck = self.strike_once(text);
        for _ in 0..ROUNDS_MAX {
            let again = self.strike_once(&struck);
            if again == struck {
                break;
            }
            struck = again;
        }
        struck
    }

    fn strike_once(&self, text: &str) -> String {
        let mut struck = text.to_owned();
        for pattern in &self.patterns {
            if pattern.is_match(&struck) {
                let replaced = pattern.replace_all(&struck, |found: &Captures<'_>| {
                    let whole = found.get(0).map_or("", |whole| whole.as_str());
                    let secret = found.get(1).map_or(whole, |secret| secret.as_str());
                    whole.replace(secret, "[struck out]")
                });
                struck = replaced.into_owned();
            }
        }
        struck
    }
}

/// A regular expression of ours.
pub(crate) fn pattern(text: &str) -> Result<Regex, Failure> {
    Regex::new(text).map_err(|error| Failure::error(format!("cannot compile a pattern: {error}")))
}
