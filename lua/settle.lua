-- Corrects what granted calls have cost: gives tokens back to every bucket on their paths, or charges more. Ends the
-- leases of calls that are over, or renews those of calls that are in flight.
--
-- KEYS[1]  hash, the namespace's state
-- ARGV[1]  msgpack array, flat:
--            answer      string   field under which this batch's answer is remembered
--            number      integer  of the batch, rising for each answer field, 1..2^53-1
--            server      string   run id of the server process on the connection
--            limits, terms, buckets  as in acquire.lua
--            entries     count, then each: permit field or "", epoch and now of the grant, number of buckets whose
--                        charge is corrected, of each: its index, tokens given back (negative: charged). An observed
--                        one that had no room is not among them. Then: in flight 0 (the call is over) | 1, number of
--                        leases, of each: index of its bucket, id
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace | 3 a later batch took this one's place
--            entries     each: 0 settled | 1 settled before | 2 granted too long ago
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   head, answer (swept 10 min later), corrected buckets and those of leases (swept when nothing is owed), their
--          counters, named permits that are settled (swept 20 min later), tallies of buckets that have no record of
--          this epoch (swept after a minute)
-- COST     TIME, HMGET, HSET; HGET and HSET for each bucket that had no record and is given one; HMGET if tokens are
--          given back to one that has none

local SETTLED, SETTLED_BEFORE, TOO_LATE = 0, 1, 2

local args = cmsgpack.unpack(ARGV[1])
local answer_field, number, server = args[1], args[2], args[3]
local fields = {"head", answer_field}
local buckets, _, next_arg = bind_buckets(args, 4, fields)
local entry_count, first_entry = args[next_arg], next_arg + 1
local e = first_entry
for _ = 1, entry_count do
  if args[e] ~= "" then fields[#fields + 1] = args[e] end
  e = e + 4 + 2 * args[e + 3]
  e = e + 2 + 2 * args[e + 1]
end
local stored = redis.call("HMGET", KEYS[1], unpack(fields))

local answer = recall(stored[2], answer_field, number)
if answer then return answer end
local head, problem = read_head(stored[1])
if problem then return problem end
if not head then return cmsgpack.pack({LOST}) end
local now = tell_time(head)
enter_epoch(head, server, now)

-- A record counts in its own terms: whoever settles may not know the policy that is in force, nor need to. One from
-- before the last change of the policy is taken, and left, as of the time that it has: its terms don't say how fast it
-- has been paid off since. What is charged more to it was granted before that time, too. One that was ever paused may
-- be from before the change, as the sweep knows. One of an earlier epoch is left alone: what its bucket owes is for
-- those to say who know the policy.
for b = 1, #buckets do
  if stored[b + 2] then
    local _, epoch, _, _, at, refill, credit, _, _, _, leases = cmsgpack.unpack(stored[b + 2])
    buckets[b].is_lost = epoch ~= head.epoch and buckets[b].terms.refill > 0
    if epoch == head.epoch and buckets[b].terms.refill > 0 then
      buckets[b].terms = {refill = refill, credit = credit, capacity = 0, limit = buckets[b].terms.limit, is_of_record = true}
      local is_older = at <= head.ruled or (leases ~= nil and head.ruled > 0)
      if is_older and at <= now then buckets[b].as_of = at end
    end
  end
end
problem = read_buckets(buckets, stored, 2, head, now)
if problem then return problem end

-- Since when it is known what a bucket has earned, and what the provider has to say of its calls: what was granted
-- before the last change of the policy is not given back, nor what was granted before it was last refused a call or
-- lowered. It was emptied for that then.
local function known_since(bucket)
  local pace = bucket.pace
  return pace and max(head.ruled, pace.refused_at, pace.lowered_at) or head.ruled
end

-- What calls have cost is counted, whatever that is worth to the bucket. It is worth what the bucket has not earned
-- since they were granted: had they never been, it might have stood full meanwhile and earned nothing. More could pass
-- more than the limit allows in some interval. Since then its pace has not been cut, so it has earned no faster than it
-- does now.
local function correct(bucket, tokens, granted_at, epoch)
  count(bucket, 0, -tokens)
  bucket.added = (bucket.added or 0) - tokens
  bucket.corrected = bucket.corrected or not (bucket.new or bucket.is_lost)
  if epoch ~= head.epoch then return end
  local terms = bucket.terms
  local credits = tokens * terms.credit
  if tokens > 0 then
    -- New: earned back and swept. Paused: it is to be empty at the end of that. Calls in flight end by their leases.
    if bucket.new or bucket.paused or bucket.leases or granted_at <= known_since(bucket) then return end
    credits = max(0, credits - (now - granted_at) * terms.refill)
  end
  bucket.debt = min(max(0, bucket.debt - credits), CREDITS_MAX)
  -- What is worth nothing was used up all the same: a pace of which that is taken off never comes back. What was
  -- granted before the last refusal tells nothing of the pace since.
  if bucket.pace and granted_at > known_since(bucket) then bucket.pace.used = max(0, bucket.pace.used - floor(credits / terms.credit)) end
  if credits < 0 then bucket.lost = 0 end
  bucket.corrected = true
end

-- The calls of a permit that was settled are over, whatever is said of them later.
local function see_to_lease(bucket, id, in_flight)
  if in_flight then renew_lease(bucket, id, now) end
  bucket.corrected = in_flight or end_lease(bucket, id) or bucket.corrected
end

local reply, permits = {OK}, {}
local named = #buckets + 2
e = first_entry
for n = 1, entry_count do
  local permit, epoch, granted_at, last = args[e], args[e + 1], args[e + 2], e + 3 + 2 * args[e + 3]
  local in_flight, last_lease = args[last + 1] == 1, last + 2 + 2 * args[last + 2]
  local outcome = SETTLED
  if permit ~= "" then
    named = named + 1
    local schema, charged_at, settled, charged_in = SCHEMA, granted_at, 0, epoch
    if stored[named] then schema, charged_at, settled, charged_in = cmsgpack.unpack(stored[named]) end
    if schema ~= SCHEMA then return unknown_schema(permit, schema) end
    -- A permit is told when it is charged, or again later. One told before that is of an earlier call of its name.
    local used_up = settled == 1 or epoch < charged_in or granted_at < charged_at
    granted_at, epoch = charged_at, charged_in
    if used_up or permits[permit] then
      outcome = SETTLED_BEFORE
    elseif now - granted_at > SETTLE_WITHIN_US then
      outcome = TOO_LATE
    elseif not in_flight then
      permits[permit] = true
      permits[#permits + 1] = permit
    end
  end
  if outcome == SETTLED then
    for p = e + 4, last, 2 do correct(buckets[args[p]], args[p + 1], granted_at, epoch) end
  end
  if not (in_flight and outcome == SETTLED_BEFORE) then
    for l = last + 3, last_lease, 2 do see_to_lease(buckets[args[l]], args[l + 1], in_flight) end
  end
  reply[n + 1] = outcome
  e = last_lease + 1
end
reply = cmsgpack.pack(reply)

-- What was given back to buckets that have no record any more, or one that does not count, is counted in tallies.
local tallied, tallies_at, tallies = {}, {}, {}
for b = 1, #buckets do
  if (buckets[b].added or 0) ~= 0 and not buckets[b].corrected then
    tallied[#tallied + 1], tallies_at[#tallies_at + 1] = buckets[b], tally_field(head, buckets[b].field)
  end
end
if #tallied > 0 then tallies = redis.call("HMGET", KEYS[1], unpack(tallies_at)) end
for t = 1, #tallied do
  tallies[t], problem = read_tally(tallies[t], tallies_at[t])
  if problem then return problem end
  tallies[t][T_TOKENS] = tallies[t][T_TOKENS] + tallied[t].added
end

local writes = {"head", pack_head(head, now), answer_field, pack_answer(number, now, reply)}
local w = 4
for b = 1, #buckets do
  if buckets[b].corrected then
    w = put_bucket(writes, w, head, now, buckets[b])
    if buckets[b].new then
      local counter = buckets[b].terms.limit.counter
      local count = tonumber(redis.call("HGET", KEYS[1], counter) or 0)
      redis.call("HSET", KEYS[1], counter, string.format("%d", count + 1))
    end
  end
end
for t = 1, #tallied do
  writes[w + 1], writes[w + 2] = tallies_at[t], pack_tally(tallies[t])
  w = w + 2
end
for p = 1, #permits do
  writes[w + 1], writes[w + 2] = permits[p], cmsgpack.pack(SCHEMA, now, 1, head.epoch)
  w = w + 2
end
redis.call("HSET", KEYS[1], unpack(writes))
return reply
