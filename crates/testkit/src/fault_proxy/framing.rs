//! Where one request or answer ends in a stream of bytes.

/// How a stream is cut into the units that faults are counted in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Framing {
    /// Redis's protocol, RESP2 or RESP3: a unit is a command or a reply, however they were packed.
    Resp,
    /// Anything else: a unit is what one read returned, which is right for a client that asks one thing at a time.
    Reads,
}

impl Framing {
    /// Takes the first whole unit out of the buffer, if it holds one.
    pub(super) fn take(self, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
        let length = match self {
            Self::Resp => resp_length(buffer)?,
            Self::Reads if buffer.is_empty() => return None,
            Self::Reads => buffer.len(),
        };
        let rest = buffer.split_off(length);
        Some(std::mem::replace(buffer, rest))
    }
}

/// A push message of RESP3 comes unasked and answers nothing.
pub(super) fn is_push(frame: &[u8]) -> bool {
    frame.first() == Some(&b'>')
}

/// The name of the command in a RESP request, or the first word of anything else.
pub(super) fn command(frame: &[u8]) -> &[u8] {
    let name = match frame.first() {
        // *3 CRLF $7 CRLF EVALSHA CRLF ...
        Some(b'*') => frame.split(|byte| *byte == b'\n').nth(2),
        _ => frame.split(|byte| *byte == b' ').next(),
    };
    name.unwrap_or_default().trim_ascii()
}

/// The length of the first RESP value, nested values included, or nothing while its end has not come yet.
fn resp_length(bytes: &[u8]) -> Option<usize> {
    let mut position = 0;
    let mut values_left = 1;
    while values_left > 0 {
        let rest = bytes.get(position..)?;
        let line = rest.iter().position(|byte| *byte == b'\n')? + 1;
        let (&kind, number) = rest[..line].split_first()?;
        // Absent values have the length -1, and nothing follows them.
        let count = std::str::from_utf8(number).ok().and_then(|text| text.trim().parse::<usize>().ok());
        position += line;
        values_left -= 1;
        match (kind, count) {
            (b'$' | b'=' | b'!', Some(length)) => position += length + b"\r\n".len(),
            (b'*' | b'~' | b'>', Some(values)) => values_left += values,
            (b'%', Some(pairs)) => values_left += 2 * pairs,
            // Attributes stand before the value that they describe.
            (b'|', Some(pairs)) => values_left += 2 * pairs + 1,
            _ => {}
        }
    }
    (position <= bytes.len()).then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value is found whole, wherever the network cut the bytes.
    #[test]
    fn values_are_cut_at_their_ends() {
        let values: [&[u8]; 9] = [
            b"+OK\r\n",
            b":12\r\n",
            b"$5\r\na\r\nbc\r\n",
            b"$-1\r\n",
            b"*-1\r\n",
            b"*2\r\n*1\r\n$1\r\nx\r\n#t\r\n",
            b"%1\r\n+key\r\n*0\r\n",
            b"|1\r\n+ttl\r\n:3\r\n$2\r\nhi\r\n",
            b">2\r\n+invalidate\r\n_\r\n",
        ];
        let stream = values.concat();
        let mut buffer = Vec::new();
        let mut found = Vec::new();
        for byte in stream {
            buffer.push(byte);
            found.extend(Framing::Resp.take(&mut buffer));
        }
        assert_eq!(found, values);
    }

    #[test]
    fn a_request_is_known_by_its_command() {
        assert_eq!(command(b"*2\r\n$7\r\nEVALSHA\r\n$1\r\nx\r\n"), b"EVALSHA");
        assert_eq!(command(b"POST /v1 HTTP/1.1\r\n"), b"POST");
    }
}
