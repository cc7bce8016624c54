//! Only the store speaks Redis.

use super::tree::{File, assert_tidy, files};

/// The files of the library that may name the client's crates.
const ALLOWED: [&str; 3] = [
    "crates/client/src/store/redis.rs",
    "crates/client/src/store/redis/visit.rs",
    "crates/client/src/store/address.rs",
];

fn named(file: &File) -> Vec<String> {
    let lines = file.text.lines().enumerate();
    let code = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    let named = code.filter(|(_, line)| names_redis(line));
    named.map(|(index, _)| complaint(&file.path, index + 1)).collect()
}

fn complaint(path: &str, line: usize) -> String {
    format!("{path}:{line}: names the redis crate; put it into store/redis.rs, behind the store's own types")
}

/// Whether a line names the crates; a module of our own by that name has a path in front.
fn names_redis(line: &str) -> bool {
    let of_a_crate = |(at, _): (usize, &str)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
    };
    line.contains("deadpool_redis")
        || line.match_indices("redis::").any(of_a_crate)
        || line.trim_start().trim_start_matches("pub ").starts_with("use redis;")
        || line.trim_start().trim_start_matches("pub ").starts_with("use redis as ")
}

#[test]
fn only_the_store_speaks_redis() {
    let files = files("crates/client/src", &[".rs"]);
    assert!(ALLOWED.iter().all(|path| files.iter().any(|file| file.path == *path)), "{ALLOWED:?} has moved");
    assert_tidy(files.iter().filter(|file| !ALLOWED.contains(&file.path.as_str())).flat_map(named));
}

#[test]
fn this_rule_has_teeth() {
    for line in
        ["use redis::Value;", "let v = redis::cmd(\"PING\");", "use redis;", "    x: deadpool_redis::Pool,"]
    {
        assert!(names_redis(line), "{line}");
    }
    for line in ["use self::redis::RedisStore;", "mod redis;", "\"redis://host\""] {
        assert!(!names_redis(line), "{line}");
    }
}
