-- Pages through those who wait. Writes nothing.
--
-- KEYS[1]  hash, the namespace's state
-- ARGV[1]  msgpack array, flat:
--            cursor      string   "0" to begin, then what the last page returned
--            looked      integer  about how many fields to look at, 1..1000
--            pattern     string   of HSCAN, over the fields of buckets and of flows
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace
--            now         us, the namespace's time
--            cursor      string   "0" after the last page
--            buckets     each of which the page has the record, or a flow that waits there: field, since (us, from when
--                        on somebody has waited without a break), tickets, tokens that they want, debt, refill, credit,
--                        paused, share as in list.lua, and a count of flows, each: flow, tokens of its last ticket,
--                        tokens up to and with that one in the order of turns, asked (us, when it has last asked)
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   nothing
-- COST     HGET, TIME, HSCAN; HGET for each bucket of which the page has a flow and not the record

local args = cmsgpack.unpack(ARGV[1])
local cursor, looked, pattern = args[1], args[2], args[3]

local head, problem = read_head(redis.call("HGET", KEYS[1], "head"))
if problem then return problem end
if not head then return cmsgpack.pack({LOST}) end
local now = tell_time(head)

-- By its field, false where nobody waits; and in the order in which they are told.
local known, told = {}, {}

-- What there is to tell of a bucket from its record; false where nobody waits. Of each ticket .upto has by its tag the
-- tokens up to and with it, and .wants its own.
local function waited_at(field, record)
  local schema, epoch, debt, _, at, refill, credit, _, queue, _, leases, pace = cmsgpack.unpack(record)
  if schema ~= SCHEMA then return nil, unknown_schema(field, schema) end
  -- A queue that is older than the policy or the epoch is none.
  if not queue or epoch ~= head.epoch or queue[1] < max(head.ruled, head.epoch) then return false end
  local bucket = {field = field, since = queue[1], tickets = 0, tokens = 0, upto = {}, wants = {}, flows = {}}
  for s = 4, #queue, 3 do
    if queue[s + 2] >= now then
      bucket.tickets, bucket.tokens = bucket.tickets + 1, bucket.tokens + queue[s + 1]
      bucket.upto[queue[s]], bucket.wants[queue[s]] = bucket.tokens, queue[s + 1]
    end
  end
  if bucket.tickets == 0 then return false end
  bucket.debt = refill == 0 and #read_leases(leases, now).ids or pay_off(debt, refill, max(0, now - at))
  bucket.refill, bucket.credit, bucket.paused = refill, credit, max(0, at - now)
  bucket.share = pace and pace[1] or SHARE_FULL
  return bucket
end

-- The bucket of that field, if somebody waits there. Returns nil and an error where its record can't be read.
local function bucket_of(field, record)
  if known[field] == nil then
    record = record or redis.call("HGET", KEYS[1], field)
    local bucket, unread = false, nil
    if record then bucket, unread = waited_at(field, record) end
    if unread then return nil, unread end
    known[field] = bucket
    if bucket then told[#told + 1] = bucket end
  end
  return known[field]
end

local page = redis.call("HSCAN", KEYS[1], cursor, "MATCH", pattern, "COUNT", string.format("%d", looked))
local found = page[2]
for f = 1, #found, 2 do
  local field, record = found[f], found[f + 1]
  local bucket, flow = string.match(field, "^f(:.*)\t([^\t]*)$")
  local unread
  if flow then
    local schema, period, tag, at = cmsgpack.unpack(record)
    if schema ~= SCHEMA then return unknown_schema(field, schema) end
    bucket, unread = bucket_of("b" .. bucket)
    -- No two tickets of a queue have one tag: where it has the flow's last, that one waits.
    if bucket and period == bucket.since and bucket.upto[tag] then
      bucket.flows[#bucket.flows + 1] = {flow, bucket.wants[tag], bucket.upto[tag], at}
    end
  else
    bucket, unread = bucket_of(field, record)
  end
  if unread then return unread end
end

local reply = {OK, now, page[1]}
for b = 1, #told do
  local bucket, r = told[b], #reply
  reply[r + 1], reply[r + 2], reply[r + 3], reply[r + 4] = bucket.field, bucket.since, bucket.tickets, bucket.tokens
  reply[r + 5], reply[r + 6], reply[r + 7] = bucket.debt, bucket.refill, bucket.credit
  reply[r + 8], reply[r + 9], reply[r + 10] = bucket.paused, bucket.share, #bucket.flows
  for f = 1, #bucket.flows do
    local n = #reply
    for v = 1, 4 do reply[n + v] = bucket.flows[f][v] end
  end
end
return cmsgpack.pack(reply)
