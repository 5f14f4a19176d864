//! Whether a request's head can be read in one way only (RFC 9112).

use http::Uri;

/// As many header fields as hyper takes.
const MOST_FIELDS: usize = 100;

/// What is known of a head that is whole and sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its bytes, the empty line included.
    pub length: usize,
    /// How the body behind it is framed.
    pub framing: Framing,
}

/// How a request's body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// In chunks.
    Chunked,
    /// By this many bytes.
    Length(u64),
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadHead {
    /// It breaks the syntax, or can be read in two ways.
    Ambiguous,
    /// It has more bytes than any sender's.
    TooLarge,
    /// It was not whole in time.
    TooSlow,
}

/// A scan of a head that goes on where it stopped, as more bytes arrive.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    /// Where the first line that was not seen whole begins.
    offset: usize,
    seen_request_line: bool,
    http10: bool,
    /// The authority of a target in absolute form.
    authority: Option<Vec<u8>>,
    host: Option<Vec<u8>>,
    hosts: u32,
    length: Option<u64>,
    chunked: bool,
    fields: usize,
}

impl HeadScan {
    /// Scans `bytes`, which begin where they did in the calls before.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<Option<Head>, BadHead> {
        while let Some(end) = memchr::memchr(b'\n', &bytes[self.offset..]) {
            let line = &bytes[self.offset..self.offset + end];
            self.offset += end + 1;
            // A bare line feed ends a line for some parsers only.
            let line = line.strip_suffix(b"\r").ok_or(BadHead::Ambiguous)?;
            if !line.is_empty() {
                self.line(line)?;
            } else if self.seen_request_line {
                return self.finish().map(Some);
            } else if self.offset > 2 {
                // One empty line before a request is tolerated (RFC 9112 §2.2), not more.
                return Err(BadHead::Ambiguous);
            }
        }
        Ok(None)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), BadHead> {
        if self.seen_request_line {
            return self.field(line);
        }
        self.seen_request_line = true;
        self.request_line(line)
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), BadHead> {
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(BadHead::Ambiguous);
        };
        if !is_token(method) {
            return Err(BadHead::Ambiguous);
        }
        self.http10 = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ => return Err(BadHead::Ambiguous),
        };
        // A fragment is never sent (RFC 9112 §3.2); cut off silently it would change the path.
        if !is_plain(target) && (target.contains(&b'#') || !target.is_ascii() || Uri::try_from(target).is_err()) {
            return Err(BadHead::Ambiguous);
        }
        match target.first() {
            Some(b'/') => Ok(()),
            Some(b'*') if target.len() == 1 => Ok(()),
            _ => self.absolute_form(target),
        }
    }

    fn absolute_form(&mut self, target: &[u8]) -> Result<(), BadHead> {
        // Its authority has a form of its own, which plain characters alone do not make: not `a::0`.
        if Uri::try_from(target).is_err() {
            return Err(BadHead::Ambiguous);
        }
        let rest = [&b"http://"[..], b"https://"]
            .iter()
            .find(|scheme| target.len() > scheme.len() && target[..scheme.len()].eq_ignore_ascii_case(scheme))
            .map(|scheme| &target[scheme.len()..])
            .ok_or(BadHead::Ambiguous)?;
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
        self.authority = Some(rest[..end].to_ascii_lowercase());
        Ok(())
    }

    fn field(&mut self, line: &[u8]) -> Result<(), BadHead> {
        // A line that begins with a space would continue the one before (RFC 9112 §5.2).
        let colon = memchr::memchr(b':', line).ok_or(BadHead::Ambiguous)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if !is_token(name) || has_control(value) {
            return Err(BadHead::Ambiguous);
        }
        self.fields += 1;
        if self.fields > MOST_FIELDS {
            return Err(BadHead::TooLarge);
        }
        let value = value.trim_ascii();
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.transfer_encoding(value),
            _ => Ok(()),
        }
    }

    fn host(&mut self, value: &[u8]) -> Result<(), BadHead> {
        if self.hosts > 0 || !is_host(value) {
            return Err(BadHead::Ambiguous);
        }
        self.hosts = 1;
        if self.authority.is_some() {
            self.host = Some(value.to_ascii_lowercase());
        }
        Ok(())
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), BadHead> {
        let digits = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
        if !digits || self.length.is_some() || self.chunked {
            return Err(BadHead::Ambiguous);
        }
        self.length = Some(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')));
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), BadHead> {
        let plain = value.eq_ignore_ascii_case(b"chunked");
        if !plain || self.chunked || self.length.is_some() || self.http10 {
            return Err(BadHead::Ambiguous);
        }
        self.chunked = true;
        Ok(())
    }

    fn finish(&self) -> Result<Head, BadHead> {
        // In HTTP/1.0 a request need not name a host, and probes of health do not; whoever goes by the host asks for it.
        let named = self.hosts == 1 || self.http10;
        if !named || (self.authority.is_some() && self.authority != self.host) {
            return Err(BadHead::Ambiguous);
        }
        let framing = match self.length {
            None if self.chunked => Framing::Chunked,
            length => Framing::Length(length.unwrap_or(0)),
        };
        Ok(Head { length: self.offset, framing })
    }
}

/// Whether these bytes are a token (RFC 9110 §5.6.2), as methods and names of fields are.
fn is_token(bytes: &[u8]) -> bool {
    static TOKEN: [bool; 256] = alphanumeric_or(b"!#$%&'*+-.^_`|~");
    !bytes.is_empty() && bytes.iter().all(|byte| TOKEN[usize::from(*byte)])
}

/// Whether a value holds a control character, which no field may (RFC 9110 §5.5). A tab is none.
fn has_control(value: &[u8]) -> bool {
    // Without a branch: the compiler makes wide instructions of it.
    value.iter().fold(false, |found, byte| found | ((*byte < b' ') & (*byte != b'\t')) | (*byte == 127))
}

/// Whether a target holds nothing but what every parser takes; the few others are looked at closely.
fn is_plain(target: &[u8]) -> bool {
    static PLAIN: [bool; 256] = alphanumeric_or(b"/-_.?&=%~+:@!$'()*,;");
    target.iter().all(|byte| PLAIN[usize::from(*byte)])
}

/// Whether a value names a host, with or without a port (RFC 3986 §3.2.2 and 3.2.3).
pub(super) fn is_host(value: &[u8]) -> bool {
    static SOUND: [bool; 256] = alphanumeric_or(b".-_:[]%~!$&'()*+;=");
    !value.is_empty() && value.iter().all(|byte| SOUND[usize::from(*byte)])
}

/// A table of the bytes that may be there, as it is asked about every byte of every head.
const fn alphanumeric_or(others: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut place = 0;
    while place < others.len() {
        table[others[place] as usize] = true;
        place += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(head: &str) -> Result<Option<Head>, BadHead> {
        HeadScan::default().advance(head.as_bytes())
    }

    #[test]
    fn a_plain_request_is_framed_by_its_length() {
        let head = "POST /hooks/lmif?a=1 HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 12\r\n\r\n";

        assert_eq!(scan(head), Ok(Some(Head { length: head.len(), framing: Framing::Length(12) })));
    }

    #[test]
    fn a_head_in_single_bytes_is_read_like_one_in_one_piece() {
        let head = b"\r\nPOST / HTTP/1.1\r\nHOST: a\r\ntransfer-Encoding: Chunked\r\n\r\nrest";
        let mut scan = HeadScan::default();

        let found = (0..=head.len()).find_map(|end| scan.advance(&head[..end]).unwrap());

        assert_eq!(found, Some(Head { length: head.len() - 4, framing: Framing::Chunked }));
    }

    #[test]
    fn a_head_that_two_parsers_could_read_in_two_ways_is_refused() {
        let line = "POST / HTTP/1.1\r\n";
        let heads = [
            format!("{line}\r\n"),
            format!("{line}Host: a\r\nHost: a\r\n\r\n"),
            format!("{line}Host:\r\n\r\n"),
            format!("{line}Host: a b\r\n\r\n"),
            format!("{line}Host: a,b\r\n\r\n"),
            format!("{line}Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"),
            format!("{line}Host: a\r\nContent-Length: 1, 1\r\n\r\n"),
            format!("{line}Host: a\r\nContent-Length: +1\r\n\r\n"),
            format!("{line}Host: a\r\nContent-Length: 0x1\r\n\r\n"),
            format!("{line}Host: a\r\nContent-Length:\r\n\r\n"),
            format!("{line}Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            format!("{line}Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
            format!("{line}Host: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
            format!("{line}Host: a\r\nTransfer-Encoding: xchunked\r\n\r\n"),
            format!("{line}Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
            format!("{line}Host: a\r\nContent-Length : 1\r\n\r\n"),
            format!("{line}Host: a\r\n folded: 1\r\n\r\n"),
            format!("{line}Host: a\r\n: 1\r\n\r\n"),
            format!("{line}Host: a\r\nno colon\r\n\r\n"),
            format!("{line}Host: a\nX: 1\r\n\r\n"),
            format!("{line}Host: a\r\nX: 1\rY: 2\r\n\r\n"),
            "\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
            "POST / HTTP/2.0\r\nHost: a\r\n\r\n".into(),
            "POST /\r\nHost: a\r\n\r\n".into(),
            "POST  / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            "POST /a#b HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            "POST hooks HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            "POST http://b/ HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            "POST http://a::0/ HTTP/1.1\r\nHost: a::0\r\n\r\n".into(),
            "POST /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            "POST /<a> HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            "POST /a\rb HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            "POST /<a\r> HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            format!("{line}Host: a\r\nX: 1\r\r\n\r\n"),
            format!("{line}Host: a\r\r\n\r\n"),
            "P(ST / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            format!("{line}Host: a\r\nX(: 1\r\n\r\n"),
            format!("{line}Host: a\r\nX: \0\r\n\r\n"),
        ];

        for head in heads {
            assert_eq!(scan(&head), Err(BadHead::Ambiguous), "{head:?}");
        }
    }

    #[test]
    fn only_http_1_0_may_name_no_host_and_no_other_in_its_target() {
        assert!(scan("GET /livez HTTP/1.0\r\n\r\n").unwrap().is_some());
        assert_eq!(scan("GET http://a/livez HTTP/1.0\r\n\r\n"), Err(BadHead::Ambiguous));
        assert_eq!(scan("GET /livez HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), Err(BadHead::Ambiguous));
    }

    #[test]
    fn a_target_in_absolute_form_passes_where_it_names_the_host() {
        assert!(scan("POST http://A.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap().is_some());
    }
}
