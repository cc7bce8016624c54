//! A hash beside a plain map: any steps, the same content.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::*;

/// Something done to a hash.
#[derive(Debug, Clone)]
enum Step {
    Set(u16, u8),
    Remove(u16),
}

fn step(fields: u16) -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..fields, any::<u8>()).prop_map(|(field, value)| Step::Set(field, value)),
        (0..fields).prop_map(Step::Remove),
    ]
}

fn name(field: u16) -> Vec<u8> {
    format!("field {field}").into_bytes()
}

fn filled(fields: impl Iterator<Item = u16>) -> Hash {
    let mut hash = Hash::new();
    for field in fields {
        hash.set(&name(field), b"old");
    }
    hash
}

fn is_compact(hash: &Hash) -> bool {
    matches!(hash.fields, Fields::Compact(_))
}

proptest! {
    /// Compared with a plain map, small, large, and on the way from one to the other.
    #[test]
    fn a_hash_is_a_map(steps in vec(step(700), 0..2_000), fill in 0..700_u16) {
        let mut hash = filled(0..fill);
        let mut model: BTreeMap<Vec<u8>, Vec<u8>> = (0..fill).map(|field| (name(field), b"old".to_vec())).collect();
        for step in steps {
            match step {
                Step::Set(field, value) => {
                    let is_new = model.insert(name(field), vec![value]).is_none();
                    prop_assert_eq!(hash.set(&name(field), &[value]), is_new);
                }
                Step::Remove(field) => {
                    prop_assert_eq!(hash.remove(&name(field)), model.remove(&name(field)).is_some());
                }
            }
            prop_assert_eq!(hash.len(), model.len());
        }
        let pairs: BTreeMap<Vec<u8>, Vec<u8>> =
            hash.pairs().map(|pair| (pair.field.to_vec(), pair.value.to_vec())).collect();
        prop_assert_eq!(pairs, model);
    }

    /// Redis's promise: what is there from the start of a scan to its end is returned, whatever comes and goes
    /// meanwhile. Even fields stay, odd ones churn between the pages.
    #[test]
    fn a_full_scan_returns_all_that_stays(
        count in 1..200_usize,
        churn in vec(vec(step(1_000), 0..40), 1..50),
    ) {
        let mut hash = filled((0..1_500).map(|field| field * 2));
        let mut churn = churn.into_iter().cycle();
        let mut seen = BTreeSet::new();
        let mut cursor = 0;
        let mut pages = 0;
        loop {
            let (next, page) = hash.page(cursor, count);
            seen.extend(page.iter().map(|pair| pair.field.to_vec()));
            pages += 1;
            if next == 0 {
                break;
            }
            prop_assert!(next > cursor, "a scan that does not move on may never end");
            cursor = next;
            for step in churn.next().into_iter().flatten() {
                match step {
                    Step::Set(field, value) => drop(hash.set(&name(field * 2 + 1), &[value])),
                    Step::Remove(field) => drop(hash.remove(&name(field * 2 + 1))),
                }
            }
        }
        // 1,500 that stay, at most 1,000 that come.
        prop_assert!(pages <= 2_500 / count + 2, "{} pages of {}", pages, count);
        for field in (0..1_500).map(|field| field * 2) {
            prop_assert!(seen.contains(&name(field)), "{} is missing", field);
        }
    }
}

#[test]
fn a_small_hash_comes_whole_and_in_the_order_of_insertion() {
    let hash = filled([5, 3, 9].into_iter());
    let (next, page) = hash.page(77, 1);
    let fields: Vec<_> = page.iter().map(|pair| pair.field.to_vec()).collect();
    assert_eq!((next, fields), (0, vec![name(5), name(3), name(9)]));
}

#[test]
fn one_field_too_many_or_too_long_makes_a_table_for_good() {
    let mut hash = filled(0..512);
    assert!(is_compact(&hash));
    hash.set(b"one more", b"");
    hash.remove(b"one more");
    assert!(!is_compact(&hash));

    for (field, value) in [(vec![b'x'; 65], vec![]), (vec![], vec![b'x'; 65])] {
        let mut hash = filled(0..3);
        hash.set(&[b'x'; 64], &[b'x'; 64]);
        assert!(is_compact(&hash));
        hash.set(&field, &value);
        assert!(!is_compact(&hash));
    }
}

/// Fields that share a place would be lost or doubled if a page ended between them.
#[test]
fn fields_that_share_a_place_come_in_one_page() {
    let pair = |field: &[u8]| Pair { place: 7, field: field.into(), value: [].into() };
    let mut places = BTreeMap::from([(7, vec![pair(b"a"), pair(b"b")])]);
    places.insert(9, vec![Pair { place: 9, ..pair(b"c") }]);
    let hash = Hash { fields: Fields::Table { places, len: 3 } };
    let (next, page) = hash.page(0, 1);
    assert_eq!((next, page.len()), (9, 2));
    let (next, page) = hash.page(9, 1);
    assert_eq!((next, page.len()), (0, 1));
}

/// Space for pairs, used or not: what a hash that lost most of its fields must give back.
fn allocated_pairs(hash: &Hash) -> usize {
    match &hash.fields {
        Fields::Compact(pairs) => pairs.capacity(),
        Fields::Table { places, .. } => places.values().map(Vec::capacity).sum(),
    }
}

#[test]
fn a_million_fields_come_and_go_and_leave_nothing() {
    let mut hash = Hash::new();
    let field = |number: u32| number.to_be_bytes();
    for number in 0..1_000_000 {
        hash.set(&field(number), b"value");
    }
    assert!(allocated_pairs(&hash) < 1_001_000, "a pair needs the space of one");
    for number in 10..1_000_000 {
        assert!(hash.remove(&field(number)));
    }
    assert_eq!((hash.len(), allocated_pairs(&hash)), (10, 10));
}
