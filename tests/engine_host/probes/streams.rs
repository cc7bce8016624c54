//! The lines about streams: ids that are given, exact trimming, ranges from both ends.

pub(super) const STREAMS: &[&str] = &[
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a', 'b')",
    "return redis.call('xadd', KEYS[3], 'minid', '=', '0', '7', 'a', ARGV[1], '', '')",
    "redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a', 'b') \
     redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-2', 'a', 'c') \
     return {redis.call('XRANGE', KEYS[3], '-', '+'), redis.call('XREVRANGE', KEYS[3], '+', '-')}",
    "redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a', 'b') \
     return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a', 'b')",
    "redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '2-0', 'a', 'b') \
     return redis.pcall('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-9', 'a', 'b')",
    "redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '18446744073709551615-18446744073709551615', 'a', 'b') \
     return redis.pcall('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-9', 'a', 'b')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '0-0', 'a', 'b')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '0', 'a', 'b')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, 'x', 'a', 'b')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-x', 'a', 'b')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-', 'a', 'b')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1-1', 'a', 'b')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '+', 'a', 'b')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '18446744073709551616-0', 'a', 'b')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a', 'b', 'c')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5)",
    "return redis.call('XADD', KEYS[3], 'MAXLEN')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', -1, '1-1', 'a', 'b')",
    "return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 'x', '1-1', 'a', 'b')",
    "return redis.call('XADD', KEYS[3], 'MINID', '=', 'x', '1-1', 'a', 'b')",
    "return {redis.call('XADD', KEYS[3], 'MAXLEN', '=', 0, '1-1', 'a', 'b'), redis.call('EXISTS', KEYS[3])}",
    "for i = 1, 9 do redis.call('XADD', KEYS[3], 'MAXLEN', '=', 4, i .. '-0', 'n', i) end \
     return redis.call('XRANGE', KEYS[3], '-', '+')",
    "for i = 1, 9 do redis.call('XADD', KEYS[3], 'MINID', '=', '4-1', i .. '-0', 'n', i) end \
     return redis.call('XRANGE', KEYS[3], '-', '+')",
    "for i = 1, 9 do redis.call('XADD', KEYS[3], 'MAXLEN', '=', 99, i .. '-' .. i, 'n', i) end \
     return {redis.call('XTRIM', KEYS[3], 'MINID', '=', '3'), redis.call('XTRIM', KEYS[3], 'MAXLEN', '=', 5), \
     redis.call('XTRIM', KEYS[3], 'MAXLEN', '=', 5), redis.call('XTRIM', KEYS[3], 'MAXLEN', '=', 0)}",
    "return redis.call('XTRIM', KEYS[3], 'MAXLEN', '=', 5)",
    "for i = 1, 9 do redis.call('XADD', KEYS[3], 'MAXLEN', '=', 99, i .. '-1', 'n', i) end \
     return {redis.call('XRANGE', KEYS[3], '3', '5'), redis.call('XRANGE', KEYS[3], '(3-1', '(5-1'), \
     redis.call('XRANGE', KEYS[3], '(3', '(5'), redis.call('XRANGE', KEYS[3], '5', '3'), \
     redis.call('XREVRANGE', KEYS[3], '5', '3'), redis.call('XREVRANGE', KEYS[3], '(5-1', '(3-1', 'COUNT', 1), \
     redis.call('XRANGE', KEYS[3], '-', '+', 'count', 2), redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 0), \
     redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', -3), redis.call('XRANGE', KEYS[3], '+', '-')}",
    "return redis.call('XRANGE', KEYS[3], '-', '+')",
    "return redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 0)",
    "return redis.call('XRANGE', KEYS[3], '-')",
    "return redis.call('XRANGE', KEYS[3], 'x', '+')",
    "return redis.call('XRANGE', KEYS[3], '-', '(')",
    "return redis.call('XRANGE', KEYS[3], '(-', '+')",
    "return redis.call('XRANGE', KEYS[3], '(18446744073709551615', '+')",
    "return redis.call('XRANGE', KEYS[3], '(18446744073709551615-18446744073709551615', '+')",
    "return redis.call('XRANGE', KEYS[3], '-', '(0-0')",
    "return redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT')",
    "return redis.call('XRANGE', KEYS[3], '-', '+', 'NONSENSE', 1)",
    "return redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 'x')",
    "return redis.call('XREVRANGE', KEYS[3], '-', '+')",
    "return redis.call('XINFO', 'STREAM', KEYS[3])",
    "return redis.pcall('XINFO', 'STREAM', KEYS[3]).err",
    "redis.call('HSET', KEYS[3], 'a', 'b') return redis.pcall('XINFO', 'STREAM', KEYS[3]).err",
    "redis.call('XADD', KEYS[3], 'MAXLEN', '=', 1, '5-1', 'a', 'b') redis.call('XTRIM', KEYS[3], 'MAXLEN', '=', 0) \
     local info, told = redis.call('XINFO', 'STREAM', KEYS[3]), {} \
     for i = 1, #info, 2 do if info[i] == 'length' or info[i] == 'last-generated-id' then \
     told[#told + 1] = info[i + 1] end end return told",
    // Keys of one type, and commands of the other.
    "redis.call('HSET', KEYS[3], 'a', 'b') return redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a', 'b')",
    "redis.call('HSET', KEYS[3], 'a', 'b') return redis.call('XRANGE', KEYS[3], '-', '+')",
    "redis.call('HSET', KEYS[3], 'a', 'b') return redis.call('XTRIM', KEYS[3], 'MAXLEN', '=', 5)",
    "redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a', 'b') return redis.call('HGET', KEYS[3], 'a')",
    "redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a', 'b') return redis.call('HSET', KEYS[3], 'a', 'b')",
    "redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a', 'b') return redis.call('HSET', KEYS[3], 'a')",
    "redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a', 'b') return redis.call('HSCAN', KEYS[3], 'x')",
    "redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a', 'b') return redis.call('HSCAN', KEYS[3], '0', 'x')",
    "redis.call('XADD', KEYS[3], 'MAXLEN', '=', 5, '1-1', 'a', 'b') \
     return {redis.call('EXISTS', KEYS[3]), redis.call('DEL', KEYS[3]), redis.call('EXISTS', KEYS[3])}",
];
