-- What all scripts share, joined in front of each at build time: the head of a namespace, its time, a bucket's debt.
-- Words, records and units stand in README.md beside this file.

local SCHEMA = 1                      -- first value of every stored record
local CREDITS_MAX = 4503599627370496  -- 2^52: a debt plus a cost is still an exact integer in a double
local FIELDS_MOST = 4000              -- that one command is given: the stack holds 8,000 values
local FLOW_US = 60000000               -- 1 min: a flow that has not come for so long begins anew
local CLOCK_HOLD_US = 1000000         -- a step back of up to 1 s is waited out, a longer one is added to the time

local pack, floor, ceil, min, max = cmsgpack.pack, math.floor, math.ceil, math.min, math.max  -- found faster as locals

local OK, LOST, STALE, SUPERSEDED, CONFLICT = 0, 1, 2, 3, 4  -- first value of every reply

-- The text of an error that a client can act on; its first word is the code.
local function unknown_schema(field, schema)
  return redis.error_reply("SCHEMA the record '" .. field .. "' has a schema that this version of tollgate does not know"
    .. (type(schema) == "number" and string.format(": %d", schema) or ""))
end

-- Reads the head of a namespace. Returns nil where there is none, and nil with an error where it can't be read.
local function read_head(blob)
  if not blob then return nil end
  local schema, fence, server, epoch, since, seen, offset, ruled = cmsgpack.unpack(blob)
  if schema ~= SCHEMA then return nil, unknown_schema("head", schema) end
  return {fence = fence, server = server, epoch = epoch, since = since, seen = seen, offset = offset, ruled = ruled,
    changed = false}
end

local function pack_head(head, now)
  return pack(SCHEMA, head.fence, head.server, head.epoch, head.since, now, head.offset, head.ruled)
end

-- The namespace's time in microseconds. It never goes back: where the server's clock steps back a little, time stands
-- still until the clock has caught up; where it steps back far, the step is kept as an offset, so that nobody waits an
-- hour for a clock that was once an hour ahead.
local function tell_time(head)
  local clock = redis.call("TIME")
  local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2]) + head.offset
  if now >= head.seen then return now end
  if head.seen - now > CLOCK_HOLD_US then
    head.offset = head.offset + head.seen - now
    head.changed = true
  end
  return head.seen
end

-- Begins a new epoch, in which every bucket starts empty. Its number is the time: counted, it could be one that was there
-- before, in a state that was lost since, and what was granted then is no business of this one.
local function begin_epoch(head, server, now)
  head.server, head.epoch, head.since, head.changed = server, max(head.epoch + 1, now), now, true
end

-- Another server process answers than the one that wrote the state: it may have come up from an older copy, so what was
-- spent is no longer known.
local function enter_epoch(head, server, now)
  if head.server ~= server then begin_epoch(head, server, now) end
end

-- What is left of a debt after `elapsed` microseconds, and the credits that were lost because nothing was owed any more.
-- Exact: a product that is not is at least 2^53, which a debt and CREDITS_MAX together do not exceed.
local function pay_off(debt, refill, elapsed)
  local earned = elapsed * refill
  if earned < debt then return debt - earned, 0 end
  return 0, min(earned - debt, CREDITS_MAX)
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
  if queue and queue[1] >= max(head.ruled, head.epoch) then
    bucket.queue, bucket.lost = queue, min(lost + queue[3], CREDITS_MAX)
  end
end

-- Reads a bucket that counts calls in flight. Sets bucket.leases, .debt and .queue.
local function read_in_flight(bucket, record, head, now)
  local schema, epoch, queue, leases, _ = SCHEMA, nil, false, false, nil
  if record then schema, epoch, _, _, _, _, queue, leases = cmsgpack.unpack(record) end
  if schema ~= SCHEMA then return unknown_schema(bucket.field, schema) end
  bucket.leases = read_leases(epoch == head.epoch and leases, now)
  bucket.debt = max(#bucket.leases.ids, debt_unrecorded(head, now, bucket.terms))
  if epoch == head.epoch then set_queue(bucket, queue, 0, head) end
  return nil
end

-- Reads what a bucket owes at `now`, and who waits at it. Where the quota has changed since the record was written, the time
-- up to the last change of the policy counts at the old rate and the time since then at the new one, and a new unit rounds
-- the debt up to whole tokens: a change never refills for free.
-- Sets bucket.debt, and where somebody waits .queue and .lost, the credits since the last charge that a full bucket could not
-- hold.
-- Returns an error where the record can't be read.
local function read_bucket(bucket, record, head, now)
  local terms = bucket.terms
  if terms.refill == 0 then return read_in_flight(bucket, record, head, now) end
  if not record then
    bucket.debt = debt_unrecorded(head, now, terms)
    return nil
  end
  local schema, epoch, debt, at, old_refill, old_credit, queue = cmsgpack.unpack(record)
  if schema ~= SCHEMA then return unknown_schema(bucket.field, schema) end
  if epoch ~= head.epoch then
    bucket.debt = debt_unrecorded(head, now, terms)
    return nil
  end
  local refill, credit = terms.refill, terms.credit
  if old_refill ~= refill or old_credit ~= credit then
    debt = pay_off(debt, old_refill, max(0, head.ruled - at))
    debt = min(ceil(debt / old_credit) * credit, CREDITS_MAX)
    at = max(at, head.ruled)
  end
  local lost
  bucket.debt, lost = pay_off(debt, refill, now - at)
  set_queue(bucket, queue, lost, head)
  return nil
end

-- The record of a bucket. Of a queue it has the period, the virtual time, the credits lost, and tag, tokens and end of each
-- ticket. Calls in flight are told by their leases alone.
local function pack_bucket(head, now, bucket)
  local terms, queue = bucket.terms, bucket.queue
  if bucket.leases then return pack(SCHEMA, head.epoch, 0, now, 0, 1, queue, pack_leases(bucket.leases)) end
  -- What all records of a batch begin with is packed once, and what those of the same terms end with. Only buckets with terms
  -- of their own are written as of another time than now.
  head.front = head.front or pack(SCHEMA, head.epoch)
  terms.rear = terms.rear or pack(bucket.as_of or now, terms.refill, terms.credit)
  local record = head.front .. pack(bucket.debt) .. terms.rear
  if not queue then return record end
  queue[3] = bucket.lost
  return record .. pack(queue)
end

-- The limits, terms and buckets of a request from args[i] on. Returns the buckets, the limits, and the index behind them.
local function bind_buckets(args, i)
  local limits, terms, buckets = {}, {}, {}
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
    -- All fields at once: a table that grows is made anew.
    buckets[b] = {field = args[i], terms = terms[args[i + 1]], debt = 0, lost = 0, queue = false, opened = false,
      new = false, kept = false}
    i = i + 2
  end
  return buckets, limits, i
end

-- Reads each bucket at `now`, or as of a time of its own, from its record, stored[b + before]. Returns an error where one can't be read, whether any of
-- them has no record, and whether anybody waits at any of them.
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

-- An answer kept from an earlier try of the same batch, or word that a later batch has taken its place. A batch that was
-- lost on its way and arrives after its repetition is caught by this too.
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
