-- Removes what is no longer needed: buckets at which nothing is owed or in flight, old answers, permits and flows, old entries of
-- the audit trail. Tells there what was counted in the state, and the epochs that have begun. Does a bounded part of a pass a call
-- and remembers where it stands, so that the work of a fleet is one pass, however many replicas call.
--
-- KEYS[1]  hash, the namespace's state
-- KEYS[2]  stream, the namespace's audit trail
-- ARGV[1]  msgpack array, flat:
--            looked      integer  about how many fields to look at, 1..1000
--            fence       string   policy that the limits are of
--            limits      count, then each: counter field, and the terms of its slowest bucket: refill (credits per us; 0:
--                        calls in flight are counted), credit (credits per token)
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace | 2 the policy is another one
--            looked      fields looked at, 0 if nothing was due
--            removed     fields removed
--            wait        us until the next call finds work
--            now         us, the namespace's time
-- ERRORS   SCHEMA  a stored record is of an unknown version
--          AUDIT   the key of the audit trail holds something else
-- WRITES   head, sweep, counters, buckets of which it is told that they have recovered; removes fields; tells
--          repeated, recovered, epoch, and removes old entries
-- COST     HMGET, TIME; when due HSCAN, HDEL and HSET; HMGET if a bucket is removed; EXISTS, XINFO, XTRIM at the end of a pass and if
--          something is told, and XADD for each

local ANSWER_US = 600000000  -- 10 min, longer than any batch is repeated
local PERMIT_US = 1200000000 -- 10 min, in which a name may be asked for again, and 10 more, in which that is settled
local PASS_GAP_US = 10000000 -- between two passes
local CALL_GAP_US = 100000   -- within a pass that finds little to remove
local RICH = 4               -- at least one field in so many removed: go on at once
local NO_FIELD = ""          -- a name that no field has

local args = cmsgpack.unpack(ARGV[1])
local looked_most, fence = args[1], args[2]
local slowest = {}
for l = 1, args[3] do slowest[args[3 * l + 1]] = {refill = args[3 * l + 2], credit = args[3 * l + 3], capacity = 0} end

local stored = redis.call("HMGET", KEYS[1], "head", "sweep")
local head, problem = read_head(stored[1])
if problem then return problem end
if not head then return cmsgpack.pack({LOST}) end
if head.fence ~= fence then return cmsgpack.pack({STALE, head.fence}) end
local now = tell_time(head)

local schema, cursor, due = SCHEMA, "0", now
if stored[2] then schema, cursor, due = cmsgpack.unpack(stored[2]) end
if schema ~= SCHEMA then return unknown_schema("sweep", schema) end
if due > now then return cmsgpack.pack({OK, 0, 0, due - now, now}) end

-- Whether nobody waits in a queue any more.
local function deserted(queue)
  for ends = 6, queue and #queue or 0, 3 do
    if queue[ends] >= now then return false end
  end
  return true
end

-- Whether a bucket of this epoch owes nothing more. A record from before the last change of the policy may have been paid
-- off more slowly since than its own terms say. Which terms its key has now is not known here, so it is counted by the
-- slowest of its limit: what is paid off at those is paid off at any. Where the limit is gone, nobody asks for the bucket.
local function paid_off(bucket, counter)
  if bucket.refill == 0 then
    -- While its last id is not in the past the next bucket of its name might give it out again.
    local held = read_leases(bucket.leases, now)
    return #held.ids == 0 and held.last < now
  end
  if bucket.at <= head.ruled and slowest[counter] then
    local slow = {field = bucket.field, terms = slowest[counter]}
    read_bucket(slow, bucket.record, head, now)
    return slow.debt == 0
  end
  return pay_off(bucket.debt, bucket.refill, now - bucket.at) == 0
end

-- Whether nothing is lost with the record of a bucket.
local function is_spent(bucket, counter)
  if is_held_back(bucket.at, bucket.pace, now) then return false end
  return bucket.epoch ~= head.epoch or (paid_off(bucket, counter) and deserted(bucket.queue))
end

-- What there is to tell of a bucket that goes at all of its rate again after a cut, or whose slower pace is forgotten with its
-- record; nil if there is nothing. And its record, once that is told.
local function recovery_of(bucket, is_forgotten)
  local pace = bucket.pace and read_pace(bucket.pace)
  if not pace or pace.cut_to == 0 or not (is_forgotten or pace.share == SHARE_FULL) then return nil end
  local recovery = pack(SCHEMA, now, bucket.field, pace.cut_at, pace.cut_to, pace.share == SHARE_FULL and 0 or 1)
  pace.cut_to = 0
  return recovery, pack(SCHEMA, bucket.epoch, bucket.debt, bucket.at, bucket.refill, bucket.credit, bucket.queue, bucket.leases,
    pack_pace(pace))
end

local page = redis.call("HSCAN", KEYS[1], cursor, "COUNT", string.format("%d", looked_most))
local found = page[2]
local looked = #found / 2
-- Of what is told the kind and the record, of what is written the field and the record.
local removed, shrunk, told, writes = {}, {}, {}, {}
for f = 1, #found, 2 do
  local field, record = found[f], found[f + 1]
  local kind = string.sub(field, 1, 2)
  local spent = false
  if kind == "b:" then
    local version, epoch, debt, at, refill, credit, queue, leases, pace = cmsgpack.unpack(record)
    if version ~= SCHEMA then return unknown_schema(field, version) end
    local bucket = {field = field, record = record, epoch = epoch, debt = debt, at = at, refill = refill, credit = credit,
      queue = queue, leases = leases, pace = pace}
    local counter = "n:" .. string.match(field, "^b:([^:]*)")
    spent = is_spent(bucket, counter)
    local recovery, afterwards = recovery_of(bucket, spent)
    if recovery then
      local t, w = #told, #writes
      told[t + 1], told[t + 2] = "recovered", recovery
      if not spent then writes[w + 1], writes[w + 2] = field, afterwards end
    end
    if spent then
      if not shrunk[counter] then shrunk[#shrunk + 1] = counter end
      shrunk[counter] = (shrunk[counter] or 0) + 1
    end
  elseif kind == "a:" then
    local version, _, at = cmsgpack.unpack(record)
    if version ~= SCHEMA then return unknown_schema(field, version) end
    spent = now - at > ANSWER_US
  elseif kind == "f:" then
    local version, _, _, at = cmsgpack.unpack(record)
    if version ~= SCHEMA then return unknown_schema(field, version) end
    spent = now - at > FLOW_US
  elseif kind == "p:" then
    local version, at = cmsgpack.unpack(record)
    if version ~= SCHEMA then return unknown_schema(field, version) end
    spent = now - at > PERMIT_US
  elseif kind == "u:" then
    local untold
    untold, problem = read_untold(record, field, now)
    if problem then return problem end
    spent = now - untold.since >= UNTOLD_US
    if spent then
      local t, bucket = #told, "b:" .. string.sub(field, 3)
      told[t + 1] = "repeated"
      told[t + 2] = pack(SCHEMA, now, bucket, untold.since, untold.refused, untold.lowered, untold.paused)
    end
  end
  if spent then removed[#removed + 1] = field end
end

local trail
if #told > 0 or head.begun or page[1] == "0" then
  trail, problem = open_trail(KEYS[2])
  if problem then return problem end
end

local wait = CALL_GAP_US
if page[1] == "0" then
  wait = PASS_GAP_US
elseif #removed * RICH >= looked then
  wait = 0
end
if #shrunk > 0 then
  local counts = redis.call("HMGET", KEYS[1], unpack(shrunk))
  for c = 1, #shrunk do
    local left = max(0, (tonumber(counts[c] or 0) or 0) - shrunk[shrunk[c]])
    if left == 0 then
      removed[#removed + 1] = shrunk[c]
    else
      writes[#writes + 1] = shrunk[c]
      writes[#writes + 1] = string.format("%d", left)
    end
  end
end

-- First of all, and also where there is nothing to remove but a field that never is: a full server does not refuse that, and after
-- it refuses no write of this script.
local gone = #removed
removed[gone + 1] = NO_FIELD
for r = 1, #removed, FIELDS_MOST do
  redis.call("HDEL", KEYS[1], unpack(removed, r, min(#removed, r + FIELDS_MOST - 1)))
end
if trail then
  trim_trail(trail, now)
  tell_epochs(trail, head, now)
  for t = 1, #told, 2 do tell(trail, now, told[t], told[t + 1]) end
end
redis.call("HSET", KEYS[1], "head", pack_head(head, now), "sweep", pack(SCHEMA, page[1], now + wait), unpack(writes))
return cmsgpack.pack({OK, looked, gone, wait, now})
