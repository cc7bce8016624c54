//! A script of `lua/`, read as text: the contract at its head, and the code below without its comments.

use std::collections::BTreeSet;

use super::tree::{File, files, read};

/// The words that a head has to have.
pub(super) const SECTIONS: [&str; 6] = ["KEYS", "ARGV", "RETURNS", "ERRORS", "WRITES", "COST"];

/// The files that are no scripts of their own, but joined to some.
const PARTS: [&str; 17] = [
    "lua/prelude.lua",
    "lua/pace.lua",
    "lua/bucket.lua",
    "lua/in_flight.lua",
    "lua/in_turn.lua",
    "lua/named.lua",
    "lua/queue.lua",
    "lua/audit_trail.lua",
    "lua/open.lua",
    "lua/tally.lua",
    "lua/episode.lua",
    "lua/reports.lua",
    "lua/granted.lua",
    "lua/booking.lua",
    "lua/ruling.lua",
    "lua/key_index.lua",
    "lua/replica_list.lua",
];

/// Scripts that go on in another file.
const ENDS: [(&str, &str); 1] = [("lua/acquire.lua", "lua/in_turn.lua")];

/// One part of a head: `COST` and what it says.
pub(super) struct Section {
    /// Without the index: `KEYS` for `KEYS[1]`.
    pub(super) name: &'static str,
    pub(super) index: Option<u32>,
    pub(super) line: usize,
    pub(super) text: String,
}

/// A script.
pub(super) struct Script {
    pub(super) path: String,
    pub(super) head: Vec<Section>,
    /// Line by line, comments taken out.
    pub(super) code: Vec<String>,
}

impl Script {
    /// Every script; what is joined in front of scripts is none.
    pub(super) fn all() -> Vec<Self> {
        let files = files("lua", &[".lua"]).into_iter().filter(|file| !PARTS.contains(&file.path.as_str()));
        files.map(|file| Self::of(&file)).collect()
    }

    pub(super) fn prelude() -> Self {
        Self::of(&File { path: "lua/prelude.lua".to_owned(), text: read("lua/prelude.lua") })
    }

    /// What is joined in front of scripts.
    pub(super) fn parts() -> Vec<Self> {
        PARTS.map(|path| Self::of(&File { path: path.to_owned(), text: read(path) })).into()
    }

    pub(super) fn of(file: &File) -> Self {
        let mut head: Vec<Section> = Vec::new();
        for (index, line) in file.text.lines().enumerate().take_while(|(_, line)| line.starts_with("--")) {
            let line_text = line.trim_start_matches('-');
            if let Some((name, key, text)) = section(line_text) {
                head.push(Section { name, index: key, line: index + 1, text: text.to_owned() });
            } else if let Some(last) = head.last_mut() {
                last.text = format!("{} {}", last.text, line_text.trim());
            }
        }
        // What is the end of a script is of its code.
        let end = ENDS.iter().find(|(script, _)| *script == file.path).map(|(_, end)| read(end));
        let lines = file.text.lines().chain(end.as_deref().unwrap_or_default().lines());
        let code = lines.map(|line| without_comment(line).to_owned()).collect();
        Self { path: file.path.clone(), head, code }
    }

    /// What the head says under a name.
    pub(super) fn said(&self, name: &str) -> Option<&Section> {
        self.head.iter().find(|section| section.name == name)
    }

    pub(super) fn has(&self, part: &str) -> bool {
        self.code.iter().any(|line| line.contains(part))
    }

    /// The commands that it calls, itself or by a function of a part.
    pub(super) fn commands(&self, parts: &[Self]) -> BTreeSet<String> {
        let own = self.code.iter().flat_map(|line| commands_in(line));
        own.chain(self.brought(parts, commands_in)).collect()
    }

    /// What `find` finds in the functions of parts that it calls, and in those that these call.
    pub(super) fn brought(
        &self,
        parts: &[Self],
        find: impl Fn(&str) -> BTreeSet<String>,
    ) -> BTreeSet<String> {
        let functions: Vec<_> = parts.iter().flat_map(Self::functions).collect();
        let code = self.code.join("\n");
        let mut called: Vec<usize> = Vec::new();
        let mut texts = vec![code.as_str()];
        while let Some(text) = texts.pop() {
            for (index, (name, body)) in functions.iter().enumerate() {
                if !called.contains(&index) && calls(text, name) {
                    called.push(index);
                    texts.push(body);
                }
            }
        }
        called.into_iter().flat_map(|index| find(&functions[index].1)).collect()
    }

    /// The functions of a part, each with its code.
    pub(super) fn functions(&self) -> Vec<(String, String)> {
        let mut functions: Vec<(String, String)> = Vec::new();
        let mut inside = false;
        for line in &self.code {
            if let Some(rest) = line.strip_prefix("local function ").or(line.strip_prefix("function ")) {
                functions.push((rest.split('(').next().unwrap_or_default().to_owned(), String::new()));
                inside = true;
            }
            if let Some((_, body)) = functions.last_mut().filter(|_| inside) {
                body.push_str(line);
                body.push('\n');
            }
            inside &= line != "end";
        }
        functions
    }
}

/// The commands in `redis.call("...")` and `redis.pcall("...")`.
fn commands_in(text: &str) -> BTreeSet<String> {
    let calls = text.split("redis.call(\"").skip(1).chain(text.split("redis.pcall(\"").skip(1));
    calls.filter_map(|part| Some(part.split('"').next()?.to_owned())).collect()
}

/// Whether a text calls a function, other than where that is declared.
fn calls(text: &str, name: &str) -> bool {
    text.match_indices(&format!("{name}(")).any(|(at, _)| {
        let before = &text[..at];
        !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.')
            && !before.ends_with("function ")
    })
}

/// `KEYS[1]  hash, ...` as its name, index and text.
fn section(line: &str) -> Option<(&'static str, Option<u32>, &str)> {
    let line = line.strip_prefix(' ')?;
    let name = SECTIONS.into_iter().find(|name| line.starts_with(name))?;
    let rest = &line[name.len()..];
    let (index, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((index, rest)) => (index.parse().ok(), rest),
        None => (None, rest),
    };
    rest.starts_with("  ").then(|| (name, index, rest.trim()))
}

/// The line up to its comment, if it has one outside of a text.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        match letter {
            '"' if before != '\\' => quoted = !quoted,
            '-' if before == '-' && !quoted => return line[..at - 1].trim_end(),
            _ => {}
        }
        before = letter;
    }
    line.trim_end()
}

#[test]
fn a_script_is_read_as_head_and_code() {
    let text = "-- Adds.\n--\n-- KEYS[1]  hash, the state\n-- RETURNS  a number,\n--          or none\n\nlocal x = \"a--b\"  -- why\n\
                redis.call(\"HSET\", KEYS[1], x)";
    let script = Script::of(&File { path: "lua/x.lua".to_owned(), text: text.to_owned() });
    assert_eq!(script.said("RETURNS").map(|said| said.text.as_str()), Some("a number, or none"));
    assert_eq!(script.said("KEYS").map(|said| (said.index, said.line)), Some((Some(1), 3)));
    assert!(script.has("\"a--b\"") && !script.has("why"));
    assert_eq!(script.commands(&[]), ["HSET".to_owned()].into());
}
