-- Who waits at a bucket, and whose turn it is: weighted fair queueing in virtual time. Joined behind acquire.lua.
--
-- Calls of one organisation and priority are a *flow*. A call's turn is told by its *tag*: that of the flow's last
-- call, plus what this one costs divided by the flow's weight. The smallest tag goes first, and leaves what it needs to
-- those before it. A call that has to wait holds a *ticket*, its tag, and brings it when it comes back. The queue has
-- the tags of those who wait, each until a little after the time at which its owner was told to come: what is left for
-- the dead is not left for long, and the slow, who bring their ticket late, still go first. docs/ALGORITHM.md says what
-- follows from this.

local VIRTUAL_US = 1024       -- virtual time moves by so much while a bucket earns for 1 us, for a flow of weight 1
local VIRTUAL_MOST = 2251799813685248  -- 2^51: a queue that has come so far begins a new period
local TAG_MOST = 2 * VIRTUAL_MOST      -- later turns are taken in the order in which they were asked for
local TICKETS_MOST = 1000     -- that a queue keeps: those whose turn comes first
local GRACE_US = 200000       -- for which a ticket counts after the time that was told
local LATE_MOST = 16          -- calls by which whoever waits may be behind the others and still has its turn
local FORESIGHT_US = 200000   -- a flow holds as many tickets in a replica as it may be granted in this time
local LATER = 32              -- whoever stands behind others is told to come later by one part in so many

-- A queue for a bucket at which nobody waits yet. A period is the time during which somebody waits: its number is the
-- time at which it began, and tags of another one mean nothing.
local function new_queue(bucket)
  bucket.queue, bucket.lost = false, 0
  return {period = 0, virtual = 0, tags = {}, tokens = {}, ends = {}, finish = {}, moved = {}, flows = {}, changed = false}
end

-- The queue of a bucket at `now`, without the tickets that have run out; false if that is all.
local function open_queue(bucket, now)
  local stored, lost, live = bucket.queue, bucket.lost, 0
  local queue = new_queue(bucket)
  for s = 4, stored[2] < VIRTUAL_MOST and #stored or 0, 3 do
    if stored[s + 2] >= now then
      live = live + 1
      queue.tags[live], queue.tokens[live], queue.ends[live] = stored[s], stored[s + 1], stored[s + 2]
    end
  end
  if live == 0 then return false end
  queue.period, queue.virtual, bucket.queue, bucket.lost = stored[1], stored[2], stored, lost
  return queue
end

-- The queue as it is stored; false where nobody waits.
local function close_queue(queue)
  if #queue.tags == 0 then return false end
  local stored = {queue.period, queue.virtual, 0}
  for t = 1, math.min(#queue.tags, TICKETS_MOST) do
    local s = 3 * t + 1
    stored[s], stored[s + 1], stored[s + 2] = queue.tags[t], queue.tokens[t], queue.ends[t]
  end
  return stored
end

-- The first ticket whose tag is not below `tag`; one behind the last if there is none.
local function place_of(queue, tag)
  local tags, low, high = queue.tags, 1, #queue.tags + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if tags[middle] < tag then low = middle + 1 else high = middle end
  end
  return low
end

-- Tokens of the tickets whose turn comes before `tag`, counted no further than beyond `most`.
local function tokens_before(queue, tag, most)
  local tags, tokens, before, t = queue.tags, queue.tokens, 0, 1
  while tags[t] and tags[t] < tag and before <= most do
    before, t = before + tokens[t], t + 1
  end
  return before
end

local function put_ticket(queue, tag, tokens, ends)
  local place = place_of(queue, tag)
  if queue.tags[place] ~= tag then
    table.insert(queue.tags, place, tag)
    table.insert(queue.tokens, place, tokens)
    table.insert(queue.ends, place, ends)
  end
  queue.ends[place], queue.changed = ends, true
end

local function take_ticket(queue, tag)
  local place = place_of(queue, tag)
  if queue.tags[place] ~= tag then return end
  table.remove(queue.tags, place)
  table.remove(queue.tokens, place)
  table.remove(queue.ends, place)
  queue.changed = true
end

-- Who asks, from the part of a batch that is needed only where calls wait: of each entry the flow, its weights along
-- the path, its patience and its tickets.
local function read_askers(blob, entry_count)
  local args = cmsgpack.unpack(blob)
  local askers, i = {}, args[1] + 2
  for n = 1, entry_count do
    local tickets_at = i + 3 + args[i + 2]
    askers[n] = {args = args, flow = args[args[i] + 1], patience = args[i + 1], weights_at = i + 2, tickets_at = tickets_at,
      waited = args[tickets_at] > 0}
    i = tickets_at + 1 + 3 * args[tickets_at]
  end
  return askers
end

-- What an entry has at the queue of a bucket: its flow, how far one call moves the flow's tag, and the tickets that it
-- brings.
local function claim_at(bucket, asker, place, cost)
  local weight = asker.args[asker.weights_at + place]
  -- Where calls in flight are counted time earns nothing: there each is taken to be worth a second.
  local worth_us = bucket.leases and 1000000 or cost * bucket.terms.credit / bucket.terms.refill
  local step = math.ceil(worth_us * VIRTUAL_US / weight)
  return {bucket = bucket, queue = bucket.opened, flow = asker.flow, cost = cost, step = math.min(step, VIRTUAL_MOST),
    tickets = {}, waited = asker.waited}
end

local function finish_field(bucket, flow)
  return "f" .. string.sub(bucket.field, 2) .. "\t" .. flow
end

-- The tag of a flow's last call stands in a field of its own, and is read only where somebody waits.
local function expect_finish(claim, unread)
  local queue, flow = claim.queue, claim.flow
  if queue.finish[flow] then return end
  queue.finish[flow] = 0
  unread[#unread + 1] = {queue = queue, flow = flow, field = finish_field(claim.bucket, flow)}
end

local function read_finish(expected, record, now)
  if not record then return nil end
  local schema, period, tag, at = cmsgpack.unpack(record)
  if schema ~= SCHEMA then return unknown_schema(expected.field, schema) end
  if period == expected.queue.period and now - at <= FLOW_US then expected.queue.finish[expected.flow] = tag end
  return nil
end

local function write_finishes(bucket, now, writes, w)
  local queue = bucket.opened
  if not bucket.queue then return w end
  for f = 1, #queue.flows do
    local flow = queue.flows[f]
    writes[w + 1] = finish_field(bucket, flow)
    writes[w + 2] = cmsgpack.pack(SCHEMA, queue.period, queue.finish[flow], now)
    w = w + 2
  end
  return w
end

local function finish_of(claim)
  return claim.queue.finish[claim.flow] or 0
end

local function set_finish(claim, tag)
  local queue, flow = claim.queue, claim.flow
  if not queue.moved[flow] then
    queue.moved[flow], queue.flows[#queue.flows + 1] = true, flow
  end
  queue.finish[flow], queue.changed = math.min(tag, TAG_MOST), true
end

-- The tag behind which the next new call of a flow comes. Whoever comes anew begins where the others are. Whoever has
-- waited, here or elsewhere on its path, goes on behind its flow's last call: while it was held up elsewhere others
-- have gone ahead, and those that were held up with a ticket of this queue in hand keep their turns too.
local function base_of(claim)
  local virtual = claim.queue.virtual
  if claim.waited then virtual = virtual - LATE_MOST * claim.step end
  return math.max(finish_of(claim), virtual)
end

-- A ticket that is needed no more: the flow is as if it had never been given out.
local function give_up(claim, tag)
  take_ticket(claim.queue, tag)
  set_finish(claim, math.max(finish_of(claim) - claim.step, 0))
end

-- Takes up the tickets that an entry of `calls` calls has brought, where their period is still that of the queue. Those
-- that it needs no more are given up.
local function bring_tickets(claims, asker, calls)
  local args, i = asker.args, asker.tickets_at
  for t = i + 1, i + 3 * args[i], 3 do
    local claim, period, tag = claims[args[t]], args[t + 1], args[t + 2]
    if claim and claim.queue.period == period then
      if #claim.tickets < calls then
        claim.tickets[#claim.tickets + 1] = tag
        put_ticket(claim.queue, tag, claim.cost, 0)
      else
        give_up(claim, tag)
      end
    end
  end
end

-- How many of the calls may go now: as many as the bucket has room for without what it owes to those before them. What
-- a full bucket could not hold counts as given to them, so that nobody waits for ever for those who do not come.
local function turns(claim, calls)
  local bucket, queue, tickets, cost = claim.bucket, claim.queue, claim.tickets, claim.cost
  local credit, left = bucket.terms.credit, bucket.terms.capacity - bucket.debt
  local free, owed = math.floor(left / credit), math.floor((left + bucket.lost) / credit)
  local base, n = base_of(claim), 0
  while n < calls and (n + 1) * cost <= free do
    local before
    if n < #tickets then
      before = tokens_before(queue, tickets[n + 1], owed)
    else
      local fresh = n - #tickets
      before = tokens_before(queue, base + (fresh + 1) * claim.step + 1, owed) + fresh * cost
    end
    if before + cost > owed then break end
    n = n + 1
  end
  return n
end

-- Takes the turns of `granted` calls.
local function serve(claim, granted)
  local queue, tickets, held = claim.queue, claim.tickets, #claim.tickets
  local tag = 0
  for _ = 1, math.min(granted, held) do
    tag = table.remove(tickets, 1)
    take_ticket(queue, tag)
  end
  if granted > held then
    tag = base_of(claim) + (granted - held) * claim.step
    set_finish(claim, tag)
  end
  queue.virtual, queue.changed = math.max(queue.virtual, tag - claim.step), true
end

-- When the next call of a claim may go: microseconds until then, and how much of it is for the sake of others. Where it
-- waits for the end of other calls, when it looks again.
local function wait_for_turn(claim, nth, now)
  local bucket, queue, terms = claim.bucket, claim.queue, claim.bucket.terms
  local tag = claim.tickets[nth] or base_of(claim) + claim.step + 1
  local before = tokens_before(queue, tag, CREDITS_MAX)
  if bucket.leases then
    local has_turn = bucket.debt + before + claim.cost <= terms.capacity
    return has_turn and 0 or look_again(bucket, before, now) + paused_for(bucket, now), 0
  end
  local missing = bucket.debt + claim.cost * terms.credit - terms.capacity
  local alone = math.max(0, math.ceil(missing / terms.refill))
  local behind = math.ceil((missing + before * terms.credit - bucket.lost) / terms.refill)
  local wait = math.max(alone, math.min(behind, CREDITS_MAX))
  return wait + paused_for(bucket, now), wait - alone
end

-- How many tickets a claim may hold: what its flow may be granted in the time of foresight, shared by two replicas. How
-- many others take turns with it is told by how many tickets lie within two of its steps.
local function tickets_worth(claim)
  local queue, terms = claim.queue, claim.bucket.terms
  local among = tokens_before(queue, queue.virtual + 2 * claim.step, CREDITS_MAX) / 2
  local tokens = FORESIGHT_US * terms.refill / terms.credit / 2
  return math.max(1, math.floor(tokens / math.max(among, claim.cost)))
end

-- Puts the calls of a claim that could not go into the queue. Returns when its first one is to come back, in
-- microseconds, which is no later than their patience allows.
local function wait_in_line(claim, calls, patience, now)
  local bucket, queue, tickets = claim.bucket, claim.queue, claim.tickets
  if queue.period == 0 then
    queue.period, queue.virtual = now, 0
  end
  local most = math.min(calls, math.max(#tickets, tickets_worth(claim)))
  for t = 1, most do
    if not tickets[t] then
      local tag = math.min(base_of(claim) + claim.step, TAG_MOST)
      -- Two that come to the same tag take their turns in the order in which they came.
      while queue.tags[place_of(queue, tag)] == tag do tag = tag + 1 end
      tickets[t] = tag
      set_finish(claim, tag)
      put_ticket(queue, tag, claim.cost, 0)
    end
  end
  local told
  for t = most, 1, -1 do
    local wait, behind = wait_for_turn(claim, t, now)
    local later = math.min(math.floor(behind / LATER), math.floor(bucket.terms.capacity / bucket.terms.refill / 8))
    told = math.max(wait, math.min(wait + later, patience))
    if bucket.leases then told = math.min(wait, patience) end
    put_ticket(queue, tickets[t], claim.cost, now + told + GRACE_US)
  end
  return told
end

-- Gives up all tickets of an entry whose calls do not wait. Returns whether there were any.
local function give_up_all(claims)
  local any = false
  for place = 1, claims.places do
    local claim = claims[place]
    for t = claim and #claim.tickets or 0, 1, -1 do
      give_up(claim, table.remove(claim.tickets, t))
      any = true
    end
    if claim then claim.waited = false end
  end
  return any
end

-- Writes the tickets that the entries are left with, those that wait at waits_at[entry] on their path. Where calls wait
-- elsewhere nothing is left for them in the queue, but they keep their tickets.
local function reply_tickets(reply, claims, waits_at, entry_count)
  for n = 1, entry_count do
    for place = 1, waits_at[n] and claims[n] and claims[n].places or 0 do
      local claim = claims[n][place]
      for t = 1, claim and #claim.tickets or 0 do
        local tag, r = claim.tickets[t], #reply
        if place ~= waits_at[n] then take_ticket(claim.queue, tag) end
        reply[r + 1], reply[r + 2], reply[r + 3], reply[r + 4] = n, place, claim.queue.period, tag
      end
    end
  end
end
