//! The shape of the command line beyond what each command defines: what the short help leaves out.

use clap::Command;

/// The flags of `outthink ask -h`; the others are in `--help`.
const SHORT_ASK: &[&str] =
    &["effort", "strategy", "verifiers", "budget_tokens", "model", "upstream", "trace", "json", "question", "help"];

/// How the short help of `ask` ends.
pub(crate) const MORE_OF_ASK: &str = "\
All flags, efforts, strategies, verifiers and dialects: outthink ask --help
Without a download: --model desk. A server that you have: --upstream URL.";

/// The command line with the flags left out of the short help that most people need not see.
pub(crate) fn shaped(cli: Command) -> Command {
    cli.mut_subcommand("ask", |ask| {
        ask.mut_args(|arg| {
            let shown = SHORT_ASK.contains(&arg.get_id().as_str());
            arg.hide_short_help(!shown)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use std::collections::BTreeMap;

    #[test]
    fn the_definitions_hold_together() {
        shaped(crate::Cli::command()).debug_assert();
    }

    #[test]
    fn the_short_help_of_ask_fits_a_screen() {
        let mut cli = shaped(crate::Cli::command());
        let ask = cli.find_subcommand_mut("ask").unwrap();
        for id in SHORT_ASK.iter().filter(|id| **id != "help") {
            assert!(ask.get_arguments().any(|a| a.get_id() == id), "{id} is not a flag of ask");
        }
        let short = ask.clone().term_width(100).render_help().to_string();
        let flags = short.lines().filter(|line| line.trim_start().starts_with("--")).count();
        assert_eq!(flags, 8, "{short}");
        assert!(short.lines().count() <= 40, "{short}");
        let long = ask.render_long_help().to_string();
        assert!(long.contains("--thinking-floor") && !short.contains("--thinking-floor"));
    }

    /// A flag under a heading of others is a flag that nobody finds.
    #[test]
    fn a_heading_has_the_same_flags_wherever_it_stands() {
        fn headings(command: &Command, path: &str, found: &mut BTreeMap<String, Vec<(String, Vec<String>)>>) {
            let mut own: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for arg in command.get_arguments() {
                if let Some(heading) = arg.get_help_heading() {
                    own.entry(heading.to_owned()).or_default().push(arg.get_id().to_string());
                }
            }
            for (heading, ids) in own {
                found.entry(heading).or_default().push((path.to_owned(), ids));
            }
            for sub in command.get_subcommands() {
                headings(sub, &format!("{path} {}", sub.get_name()), found);
            }
        }
        let mut found = BTreeMap::new();
        headings(&crate::Cli::command(), "outthink", &mut found);
        assert!(found.contains_key("Store") && found.contains_key("Thinking"));
        for (heading, places) in found {
            let (first, ids) = &places[0];
            for (place, others) in &places {
                assert_eq!(ids, others, "{heading}: `{first}` and `{place}`");
            }
        }
    }
}
