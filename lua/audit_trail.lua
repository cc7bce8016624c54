-- The audit trail: what happened to a namespace, each thing told once. Joined in front of the scripts that tell of it
-- or read it.
--
-- It is three streams with ids of one row: what becomes of calls is told in one of its own, and each granted call of
-- whoever wants that in another one, so that however much that is, it takes nothing from what is told besides. An entry
-- has one field, its kind, and a record in it. Redis does not roll back, so the trail is opened, and what could make an
-- entry fail is seen, before anything is written; a server that is full refuses the first write and none after it, so
-- entries are written first. What tells nothing new is counted in the state, and told by the sweep in one entry for
-- all.

local ENTRIES_MOST = 10000             -- a new entry takes the place of the oldest
local CALLS_MOST = 50000               -- the same of what becomes of calls
local RECORDS_MOST = 50000             -- the same of granted calls
local ENTRIES_KEPT_US = 2592000000000  -- 30 days
local SEQUENCES = 1000000              -- ids in a millisecond: a thousand for each microsecond
local ID_DIGITS = 15                   -- of both numbers of an id: so long they are exact
local OF_CALLS = {episode = true, throttled = true}  -- the kinds that are told of calls
local UNTOLD_US = 60000000             -- 1 min, after which what was counted is told

-- Opens the stream under a key, to know the id given out last. Returns nil and an error where the key holds something
-- else.
local function open_stream(key)
  local stream = {key = key, length = 0, ms = 0, sequence = 0}
  if redis.call("EXISTS", key) == 0 then return stream end
  local info = redis.pcall("XINFO", "STREAM", key)
  if info.err then
    if string.sub(info.err, 1, 9) ~= "WRONGTYPE" then return nil, info end
    return nil, redis.error_reply("AUDIT the key '" .. key .. "' holds no stream; rename it or remove it")
  end
  for i = 1, #info, 2 do
    if info[i] == "length" then stream.length = info[i + 1] end
    if info[i] == "last-generated-id" then
      local ms, sequence = string.match(info[i + 1], "^(%d+)-(%d+)$")
      if #ms > ID_DIGITS or #sequence > ID_DIGITS then
        return nil, redis.error_reply("AUDIT the stream '" .. key .. "' has an id that is none of tollgate's; rename it or remove it")
      end
      stream.ms, stream.sequence = tonumber(ms), tonumber(sequence)
    end
  end
  return stream
end

-- Whether an id, two numbers, is above another one.
local function is_above(ms, sequence, other_ms, other_sequence)
  return ms > other_ms or (ms == other_ms and sequence > other_sequence)
end

-- Opens the trail, all of its streams. Returns nil and an error where one of the keys holds something else.
local function open_trail(key, calls_key, records_key)
  local trail = {key = key, calls_key = calls_key, records_key = records_key, ms = 0, sequence = 0, streams = {}}
  local keys = {key, calls_key, records_key}
  for k = 1, #keys do
    local stream, problem = open_stream(keys[k])
    if problem then return nil, problem end
    trail.streams[k] = stream
    if is_above(stream.ms, stream.sequence, trail.ms, trail.sequence) then
      trail.ms, trail.sequence = stream.ms, stream.sequence
    end
  end
  return trail
end

-- Adds an entry. Its id is the time, or where that is not above the last id, as after a loss of the state and a step of
-- the clock, the next one: ids always rise, from one stream to the other too.
local function tell(trail, now, kind, record)
  local ms = floor(now / 1000)
  local sequence = (now - 1000 * ms) * 1000
  if not is_above(ms, sequence, trail.ms, trail.sequence) then
    ms, sequence = trail.ms, trail.sequence + 1
    if sequence >= SEQUENCES then ms, sequence = ms + 1, 0 end
  end
  trail.ms, trail.sequence = ms, sequence
  local key, most = trail.key, ENTRIES_MOST
  if OF_CALLS[kind] then key, most = trail.calls_key, CALLS_MOST end
  if kind == "call" then key, most = trail.records_key, RECORDS_MOST end
  redis.call("XADD", key, "MAXLEN", "=", string.format("%d", most), string.format("%d-%d", ms, sequence), kind, record)
end

-- Tells the epochs that have begun and were not told yet, the newest of which comes first in the head. That has to be
-- written afterwards.
local function tell_epochs(trail, head, now)
  for b = head.begun and #head.begun - 1 or 0, 1, -2 do
    tell(trail, now, "epoch", pack(SCHEMA, now, head.begun[b], head.begun[b + 1]))
  end
  head.begun = nil
end

-- Removes the entries that are too old.
local function trim_trail(trail, now)
  local oldest = floor(max(0, now - ENTRIES_KEPT_US) / 1000)
  redis.call("XTRIM", trail.key, "MINID", "=", string.format("%d-0", oldest))
  redis.call("XTRIM", trail.calls_key, "MINID", "=", string.format("%d-0", oldest))
  redis.call("XTRIM", trail.records_key, "MINID", "=", string.format("%d-0", oldest))
end

-- The field in which it is counted what is not told yet of the bucket in a field.
local function untold_field(field)
  return "u:" .. string.sub(field, 3)
end

-- What is not told yet of a bucket: since when, refusals and lowerings that were no news, and the end of its last
-- pause. Returns nil and an error where that can't be read.
local function read_untold(record, field, now)
  if not record then return {since = now, refused = 0, lowered = 0, paused = 0} end
  local schema, since, refused, lowered, paused = cmsgpack.unpack(record)
  if schema ~= SCHEMA then return nil, unknown_schema(field, schema) end
  return {since = since, refused = refused, lowered = lowered, paused = paused}
end

local function pack_untold(untold)
  return pack(SCHEMA, untold.since, untold.refused, untold.lowered, untold.paused)
end
