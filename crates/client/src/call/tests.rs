//! What a call takes, and what it says about what it can't take.

use super::*;
use proptest::prelude::*;

fn fault(call: &Call) -> String {
    call.fault().expect_err("the call has a fault").to_string()
}

#[test]
fn a_call_in_the_callers_words_has_no_fault() {
    let call = Call::new("get", "/api/v2/users?pageSize=25#top")
        .org("acme")
        .client("app-1")
        .token("secret")
        .provider("genesys-cloud")
        .attribute("region", "eu")
        .attribute("region", "us")
        .cost(3)
        .priority(Priority::Batch)
        .request_id("job-17");
    assert_eq!(call.get_request_id(), Some("job-17"));
    assert_eq!(call.clone().without_request_id().get_request_id(), None);
    assert_eq!(call.fault(), Ok(()));
    assert_eq!((call.method(), call.path()), ("GET", "/api/v2/users"));
    assert_eq!(call.named_attribute("region"), Some("us"), "the later value replaces the earlier one");
    assert_eq!((call.cost, call.priority), (3, Priority::Batch));
}

#[test]
fn each_verb_names_its_method() {
    let calls = [Call::get("/"), Call::post("/"), Call::put("/"), Call::patch("/"), Call::delete("/")];
    assert_eq!(calls.each_ref().map(Call::method), ["GET", "POST", "PUT", "PATCH", "DELETE"]);
}

/// The secret must not be found in anything that is printed or stored.
#[test]
fn a_token_is_kept_as_its_fingerprint_only() {
    let call = Call::get("/").token("abc");
    assert_eq!(call.token.as_deref(), Some("ba7816bf8f01cfea"));
    let spoilt = Call::get("/").token("hunter2\n");
    assert!(!format!("{spoilt:?} {}", fault(&spoilt)).contains("hunter2"), "{spoilt:?}");
}

#[test]
fn a_bad_value_is_named_with_what_would_be_right() {
    let long = "x".repeat(257);
    #[rustfmt::skip]
    let rows = [
        (Call::get("/").org(""), "org is empty"),
        (Call::get("/").client(&long), "client is 257 bytes long: it takes at most 256"),
        (Call::get("/").provider("a\tb"), "provider has a control character at byte 1"),
        (Call::get("/").token(""), "token is empty"),
        (Call::get("/").token("t".repeat(8_193)), "token is 8193 bytes long: it takes at most 8192"),
        (Call::get("/").token("t\r\n"), "token has a control character at byte 1"),
        (Call::get("/").attribute("region", ""), "attributes.region is empty"),
        (Call::get("/").attribute("region", "a\0"), "attributes.region has a control character at byte 1"),
        (Call::get("/").attribute("", "eu"), "attribute name is empty"),
        (Call::get("/").attribute("two words", "eu"), "attribute name \"two words\" is not"),
        (Call::get("/").attribute(&long, "eu"), "attribute name is 257 bytes long: it takes at most 64"),
        (Call::get("/").cost(0), "cost is 0: a call costs at least 1"),
        (Call::get(""), "path is empty"),
        (Call::get("https://api.example/users"), "does not start with '/'"),
        (Call::get(format!("/{}", "x".repeat(2_048))), "path is 2049 bytes long: it takes at most 2048"),
        (Call::get("/a\nb"), "path has a control character at byte 2"),
        (Call::new("", "/"), "method is empty"),
        (Call::new("GET /", "/"), "method \"GET /\" is not an HTTP token"),
    ];
    for (call, said) in rows {
        assert!(fault(&call).contains(said), "expected {said:?} in {:?}", fault(&call));
    }
}

#[test]
fn the_first_of_several_faults_is_reported() {
    assert_eq!(Call::get("/").cost(0).org("").fault(), Err(CallError::CostZero));
}

#[test]
fn values_at_their_bounds_are_taken() {
    let long = "x".repeat(256);
    let mut call =
        Call::get(format!("/{}?{}", "x".repeat(2_047), "q".repeat(9_000))).org(&long).cost(u32::MAX);
    for number in 0..16 {
        call = call.attribute(format!("a{number}"), &long);
    }
    assert_eq!(call.fault(), Ok(()));
    let call = call.attribute("one-more", "x");
    assert_eq!(call.fault(), Err(CallError::TooManyAttributes { attributes_max: 16 }));
}

#[test]
fn a_route_written_differently_is_the_same_route() {
    let rows = [
        ("/api/v2/users", "/api/v2/users"),
        ("/api/v2/users/", "/api/v2/users"),
        ("//api///v2/users//", "/api/v2/users"),
        ("/api/./v2/x/../users/.", "/api/v2/users"),
        ("/api/v2/%75sers", "/api/v2/users"),
        ("/api/v2/%2e%2E/v2/users", "/api/v2/users"),
        ("\\api\\v2\\users", "/api/v2/users"),
        ("/api/v2/users?next=/other", "/api/v2/users"),
        ("/api/v2/users#/other", "/api/v2/users"),
        ("/../../etc", "/etc"),
        ("/", "/"),
        ("/.", "/"),
        ("/a%2fb", "/a%2Fb"),
        ("/a%5cb", "/a%5Cb"),
        ("/a%0Ab", "/a%0Ab"),
        ("/100%", "/100%25"),
        ("/%2541", "/%2541"),
        ("/%%341", "/%2541"),
        ("/caf%C3%A9", "/café"),
        ("/%ff", "/\u{fffd}"),
        ("/a%2", "/a%252"),
        ("/a%3fb%23", "/a%3Fb%23"),
    ];
    for (written, normal) in rows {
        assert_eq!(normalised(written), normal, "of {written:?}");
    }
}

proptest! {
    #[test]
    fn the_normal_form_is_clean(path in "[/.%\\\\2eEfF5cé?a-]{0,40}|\\PC{0,40}") {
        let normal = normalised(&path);
        prop_assert!(normal.starts_with('/'), "{normal:?}");
        let clean = |segment: &str| !matches!(segment, "" | "." | "..");
        prop_assert!(normal == "/" || normal[1..].split('/').all(clean), "{normal:?}");
    }

    #[test]
    fn the_normal_form_of_a_normal_form_is_itself(path in "[/.%\\\\?#2-5eEfFcé]{0,40}") {
        let normal = normalised(&path);
        prop_assert_eq!(normalised(&normal), normal);
    }

    #[test]
    fn no_text_makes_a_call_panic(text in ".{0,300}", other in any::<String>()) {
        let call = Call::new(&text, &other).org(&other).token(&text).attribute(&text, &other);
        let _ = call.fault();
    }
}
