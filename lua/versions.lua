-- Lists the versions of a policy that are kept, from the newest back, without their documents. Writes nothing.
--
-- KEYS[1]  hash, the namespace's policies
-- ARGV[1]  msgpack array, flat:
--            most        integer  most versions, 1..100
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace
--            versions    each: version, fence, us of the namespace's time when it was written, author, reason
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   nothing
-- COST     HGET, HMGET: reads the documents of all of them

local most = cmsgpack.unpack(ARGV[1])[1]

local stored = redis.call("HGET", KEYS[1], "current")
if not stored then return pack({LOST}) end
local schema, newest = cmsgpack.unpack(stored)
if schema ~= SCHEMA then return unknown_schema("current", schema) end

local fields = {}
for version = newest, max(1, newest - most + 1), -1 do fields[#fields + 1] = string.format("v:%d", version) end
local records = redis.call("HMGET", KEYS[1], unpack(fields))
local reply = {OK}
for f = 1, #fields do
  if records[f] then
    local known, fence, at, author, reason = cmsgpack.unpack(records[f])
    if known ~= SCHEMA then return unknown_schema(fields[f], known) end
    local r = #reply
    reply[r + 1], reply[r + 2], reply[r + 3], reply[r + 4], reply[r + 5] = newest - f + 1, fence, at, author, reason
  end
end
return pack(reply)
