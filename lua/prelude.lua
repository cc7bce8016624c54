-- What all scripts share, joined in front of each at build time: the head of a namespace, its time, remembered answers.
-- Words, records and units stand in README.md beside this file.

local SCHEMA = 1                      -- first value of every stored record
local CREDITS_MAX = 4503599627370496  -- 2^52: a debt plus a cost is still an exact integer in a double
local FIELDS_MOST = 4000              -- that one command is given: the stack holds 8,000 values
local FLOW_US = 60000000               -- 1 min: a flow that has not come for so long begins anew
local CLOCK_HOLD_US = 1000000         -- a step back of up to 1 s is waited out, a longer one is added to the time
local BEGUN_MOST = 8                  -- epochs kept in the head until they are told
local MINUTE_US = 60000000            -- what was granted is counted by the minute
local SETTLE_WITHIN_US = 600000000    -- 10 min, in which permits that have a name may be settled; swept after twice that

-- Found faster as locals.
local pack, read, floor, ceil, min, max = cmsgpack.pack, cmsgpack.unpack, math.floor, math.ceil, math.min, math.max

local OK, LOST, STALE, SUPERSEDED, CONFLICT = 0, 1, 2, 3, 4  -- first value of every reply

-- The text of an error that a client can act on; its first word is the code.
local function unknown_schema(field, schema)
  return redis.error_reply("SCHEMA the record '" .. field .. "' has a schema that this version of tollgate does not know"
    .. (type(schema) == "number" and string.format(": %d", schema) or ""))
end

-- Reads the head of a namespace. Returns nil where there is none, and nil with an error where it can't be read.
local function read_head(blob)
  if not blob then return nil end
  local schema, fence, server, epoch, since, seen, offset, ruled, begun, eased = cmsgpack.unpack(blob)
  if schema ~= SCHEMA then return nil, unknown_schema("head", schema) end
  return {fence = fence, server = server, epoch = epoch, since = since, seen = seen, offset = offset, ruled = ruled,
    begun = begun or nil, eased = eased, changed = false}
end

local function pack_head(head, now)
  if head.eased then
    return pack(SCHEMA, head.fence, head.server, head.epoch, head.since, now, head.offset, head.ruled, head.begun or false, head.eased)
  elseif head.begun then
    return pack(SCHEMA, head.fence, head.server, head.epoch, head.since, now, head.offset, head.ruled, head.begun)
  end
  return pack(SCHEMA, head.fence, head.server, head.epoch, head.since, now, head.offset, head.ruled)
end

-- The namespace's time in microseconds, and the minute of it in head.minute. It never goes back: where the server's
-- clock steps back a little, time stands still until the clock has caught up; where it steps back far, the step is kept
-- as an offset, so that nobody waits an hour for a clock that was once an hour ahead.
local function tell_time(head)
  local clock = redis.call("TIME")
  local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2]) + head.offset
  if head.seen - now > CLOCK_HOLD_US then
    head.offset = head.offset + head.seen - now
    head.changed = true
  end
  now = max(now, head.seen)
  head.minute = floor(now / MINUTE_US)
  return now
end

-- Begins a new epoch, in which every bucket starts empty. Its number is the time: counted, it could be one that was
-- there before, in a state that was lost since, and what was granted then is no business of this one. The head keeps
-- that it has begun until that is told in the audit trail, which is not at hand where calls are granted.
local function begin_epoch(head, server, now)
  head.server, head.epoch, head.since, head.changed = server, max(head.epoch + 1, now), now, true
  local kept = {head.epoch, server}
  for b = 1, head.begun and min(#head.begun, 2 * BEGUN_MOST - 2) or 0 do kept[b + 2] = head.begun[b] end
  head.begun = kept
end

-- Another server process answers than the one that wrote the state: it may have come up from an older copy, so what was
-- spent is no longer known.
local function enter_epoch(head, server, now)
  if head.server ~= server then begin_epoch(head, server, now) end
end

-- An answer kept from an earlier try of the same batch, or word that a later batch has taken its place. A batch that
-- was lost on its way and arrives after its repetition is caught by this too.
local function recall(blob, field, number)
  if not blob then return nil end
  local schema, answered, _, reply = cmsgpack.unpack(blob)
  if schema ~= SCHEMA then return unknown_schema(field, schema) end
  if answered == number then return reply end
  if answered > number then return pack({SUPERSEDED}) end
  return nil
end

local function pack_answer(number, now, reply)
  return pack(SCHEMA, number, now, reply)
end
