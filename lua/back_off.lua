-- Takes up that the provider has refused a call: finds the bucket on its path that explains it, pauses that for the
-- whole fleet and cuts its pace.
--
-- KEYS[1]  hash, the namespace's state
-- KEYS[2]  stream, the namespace's audit trail
-- KEYS[3]  stream, what the audit trail tells of calls
-- KEYS[4]  stream, the granted calls that the audit trail tells one by one
-- ARGV[1]  msgpack array, flat:
--            fence       string   policy that the buckets were compiled from
--            server      string   run id of the server process on the connection
--            granted_at  us       when the call was granted, 0 if that is not known
--            wait        us       for which the provider wants to see no call, 0 to 31 days
--            blamed      0|1|2    0: the narrowest candidate that explains it, or the narrowest if none does. 1: the
--                        provider has said which limit it was, and there is one candidate. 2: as 0, but if none
--                        explains it nobody
--            learned     0|1      1: a limit has just been learned of this refusal, and is the first candidate
--            status      integer  of the provider's answer, as HTTP has it
--            org         string   whose call it was, "" if that is not known
--            replica     string   who tells it
--            route       string   method and path of the call, "" if that is not known
--            author      string   who has told the replica, "" if nobody has
--            limits, terms, buckets  as in acquire.lua: the candidates, from the narrowest to the widest
--            windows     count, then each: us, what the bucket's quota is counted over, 1..2^53-1
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace | 2 the policy is another one
--            now         us, the namespace's time
--            bucket      index of the one that was paused, 0 if none was: nobody is to blame, or its limit has as many
--                        buckets as it may
--            paused      us until it earns again
--            share       of its refill at which it goes then, of 1024
--            news        0|1      1: the call was granted after the last refusal had been taken up, if any: nobody knew
--                                 of this
--            cut         0|1      1: the share has been cut by this
-- ERRORS   SCHEMA  a stored record is of an unknown version
--          AUDIT   the key of the audit trail holds something else
-- WRITES   if a bucket was paused: head, the buckets (swept when nothing is owed and they are paused no more, ten of
--          its windows after the last one in which a slow one was asked for, or a day), their counters, the tally of
--          the one that is to blame (swept after a minute); each refusal is told: throttled; what is no news is counted
--          (untold, until the sweep tells it), news is told: pause, cut
-- COST     TIME, HMGET; HGET if a bucket has other terms than its record; HGET for each bucket that had no record and
--          is given one; HGET, 3 EXISTS, 3 XINFO, XADD; if it is news 1 or 2 XADD more; HSET

local NAMED, IF_EXPLAINED = 1, 2  -- who is to blame, else the narrowest
local SEVERAL = 3            -- buckets of different keys refused at once are no limits of their own, but what they share
local AT_ONCE_US = 10000000  -- within 10 s
local ON_ITS_WAY_US = 1000000  -- 1 s: about as long may a call be of which it is not known when it was granted

local args = cmsgpack.unpack(ARGV[1])
local fence, server, granted_at, wait, blamed = args[1], args[2], args[3], args[4], args[5]
local learned, status, org, replica, route, author = args[6] == 1, args[7], args[8], args[9], args[10], args[11]
local fields = {"head"}
local buckets, _, first_window = bind_buckets(args, 12, fields)
for b = 1, #buckets do fields[#buckets + b + 1] = untold_field(buckets[b].field) end
local stored = redis.call("HMGET", KEYS[1], unpack(fields))

local head, now = open_namespace(buckets, stored, fence, server)
if not head then return now end

-- The pace of a bucket, made where it has none yet. Whoever asks for it has it written.
local function pace_of(b)
  local bucket = buckets[b]
  bucket.pace = bucket.pace or new_pace(args[first_window + b], now)
  bucket.kept = true
  return bucket.pace
end

-- Notes at a wider bucket that a narrower one was refused. Returns whether so many different ones were at once that it
-- must be the wider one that explains it.
local function is_shared(pace, field)
  local lately = {field, now}
  for r = 1, #pace.refused, 2 do
    local other, at = pace.refused[r], pace.refused[r + 1]
    if other ~= field and now - at < AT_ONCE_US and #lately < 2 * SEVERAL then
      lately[#lately + 1], lately[#lately + 2] = other, at
    end
  end
  pace.refused = lately
  return #lately >= 2 * SEVERAL
end

-- The narrowest bucket that is paused already, or of which half is spent; false if there is none.
local function explained()
  for b = 1, #buckets do
    if buckets[b].paused or 2 * buckets[b].debt >= buckets[b].terms.capacity then return b end
  end
  return false
end

local chosen, by = 1, learned and "learned" or "named"
if blamed ~= NAMED then
  chosen, by = explained(), "explained"
  if not chosen then chosen, by = blamed ~= IF_EXPLAINED and 1, learned and "learned" or "narrowest" end
  if not chosen then return pack({OK, now, 0, 0, SHARE_FULL, 0, 0}) end
  local field = buckets[chosen].field
  for b = chosen + 1, #buckets do
    if is_shared(pace_of(b), field) then
      chosen, by = b, "shared"
      break
    end
  end
end

local bucket, pace = buckets[chosen], pace_of(chosen)
local full = bucket.terms.full or bucket.terms
-- When it was granted is not known of a call that was told without its permit, or is of a state that was lost, whose
-- time was ahead of this one: while the bucket is paused it was before that, else a moment ago.
if granted_at > now then granted_at = 0 end
if granted_at == 0 and not bucket.paused then granted_at = now - ON_ITS_WAY_US end
-- Of those that were on their way when the first was refused all tell the same.
local is_news = granted_at > pace.refused_at
local share_before, was_cut, paused_before = pace.share, false, paused_for(bucket, now)
if is_news then
  local own, is_first = max(args[first_window + chosen], wait), pace.cut_at == 0
  was_cut = cut(pace, full, now)
  -- The provider's window is no shorter than any wait that it has told.
  pace.window = is_first and own or max(pace.window, own)
  pace.refused_at = now
end
if is_news or bucket.paused then
  bucket.paused = max(bucket.paused or 0, now + wait)
  -- The window of the provider begins anew with what is granted then.
  begin_window(pace, bucket.paused)
  -- From then on it goes at its new pace, and begins empty.
  local terms = terms_at(full, pace.share)
  if terms.credit ~= bucket.terms.credit then
    bucket.debt = min(ceil(bucket.debt / bucket.terms.credit) * terms.credit, CREDITS_MAX)
    bucket.terms = terms
  end
  if not bucket.leases then bucket.debt, bucket.lost = max(bucket.debt, terms.capacity), 0 end
end

-- One more bucket than its limit may have is not made.
local counts = {}
for b = 1, #buckets do
  local limit = buckets[b].terms.limit
  if buckets[b].kept and buckets[b].new then
    counts[limit.counter] = counts[limit.counter] or tonumber(redis.call("HGET", KEYS[1], limit.counter) or 0)
    buckets[b].kept = counts[limit.counter] < limit.most
    if buckets[b].kept then counts[limit.counter] = counts[limit.counter] + 1 end
  end
end
if not bucket.kept then return pack({OK, now, 0, 0, SHARE_FULL, 0, 0}) end

local untold_at, trail = fields[#buckets + chosen + 1], nil
local untold, problem = read_untold(stored[#buckets + chosen + 1], untold_at, now)
if problem then return problem end
local tally_at, tally = tally_field(head, bucket.field), nil
tally, problem = read_tally(redis.call("HGET", KEYS[1], tally_at), tally_at)
if problem then return problem end
tally[T_THROTTLED] = tally[T_THROTTLED] + 1
tally[T_PAUSED] = tally[T_PAUSED] + paused_for(bucket, now) - paused_before
trail, problem = open_trail(KEYS[2], KEYS[3], KEYS[4])
if problem then return problem end
tell(trail, now, "throttled", pack(SCHEMA, now, bucket.field, by, wait, status, is_news and 1 or 0, org, replica, route,
  author))
if is_news then
  tell(trail, now, "pause", pack(SCHEMA, now, bucket.field, by, bucket.paused, wait, pace.share, status, org, replica))
  if was_cut then
    tell(trail, now, "cut", pack(SCHEMA, now, bucket.field, share_before, pace.share, pace.window, org, replica))
  end
end
local writes, w = {"head", pack_head(head, now), tally_at, pack_tally(tally)}, 4
if not is_news then
  untold.refused, untold.paused = untold.refused + 1, max(untold.paused, bucket.paused or 0)
  writes[w + 1], writes[w + 2] = untold_at, pack_untold(untold)
  w = w + 2
end
for b = 1, #buckets do
  if buckets[b].kept then
    w = put_bucket(writes, w, head, now, buckets[b])
    if buckets[b].new then
      local counter = buckets[b].terms.limit.counter
      writes[w + 1], writes[w + 2] = counter, string.format("%d", counts[counter])
      w = w + 2
    end
  end
end
redis.call("HSET", KEYS[1], unpack(writes))
return pack({OK, now, chosen, paused_for(bucket, now), share_of(bucket), is_news and 1 or 0, was_cut and 1 or 0})
