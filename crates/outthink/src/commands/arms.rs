//! Further models and prompts beside the first one, as the command line names them.

use super::engine::EngineArgs;
use crate::error::CliError;
use crate::models::Located;
use clap::Args;
use outthink_core::{ArmName, Effort, Needs, Price};
use outthink_runner::{Runner, RunnerArm};

/// Further arms.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Arms")]
pub(crate) struct ArmArgs {
    /// A further arm for the strategies that take several, more expensive than those before it: a
    /// model's name or GGUF file, a server as URL#MODEL, or system:TEXT for the first model under another
    /// system message. With @EFFORT behind the name it reasons at that effort (@high alone: the first model
    /// at that effort). With @IN/OUT at its end it costs so many dollars for a million prompt and
    /// generated tokens. May be repeated.
    #[arg(long = "arm", value_name = "ARM")]
    pub(crate) arms: Vec<String>,
    /// As --arm, and the strategy is cascade unless another is named.
    #[arg(long, value_name = "ARM")]
    pub(crate) escalate_to: Option<String>,
}

/// A model that was named, with its file where it runs in this process.
pub(crate) struct Named {
    args: EngineArgs,
    file: Option<Located>,
    price: Option<Price>,
    effort: Option<Effort>,
}

/// An arm that was named.
pub(crate) enum ArmPlan {
    Model(Box<Named>),
    System(String),
    /// The first model at another effort.
    Effort(Effort),
}

impl ArmArgs {
    /// The arms, checked as far as that needs no fetching.
    pub(crate) fn plans(&self, engine: &EngineArgs) -> Result<Vec<ArmPlan>, CliError> {
        self.arms.iter().chain(&self.escalate_to).map(|spec| plan(spec, engine)).collect()
    }
}

fn plan(spec: &str, engine: &EngineArgs) -> Result<ArmPlan, CliError> {
    match spec.strip_prefix("system:").map(str::trim) {
        Some("") => Err(CliError::usage("an arm's system message is empty").hint("give system:TEXT")),
        Some(system) => Ok(ArmPlan::System(system.to_owned())),
        None => match ArmName::parse(spec) {
            Ok(ArmName { model: "", effort: Some(effort) }) => Ok(ArmPlan::Effort(effort)),
            _ => Named::with_effort(spec, engine).map(|named| ArmPlan::Model(Box::new(named))),
        },
    }
}

impl ArmPlan {
    /// With its model, fetched if it must be. Not to be called from async code.
    pub(crate) fn locate(self) -> Result<Self, CliError> {
        Ok(match self {
            Self::Model(named) => Self::Model(Box::new(named.locate()?)),
            of_the_first => of_the_first,
        })
    }
}

impl Named {
    /// A model by name, file or URL#MODEL, perhaps with @IN/OUT. Nothing is fetched.
    pub(crate) fn parse(spec: &str, engine: &EngineArgs) -> Result<Self, CliError> {
        let named = Self::with_effort(spec, engine)?;
        match named.effort {
            None => Ok(named),
            Some(effort) => Err(CliError::usage(format!("an effort cannot be set here: `@{effort}` in `{spec}`"))
                .hint(
                    "leave it out; it belongs to `ask --arm`, to `outthink.arms` of a request and to [efforts] in the \
                 configuration. If it is part of the model's name, put another `@` behind it",
                )),
        }
    }

    /// As [`Named::parse`], perhaps with `@EFFORT` behind the name.
    fn with_effort(spec: &str, engine: &EngineArgs) -> Result<Self, CliError> {
        let (place, price) = priced(spec)?;
        let (place, effort) = at_effort(place)?;
        let place = place.as_str();
        let mut args = engine.clone();
        args.engine = None;
        if place.starts_with("http://") || place.starts_with("https://") {
            let (url, model) = place.split_once('#').map_or((place, None), |(url, model)| (url, Some(model)));
            args.upstream = vec![url.to_owned()];
            args.model = model.filter(|m| !m.is_empty()).map(str::to_owned);
        } else if place.is_empty() {
            return Err(CliError::usage("a model is named by nothing").hint("give a name, a GGUF file or URL#MODEL"));
        } else {
            args.upstream = Vec::new();
            args.model = Some(place.to_owned());
        }
        args.check()?;
        Ok(Self { args, file: None, price, effort })
    }

    /// With its file, fetched if it must be. Not to be called from async code.
    pub(crate) fn locate(self) -> Result<Self, CliError> {
        Ok(Self { file: self.args.locate()?, ..self })
    }

    /// Its engine, for a strategy with these needs.
    pub(crate) async fn connect(self, needs: Needs) -> Result<std::sync::Arc<dyn outthink_core::Engine>, CliError> {
        self.args.connect(self.file, self.price, needs).await
    }
}

/// Splits `@EFFORT` off. In an address it stands behind the model's name, or behind the bare `#`; a file that is
/// there is taken by its whole name.
fn at_effort(place: &str) -> Result<(String, Option<Effort>), CliError> {
    let is_address = place.starts_with("http://") || place.starts_with("https://");
    let (before, name) = match place.split_once('#') {
        Some((url, model)) if is_address => (format!("{url}#"), model),
        _ if is_address || std::path::Path::new(place).exists() => return Ok((place.to_owned(), None)),
        _ => (String::new(), place),
    };
    let ArmName { model, effort } = ArmName::parse(name).map_err(|e| CliError::usage(e.to_string()))?;
    Ok((before + model, effort))
}

/// Splits `@IN/OUT` off.
fn priced(spec: &str) -> Result<(&str, Option<Price>), CliError> {
    let Some((place, price)) = spec.rsplit_once('@').filter(|(_, price)| price.contains('/') && !price.contains('#'))
    else {
        return Ok((spec.trim(), None));
    };
    let (input, output) = price.split_once('/').unwrap_or_default();
    let usd = |text: &str| text.trim().parse::<f64>().ok();
    let (Some(input), Some(output)) = (usd(input), usd(output)) else {
        // Not a price: an `@` may stand in an address.
        return Ok((spec.trim(), None));
    };
    let price = Price::per_million_usd(input, input, output).map_err(|e| CliError::usage(e.to_string()))?;
    Ok((place.trim(), Some(price)))
}

/// Adds the arms to a runner, for a strategy with these needs.
pub(crate) async fn connect(mut runner: Runner, plans: Vec<ArmPlan>, needs: Needs) -> Result<Runner, CliError> {
    for plan in plans {
        let arm = match plan {
            ArmPlan::Model(named) => {
                let effort = named.effort;
                let arm = RunnerArm::new(named.connect(needs).await?);
                match effort {
                    Some(effort) => arm.at(effort),
                    None => arm,
                }
            }
            ArmPlan::Effort(effort) => RunnerArm::new(runner.engine().clone()).at(effort),
            ArmPlan::System(system) => {
                let first = RunnerArm::new(runner.engine().clone());
                let name = format!("{} under another system message", first.name);
                RunnerArm { name, system: Some(system), ..first }
            }
        };
        runner = runner.with_arm(arm);
    }
    Ok(runner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efforts_stand_behind_the_name_of_a_model() {
        for (place, name, effort) in [
            ("qwen3@low", "qwen3", Some(Effort::Low)),
            ("http://user@host/v1", "http://user@host/v1", None),
            ("http://user@host/v1#m@high", "http://user@host/v1#m", Some(Effort::High)),
            ("http://host#@high", "http://host#", Some(Effort::High)),
            ("http://host#m@high@", "http://host#m@high", None),
            ("@cf/llama", "@cf/llama", None),
        ] {
            assert_eq!(at_effort(place).unwrap(), (name.to_owned(), effort), "{place}");
        }
        assert!(at_effort("qwen3@hgih").is_err_and(|e| format!("{e:?}").contains("did you mean `high`?")));
    }

    #[test]
    fn prices_are_split_off_and_addresses_are_left_alone() {
        assert!(priced("qwen2.5-coder-1.5b@0.1/0.4").unwrap().1.is_some());
        assert_eq!(priced("http://user@host/v1#m").unwrap(), ("http://user@host/v1#m", None));
        assert_eq!(priced("m").unwrap(), ("m", None));
        assert_eq!(priced("m@-1/2").unwrap_err().code, 2);
    }
}
