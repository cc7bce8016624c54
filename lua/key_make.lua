-- Makes an API key, unless there are as many as there may be.
--
-- KEYS[1]  hash, the namespace's state
-- KEYS[2]  hash, the namespace's API keys
-- KEYS[3]  stream, the namespace's audit trail
-- KEYS[4]  stream, what the audit trail tells of calls
-- KEYS[5]  stream, the granted calls that the audit trail tells one by one
-- ARGV[1]  msgpack array, flat:
--            id          string   of the key
--            digest      string   by which its secret is known again
--            role        string   what it is for
--            label       string   whose it is
--            expires     us, the namespace's time from which on it is good for nothing, 0 for never
--            tag         string   the mark of the keys from now on, which no other state of them has
--            author      string   who makes it
--            reason      string   what for
--            replica     string   who was told
-- RETURNS  msgpack array, flat:
--            status      0 ok
--            outcome     0 made, also if it was by an earlier try | 1 there are as many as may be | 2 another one has
--                        the id | 3 the first one has to be an admin's | 4 its end is past
--            now         us, the namespace's time
-- ERRORS   SCHEMA  a stored record is of an unknown version
--          AUDIT   the key of the audit trail holds something else
-- WRITES   if it is made: index, the key (no TTL: until it is revoked); tells key
-- COST     HGET for the head and the index, TIME; HGET if the id is taken; if it is made 3 EXISTS, 3 XINFO, XADD, HSET

local KEYS_MOST = 1000
local MADE, TOO_MANY, TAKEN, NO_ADMIN, PAST = 0, 1, 2, 3, 4

local args = cmsgpack.unpack(ARGV[1])
local id, digest, role, label, expires, tag = args[1], args[2], args[3], args[4], args[5], args[6]
local author, reason, replica = args[7], args[8], args[9]

-- Keys may be there before the namespace has a policy.
local head, problem = read_head(redis.call("HGET", KEYS[1], "head"))
if problem then return problem end
local now = tell_time(head or {seen = 0, offset = 0})
local index
index, problem = read_index(redis.call("HGET", KEYS[2], "index"))
if problem then return problem end

if place_of(index, id) then
  local schema, known = cmsgpack.unpack(redis.call("HGET", KEYS[2], key_field(id)) or "")
  if schema ~= SCHEMA then return unknown_schema(key_field(id), schema) end
  return pack({OK, known == digest and MADE or TAKEN, now})
end
if #index.ids >= KEYS_MOST then return pack({OK, TOO_MANY, now}) end
if #index.ids == 0 and role ~= "admin" then return pack({OK, NO_ADMIN, now}) end
if expires > 0 and expires <= now then return pack({OK, PAST, now}) end

local trail
trail, problem = open_trail(KEYS[3], KEYS[4], KEYS[5])
if problem then return problem end
tell(trail, now, "key", pack(SCHEMA, now, id, role, label, expires, author, reason, replica))
index.ids[#index.ids + 1] = id
local record = pack(SCHEMA, digest, role, label, author, now)
if expires > 0 then record = pack(SCHEMA, digest, role, label, author, now, expires) end
redis.call("HSET", KEYS[2], "index", pack(SCHEMA, tag, index.ids), key_field(id), record)
return pack({OK, MADE, now})
