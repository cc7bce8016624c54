//! A private server, asked in raw protocol: no client library between its words and ours.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;

use tollgate::embedded::Reply;
use tollgate_testkit::RedisServer;

/// A server with nothing in it, gone when dropped.
pub(crate) struct Real {
    connection: BufReader<UnixStream>,
    _server: RedisServer,
}

impl Real {
    pub(crate) fn start() -> Real {
        let server = RedisServer::start().expect("a server of its own");
        let connection = UnixStream::connect(server.socket()).expect("the server listens");
        Real { connection: BufReader::new(connection), _server: server }
    }

    /// Sends one command and reads its reply.
    pub(crate) fn ask(&mut self, command: &[&[u8]]) -> Reply {
        let mut request = format!("*{}\r\n", command.len()).into_bytes();
        for part in command {
            request.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
            request.extend_from_slice(part);
            request.extend_from_slice(b"\r\n");
        }
        self.connection.get_mut().write_all(&request).expect("the server reads");
        self.read_reply()
    }

    fn read_reply(&mut self) -> Reply {
        let mut line = Vec::new();
        self.connection.read_until(b'\n', &mut line).expect("the server answers");
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r\n").expect("a whole line")).into_owned();
        let (kind, rest) = line.split_at(1);
        let number = || rest.parse::<i64>().expect("a number");
        match kind {
            "+" => Reply::Status(rest.into()),
            "-" => Reply::Error(rest.into()),
            ":" => Reply::Integer(number()),
            _ if number() < 0 => Reply::Nil,
            "$" => {
                let mut bytes = vec![0; usize::try_from(number()).expect("a length") + 2];
                self.connection.read_exact(&mut bytes).expect("the whole string");
                bytes.truncate(bytes.len() - 2);
                Reply::Bulk(bytes)
            }
            "*" => Reply::Array((0..number()).map(|_| self.read_reply()).collect()),
            other => panic!("unknown reply type {other}"),
        }
    }
}
