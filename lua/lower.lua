-- Takes up what the provider has said is left of a quota: lowers buckets that would let more pass, and raises none. One
-- of which nothing more may pass for a time is paused.
--
-- KEYS[1]  hash, the namespace's state
-- KEYS[2]  stream, the namespace's audit trail
-- KEYS[3]  stream, what the audit trail tells of calls
-- KEYS[4]  stream, the granted calls that the audit trail tells one by one
-- ARGV[1]  msgpack array, flat:
--            fence       string   policy that the buckets were compiled from
--            server      string   run id of the server process on the connection
--            epoch       integer  in which the call was granted that the provider has answered
--            granted_at  us       when it was granted
--            org         string   whose call it was, "" if that is not known
--            replica     string   who tells it
--            limits, terms, buckets  as in acquire.lua
--            quotas      count, then each: index of the bucket that stands for it, owed (credits that this owed after
--                        that grant), remaining (tokens), resets (us until the provider grants the whole quota again, 0
--                        if it has not said). Of several of one bucket the one counts by which it owes most
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace | 2 the policy is another one
--            lowered     how many buckets were lowered
-- ERRORS   SCHEMA  a stored record is of an unknown version
--          AUDIT   the key of the audit trail holds something else
-- WRITES   only if a bucket was lowered: head, the buckets (swept when nothing is owed and they are paused no more),
--          their counters, tallies of those that are paused by it (swept after a minute); told is that it was
--          (lowered), or counted (untold, until the sweep tells it) where it was within the last minute
-- COST     TIME, HMGET; HGET if a bucket has other terms than its record; HGET for each bucket that has no record and
--          is to owe more; if a bucket was lowered HSET, HGET for each that is paused by it, and where that is told and
--          not counted 3 EXISTS, 3 XINFO, XADD for each

local RESETS_MOST_US = 86400000000  -- 1 day: what is said of a time further away says too little of today

local args = cmsgpack.unpack(ARGV[1])
local fence, server, epoch, granted_at, org, replica = args[1], args[2], args[3], args[4], args[5], args[6]
local fields = {"head"}
local buckets, _, quotas_at = bind_buckets(args, 7, fields)
for b = 1, #buckets do fields[#buckets + b + 1] = untold_field(buckets[b].field) end
local stored = redis.call("HMGET", KEYS[1], unpack(fields))

local head, now = open_namespace(buckets, stored, fence, server)
if not head then return now end

-- Whether the answer is news of a bucket. One that the provider has refused calls of is lowered by that. One that was
-- lowered since that call was granted owes more for another reason than calls.
local function is_news(bucket)
  local pace = bucket.pace
  if bucket.leases or bucket.paused or epoch ~= head.epoch or granted_at <= head.ruled then return false end
  return not pace or (pace.share == SHARE_FULL and granted_at > pace.lowered_at)
end

-- What is left for calls that are yet to be granted, in credits. What was granted since that call is not known to the
-- provider yet: it is at most what the debt has grown by, and what was earned.
local function left_of(bucket, owed, remaining)
  local terms = bucket.terms
  local on_their_way = max(0, bucket.debt - owed + (now - granted_at) * terms.refill)
  return max(0, min(remaining, floor(CREDITS_MAX / terms.credit)) * terms.credit - on_their_way)
end

-- What is told of a bucket that holds so many tokens more than is left; counted where it was lowered in the minute
-- before, too.
local told, writes, w = {}, {"head", pack_head(head, now)}, 2
local function note(b, had)
  local bucket, field, q = buckets[b], fields[#buckets + b + 1], buckets[b].said.at
  if now - bucket.pace.lowered_at >= REMEMBERED_US then
    told[#told + 1] = pack(SCHEMA, now, bucket.field, args[q + 2], args[q + 3], had, org, replica)
    return nil
  end
  local untold, unread = read_untold(stored[#buckets + b + 1], field, now)
  if unread then return unread end
  untold.lowered = untold.lowered + 1
  writes[w + 1], writes[w + 2] = field, pack_untold(untold)
  w = w + 2
  return nil
end

-- Of a bucket that earns more until the reset than is left nothing passes for a time. That is a pause: a time that the
-- provider has told stays one, whatever the bucket earns meanwhile and at which rate. It is counted in time, of which a
-- day has room where its credits have not.
local function pause_for_excess(bucket)
  local pause = bucket.said.resets - floor(bucket.said.left / bucket.terms.refill)
  if pause <= 0 then return nil end
  bucket.debt, bucket.paused = bucket.terms.capacity, now + pause
  local field = tally_field(head, bucket.field)
  local tally, unread = read_tally(redis.call("HGET", KEYS[1], field), field)
  if not tally then return unread end
  tally[T_PAUSED] = tally[T_PAUSED] + paused_for(bucket, now)
  writes[w + 1], writes[w + 2] = field, pack_tally(tally)
  w = w + 2
  return nil
end

-- What is said of each bucket: of several quotas the one by which it owes most.
for q = quotas_at + 1, quotas_at + 4 * args[quotas_at], 4 do
  local bucket = buckets[args[q]]
  if is_news(bucket) then
    local terms, left, resets = bucket.terms, left_of(bucket, args[q + 1], args[q + 2]), min(args[q + 3], RESETS_MOST_US)
    -- So that no more than what is left passes until the provider grants the whole quota again.
    local owes = terms.capacity + resets * terms.refill - left
    if not bucket.said or owes > bucket.said.owes then bucket.said = {at = q, owes = owes, left = left, resets = resets} end
  end
end

-- Whether a bucket can be written. One that was full and was swept is made anew, if its limit may have one more.
local function has_room(bucket)
  if not bucket.new then return true end
  local limit = bucket.terms.limit
  local count = tonumber(redis.call("HGET", KEYS[1], limit.counter) or 0)
  if count >= limit.most then return false end
  writes[w + 1], writes[w + 2] = limit.counter, string.format("%d", count + 1)
  w = w + 2
  return true
end

local lowered = 0
for b = 1, #buckets do
  local bucket, terms = buckets[b], buckets[b].terms
  local debt = bucket.said and min(bucket.said.owes, CREDITS_MAX) or 0
  if debt > bucket.debt and has_room(bucket) then
    local had = max(0, floor((terms.capacity - bucket.debt) / terms.credit))
    bucket.debt, bucket.lost, lowered = debt, 0, lowered + 1
    bucket.pace = bucket.pace or new_pace(REMEMBERED_US, now)
    local unread = note(b, had) or pause_for_excess(bucket)
    if unread then return unread end
    bucket.pace.lowered_at = now
    w = put_bucket(writes, w, head, now, bucket)
  end
end
if #told > 0 then
  local trail, problem = open_trail(KEYS[2], KEYS[3], KEYS[4])
  if problem then return problem end
  for t = 1, #told do tell(trail, now, "lowered", told[t]) end
end
if lowered > 0 then redis.call("HSET", KEYS[1], unpack(writes)) end
return pack({OK, lowered})
