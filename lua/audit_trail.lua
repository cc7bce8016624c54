-- The audit trail: what happened to a namespace, each thing told once. Joined in front of the scripts that tell of it or read it.
--
-- It is a stream. An entry has one field, its kind, and a record in it. Redis does not roll back, so the trail is opened, and what could
-- make an entry fail is seen, before anything is written; a server that is full refuses the first write and none after it, so entries
-- are written first. What tells nothing new is counted in the state, and told by the sweep in one entry for all.

local ENTRIES_MOST = 10000             -- a new entry takes the place of the oldest
local ENTRIES_KEPT_US = 2592000000000  -- 30 days
local SEQUENCES = 1000000              -- ids in a millisecond: a thousand for each microsecond
local ID_DIGITS = 15                   -- of both numbers of an id: so long they are exact
local UNTOLD_US = 60000000             -- 1 min, after which what was counted is told

-- Opens the trail under a key, to know the id given out last. Returns nil and an error where the key holds something else.
local function open_trail(key)
  local trail = {key = key, ms = 0, sequence = 0}
  if redis.call("EXISTS", key) == 0 then return trail end
  local info = redis.pcall("XINFO", "STREAM", key)
  if info.err then
    if string.sub(info.err, 1, 9) ~= "WRONGTYPE" then return nil, info end
    return nil, redis.error_reply("AUDIT the key '" .. key .. "' holds no stream; rename it or remove it")
  end
  for i = 1, #info, 2 do
    if info[i] == "last-generated-id" then
      local ms, sequence = string.match(info[i + 1], "^(%d+)-(%d+)$")
      if #ms > ID_DIGITS or #sequence > ID_DIGITS then
        return nil, redis.error_reply("AUDIT the stream '" .. key .. "' has an id that is none of tollgate's; rename it or remove it")
      end
      trail.ms, trail.sequence = tonumber(ms), tonumber(sequence)
    end
  end
  return trail
end

-- Adds an entry. Its id is the time, or where that is not above the last id, as after a loss of the state and a step of the clock,
-- the next one: ids always rise.
local function tell(trail, now, kind, record)
  local ms = floor(now / 1000)
  local sequence = (now - 1000 * ms) * 1000
  if ms < trail.ms or (ms == trail.ms and sequence <= trail.sequence) then
    ms, sequence = trail.ms, trail.sequence + 1
    if sequence >= SEQUENCES then ms, sequence = ms + 1, 0 end
  end
  trail.ms, trail.sequence = ms, sequence
  redis.call("XADD", trail.key, "MAXLEN", "=", string.format("%d", ENTRIES_MOST), string.format("%d-%d", ms, sequence), kind, record)
end

-- Tells the epochs that have begun and were not told yet, the newest of which comes first in the head. That has to be written
-- afterwards.
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
end

-- The field in which it is counted what is not told yet of the bucket in a field.
local function untold_field(field)
  return "u:" .. string.sub(field, 3)
end

-- What is not told yet of a bucket: since when, refusals and lowerings that were no news, and the end of its last pause. Returns nil and
-- an error where that can't be read.
local function read_untold(record, field, now)
  if not record then return {since = now, refused = 0, lowered = 0, paused = 0} end
  local schema, since, refused, lowered, paused = cmsgpack.unpack(record)
  if schema ~= SCHEMA then return nil, unknown_schema(field, schema) end
  return {since = since, refused = refused, lowered = lowered, paused = paused}
end

local function pack_untold(untold)
  return pack(SCHEMA, untold.since, untold.refused, untold.lowered, untold.paused)
end
