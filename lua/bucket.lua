-- What a bucket owes: read from its record, worked out for a time, and written again. Joined in front of every script.

-- What is left of a debt after `elapsed` microseconds, and the credits that were lost because nothing was owed any
-- more. Exact: a product that is not is at least 2^53, which a debt and CREDITS_MAX together do not exceed.
local function pay_off(debt, refill, elapsed)
  local left = debt - elapsed * refill
  if left > 0 then return left, 0 end
  return 0, -left
end

-- What a bucket without a record owes: nothing where the namespace began full (since 0), else all that it could have
-- spent before its epoch began, less what has been earned back since.
local function debt_unrecorded(head, now, terms)
  if head.since == 0 then return 0 end
  -- Of calls in flight (refill 0) there may be as many as may be, until each has renewed its lease or lost it.
  if terms.refill == 0 then return now - head.since < terms.lease and terms.capacity or 0 end
  return pay_off(terms.capacity, terms.refill, now - head.since)
end

-- The leases of calls in flight that have not run out at `now`: their ids, the end of each, and the id given out last.
local function read_leases(stored, now)
  local leases = {last = stored and stored[1] or 0, ids = {}, ends = {}}
  for l = 2, stored and #stored or 0, 2 do
    local id, ends = stored[l], stored[l + 1]
    if ends > now then leases.ids[#leases.ids + 1], leases.ends[id] = id, ends end
  end
  return leases
end

local function pack_leases(leases)
  local stored = {leases.last}
  for l = 1, #leases.ids do
    local id, s = leases.ids[l], #stored
    if leases.ends[id] then stored[s + 1], stored[s + 2] = id, leases.ends[id] end
  end
  return stored
end

-- Sets the queue of a bucket, if somebody waits at it. One that is older than the policy or the epoch is none.
local function set_queue(bucket, queue, lost, head)
  if queue[1] >= max(head.ruled, head.epoch) then
    bucket.queue, bucket.lost = queue, min(lost + queue[3], CREDITS_MAX)
  end
end

-- Takes up what a bucket has counted: calls in the present minute, and the tokens that they have cost beyond one each.
-- What is of an earlier minute is put aside with the next record.
local function read_counts(bucket, minute, calls, extra, head)
  if minute == head.minute then
    bucket.calls, bucket.extra = calls, extra
  elseif calls > 0 or extra then
    bucket.past = {minute = minute, calls = calls, tokens = calls + (extra or 0)}
  end
end

-- Reads a bucket that counts calls in flight. Sets bucket.leases, .debt, .queue and .paused.
local function read_in_flight(bucket, record, head, now)
  local schema, epoch, calls, at, minute, queue, extra, leases, pace, _ = SCHEMA, nil, 0, 0, 0, false, false, false, false, nil
  if record then schema, epoch, _, calls, at, _, _, minute, queue, extra, leases, pace = cmsgpack.unpack(record) end
  if schema ~= SCHEMA then return unknown_schema(bucket.field, schema) end
  read_counts(bucket, minute, calls, extra, head)
  if pace then bucket.pace = go_on(read_pace(pace), bucket.terms, now) end
  bucket.leases = read_leases(epoch == head.epoch and leases, now)
  bucket.debt = max(#bucket.leases.ids, debt_unrecorded(head, now, bucket.terms))
  if at > now then bucket.paused, bucket.debt = at, max(bucket.debt, bucket.terms.capacity) end
  if queue and epoch == head.epoch then set_queue(bucket, queue, 0, head) end
  return nil
end

-- The tokens that a full bucket holds, whatever its pace.
local function burst_of(terms)
  local full = terms.full or terms
  return ceil(full.capacity / full.credit)
end

-- What an old debt comes to at the last change of the policy, in the terms that are in force since. Of that debt are
-- known: `debt` in credits and `more` tokens, owed at the time `at`; the `refill` and `credit` of then; and `held`,
-- where `at` is the end of a pause. Up to the first change after that time it was paid off at the old rate. What was in
-- force from there to the last one is not known: that time counts at the slower rate. A new unit rounds the debt up to
-- whole tokens: a change never refills for free. Returns nil and an error where it can't be read when the policy was
-- changed.
local function convert(old, terms, head)
  local at, refill, credit = old.at, old.refill, old.credit
  local first, between = at, 0
  if at < head.ruled then
    if not head.changes then
      local record, schema, times = redis.call("HGET", KEYS[1], "changes"), SCHEMA, {}
      if record then schema, times = read(record) end
      if schema ~= SCHEMA then return nil, unknown_schema("changes", schema) end
      head.changes = times
    end
    first = head.ruled
    for c = #head.changes, 1, -1 do
      if head.changes[c] >= at then first = head.changes[c] end
    end
    -- Where it was changed before the end of a pause, the old rate may have ended in that.
    if old.held and #head.changes > 0 and head.changes[1] < at then first = at end
    between = head.ruled - first
  end
  -- Tokens that are left at the old rate. Of credits there may be more than can be counted.
  local function left_after(elapsed)
    local owed, lost = pay_off(old.debt, refill, elapsed)
    return ceil(owed / credit) + max(0, old.more - floor(lost / credit))
  end
  local tokens, left = left_after(first - at), left_after(first - at + between)
  local at_new_rate = pay_off(min(tokens * terms.credit, CREDITS_MAX), terms.refill, between)
  return max(min(left * terms.credit, CREDITS_MAX), at_new_rate)
end

-- Reads what a bucket owes at `now`, and who waits at it. Sets bucket.debt, where somebody waits .queue and .lost, the
-- credits since the last charge that a full bucket could not hold, and where the provider has refused calls .paused,
-- .pace, and .terms to what they come to at that pace. Sets .held where the record is one of a pause, to the tokens
-- that a full bucket held then, at the most. Sets what has been counted: .calls and, where calls have not cost one
-- token each, .extra in the present minute, and .past in an earlier one. Returns an error where the record can't be
-- read.
local function read_bucket(bucket, record, head, now)
  local terms = bucket.terms
  if terms.refill == 0 then return read_in_flight(bucket, record, head, now) end
  if not record then
    bucket.debt = debt_unrecorded(head, now, terms)
    return nil
  end
  local schema, epoch, debt, calls, at, old_refill, old_credit, minute, queue, extra, held, pace = read(record)
  if schema ~= SCHEMA then return unknown_schema(bucket.field, schema) end
  if minute == head.minute and not extra then
    bucket.calls = calls
  else
    read_counts(bucket, minute, calls, extra, head)
  end
  if pace then
    bucket.pace = read_pace(pace)
    if not terms.is_of_record then
      bucket.pace = go_on(bucket.pace, terms, now)
      terms = bucket.pace and terms_at(terms, bucket.pace.share) or terms
      bucket.terms = terms
    end
  end
  if epoch ~= head.epoch then
    -- What was spent is not known, but what the provider said still is: it is empty until the end of a pause.
    bucket.debt = debt_unrecorded(head, now, terms)
    if at > head.since then bucket.debt = pay_off(terms.capacity, terms.refill, max(0, now - at)) end
    if at > now then bucket.paused = at end
    return nil
  end
  local refill, credit, more = terms.refill, terms.credit, 0
  if held then
    -- What it has come to hold since is not there at the end of the pause either. Of a later pause it says nothing.
    more = max(0, burst_of(terms) - held)
    if at > now or terms.is_of_record then bucket.held = held end
  end
  if old_refill ~= refill or old_credit ~= credit then
    local old = {debt = debt, more = more, held = held, at = at, refill = old_refill, credit = old_credit}
    debt, schema = convert(old, terms, head)
    if not debt then return schema end
    at = max(at, head.ruled)
  elseif more > 0 then
    debt = min(debt + more * credit, CREDITS_MAX)
  end
  local lost = 0
  if at > now then
    bucket.paused, bucket.debt = at, max(debt, terms.capacity)
  else
    bucket.debt, lost = pay_off(debt, refill, now - at)
  end
  if queue then set_queue(bucket, queue, lost, head) end
  return nil
end

-- How long it takes at the least until a bucket earns again.
local function paused_for(bucket, now)
  return bucket.paused and max(0, bucket.paused - now) or 0
end

local function share_of(bucket)
  return bucket.pace and bucket.pace.share or SHARE_FULL
end

-- What a bucket owes, as whoever only knows the policy understands it: as if it went at its full pace, and owed so much
-- more that it comes out at the same time.
local function told_debt(bucket, now)
  if not (bucket.paused or bucket.pace) then return bucket.debt end
  local terms, full = bucket.terms, bucket.terms.full or bucket.terms
  local debt = bucket.debt
  if full.credit ~= terms.credit then debt = full.capacity - floor((terms.capacity - debt) / terms.credit) * full.credit end
  return min(debt + paused_for(bucket, now) * full.refill, CREDITS_MAX)
end

-- The tokens that a full bucket holds, where its record is to be one of a pause: one that goes on, or as of the end of
-- which it is written. Where it once held more in that pause it owes so many.
local function held_in_pause(bucket)
  if bucket.terms.is_of_record then return (bucket.paused or bucket.as_of) and bucket.held end
  return bucket.paused and max(burst_of(bucket.terms), bucket.held or 0)
end

-- The record of a bucket. Of a queue it has the period, the virtual time, the credits lost, and tag, tokens and end of
-- each ticket. Calls in flight are told by their leases alone.
local function pack_bucket(head, now, bucket)
  local terms, queue, paused, pace = bucket.terms, bucket.queue, bucket.paused, bucket.pace
  if bucket.leases then
    return pack(SCHEMA, head.epoch, 0, bucket.calls, max(now, paused or 0), 0, 1, head.minute, queue or false,
      bucket.extra or false, pack_leases(bucket.leases), pace and pack_pace(pace) or false)
  end
  if queue then queue[3] = bucket.lost end
  if paused or pace or bucket.held then
    local at = max(bucket.as_of or now, paused or 0)
    return pack(SCHEMA, head.epoch, bucket.debt, bucket.calls, at, terms.refill, terms.credit, head.minute, queue or false,
      bucket.extra or false, held_in_pause(bucket) or false, pace and pack_pace(pace) or false)
  end
  -- What all records of a batch begin with is packed once, and what those of the same terms end with. Only buckets with
  -- terms of their own are written as of another time than now.
  if not terms.rear then
    head.front = pack(SCHEMA, head.epoch)
    terms.rear = pack(bucket.as_of or now, terms.refill, terms.credit, head.minute)
  end
  local record = head.front .. pack(bucket.debt, bucket.calls) .. terms.rear
  if bucket.extra then return record .. pack(queue or false, bucket.extra) end
  return queue and record .. pack(queue) or record
end

-- Counts calls that are granted at a bucket, and their tokens.
local function count(bucket, calls, tokens)
  bucket.calls = bucket.calls + calls
  if tokens ~= calls then bucket.extra = (bucket.extra or 0) + tokens - calls end
end

-- Adds what a bucket has counted in an earlier minute to the fields and records that are to be written: in a field of
-- its own, until the sweep books it. Returns how many values there are now.
local function put_past(writes, w, bucket)
  local past = bucket.past
  writes[w + 1] = string.format("c:%d", past.minute) .. string.sub(bucket.field, 2)
  writes[w + 2] = pack(SCHEMA, past.calls, past.tokens)
  return w + 2
end

-- Adds a bucket to them, with that.
local function put_bucket(writes, w, head, now, bucket)
  writes[w + 1], writes[w + 2] = bucket.field, pack_bucket(head, now, bucket)
  return bucket.past and put_past(writes, w + 2, bucket) or w + 2
end

-- The limits, terms and buckets of a request from args[i] on, of which the fields are added to those that are to be
-- read. Returns the buckets, the limits, and the index behind them.
local function bind_buckets(args, i, fields)
  local limits, terms, buckets, before = {}, {}, {}, #fields
  local last = args[i]
  i = i + 1
  for l = 1, last do
    limits[l] = {counter = args[i], most = args[i + 1], buckets = 0, grown = false}
    i = i + 2
  end
  last = args[i]
  i = i + 1
  for t = 1, last do
    terms[t] = {refill = args[i], credit = args[i + 1], capacity = args[i + 2], enforced = args[i + 3] == 1,
      limit = limits[args[i + 4]], lease = args[i + 5], rear = false}
    i = i + 6
  end
  last = args[i]
  i = i + 1
  for b = 1, last do
    -- What every bucket has and no more: most batches are of many buckets at which nothing else is to be known.
    local field = args[i]
    buckets[b] = {field = field, terms = terms[args[i + 1]], debt = 0, calls = 0, kept = false}
    fields[before + b] = field
    i = i + 2
  end
  return buckets, limits, i
end

-- Reads each bucket at `now`, or as of a time of its own, from its record, stored[b + before]. Returns an error where
-- one can't be read, whether any of them has no record, and whether anybody waits at any of them.
local function read_buckets(buckets, stored, before, head, now)
  local any_new, any_queue = false, false
  for b = 1, #buckets do
    local bucket, record = buckets[b], stored[b + before]
    local problem = read_bucket(bucket, record, head, bucket.as_of or now)
    if problem then return problem, false, false end
    if not record then bucket.new, any_new = true, true end
    any_queue = any_queue or bucket.queue
  end
  return nil, any_new, any_queue
end
