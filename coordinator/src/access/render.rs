//! The table as files of a server configuration.

use std::fmt::Write as _;

use super::{
    Plan,
    table::{Account, Opening, User},
};

/// How many answers one question may get from one user, and for how long it may answer.
const ANSWERS: &str = "{ max: 64, expires: \"2m\" }";

/// The main file.
pub(super) fn server(plan: &Plan) -> String {
    include_str!("nats.conf").replace("{cluster}", &plan.cluster)
}

/// What each user may do.
pub(super) fn access(plan: &Plan) -> String {
    let mut text = String::from(
        "# Made from the table in coordinator/src/access: change it there.\n\
         # Each password is a variable of passwords.conf, which README.md tells to make.\n\n\
         include \"passwords.conf\"\n\n\
         accounts {\n",
    );
    for account in [Account::Bus, Account::Store] {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {} {{", name(account));
        match account {
            Account::Bus => imports(&mut text, plan),
            Account::Store => {
                text.push_str("    jetstream: enabled\n");
                exports(&mut text, plan);
            }
        }
        text.push_str("    users: [\n");
        for user in plan.users().iter().filter(|user| user.role.account() == account) {
            render_user(&mut text, user);
        }
        text.push_str("    ]\n  }\n");
    }
    text.push_str("}\n");
    text
}

const fn name(account: Account) -> &'static str {
    match account {
        Account::Bus => "BUS",
        Account::Store => "STORE",
    }
}

fn opened(plan: &Plan) -> Vec<Opening> {
    let mut openings = plan.opened_to_agents();
    openings.extend(plan.opened_to_operators());
    openings.extend(Plan::opened_to_planning());
    openings
}

/// Several answers come where several records are asked for at once.
fn exports(text: &mut String, plan: &Plan) {
    text.push_str("    exports: [\n");
    for Opening { subject, .. } in opened(plan) {
        let _ = writeln!(
            text,
            "      {{ service: \"{subject}\", response_type: stream, accounts: [BUS] }}"
        );
    }
    text.push_str("    ]\n");
}

fn imports(text: &mut String, plan: &Plan) {
    text.push_str("    imports: [\n");
    for Opening { subject, asked } in opened(plan) {
        let to = if asked == subject { String::new() } else { format!(", to: \"{asked}\"") };
        let _ =
            writeln!(text, "      {{ service: {{ account: STORE, subject: \"{subject}\" }}{to} }}");
    }
    text.push_str("    ]\n");
}

fn render_user(text: &mut String, user: &User) {
    let _ = writeln!(text, "      {{");
    let _ = writeln!(text, "        # {}", user.role.purpose());
    let _ = writeln!(text, "        user: \"{}\", password: ${}", user.name, user.variable());
    text.push_str("        permissions: {\n");
    for (verb, subjects) in [("publish", &user.grant.publish), ("subscribe", &user.grant.subscribe)]
    {
        let _ = writeln!(text, "          {verb}: {{ allow: [");
        for subject in subjects {
            let _ = writeln!(text, "            \"{subject}\"");
        }
        text.push_str("          ] }\n");
    }
    if user.grant.answers {
        let _ = writeln!(text, "          allow_responses: {ANSWERS}");
    }
    text.push_str("        }\n      }\n");
}

/// The page beside the files.
pub(super) fn readme(plan: &Plan) -> String {
    let mut rows = String::new();
    for user in plan.users() {
        let (account, purpose) = (name(user.role.account()), user.role.purpose());
        let _ = writeln!(rows, "| `{}` | {account} | {purpose} | `{}` |", user.name, user.inbox());
    }
    let mut variables = String::new();
    for user in plan.users() {
        let _ = writeln!(variables, "{}: \"...\"", user.variable());
    }
    let (rows, variables) = (rows.trim_end(), variables.trim_end());
    include_str!("readme.md")
        .replace("{roles}", rows)
        .replace("{variables}", variables)
        .replace("{cluster}", &plan.cluster)
        .replace("{shards}", &plan.shards.to_string())
}
