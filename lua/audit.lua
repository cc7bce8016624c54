-- Pages through the audit trail, from the oldest entry on or from the newest. Writes nothing.
--
-- KEYS[1]  stream, the namespace's audit trail
-- KEYS[2]  stream, what the audit trail tells of calls
-- KEYS[3]  stream, the granted calls that the audit trail tells one by one
-- ARGV[1]  msgpack array, flat:
--            first       string   id from which on, "-" for the oldest
--            last        string   id up to which, "+" for the newest
--            count       integer  most entries, 1..1000
--            newest      0|1      1: from the newest to the oldest
--            only        0..3     of which of the streams, 0: of all
-- RETURNS  msgpack array, flat:
--            status      0 ok
--            last        string   id given out last, "0-0" if none was
--            gap         string   id up to which entries from `first` on may have been trimmed, of the streams that are
--                                 asked for; "0-0" if none can have been, and where the newest come first or `first` is
--                                 "-"
--            entries     each: id, kind, record
-- ERRORS   AUDIT   a key holds no audit trail
-- WRITES   nothing
-- COST     3 EXISTS; XINFO for each stream that is there; XRANGE or XREVRANGE for each that is asked for, from an id on
--          2 XRANGE; TIME

local args = cmsgpack.unpack(ARGV[1])
local first, last, count, newest, only = args[1], args[2], args[3], args[4] == 1, args[5]

local trail, problem = open_trail(KEYS[1], KEYS[2], KEYS[3])
if problem then return problem end

local function read_stream(key, number)
  if only > 0 and only ~= number then return {} end
  if newest then return redis.call("XREVRANGE", key, last, first, "COUNT", string.format("%d", count)) end
  return redis.call("XRANGE", key, first, last, "COUNT", string.format("%d", count))
end

local function numbers_of(entry)
  local ms, sequence = string.match(entry[1], "^(%d+)-(%d+)$")
  return tonumber(ms), tonumber(sequence)
end

-- Whether an entry comes before one of another stream: no two have the same id.
local function is_first(entry, other)
  local ms, sequence = numbers_of(entry)
  local other_ms, other_sequence = numbers_of(other)
  return is_above(ms, sequence, other_ms, other_sequence) == newest
end

-- The id up to which entries of a stream from `first` on may have been trimmed; nil if none can have been. The oldest
-- goes first, so none was where one before `first` is left. Where none is, as many as the stream holds must have come
-- since, or `first` be older than entries are kept, or nothing be left at all.
local function find_gap(stream, most, kept_ms)
  local ms, sequence = numbers_of({first})
  if is_above(ms, sequence, stream.ms, stream.sequence) then return nil end
  local oldest = redis.call("XRANGE", stream.key, "-", "+", "COUNT", "1")[1]
  if not oldest then return stream.ms, stream.sequence + 1 end
  local oldest_ms, oldest_sequence = numbers_of(oldest)
  if not is_above(oldest_ms, oldest_sequence, ms, sequence) then return nil end
  if stream.length < most and ms >= kept_ms then return nil end
  return oldest_ms, oldest_sequence
end

-- The same of all streams that are asked for: the highest.
local function find_gaps()
  local gap_ms, gap_sequence = 0, 0
  if newest or first == "-" then return gap_ms, gap_sequence end
  local clock = redis.call("TIME")
  local now_ms = 1000 * tonumber(clock[1]) + floor(tonumber(clock[2]) / 1000)
  local kept_ms = max(now_ms, trail.ms) - ENTRIES_KEPT_US / 1000
  local most = {ENTRIES_MOST, CALLS_MOST, RECORDS_MOST}
  for s = 1, #trail.streams do
    if only == 0 or only == s then
      local ms, sequence = find_gap(trail.streams[s], most[s], kept_ms)
      if ms and is_above(ms, sequence, gap_ms, gap_sequence) then gap_ms, gap_sequence = ms, sequence end
    end
  end
  return gap_ms, gap_sequence
end

local streams = {read_stream(KEYS[1], 1), read_stream(KEYS[2], 2), read_stream(KEYS[3], 3)}
local places = {1, 1, 1}

-- The entry that comes next, of all that were read; nil behind the last one.
local function take_next()
  local entry, from
  for s = 1, #streams do
    local own = streams[s][places[s]]
    if own and (not entry or is_first(own, entry)) then entry, from = own, s end
  end
  if entry then places[from] = places[from] + 1 end
  return entry
end

local reply = {OK, string.format("%d-%d", trail.ms, trail.sequence), string.format("%d-%d", find_gaps())}
for _ = 1, count do
  local entry, r = take_next(), #reply
  if not entry then break end
  local id, fields = entry[1], entry[2]
  reply[r + 1], reply[r + 2], reply[r + 3] = id, fields[1], fields[2]
end
return pack(reply)
