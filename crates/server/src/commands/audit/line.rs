//! An entry of the audit trail as a line for people.

use std::time::Duration;

use serde_json::Value;

use super::super::length;
use super::super::plain::plain;
use super::super::replica_ids::ReplicaIds;

/// The line. Names come from outside: what would mean something to a terminal is escaped.
pub(super) fn of(entry: &Value, ids: &ReplicaIds) -> String {
    let text = |name: &str| plain(entry[name].as_str().unwrap_or_default());
    let number = |name: &str| entry[name].as_u64().unwrap_or_default();
    let bucket = || format!("{}:{}", text("limit"), text("key"));
    let (at, kind) = (text("at"), text("kind"));
    let what = match entry["kind"].as_str().unwrap_or_default() {
        "policy" => format!("version {} by {}{}", number("version"), text("author"), reason(entry)),
        "restored" => format!("version {} once by {}{}", number("version"), text("author"), reason(entry)),
        "learned" => format!("limit {} in version {}", text("limit"), number("version")),
        "epoch" => format!("{}: state was lost, or may have been; buckets began empty", number("epoch")),
        "pause" => {
            let status =
                entry["status"].as_u64().map(|status| format!(", status {status}")).unwrap_or_default();
            let (by, pace) = (text("by"), number("pace_percent"));
            format!("{} until {}, {by}{status}; at {pace} % then", bucket(), text("until"))
        }
        "hold" => format!("{} until {} by {}{}", bucket(), text("until"), text("author"), reason(entry)),
        "resume" => {
            format!("{} instead of {} by {}{}", bucket(), text("until"), text("author"), reason(entry))
        }
        "cut" => format!("{} from {} % to {} %", bucket(), number("from_percent"), number("to_percent")),
        "recovered" => {
            let why = if entry["forgotten"] == true { ", as nobody asked for it" } else { "" };
            format!("{} from {} % since {}{why}", bucket(), number("from_percent"), text("since"))
        }
        "lowered" => format!("{} from {} to {}", bucket(), number("held"), number("remaining")),
        "repeated" => {
            let (refused, lowered) = (number("refused"), number("lowered"));
            let lowered = times(lowered);
            format!("{} refused {refused} and lowered {lowered} more since {}", bucket(), text("since"))
        }
        "throttled" => {
            let status = entry["status"].as_u64().map(|status| format!(" {status}")).unwrap_or_default();
            let route =
                entry["route"].as_str().map(|route| format!(" for {}", plain(route))).unwrap_or_default();
            let wait = length::shown_ms(number("wait_ms"));
            let by = entry["author"].as_str().map(|author| format!(", told by {}", plain(author)));
            format!("{}{status}{route}, {}, wants {wait}{}", bucket(), text("by"), by.unwrap_or_default())
        }
        "episode" => {
            let (refused, waited) = (number("refused"), number("waited"));
            let longest = length::shown(Duration::from_micros(number("longest_wait_us")));
            let (end, last) = (if entry["ongoing"] == true { ", going on" } else { "" }, text("last"));
            let from = text("began");
            format!(
                "{} refused {refused}, {waited} waited, {longest} at the longest, {from} to {last}{end}",
                bucket()
            )
        }
        "call" => {
            let request = entry["request_id"].as_str().map(|id| format!(", request {}", plain(id)));
            let client = entry["client"].as_str().map(|client| format!(", client {}", plain(client)));
            let (calls, cost, priority) = (times(number("calls")), number("cost"), text("priority"));
            let (request, client) = (request.unwrap_or_default(), client.unwrap_or_default());
            format!("{} {calls}, cost {cost}, {priority}{client}{request}", text("route"))
        }
        "key" | "revoked" => {
            let end =
                entry["expires_at"].as_str().map(|end| format!(" until {}", plain(end))).unwrap_or_default();
            let (id, role, label) = (text("key_id"), text("role"), text("label"));
            format!("{id} of {label}, {role}{end}, by {}{}", text("author"), reason(entry))
        }
        _ => format!("{:?}", text("called")),
    };
    let org = entry["org"].as_str().map(|org| format!(" [org {}]", plain(org))).unwrap_or_default();
    let replica = entry["replica"].as_str().map(|replica| format!(" [replica {}]", ids.shown(replica)));
    format!("{at} {kind:<9} {what}{org}{}", replica.unwrap_or_default())
}

fn times(count: u64) -> String {
    format!("{count} {}", if count == 1 { "time" } else { "times" })
}

fn reason(entry: &Value) -> String {
    let reason = entry["reason"].as_str().filter(|reason| !reason.is_empty());
    reason.map(|reason| format!(": {}", plain(reason))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(entry: &Value) -> String {
        of(entry, &ReplicaIds::default())
    }

    #[test]
    fn a_line_says_what_happened_to_whom() {
        let entry = json!({"at": "T", "kind": "pause", "limit": "org", "key": "a", "by": "named", "until": "U",
            "wait_ms": 7000, "pace_percent": 91, "status": 429, "org": "a", "replica": "r"});
        let line = told(&entry);
        assert_eq!(line, "T pause     org:a until U, named, status 429; at 91 % then [org a] [replica r]");
    }

    #[test]
    fn what_became_of_calls_is_a_line() {
        let refusal = json!({"at": "T", "kind": "throttled", "limit": "org", "key": "a", "by": "named", "wait_ms": 7000,
            "status": 429, "news": true, "org": "a", "replica": "r", "route": "GET /\u{1b}", "author": "w (key 1)"});
        let line = told(&refusal);
        let expected =
            "T throttled org:a 429 for GET /\\u{1b}, named, wants 7 s, told by w (key 1) [org a] [replica r]";
        assert_eq!(line, expected);
        let mut episode = json!({"at": "T", "kind": "episode", "limit": "org", "measure": "tokens", "key": "a", "began": "B",
            "last": "L", "refused": 3, "waited": 2, "waited_us": 9, "longest_wait_us": 1_500_000, "ongoing": false});
        let expected = "T episode   org:a refused 3, 2 waited, 1.5 s at the longest, B to L";
        assert_eq!(told(&episode), expected);
        episode["ongoing"] = json!(true);
        assert_eq!(told(&episode), format!("{expected}, going on"));
    }

    #[test]
    fn a_granted_call_is_a_line() {
        let mut call = json!({"at": "T", "kind": "call", "org": "a", "route": "GET /\u{1b}", "cost": 2, "priority": "batch", "calls": 3,
            "buckets": [], "replica": "r"});
        assert_eq!(told(&call), "T call      GET /\\u{1b} 3 times, cost 2, batch [org a] [replica r]");
        (call["client"], call["request_id"]) = (json!("c"), json!("\n"));
        let expected =
            "T call      GET /\\u{1b} 3 times, cost 2, batch, client c, request \\n [org a] [replica r]";
        assert_eq!(told(&call), expected);
    }

    #[test]
    fn what_was_there_once_is_told_so() {
        let call = json!({"at": "T", "kind": "call", "org": "a", "route": "GET /", "cost": 2, "priority": "batch", "calls": 1,
            "buckets": []});
        assert_eq!(told(&call), "T call      GET / 1 time, cost 2, batch [org a]");
        let repeated = json!({"at": "T", "kind": "repeated", "limit": "org", "key": "a", "since": "S", "refused": 3, "lowered": 1});
        assert_eq!(told(&repeated), "T repeated  org:a refused 3 and lowered 1 time more since S");
    }

    #[test]
    fn names_do_nothing_to_a_terminal() {
        let entry =
            json!({"at": "T", "kind": "policy", "version": 1, "author": "\u{1b}[31m\n", "reason": "\u{9b}x"});
        let line = told(&entry);
        assert!(!line.contains(char::is_control) && line.contains("\\u{1b}[31m\\n"), "{line}");
    }
}
