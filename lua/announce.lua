-- Says that a replica lives, or that it ends.
--
-- KEYS[1]  hash, the namespace's state
-- ARGV[1]  msgpack array, flat:
--            field       string   of the replicas whose ids begin like this one's
--            id          string   of the replica
--            ends        integer  0 it lives | 1 it ends
--            host        string   its machine, "" where it does not say
--            process     integer  its process there
--            version     string   of Tollgate
--            fence       string   of the policy that it holds
--            waiting     integer  calls that wait in it
-- RETURNS  msgpack array, flat:
--            status      0 ok | 1 no such namespace
--            told        0 there are too many to note one more | 1 it is noted, or forgotten
-- ERRORS   SCHEMA  a stored record is of an unknown version
-- WRITES   the field, without the replicas in it that have not said for 5 minutes that they live
-- COST     HMGET, TIME, HSET

local args = cmsgpack.unpack(ARGV[1])
local field, id, ends = args[1], args[2], args[3]

local stored = redis.call("HMGET", KEYS[1], "head", field)
local head, problem = read_head(stored[1])
if problem then return problem end
if not head then return cmsgpack.pack({LOST}) end
local now = tell_time(head)
local living, unread = read_replicas(stored[2], field, now)
if not living then return unread end

local rows, since = {}, now
for r = 1, #living, ROW do
  if living[r] == id then
    since = living[r + 1]
  else
    for v = r, r + ROW - 1 do rows[#rows + 1] = living[v] end
  end
end
local told = ends == 1 or #rows < ROWS_MOST * ROW
if ends == 0 and told then
  local last = #rows
  rows[last + 1], rows[last + 2], rows[last + 3] = id, since, now
  for a = 4, 8 do rows[last + a] = args[a] end
end
redis.call("HSET", KEYS[1], field, pack(SCHEMA, rows))
return cmsgpack.pack({OK, told and 1 or 0})
