//! A limit of the provider that the policy does not know, and how it could be written there.

use std::collections::BTreeSet;

use serde::Serialize;
use tollgate::Policy;

use super::effective::{Counted, EffectiveLimit};

/// Longest name of a limit.
const NAME_BYTES_MAX: usize = 64;

/// A limit that no limit of the policy names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Unknown {
    /// As the policy would name it in `names`.
    pub(super) name: String,
    /// What the provider allows.
    pub(super) provider: String,
    /// The limit in TOML. It only observes: which calls the provider counts its API does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) snippet: Option<String>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

#[derive(Serialize)]
struct Snippet<'a> {
    limit: [Written<'a>; 1],
}

#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    names: [&'a str; 1],
    per: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrent: Option<u64>,
    mode: &'a str,
}

impl Unknown {
    /// `taken` are the names of limits that there are; the one that this gets is added.
    pub(super) fn of(name: &str, limit: &EffectiveLimit, taken: &mut BTreeSet<String>) -> Self {
        let (snippet, reason) = match snippet(name, limit, taken) {
            Ok(snippet) => (Some(snippet), None),
            Err(reason) => (None, Some(reason)),
        };
        Self { name: name.to_owned(), provider: limit.said(), snippet, reason }
    }
}

fn snippet(name: &str, limit: &EffectiveLimit, taken: &mut BTreeSet<String>) -> Result<String, String> {
    let (quota, concurrent) = match limit.counted() {
        Counted::Window(window) => (Some(format!("{}/{window}", limit.amount()?)), None),
        Counted::AtOnce => (None, Some(limit.amount()?)),
        Counted::Other => return Err("its name does not tell that it counts calls".to_owned()),
    };
    let own = free_name(limit, taken);
    // A token belongs to a client.
    let of_client = ["client", "token"].iter().any(|word| limit.key.contains(word));
    let written = Written {
        name: &own,
        names: [name],
        per: [if of_client { "client" } else { "org" }],
        quota,
        concurrent,
        mode: "observe",
    };
    let text = toml::to_string(&Snippet { limit: [written] }).map_err(|error| error.to_string())?;
    if let Err(error) = Policy::from_toml(&format!("namespace = \"n\"\n{text}")) {
        return Err(format!("the policy can't hold it: {error}"));
    }
    taken.insert(own);
    Ok(text)
}

/// A name that no limit has.
fn free_name(limit: &EffectiveLimit, taken: &BTreeSet<String>) -> String {
    let key = limit.key.split(".rate.per.").next().unwrap_or_default();
    let letter = |letter: char| {
        let letter = letter.to_ascii_lowercase();
        if letter.is_ascii_alphanumeric() || "._".contains(letter) { letter } else { '-' }
    };
    let slug: String = format!("{}-{key}", limit.namespace).chars().map(letter).collect();
    let slug = slug.trim_start_matches(['.', '_', '-']);
    let slug = if slug.is_empty() { "limit" } else { slug };
    let mut numbered = (1_u32..).map(|number| {
        let end = if number == 1 { String::new() } else { format!("-{number}") };
        // A slug is ASCII.
        let kept = slug.len().min(NAME_BYTES_MAX - end.len());
        format!("{}{end}", &slug[..kept])
    });
    numbered.find(|name| !taken.contains(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::effective::tests::effective;
    use super::*;
    use serde_json::json;

    fn unknown(limit: &EffectiveLimit, taken: &[&str]) -> Unknown {
        let mut taken = taken.iter().map(|&name| name.to_owned()).collect();
        Unknown::of(&limit.catalogue_name(), limit, &mut taken)
    }

    #[test]
    fn a_snippet_can_be_put_into_a_policy_as_it_is() {
        let limit = effective("quality", "forms.rate.per.minute", 60);
        let snippet = unknown(&limit, &["quality-forms"]).snippet.expect("a snippet");
        let policy = Policy::from_toml(&format!("namespace = 'n'\n{snippet}")).expect("a policy");
        let limit = &policy.limits()[0];
        assert_eq!((limit.name(), limit.quota()), ("quality-forms-2", Some("60/1m")));
        assert_eq!(limit.names(), ["quality/forms.rate.per.minute"]);
        assert_eq!(limit.mode(), tollgate::Mode::Observe, "it has no `when` yet");
        let calls = effective("actions", "data.actions.in.flight", 50);
        assert!(unknown(&calls, &[]).snippet.is_some_and(|snippet| snippet.contains("concurrent = 50")));
        let token = effective("platform.api", "token.rate.per.minute", 300);
        assert!(unknown(&token, &[]).snippet.is_some_and(|snippet| snippet.contains("\"client\"")));
    }

    #[test]
    fn what_is_no_limit_on_calls_has_no_snippet() {
        for limit in [
            effective("platform.api", "request.bytes.max", 512_000),
            effective("quality", "forms.rate.per.minute", 0),
            effective("actions", "in.flight", 5_000),
            effective("quality", "forms.rate.per.minute", json!("many")),
        ] {
            let unknown = unknown(&limit, &[]);
            assert!(unknown.snippet.is_none() && unknown.reason.is_some(), "{unknown:?}");
        }
    }

    /// Whatever the provider names its limits.
    #[test]
    fn names_are_those_that_a_policy_takes() {
        for (namespace, key) in [("-", "-"), ("Ä", "\"'\\]"), (&"n".repeat(200), "k"), ("", "")] {
            let limit = effective(namespace, &format!("{key}.rate.per.minute"), 1);
            assert!(unknown(&limit, &[]).snippet.is_some(), "{limit:?}");
        }
    }
}
