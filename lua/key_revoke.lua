-- Revokes an API key: it is gone, and its secret is good for nothing any more.
--
-- KEYS[1]  hash, the namespace's state
-- KEYS[2]  hash, the namespace's API keys
-- KEYS[3]  stream, the namespace's audit trail
-- KEYS[4]  stream, what the audit trail tells of calls
-- KEYS[5]  stream, the granted calls that the audit trail tells one by one
-- ARGV[1]  msgpack array, flat:
--            id          string   of the key
--            tag         string   the mark of the keys from now on, which no other state of them has
--            author      string   who revokes it
--            reason      string   what for
--            replica     string   who was told
-- RETURNS  msgpack array, flat:
--            status      0 ok
--            revoked     0|1      0: there is no such key
-- ERRORS   SCHEMA  a stored record is of an unknown version
--          AUDIT   the key of the audit trail holds something else
-- WRITES   if it revokes: index, which stays when it names none; removes the key and when it was last used; tells
--          revoked
-- COST     HGET for the head and the index, TIME; if it revokes HGET, 3 EXISTS, 3 XINFO, XADD, HSET, HDEL

local args = cmsgpack.unpack(ARGV[1])
local id, tag, author, reason, replica = args[1], args[2], args[3], args[4], args[5]

local head, problem = read_head(redis.call("HGET", KEYS[1], "head"))
if problem then return problem end
local now = tell_time(head or {seen = 0, offset = 0})
local index
index, problem = read_index(redis.call("HGET", KEYS[2], "index"))
if problem then return problem end
local place = place_of(index, id)
if not place then return pack({OK, 0}) end
local schema, _, role, label = cmsgpack.unpack(redis.call("HGET", KEYS[2], key_field(id)) or "")
if schema ~= SCHEMA then return unknown_schema(key_field(id), schema) end

local trail
trail, problem = open_trail(KEYS[3], KEYS[4], KEYS[5])
if problem then return problem end
tell(trail, now, "revoked", pack(SCHEMA, now, id, role, label, author, reason, replica))
table.remove(index.ids, place)
redis.call("HSET", KEYS[2], "index", pack(SCHEMA, tag, index.ids))
redis.call("HDEL", KEYS[2], key_field(id), use_field(id))
return pack({OK, 1})
