//! Templates of inputs, conditions and titles, in a scenario around them.

use serde_json::Value;

use super::{
    target::{Said, Target, attack},
    written::look_at_scenario,
};

/// A scenario in which this text stands wherever a template may.
fn around(template: &str) -> String {
    let text = toml::Value::String(template.to_owned());
    format!(
        "[scenario]\nname = \"t\"\n[inputs.depth]\ntype = \"integer\"\ndefault = 3\n\
         [inputs.words]\ntype = \"list\"\ndefault = [\"a\", 1, {{ b = true }}]\n\
         [agents.a]\nkind = \"command\"\nargv = [\"sh\"]\n\
         [[tasks]]\nid = \"one-{{{{ n }}}}\"\nrepeat = {{ n = 2 }}\ntitle = {text}\n\
         instructions = {text}\nwhen = {text}\ninput = {{ text = {text}, list = [{text}, 1] }}\n"
    )
}

#[test]
fn templates() {
    let look = |bytes: &[u8]| {
        let template = String::from_utf8_lossy(bytes);
        look_at_scenario(around(&template).as_bytes())
    };
    let words = &[
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        " for x in range(99999) ",
        "endfor",
        "if",
        "endif",
        "inputs.depth",
        "inputs.words",
        "scenario.name",
        "n",
        "|tojson",
        "|length",
        "|join('-')",
        " * ",
        " ** ",
        "~",
        "/ 0",
        "%",
        "[",
        "]",
        "(",
        ")",
        "'",
        "not ",
        "is defined",
        "set x = ",
        "99999999999",
        ".",
        "|batch(2)",
        "|round",
        "|indent(999999)",
        "loop.index",
        "macro m()",
        "-%}",
        "range(1, 99999)",
        "'ab' * 9999",
    ];
    attack!(Target::of("templates", []).knowing(words), look);
}

#[test]
fn a_template_that_would_take_for_ever_or_everything_is_refused() {
    for template in [
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 'x' * 99999999999 }}",
        "{{ [1] * 99999999999 }}",
    ] {
        assert_eq!(look_at_scenario(around(template).as_bytes()), Said::Refused, "{template}");
    }
}

#[test]
fn a_template_keeps_the_type_of_what_it_yields() {
    // What stands around the templates of these tests is a scenario that is read.
    for template in ["plain", "{{ inputs.depth + n }}", "{{ inputs.words }}", "{{ n == 0 }}"] {
        assert_eq!(look_at_scenario(around(template).as_bytes()), Said::Read, "{template}");
    }
    assert!(around("\"\n\u{7}").parse::<toml::Table>().is_ok());
    assert!(
        serde_json::to_value(around("x").parse::<toml::Table>().unwrap()).is_ok_and(
            |value: Value| value.pointer("/tasks/0/input/text") == Some(&Value::from("x"))
        )
    );
}
