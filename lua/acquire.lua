-- Grants the calls of a batch: each call is charged to every bucket on its path, or to none. Where there is room for
-- all of them that is all; in_turn.lua goes on where there is not.
--
-- KEYS[1]  hash, the namespace's state
-- KEYS[2]  stream, the namespace's audit trail; this and the next two only where calls are to be told one by one
-- KEYS[3]  stream, what the audit trail tells of calls
-- KEYS[4]  stream, the granted calls that the audit trail tells one by one
-- ARGV[1]  msgpack array, flat:
--            answer      string   field under which this batch's answer is remembered
--            number      integer  of the batch, rising for each answer field, 1..2^53-1
--            repeated    0|1      1: sent before, its answer never came
--            fence       string   policy the batch was compiled from
--            server      string   run id of the server process on the connection
--            entries     string   msgpack array, flat, needed only where there is not room for all:
--              count, then each: index of its permit (0: it has none), calls (0..), path length, then of each bucket
--              on the path: its index, what a call costs there (tokens, 1..)
--            askers      string   msgpack array, flat, needed only where calls wait:
--              flows       count, then each: name
--              entries     each: index of the flow, patience (us that the calls would wait, 0: not at all), path
--                          length, the flow's weight (1..2^20) at each bucket, number of tickets brought, place on the
--                          path (1..), period and tag of each
--            permits     count, then each: field
--            limits      count, then each: counter field, most buckets it may have
--            terms       count, then each: refill (credits per us; 0: calls in flight are counted), credit (credits per
--                        token), capacity (credits, at most 2^52), enforced 0|1, index of the limit, lease (us; of
--                        calls in flight)
--            buckets     count, then each: field, index of its terms
--            costs       count, then of each bucket: tokens that all calls of the batch cost there together
--            calls       count, then of each bucket: how many they are; none where each costs one token wherever it
--                        passes
--            reports     count, then of each bucket that callers were told something of since the last batch: its
--                        field, calls refused, calls granted that had waited, for how long together, and the longest
--                        (us)
--            records     only with KEYS[2]: count, then of calls that are to be told once they are granted: the number
--                        of their entry (1..), how many they are, and what their record has behind the number of calls;
--                        the first calls of an entry first
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace | 2 the policy is another one | 3 a later batch took this one's
--                        place
--            now         us, the namespace's time    (this and the rest only with status 0)
--            epoch       integer
--            all         0|1      1: all calls of all entries were granted when the batch was sent first, nothing
--                                 follows but the buckets
--            entries     each: calls granted, wait (us until one more would pass, or looks again where it waits for
--                        others to be over; 0 if all were granted), by (index of the bucket that binds, 0 if none,
--                        negative if it is its limit's number of buckets that binds), over (calls granted that an
--                        observed limit would have refused, or would have when the charge of their name was made)
--            buckets     each: debt (credits not yet earned back, or calls in flight; of one that is paused or slow as
--                        if its whole wait were owed)
--            leases      count, then each: index of its entry, place on the path, id of its first call's lease, how
--                        many of its calls have one: their ids follow each other
--            tickets     each: index of its entry, place on the path, period, tag; by entry, place and tag. To be
--                        brought when the calls come back, or with fewer calls to be given up
-- ERRORS   SCHEMA  a stored record is of an unknown version
--          AUDIT   a key holds no audit trail
-- WRITES   only if something was granted, somebody has come to wait or waits no more, the epoch or the clock moved, or
--          the batch is a repeated one: head, answer (swept 10 min later), buckets that were charged or are waited at
--          (swept when full again), their counters, permits (20 min), flows (1 min), tallies of what was reported
--          (swept after a minute) and episodes (until the sweep tells that they are over); in the audit trail what was
--          granted of the calls that are to be told
-- COST     TIME, HMGET; HGET if a bucket has other terms than its record; HMGET if a bucket is new; HMGET if somebody
--          waits; HMGET if something is reported; 3 EXISTS, 3 XINFO and an XADD for each record if calls are told; HSET
--          if anything is written

local args = cmsgpack.unpack(ARGV[1])
local answer_field, number, repeated, fence, server = args[1], args[2], args[3] == 1, args[4], args[5]
local packed_entries, packed_askers, permit_count = args[6], args[7], args[8]

-- Read everything at once: the head, the remembered answer, the buckets, the permits that were named.
local fields = {"head", answer_field}
local buckets, limits, costs_at = bind_buckets(args, 9 + permit_count, fields)
local permits_at = #buckets + 2
local calls_at = costs_at + #buckets + 1
local reports_at = calls_at + args[calls_at] + 1
if args[calls_at] == 0 then calls_at = costs_at end
for p = 1, permit_count do fields[permits_at + p] = args[8 + p] end
local stored = redis.call("HMGET", KEYS[1], unpack(fields))

local answer = recall(stored[2], answer_field, number)
if answer then return answer end
local head, problem = read_head(stored[1])
if problem then return problem end
if not head then return pack({LOST}) end
if head.fence ~= fence then return pack({STALE, head.fence}) end
local now = tell_time(head)
enter_epoch(head, server, now)

local any_new, any_queue
problem, any_new, any_queue = read_buckets(buckets, stored, 2, head, now)
if problem then return problem end
if any_new then
  local counters = {}
  for l = 1, #limits do counters[l] = limits[l].counter end
  local counts = redis.call("HMGET", KEYS[1], unpack(counters))
  for l = 1, #limits do limits[l].buckets = tonumber(counts[l] or 0) end
end

-- The bucket is to be written: it has been charged, or is waited at.
local function keep(bucket)
  bucket.kept = true
  if bucket.new then
    local limit = bucket.terms.limit
    limit.buckets, limit.grown, bucket.new = limit.buckets + 1, true, false
  end
end

-- Writes what the batch has changed, the answer with it; `writes` has fields and records of what is not a bucket.
local function write_all(writes, reply)
  local w = #writes
  for b = 1, #buckets do
    local bucket = buckets[b]
    if bucket.kept then
      writes[w + 1], writes[w + 2] = bucket.field, pack_bucket(head, now, bucket)
      w = w + 2
      if bucket.past then w = put_past(writes, w, bucket) end
    end
  end
  for l = 1, #limits do
    if limits[l].grown then
      writes[w + 1], writes[w + 2] = limits[l].counter, string.format("%d", limits[l].buckets)
      w = w + 2
    end
  end
  writes[w + 1], writes[w + 2] = "head", pack_head(head, now)
  writes[w + 3], writes[w + 4] = answer_field, pack_answer(number, now, reply)
  w = w + 4
  for f = 1, w, FIELDS_MOST do
    redis.call("HSET", KEYS[1], unpack(writes, f, min(w, f + FIELDS_MOST - 1)))
  end
end

-- What each bucket owes after all calls of the batch: who comes first does not matter where there is room for all of
-- them, and nothing is to be known of one of them alone. Else returns nil. A batch that is sent again may ask for fewer
-- calls than the first time: it is told of each entry how many were granted.
local function debts_after_all()
  if repeated then return nil end
  if permit_count > 0 or any_queue or args[reports_at] > 0 or KEYS[2] then return nil end
  local debts = {}
  for b = 1, #buckets do
    local bucket = buckets[b]
    local terms = bucket.terms
    local debt = bucket.debt + args[costs_at + b] * terms.credit
    if bucket.leases or debt > terms.capacity then return nil end
    if bucket.new and terms.limit.buckets + #buckets > terms.limit.most then return nil end
    debts[b] = debt
  end
  return debts
end

local debts = debts_after_all()
if debts then
  local reply, any_charged = {OK, now, head.epoch, 1}, false
  for b = 1, #buckets do
    local bucket, cost = buckets[b], args[costs_at + b]
    if cost > 0 then
      bucket.debt, any_charged = debts[b], true
      if calls_at == costs_at then bucket.calls = bucket.calls + cost else count(bucket, args[calls_at + b], cost) end
      if bucket.pace then bucket.pace.used = bucket.pace.used + cost end
      keep(bucket)
    end
    reply[b + 4] = (bucket.paused or bucket.pace) and told_debt(bucket, now) or bucket.debt
  end
  reply = pack(reply)
  if any_charged or head.changed then write_all({}, reply) end
  return reply
end
