-- Reads the books: what was granted, refused and waited for, by the minute or by the hour. Writes nothing.
--
-- KEYS[1]  hash, the namespace's books
-- ARGV[1]  msgpack array, flat:
--            kind        string   "m" for minutes, "h" for hours
--            first       integer  minute or hour since 1970 to begin with
--            count       integer  how many of them, 0..1000
--            limit       string   only this limit and what else it counts, "" for all
-- RETURNS  msgpack array, flat:
--            status      0 ok
--            complete    us up to which all minutes are in the books, 0 if that is not known yet
--            next        minute or hour to go on with: where a reply would be too long it has fewer of them
--            pages       each that is there: its minute or hour, count of limits, of each its name and its part, as it
--                        is stored
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   nothing
-- COST     HGET, and one for each page

local REPLY_BYTES = 262144  -- no page follows after so many

local args = cmsgpack.unpack(ARGV[1])
local kind, first, count, limit = args[1], args[2], args[3], args[4]

local span = redis.call("HGET", KEYS[1], "span")
local schema, complete, _ = SCHEMA, 0, nil
if span then schema, _, _, complete = cmsgpack.unpack(span) end
if schema ~= SCHEMA then return unknown_schema("span", schema) end

local reply, r, bytes, period = {OK, complete, 0}, 3, 0, first
while period < first + count and bytes < REPLY_BYTES do
  local field = string.format("%s:%d", kind, period)
  local page = redis.call("HGET", KEYS[1], field)
  if page then
    local version, parts = cmsgpack.unpack(page)
    if version ~= SCHEMA then return unknown_schema(field, version) end
    local count_at, limits = r + 2, 0
    reply[r + 1], r = period, count_at
    for p = 1, #parts, 2 do
      if limit == "" or parts[p] == limit or string.sub(parts[p], 1, #limit + 1) == limit .. "/" then
        reply[r + 1], reply[r + 2] = parts[p], parts[p + 1]
        r, limits, bytes = r + 2, limits + 1, bytes + #parts[p + 1]
      end
    end
    reply[count_at] = limits
  end
  period = period + 1
end
reply[3] = period
return pack(reply)
