//! Where connections come in and go to: addresses, Unix sockets, and who is in front.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::page::quote;
use super::read::{Complaint, Word};
use super::resolved::Listen;
use super::text::{Url, check_path};

/// Where an app is: a [`Url`], or a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AppUrl {
    Network(Url),
    Socket {
        socket: String,
        /// As [`Url::path`].
        path: String,
    },
}

/// Who is believed about the senders behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TrustedProxy {
    Range(IpNet),
    /// Whoever connects to a Unix socket.
    Unix,
}

impl Word for Listen {
    const WHAT: &'static str = "an address to listen on";
    const LIKE: &'static str =
        "an IP address and a port, such as `127.0.0.1:8080` or `[::]:8080`, or `unix:/run/countersign/in.sock`";

    fn parse(text: &str) -> Result<Listen, Complaint> {
        if let Some(path) = text.strip_prefix("unix:") {
            check_socket(path).map_err(|complaint| complaint.behind("unix:".len(), text.len()))?;
            return Ok(Listen::Unix(path.into()));
        }
        if let Some(port) = text.strip_prefix("localhost:").filter(|port| port.parse::<u16>().is_ok()) {
            let label = format!("write `127.0.0.1:{port}` or `[::1]:{port}`");
            return Err(Complaint::new(format!("{} is a name, not an address", quote(text)), label));
        }
        let address = text.parse::<SocketAddr>();
        let wrong = |_| Complaint::new(format!("{} is not an address to listen on", quote(text)), Self::LIKE);
        address.map(Listen::Tcp).map_err(wrong)
    }
}

impl Word for AppUrl {
    const WHAT: &'static str = Url::WHAT;
    const LIKE: &'static str =
        "such as `http://127.0.0.1:3000`, `https://app.example.com/base` or `unix:/run/app.sock`";

    fn parse(text: &str) -> Result<AppUrl, Complaint> {
        let Some(place) = text.strip_prefix("unix:") else {
            return Url::parse(text).map(AppUrl::Network).map_err(|complaint| match complaint.label.as_str() {
                Url::LIKE => Complaint { label: Self::LIKE.into(), ..complaint },
                _ => complaint,
            });
        };
        let start = "unix:".len();
        let (socket, path) = place.find(":/").map_or((place, ""), |colon| (&place[..colon], &place[colon + 1..]));
        check_socket(socket).map_err(|complaint| complaint.behind(start, start + socket.len()))?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let begin = start + socket.len() + 1;
        check_path(path).map_err(|complaint| complaint.behind(begin, text.len()))?;
        Ok(AppUrl::Socket { socket: socket.to_owned(), path: path.to_owned() })
    }
}

impl Word for TrustedProxy {
    const WHAT: &'static str = "a range of addresses";
    const LIKE: &'static str = "such as `10.20.0.0/16`, or `unix` where a Unix socket is listened on";

    fn parse(text: &str) -> Result<TrustedProxy, Complaint> {
        if text == "unix" { Ok(TrustedProxy::Unix) } else { IpNet::parse(text).map(TrustedProxy::Range) }
    }
}

/// The longest path of a socket that the system takes (unix(7)).
const LONGEST_SOCKET: usize = 107;

/// Refuses what cannot be the path of a Unix socket.
fn check_socket(path: &str) -> Result<(), Complaint> {
    if !path.starts_with('/') || path.ends_with('/') || path.contains(char::is_control) {
        return Err(Complaint::new("this is not the path of a socket", "it begins with `/`, such as `/run/app.sock`"));
    }
    if path.len() > LONGEST_SOCKET {
        let message = format!("the path of a socket has at most {LONGEST_SOCKET} bytes");
        return Err(Complaint::new(message, format!("this one has {}", path.len())));
    }
    Ok(())
}
