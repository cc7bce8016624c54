-- Notes that API keys were used. A replica says so of each at most once a minute.
--
-- KEYS[1]  hash, the namespace's state
-- KEYS[2]  hash, the namespace's API keys
-- ARGV[1]  msgpack array, flat:
--            ids         each a string: the keys that were used, 1 to 1,000
-- RETURNS  msgpack array, flat:
--            status      0 ok
--            noted       integer  of how many: those that were revoked meanwhile are none
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   when each was last used (no TTL: until the key is revoked)
-- COST     HGET, TIME, HMGET; HSET if any of them is there

local ids = cmsgpack.unpack(ARGV[1])

local head, problem = read_head(redis.call("HGET", KEYS[1], "head"))
if problem then return problem end
local now = tell_time(head or {seen = 0, offset = 0})
local fields = {}
for i = 1, #ids do fields[2 * i - 1], fields[2 * i] = key_field(ids[i]), use_field(ids[i]) end
local records = redis.call("HMGET", KEYS[2], unpack(fields))

local writes, noted = {}, 0
for i = 1, #ids do
  if records[2 * i - 1] then
    local schema, used = SCHEMA, 0
    if records[2 * i] then schema, used = cmsgpack.unpack(records[2 * i]) end
    if schema ~= SCHEMA then return unknown_schema(fields[2 * i], schema) end
    writes[2 * noted + 1], writes[2 * noted + 2] = fields[2 * i], pack(SCHEMA, max(used, now))
    noted = noted + 1
  end
end
if noted > 0 then redis.call("HSET", KEYS[2], unpack(writes)) end
return pack({OK, noted})
