//! Whose turn a call takes, and by which weight.

use crate::{Call, Policy, Priority};

const POLICY: &str = r#"
    namespace = "n"
    priority = { normal = 10 }
    [[limit]]
    name = "client"
    per  = ["client"]
    rate = "1/s"
    weight."acme" = 5
    [[limit]]
    name = "org"
    per  = ["org"]
    rate = "1/s"
    weight."acme" = 3
    weight."bolt" = 2
    [[limit]]
    name = "platform"
    per  = []
    rate = "1/s"
"#;

fn path(org: &str, priority: Priority) -> (String, Vec<u32>) {
    let policy = Policy::from_toml(POLICY).unwrap();
    let path = policy.path(&Call::get("/").org(org).client("app").priority(priority)).unwrap();
    (path.flow().to_owned(), path.weights().to_vec())
}

#[test]
fn a_limit_without_a_weight_goes_by_that_of_the_limit_per_org() {
    assert_eq!(path("acme", Priority::Batch), ("batch:acme".to_owned(), vec![5, 3, 3]));
    assert_eq!(path("bolt", Priority::Batch), ("batch:bolt".to_owned(), vec![2, 2, 2]));
    assert_eq!(path("core", Priority::Batch), ("batch:core".to_owned(), vec![1, 1, 1]));
}

#[test]
fn the_weight_of_the_priority_multiplies_that_of_the_organisation() {
    assert_eq!(path("bolt", Priority::Normal), ("normal:bolt".to_owned(), vec![20, 20, 20]));
    assert_eq!(path("bolt", Priority::Interactive), ("interactive:bolt".to_owned(), vec![256, 256, 256]));
}
