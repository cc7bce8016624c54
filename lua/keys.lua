-- Reads the API keys of a namespace, unless the caller knows them.
--
-- KEYS[1]  hash, the namespace's state
-- KEYS[2]  hash, the namespace's API keys
-- ARGV[1]  msgpack array, flat:
--            known       string   mark of the keys that the caller knows, "-" for none
-- RETURNS  msgpack array, flat:
--            status      0 ok
--            now         us, the namespace's time
--            tag         string   mark of the keys, "" where there never was one, "lost" where the store has lost them
--            keys        each, where that is another mark: id, digest, role, label, author, us when it was made, us
--                        from which on it is good for nothing or 0, us when it was last used or 0
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   index, which names none, if the caller knows keys and there is no index (no TTL)
-- COST     HGET for the head and the index, TIME; HMGET if the caller does not know them; HSET if the store has lost
--          them

local GONE = "lost"

local known = cmsgpack.unpack(ARGV[1])[1]

local head, problem = read_head(redis.call("HGET", KEYS[1], "head"))
if problem then return problem end
local now = tell_time(head or {seen = 0, offset = 0})
local index
index, problem = read_index(redis.call("HGET", KEYS[2], "index"))
if problem then return problem end
-- Whoever knows keys where there is no index says that there were some. A replica that starts now then asks for one,
-- and lets nobody make a first key unasked.
if index.tag == "" and known ~= "-" then
  index.tag = GONE
  redis.call("HSET", KEYS[2], "index", pack(SCHEMA, GONE, index.ids))
end
local reply = {OK, now, index.tag}
if index.tag == known or #index.ids == 0 then return pack(reply) end

local fields = {}
for i = 1, #index.ids do
  fields[2 * i - 1], fields[2 * i] = key_field(index.ids[i]), use_field(index.ids[i])
end
local records = redis.call("HMGET", KEYS[2], unpack(fields))
for i = 1, #index.ids do
  local schema, digest, role, label, author, made, expires = cmsgpack.unpack(records[2 * i - 1] or "")
  if schema ~= SCHEMA then return unknown_schema(fields[2 * i - 1], schema) end
  local used = 0
  if records[2 * i] then
    schema, used = cmsgpack.unpack(records[2 * i])
    if schema ~= SCHEMA then return unknown_schema(fields[2 * i], schema) end
  end
  local r = #reply
  reply[r + 1], reply[r + 2], reply[r + 3], reply[r + 4] = index.ids[i], digest, role, label
  reply[r + 5], reply[r + 6], reply[r + 7], reply[r + 8] = author, made, expires or 0, used
end
return pack(reply)
