-- Pages through the audit trail, from the oldest entry on or from the newest. Writes nothing.
--
-- KEYS[1]  stream, the namespace's audit trail
-- KEYS[2]  stream, what the audit trail tells of calls
-- ARGV[1]  msgpack array, flat:
--            first       string   id from which on, "-" for the oldest
--            last        string   id up to which, "+" for the newest
--            count       integer  most entries, 1..1000
--            newest      0|1      1: from the newest to the oldest
--            streams     0|1|2    0: both, 1: only the first, 2: only the second
-- RETURNS  msgpack array, flat:
--            status      0 ok
--            last        string   id given out last, "0-0" if none was
--            entries     each: id, kind, record
-- ERRORS   AUDIT   a key holds no audit trail
-- WRITES   nothing
-- COST     2 EXISTS; XINFO for each stream that is there; XRANGE or XREVRANGE for each that is asked for

local args = cmsgpack.unpack(ARGV[1])
local first, last, count, newest, streams = args[1], args[2], args[3], args[4] == 1, args[5]

local trail, problem = open_trail(KEYS[1], KEYS[2])
if problem then return problem end

local function read_stream(key, other)
  if streams == other then return {} end
  if newest then return redis.call("XREVRANGE", key, last, first, "COUNT", string.format("%d", count)) end
  return redis.call("XRANGE", key, first, last, "COUNT", string.format("%d", count))
end

local function numbers_of(entry)
  local ms, sequence = string.match(entry[1], "^(%d+)-(%d+)$")
  return tonumber(ms), tonumber(sequence)
end

-- Whether an entry comes before one of the other stream: no two have the same id.
local function is_first(entry, other)
  if not other then return true end
  local ms, sequence = numbers_of(entry)
  local other_ms, other_sequence = numbers_of(other)
  return is_above(ms, sequence, other_ms, other_sequence) == newest
end

local entries, of_calls = read_stream(KEYS[1], 2), read_stream(KEYS[2], 1)
local reply, e, c = {OK, string.format("%d-%d", trail.ms, trail.sequence)}, 1, 1
while e + c - 2 < count and (entries[e] or of_calls[c]) do
  local entry = entries[e]
  if entry and is_first(entry, of_calls[c]) then
    e = e + 1
  else
    entry, c = of_calls[c], c + 1
  end
  local r, id, fields = #reply, entry[1], entry[2]
  reply[r + 1], reply[r + 2], reply[r + 3] = id, fields[1], fields[2]
end
return pack(reply)
