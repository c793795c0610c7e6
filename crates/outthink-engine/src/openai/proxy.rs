//! Which proxy a server is reached by: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in small or
//! capital letters, read here and nowhere else.

use outthink_core::{EngineError, Origin};
use reqwest::Url;
use std::net::IpAddr;

/// The proxy for a server by the environment, if any.
pub(super) fn of_environment(server: &Url) -> Result<Option<Url>, EngineError> {
    choose(server, |name| std::env::var(name).ok())
}

/// The proxy for a server where variables have these values. The machine itself is reached without one.
fn choose(server: &Url, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Url>, EngineError> {
    let read = |name: &str| {
        let values = [name.to_owned(), name.to_ascii_uppercase()].into_iter().filter_map(|name| variable(&name));
        values.map(|value| value.trim().to_owned()).find(|value| !value.is_empty())
    };
    let Some(host) = server.host_str().map(|host| host.trim_matches(['[', ']']).to_ascii_lowercase()) else {
        return Ok(None);
    };
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || host.ends_with(".localhost") || address.is_some_and(|ip| ip.is_loopback()) {
        return Ok(None);
    }
    let Some(given) = read(&format!("{}_proxy", server.scheme())).or_else(|| read("all_proxy")) else {
        return Ok(None);
    };
    let excepted = read("no_proxy").unwrap_or_default();
    let port = server.port_or_known_default();
    if excepted.split([',', ' ']).any(|rule| is_excepted(rule.trim(), &host, address, port)) {
        return Ok(None);
    }
    let given = if given.contains("://") { given } else { format!("http://{given}") };
    match Url::parse(&given) {
        Ok(proxy) if matches!(proxy.scheme(), "http" | "https") && proxy.has_host() => Ok(Some(proxy)),
        _ => Err(EngineError::new(Origin::Caller, "the proxy of the environment is not an http address")
            .with_hint("set http_proxy or https_proxy to one such as http://proxy:3128, or no_proxy to the server")),
    }
}

/// Whether a rule of `NO_PROXY` is about a host: `*`, a name and those below it, an address, or a network
/// as `10.0.0.0/8`; each with or without a port.
fn is_excepted(rule: &str, host: &str, address: Option<IpAddr>, port: Option<u16>) -> bool {
    if rule == "*" {
        return true;
    }
    let (name, of_port) = match rule.rsplit_once(':') {
        Some((name, digits)) if !name.contains(':') || name.ends_with(']') => (name, digits.parse().ok()),
        _ => (rule, None),
    };
    if of_port.is_some() && of_port != port {
        return false;
    }
    let name = name.trim_matches(['[', ']']).trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
    if name.is_empty() {
        return false;
    }
    if let (Some((network, bits)), Some(address)) = (name.split_once('/'), address) {
        let network: Option<IpAddr> = network.parse().ok();
        return network.zip(bits.parse().ok()).is_some_and(|(network, bits)| is_within(address, network, bits));
    }
    host == name || host.strip_suffix(name.as_str()).is_some_and(|before| before.ends_with('.'))
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let (a, n, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    bits <= width && (a ^ n).checked_shr(width - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(server: &str, variables: &[(&str, &str)]) -> Option<String> {
        let given = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        choose(&Url::parse(server).unwrap(), given).unwrap().map(|url| url.to_string())
    }

    #[test]
    fn each_scheme_has_its_variable_and_the_machine_itself_none() {
        let both = [("http_proxy", "http://p:1"), ("HTTPS_PROXY", "q:2"), ("ALL_PROXY", "http://r:3")];
        assert_eq!(proxy("http://h:8000", &both).as_deref(), Some("http://p:1/"));
        assert_eq!(proxy("https://h", &both).as_deref(), Some("http://q:2/"));
        assert_eq!(proxy("https://h", &[("ALL_PROXY", "http://r:3")]).as_deref(), Some("http://r:3/"));
        for here in ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:9"] {
            assert_eq!(proxy(here, &both), None);
        }
        assert_eq!(proxy("http://h", &[("http_proxy", " ")]), None);
        assert_eq!(proxy("http://h", &[]), None);
    }

    #[test]
    fn exceptions_are_names_addresses_networks_and_ports() {
        for (server, rules, excepted) in [
            ("http://a.example", "b.example, .example", true),
            ("http://a.example", "a.example", true),
            ("http://a.example", "*.example", true),
            ("http://notexample", "example", false),
            ("http://a.example:81", "a.example:80", false),
            ("http://a.example", "a.example:80", true),
            ("http://10.1.2.3:8000", "10.0.0.0/8", true),
            ("http://11.1.2.3:8000", "10.0.0.0/8", false),
            ("http://10.1.2.3", "10.1.2.3", true),
            ("http://[fd00::1]:8000", "fd00::/8", true),
            ("http://[fd00::1]:8000", "[fd00::1]:8000", true),
            ("http://10.1.2.3", "0.0.0.0/0", true),
            ("http://h", "*", true),
            ("http://h", "", false),
        ] {
            let found = proxy(server, &[("http_proxy", "http://p:1"), ("no_proxy", rules)]);
            assert_eq!(found.is_none(), excepted, "{server} with {rules}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        let given = |name: &str| (name == "http_proxy").then(|| "socks5://h:1".to_owned());
        let error = choose(&Url::parse("http://h").unwrap(), given).unwrap_err();
        assert!(error.to_string().contains("no_proxy"), "{error}");
    }
}
