//! Costs by page size: a call for more items counts more.

use form_urlencoded::parse;

/// One unit for each `per` items, or part of them, that a query parameter asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageCost {
    pub(crate) query: String,
    pub(crate) per: u64,
}

/// A call never counts more than this. A page of more items than any provider has is an odd query, not a number to
/// count with.
const COST_MAX: u64 = 1_000_000;

impl PageCost {
    /// What a call with this query counts: one where the parameter is missing or is no number.
    pub(crate) fn of(&self, query: &str) -> u64 {
        let asked = parse(query.as_bytes()).find(|(name, _)| *name == self.query);
        let items = asked.and_then(|(_, value)| value.parse::<u64>().ok()).unwrap_or(0);
        items.div_ceil(self.per).clamp(1, COST_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_costs_by_its_size_and_odd_queries_cost_one() {
        let cost = PageCost { query: "pageSize".into(), per: 25 };
        let rows = [
            ("pageSize=25", 1),
            ("pageSize=26", 2),
            ("a=b&pageSize=500&pageNumber=2", 20),
            ("page%53ize=100", 4),
            ("pageSize=18446744073709551615", COST_MAX),
            ("pageSize=18446744073709551616", 1),
            ("pageSize=-5", 1),
            ("pageSize=%ff%fe", 1),
            ("pageSize", 1),
            ("&&==&%", 1),
            ("", 1),
        ];
        for (query, units) in rows {
            assert_eq!(cost.of(query), units, "{query:?}");
        }
    }
}
