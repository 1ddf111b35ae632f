//! Which proxy lies between us and an API server, by the rules of kubectl, which are those of Go's
//! `http.ProxyFromEnvironment`.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use netintent::names::printable;

use crate::error::{Error, Result};

/// The proxy for a server, by the variables of the environment: `HTTPS_PROXY`, or `HTTP_PROXY` for an address without TLS, unless
/// `NO_PROXY` names the server or it is on this machine.
///
/// # Errors
/// Where the address of the proxy is none.
pub(super) fn of(server: &Uri, env: impl Fn(&str) -> Option<String>) -> Result<Option<Uri>> {
    let either =
        |name: &str| [name, &name.to_ascii_lowercase()].into_iter().filter_map(&env).find(|text| !text.is_empty());
    let name = if server.scheme_str() == Some("http") { "HTTP_PROXY" } else { "HTTPS_PROXY" };
    let Some(proxy) = either(name) else { return Ok(None) };
    let no = either("NO_PROXY").unwrap_or_default();
    if is_here(server) || no.split(',').any(|text| text.trim() == "*") {
        return Ok(None);
    }
    let exceptions = Matcher::builder().all("http://proxy").no(exceptions(&no, server)).build();
    if exceptions.intercept(server).is_none() {
        return Ok(None);
    }
    address(&proxy, name).map(Some)
}

/// The address of a proxy that somebody has written down there; without a scheme it is of HTTP.
///
/// # Errors
/// Where it is none.
pub(super) fn address(text: &str, place: &str) -> Result<Uri> {
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let parsed = url.parse::<Uri>().ok().filter(|url| url.host().is_some_and(|host| !host.is_empty()));
    parsed.ok_or_else(|| {
        // Without the password that may stand before it.
        let shown = printable(url.rsplit_once('@').map_or(url.as_str(), |(_, host)| host));
        let help = "write it as http://HOST:PORT or socks5://HOST:PORT".to_owned();
        Error::with_help(format!("`{shown}`, {place}, is no address of a proxy"), help)
    })
}

/// Whether a server is on this machine.
fn is_here(server: &Uri) -> bool {
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// The exceptions that hold for the port of the server, without what only Go writes: `*.` before a domain, and ports.
fn exceptions(no: &str, server: &Uri) -> String {
    let port = server.port_u16().unwrap_or(if server.scheme_str() == Some("http") { 80 } else { 443 });
    let one = |text: &str| {
        let text = text.trim();
        let text = text.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(text);
        match text.rsplit_once(':') {
            // An address of IPv6 has several, unless in brackets.
            Some((host, only)) if !host.contains(':') || host.ends_with(']') => {
                (only.parse() == Ok(port)).then(|| host.trim_matches(['[', ']']).to_owned())
            }
            // Of a domain with a dot before it only what is below it.
            _ => (text.strip_prefix('.') != server.host()).then(|| text.trim_matches(['[', ']']).to_owned()),
        }
    };
    no.split(',').filter_map(one).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(server: &str, variables: &[(&str, &str)]) -> Option<String> {
        let env = |name: &str| variables.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).to_owned());
        of(&server.parse().unwrap(), env).unwrap().map(|url| url.to_string())
    }

    #[test]
    fn it_is_that_of_the_scheme() {
        let both = [("HTTPS_PROXY", "http://a:1"), ("http_proxy", "b:2"), ("ALL_PROXY", "http://c:3")];
        assert_eq!(proxy("https://api.example:6443", &both).as_deref(), Some("http://a:1/"));
        assert_eq!(proxy("http://api.example", &both).as_deref(), Some("http://b:2/"));
        assert_eq!(proxy("https://api.example", &both[1..]), None);
        let lower = [("HTTPS_PROXY", ""), ("https_proxy", "http://a:1")];
        assert_eq!(proxy("https://api.example", &lower).as_deref(), Some("http://a:1/"));
        assert_eq!(proxy("https://api.example", &[("HTTPS_PROXY", ""), ("https_proxy", "")]), None);
        let secret = [("HTTPS_PROXY", "http://jane:secret@a:1")];
        assert_eq!(proxy("https://api.example", &secret).as_deref(), Some("http://jane:secret@a:1/"));
    }

    #[test]
    fn what_is_near_is_asked_without() {
        let without =
            |no: &str, server: &str| proxy(server, &[("HTTPS_PROXY", "http://a:1"), ("NO_PROXY", no)]).is_none();
        for server in ["https://localhost:6443", "https://127.0.0.1:6443", "https://[::1]:6443"] {
            assert!(without("", server), "{server}");
        }
        for (no, server) in [
            ("*", "https://api.example"),
            ("other, *", "https://10.1.2.3"),
            (" 10.0.0.0/8 , other,", "https://10.1.2.3:6443"),
            ("10.1.2.3", "https://10.1.2.3"),
            ("10.1.2.3:6443", "https://10.1.2.3:6443"),
            ("example", "https://api.example"),
            (".example", "https://api.example"),
            ("*.example", "https://api.example"),
            ("api.example:443", "https://api.example"),
            ("fd00::/8", "https://[fd00::1]:6443"),
            ("[fd00::1]:6443", "https://[fd00::1]:6443"),
        ] {
            assert!(without(no, server), "{no} {server}");
        }
        for (no, server) in [
            ("", "https://api.example"),
            ("pi.example", "https://api.example"),
            (".api.example", "https://api.example"),
            ("*.api.example", "https://api.example"),
            ("api.example:443", "https://api.example:6443"),
            ("11.0.0.0/8,", "https://10.1.2.3"),
        ] {
            assert!(!without(no, server), "{no} {server}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_told_without_its_password() {
        let said = of(&"https://api.example".parse().unwrap(), |name| {
            (name == "HTTPS_PROXY").then(|| "http://jane:secret@".to_owned())
        });
        let said = format!("{said:?}");
        assert!(said.contains("of a proxy") && !said.contains("secret"), "{said}");
    }
}
