-- Removes what is no longer needed: buckets at which nothing is owed or in flight, old answers, permits and flows,
-- replicas that live no more, old entries of the audit trail. Tells there what was counted in the state, and the epochs
-- that have begun. Enters in the books what buckets have counted in minutes that are over, and removes old pages. Does
-- a bounded part of a pass a call and remembers where it stands, so that the work of a fleet is one pass, however many
-- replicas call.
--
-- KEYS[1]  hash, the namespace's state
-- KEYS[2]  stream, the namespace's audit trail
-- KEYS[3]  hash, the namespace's books
-- KEYS[4]  stream, what the audit trail tells of calls
-- KEYS[5]  stream, the granted calls that the audit trail tells one by one
-- ARGV[1]  msgpack array, flat:
--            looked      integer  about how many fields to look at, 1..1000
--            fence       string   policy that the limits are of
--            limits      count, then each: counter field, and terms at which no bucket of it owes anything for longer:
--                        refill (credits per us; 0: calls in flight are counted), credit (credits per token), capacity
--                        (credits of a full one)
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace | 2 the policy is another one
--            looked      fields looked at, 0 if nothing was due
--            removed     fields removed
--            wait        us until the next call finds work
--            now         us, the namespace's time
-- ERRORS   SCHEMA  a stored record is of an unknown version
--          AUDIT   the key of the audit trail holds something else
-- WRITES   head, sweep, counters, buckets of which it is told that they have recovered, or that have counted something
--          in an earlier minute; removes fields; pages of the books, and span at the end of a pass; tells repeated,
--          recovered, episode, epoch, and removes old entries; episodes that go on, once an hour
-- COST     HMGET, TIME; when due HSCAN, HDEL and HSET; HGET if a bucket has other terms than its record; HMGET if a
--          bucket is removed; HMGET and HSET if something is booked; at the end of a pass HGET and HSET, and HDEL if a
--          page is removed; 3 EXISTS, 3 XINFO, 3 XTRIM at the end of a pass and if something is told, and XADD for each

local ANSWER_US = 600000000  -- 10 min, longer than any batch is repeated
local PERMIT_US = 1200000000 -- 10 min, in which a name may be asked for again, and 10 more, in which that is settled
local PASS_GAP_US = 10000000 -- between two passes
local CALL_GAP_US = 100000   -- within a pass that finds little to remove
local BOOKED_GAP_US = 10000  -- within one that finds much, and books it: that takes some milliseconds
local RICH = 4               -- at least one field in so many removed: go on at once
local NO_FIELD = ""          -- a name that no field has

local args = cmsgpack.unpack(ARGV[1])
local looked_most, fence = args[1], args[2]
local outlasting = {}
for l = 1, args[3] do
  outlasting[args[4 * l]] = {refill = args[4 * l + 1], credit = args[4 * l + 2], capacity = args[4 * l + 3]}
end

local stored = redis.call("HMGET", KEYS[1], "head", "sweep")
local head, problem = read_head(stored[1])
if problem then return problem end
if not head then return cmsgpack.pack({LOST}) end
if head.fence ~= fence then return cmsgpack.pack({STALE, head.fence}) end
local now = tell_time(head)

-- Since when this pass goes on, and when the one before it began.
-- And whether it has left something unbooked, because a call may not enter more.
local schema, cursor, due, began, before, late = SCHEMA, "0", now, now, 0, 0
if stored[2] then schema, cursor, due, began, before, late = cmsgpack.unpack(stored[2]) end
if schema ~= SCHEMA then return unknown_schema("sweep", schema) end
if due > now then return cmsgpack.pack({OK, 0, 0, due - now, now}) end

-- Whether nobody waits in a queue any more.
local function deserted(queue)
  for ends = 6, queue and #queue or 0, 3 do
    if queue[ends] >= now then return false end
  end
  return true
end

-- Whether a bucket owes nothing more. A record from before the last change of the policy may have been paid off more
-- slowly since than its own terms say, and one of a pause may have come to owe more. Which terms its key has now is not
-- known here, so it is counted by those of its limit that are slowest and hold most: what is paid off at those is paid
-- off at any. Where the limit is gone, nobody asks for the bucket. One that was ever paused may be from before the
-- change though it is as of a later time, the end of the pause.
local function paid_off(bucket, counter)
  if bucket.refill == 0 then
    -- While its last id is not in the past the next bucket of its name might give it out again.
    local held = read_leases(bucket.leases, now)
    return #held.ids == 0 and held.last < now
  end
  local is_older = bucket.at <= head.ruled or (bucket.was_held_back and head.ruled > 0)
  if is_older and outlasting[counter] then
    local slow = {field = bucket.field, terms = outlasting[counter]}
    local as_written = {epoch = bucket.epoch, since = head.since, ruled = head.ruled, minute = head.minute, changes = head.changes}
    read_bucket(slow, bucket.record, as_written, now)
    head.changes = as_written.changes
    return slow.debt == 0
  end
  return pay_off(bucket.debt, bucket.refill, now - bucket.at) == 0
end

-- Whether nothing is lost with the record of a bucket. One of an earlier epoch does not count, but where a pause has
-- outlasted the loss: that ends empty.
local function is_spent(bucket, counter)
  if is_held_back(bucket.at, bucket.pace, now) then return false end
  local is_lost = bucket.epoch ~= head.epoch and (bucket.at <= head.since or bucket.refill == 0)
  return is_lost or (paid_off(bucket, counter) and deserted(bucket.queue))
end

-- What there is to tell of a bucket that goes at all of its rate again after a cut, or whose slower pace is forgotten
-- with its record; nil if there is nothing. From then on it is told.
local function recovery_of(bucket, is_forgotten)
  local pace = bucket.pace and read_pace(bucket.pace)
  if not pace or pace.cut_to == 0 or not (is_forgotten or pace.share == SHARE_FULL) then return nil end
  local recovery = pack(SCHEMA, now, bucket.field, pace.cut_at, pace.cut_to, pace.share == SHARE_FULL and 0 or 1)
  pace.cut_to = 0
  bucket.pace = pack_pace(pace)
  return recovery
end

-- The record of a bucket of which nothing has changed but what is counted and told. It is as long as it was: only of
-- one that was paused or slow, or that counts calls in flight, there is more than a queue.
local function record_of(bucket)
  local values = {cmsgpack.unpack(bucket.record)}
  values[4] = bucket.calls
  if values[10] then values[10] = bucket.extra end
  if bucket.was_held_back then values[12] = bucket.pace end
  return pack(unpack(values))
end

-- Of what is told the kind and the record, of episodes the record alone, of what is written the field and the record.
local removed, shrunk, told, episodes, writes, books = {}, {}, {}, {}, {}, {late = late}

-- Each looks at a record of one kind. Returns whether it is to be removed, or nil and an error where it can't be read.
local look_at = {}

look_at["b:"] = function(field, record)
  local version, epoch, debt, calls, at, refill, credit, minute, queue, extra, leases, pace = cmsgpack.unpack(record)
  if version ~= SCHEMA then return nil, unknown_schema(field, version) end
  local bucket = {field = field, record = record, epoch = epoch, debt = debt, calls = calls, at = at, refill = refill, credit = credit,
    minute = minute, queue = queue, extra = extra, leases = leases, pace = pace, was_held_back = leases ~= nil}
  local counter = "n:" .. string.match(field, "^b:([^:]*)")
  local spent = is_spent(bucket, counter)
  local is_past = (calls > 0 or extra) and (spent or minute < head.minute)
  if is_past then
    local row = {calls, calls + (extra or 0), 0, 0, 0, 0, 0, 0}
    if not book(books, head, minute, string.sub(field, 3), row) then return false end
    bucket.calls, bucket.extra = 0, false
  end
  local recovery = recovery_of(bucket, spent)
  if recovery then told[#told + 1], told[#told + 2] = "recovered", recovery end
  if spent then
    if not shrunk[counter] then shrunk[#shrunk + 1] = counter end
    shrunk[counter] = (shrunk[counter] or 0) + 1
  elseif recovery or is_past then
    writes[#writes + 1], writes[#writes + 2] = field, record_of(bucket)
  end
  return spent
end

look_at["c:"] = function(field, record)
  local version, calls, tokens = cmsgpack.unpack(record)
  if version ~= SCHEMA then return nil, unknown_schema(field, version) end
  local minute, bucket = string.match(field, "^c:(%d+):(.*)$")
  return book(books, head, tonumber(minute), bucket, {calls, tokens, 0, 0, 0, 0, 0, 0})
end

look_at["t:"] = function(field, record)
  local tally, unread = read_tally(record, field)
  if not tally then return nil, unread end
  local minute, bucket = string.match(field, "^t:(%d+):(.*)$")
  minute = tonumber(minute)
  return minute < head.minute and book(books, head, minute, bucket, {0, unpack(tally)})
end

look_at["a:"] = function(field, record)
  local version, _, at = cmsgpack.unpack(record)
  if version ~= SCHEMA then return nil, unknown_schema(field, version) end
  return now - at > ANSWER_US
end

look_at["f:"] = function(field, record)
  local version, _, _, at = cmsgpack.unpack(record)
  if version ~= SCHEMA then return nil, unknown_schema(field, version) end
  return now - at > FLOW_US
end

look_at["p:"] = function(field, record)
  local version, at = cmsgpack.unpack(record)
  if version ~= SCHEMA then return nil, unknown_schema(field, version) end
  return now - at > PERMIT_US
end

look_at["u:"] = function(field, record)
  local untold, unread = read_untold(record, field, now)
  if not untold then return nil, unread end
  if now - untold.since < UNTOLD_US then return false end
  local bucket = "b:" .. string.sub(field, 3)
  told[#told + 1] = "repeated"
  told[#told + 1] = pack(SCHEMA, now, bucket, untold.since, untold.refused, untold.lowered, untold.paused)
  return true
end

look_at["r:"] = function(field, record)
  local living, unread = read_replicas(record, field, now)
  if not living then return nil, unread end
  return #living == 0
end

look_at["e:"] = function(field, record)
  local episode, unread = read_episode(record, field, now)
  if not episode then return nil, unread end
  local is_over = now - episode.last >= QUIET_US
  if not is_over and now - episode.since < PART_US then return false end
  episodes[#episodes + 1] = pack(SCHEMA, now, "b:" .. string.sub(field, 3), episode.began, episode.last, episode.refused, episode.waits,
    episode.waited, episode.longest, is_over and 1 or 0)
  if not is_over then
    episode.since, episode.refused, episode.waits, episode.waited, episode.longest = now, 0, 0, 0, 0
    writes[#writes + 1], writes[#writes + 2] = field, pack_episode(episode)
  end
  return is_over
end

local page = redis.call("HSCAN", KEYS[1], cursor, "COUNT", string.format("%d", looked_most))
local found, is_last = page[2], page[1] == "0"
local looked = #found / 2
for f = 1, #found, 2 do
  local look = look_at[string.sub(found[f], 1, 2)]
  local spent, unread = false, nil
  if look then spent, unread = look(found[f], found[f + 1]) end
  if unread then return unread end
  if spent then removed[#removed + 1] = found[f] end
end

-- Behind all else: in which order records are found differs from server to server.
for e = 1, #episodes do told[#told + 1], told[#told + 2] = "episode", episodes[e] end

local booked
booked, problem = close_books(books, KEYS[3])
if problem then return problem end
local closed = {}
if is_last then
  local span = redis.call("HGET", KEYS[3], "span")
  local hours_from = floor(head.minute / 60) - HOURS_KEPT
  local version, minute, hour = SCHEMA, head.minute - MINUTES_KEPT, hours_from
  if span then version, minute, hour = cmsgpack.unpack(span) end
  if version ~= SCHEMA then return unknown_schema("span", version) end
  minute = outlive("m", minute, head.minute - MINUTES_KEPT, closed)
  hour = outlive("h", hour, hours_from, closed)
  -- What was counted before a pass began is found in that or, if it was put aside meanwhile, in the next one.
  booked[#booked + 1], booked[#booked + 2] = "span", pack(SCHEMA, minute, hour, floor(before / MINUTE_US) * MINUTE_US)
end

local trail
if #told > 0 or head.begun or is_last then
  trail, problem = open_trail(KEYS[2], KEYS[4], KEYS[5])
  if problem then return problem end
end

local wait = CALL_GAP_US
if is_last and books.late == 0 then
  wait = PASS_GAP_US
elseif #removed * RICH >= looked then
  wait = #books > 0 and BOOKED_GAP_US or 0
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
if is_last and books.late == 0 then began, before = now, began end
writes[#writes + 1], writes[#writes + 2] = "sweep", pack(SCHEMA, page[1], now + wait, began, before, is_last and 0 or books.late)

local function remove_fields(key, fields)
  for f = 1, #fields, FIELDS_MOST do redis.call("HDEL", key, unpack(fields, f, min(#fields, f + FIELDS_MOST - 1))) end
end

local function write_fields(key, values)
  for v = 1, #values, FIELDS_MOST do redis.call("HSET", key, unpack(values, v, min(#values, v + FIELDS_MOST - 1))) end
end

-- First of all, and also where there is nothing to remove but a field that never is: a full server does not refuse
-- that, and after it refuses no write of this script.
local gone = #removed
removed[gone + 1] = NO_FIELD
remove_fields(KEYS[1], removed)
remove_fields(KEYS[3], closed)
if trail then
  trim_trail(trail, now)
  tell_epochs(trail, head, now)
  for t = 1, #told, 2 do tell(trail, now, told[t], told[t + 1]) end
end
write_fields(KEYS[3], booked)
writes[#writes + 1], writes[#writes + 2] = "head", pack_head(head, now)
write_fields(KEYS[1], writes)
return cmsgpack.pack({OK, looked, gone, wait, now})
