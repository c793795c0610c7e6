//! The hardware of a plan: presets from a table that one can edit, rented or owned.

use super::fit::law_error;
use crate::error::CliError;
use clap::Args;
use outthink_law::plan::{Hardware, Owned};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The table that is built in.
pub(super) const TABLE: &str = include_str!("hardware.toml");
/// The preset without a word of the user.
const USUAL: &str = "h100";
/// Power of server and cooling for each watt of the accelerator.
const WATTS_BEYOND: f64 = 1.5;

/// What an accelerator does and costs.
#[derive(Debug, Args)]
pub(super) struct HardwareArgs {
    /// Accelerator of the table, such as a100, h100 or b200 [default: h100].
    #[arg(long, value_name = "NAME")]
    hardware: Option<String>,
    /// A table of accelerators in place of the built-in one (TOML; start from --print-hardware).
    #[arg(long, value_name = "FILE")]
    hardware_table: Option<PathBuf>,
    /// Print the built-in table of accelerators, and nothing else.
    #[arg(long)]
    pub(super) print_hardware: bool,
    /// Peak FLOP/s per accelerator, in place of the table's.
    #[arg(long, value_name = "FLOPS")]
    flops: Option<f64>,
    /// Share of the peak that is reached.
    #[arg(long, value_name = "SHARE", default_value_t = 0.4)]
    utilisation: f64,
    /// Dollars for an hour of one accelerator, in place of the table's.
    #[arg(long, value_name = "USD")]
    usd_per_hour: Option<f64>,
    /// Years over which accelerators that one owns are written off, in place of rent.
    #[arg(long, value_name = "YEARS", conflicts_with = "usd_per_hour")]
    owned_years: Option<f64>,
    /// Share of the hours in which owned accelerators work.
    #[arg(long, value_name = "SHARE", default_value_t = 0.8, requires = "owned_years")]
    owned_load: f64,
    /// Dollars of servers, network and building, as a share of the accelerators that one owns.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, requires = "owned_years")]
    owned_beyond: f64,
    /// Dollars for a kilowatt hour of owned accelerators.
    #[arg(long, value_name = "USD", default_value_t = 0.08, requires = "owned_years")]
    usd_per_kwh: f64,
}

/// One row of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Preset {
    name: String,
    year: u16,
    flops: f64,
    usd_per_hour: f64,
    usd_to_buy: Option<f64>,
    watts: f64,
    priced: u16,
}

/// The hardware, and where its numbers come from.
pub(super) struct Chosen {
    pub(super) hardware: Hardware,
    pub(super) note: String,
}

impl HardwareArgs {
    fn presets(&self) -> Result<BTreeMap<String, Preset>, CliError> {
        let (text, name) = match &self.hardware_table {
            None => (TABLE.to_owned(), "the built-in table".to_owned()),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|e| CliError::usage(format!("cannot read {}: {e}", path.display())))?;
                (text, path.display().to_string())
            }
        };
        toml::from_str(&text).map_err(|e| {
            CliError::usage(format!("{name} is not a table of accelerators: {}", e.message()))
                .hint("start from `outthink plan --print-hardware`, whose first lines describe the fields")
        })
    }

    /// The hardware that a plan goes by.
    pub(super) fn choose(&self) -> Result<Chosen, CliError> {
        let presets = self.presets()?;
        let name = self.hardware.as_deref().unwrap_or(USUAL);
        let preset = presets.get(&name.to_lowercase());
        // A table of one's own need not have the usual one, where all numbers are given.
        let given = self.hardware.is_none() && self.flops.is_some() && self.usd_per_hour.is_some();
        let Some(preset) = preset.or(presets.values().next().filter(|_| given)) else {
            let names: Vec<&str> = presets.keys().map(String::as_str).collect();
            return Err(CliError::usage(format!("unknown accelerator `{name}`"))
                .hint(format!("the table has {}; see --print-hardware and --hardware-table", names.join(", "))));
        };
        let (usd_per_hour, price) = match self.owned_years {
            None => (
                self.usd_per_hour.unwrap_or(preset.usd_per_hour),
                match self.usd_per_hour {
                    Some(_) => "rented at the price given".to_owned(),
                    None => format!("rented at a price of {}", preset.priced),
                },
            ),
            Some(years) => {
                let usd_to_buy = preset.usd_to_buy.ok_or_else(|| {
                    CliError::usage(format!("the table has no price to buy `{name}`"))
                        .hint("add usd_to_buy to a table of your own (--hardware-table), or plan with rent")
                })?;
                let owned = Owned {
                    usd_to_buy,
                    beyond: self.owned_beyond,
                    years,
                    load: self.owned_load,
                    watts: preset.watts * WATTS_BEYOND,
                    usd_per_kwh: self.usd_per_kwh,
                };
                let usd = owned.usd_per_hour().map_err(|e| law_error(&e))?;
                (usd, format!("owned, written off over {years} years at a load of {}", self.owned_load))
            }
        };
        let hardware =
            Hardware { flops: self.flops.unwrap_or(preset.flops), utilisation: self.utilisation, usd_per_hour };
        hardware.check().map_err(|e| law_error(&e).hint("give numbers above 0; a utilisation is 1 at most"))?;
        let what = if given || self.flops.is_some_and(|f| f != preset.flops) {
            "an accelerator as given".to_owned()
        } else {
            format!("{} ({})", preset.name, preset.year)
        };
        Ok(Chosen { hardware, note: format!("{what}, {price}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_one() {
        let presets: BTreeMap<String, Preset> = toml::from_str(TABLE).unwrap();
        assert!(presets.contains_key(USUAL) && presets.len() >= 9);
        for (name, p) in &presets {
            assert!(p.flops > 1e14 && p.usd_per_hour > 0.0 && p.watts > 0.0 && p.priced >= p.year, "{name}");
            assert_eq!(name, &name.to_lowercase());
        }
    }
}
