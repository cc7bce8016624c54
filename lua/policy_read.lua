-- Reads a policy, the one in force or an older version. Writes nothing.
--
-- KEYS[1]  hash, the namespace's policies
-- ARGV[1]  msgpack array, flat:
--            version     integer  0: the one in force
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such policy
--            version     integer
--            fence       string
--            at          us, the namespace's time when it was written
--            author      string
--            reason      string
--            document    string   canonical JSON
--            seal        string   secret that seals permit ids
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   nothing
-- COST     HMGET, HGET

local version = cmsgpack.unpack(ARGV[1])[1]

local stored = redis.call("HMGET", KEYS[1], "current", "seal")
if not stored[1] then return cmsgpack.pack({LOST}) end
local schema, current = cmsgpack.unpack(stored[1])
if schema ~= SCHEMA then return unknown_schema("current", schema) end
if version == 0 then version = current end

local field = string.format("v:%d", version)
local record = redis.call("HGET", KEYS[1], field)
if not record then return cmsgpack.pack({LOST}) end
local fence, at, author, reason, document
schema, fence, at, author, reason, document = cmsgpack.unpack(record)
if schema ~= SCHEMA then return unknown_schema(field, schema) end
return cmsgpack.pack({OK, version, fence, at, author, reason, document, stored[2]})
