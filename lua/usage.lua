-- Reads the books: what was granted, refused and waited for, by the minute or by the hour. Writes nothing.
--
-- KEYS[1]  hash, the namespace's books
-- ARGV[1]  msgpack array, flat:
--            kind        string   "m" for minutes, "h" for hours
--            first       integer  minute or hour since 1970 to begin with
--            count       integer  how many of them, 1..1000
-- RETURNS  msgpack array, flat:
--            status      0 ok
--            complete    us up to which all minutes are in the books, 0 if that is not known yet
--            pages       each that is there: its minute or hour, count of limits, of each its name and its part, as it is stored
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   nothing
-- COST     HGET, HMGET

local args = cmsgpack.unpack(ARGV[1])
local kind, first, count = args[1], args[2], args[3]

local span = redis.call("HGET", KEYS[1], "span")
local schema, complete, _ = SCHEMA, 0, nil
if span then schema, _, _, complete = cmsgpack.unpack(span) end
if schema ~= SCHEMA then return unknown_schema("span", schema) end

local fields = {}
for f = 1, count do fields[f] = string.format("%s:%d", kind, first + f - 1) end
local pages = redis.call("HMGET", KEYS[1], unpack(fields))
local reply = {OK, complete}
for p = 1, count do
  if pages[p] then
    local r, version, parts = #reply, cmsgpack.unpack(pages[p])
    if version ~= SCHEMA then return unknown_schema(fields[p], version) end
    reply[r + 1], reply[r + 2] = first + p - 1, #parts / 2
    for v = 1, #parts do reply[r + 2 + v] = parts[v] end
  end
end
return pack(reply)
