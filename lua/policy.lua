-- Writes a policy: as the successor of the one the caller has seen (`put`), or again after the store has lost it
-- (`restore`).
--
-- KEYS[1]  hash, the namespace's state
-- KEYS[2]  hash, the namespace's policies
-- KEYS[3]  stream, the namespace's audit trail
-- KEYS[4]  stream, what the audit trail tells of calls
-- KEYS[5]  stream, the granted calls that the audit trail tells one by one
-- ARGV[1]  msgpack array, flat:
--            how         string   "put" | "restore"
--            expected    string   put: fence of the policy that this one follows, "" for none
--            version     integer  of this policy, put: one more than that one's, 1..2^53-1
--            fence       string   "<version>-<digest>"
--            document    string   the policy as canonical JSON
--            author      string
--            reason      string
--            seal        string   secret that seals permit ids; kept where there is one
--            server      string   run id of the server process on the connection
--            epoch       integer  restore: last epoch that the caller saw, else 0
--            full        0|1      1: a namespace that has no state begins with full buckets, 0: with empty ones
--            replica     string   who writes it
--            learned     string   limit that the policy has learned by this, "" for none
-- RETURNS  msgpack array, flat:
--            status      0 ok | 4 another policy is in force
--            fence       string   of the policy that is in force now, "" if none
-- ERRORS   SCHEMA  a stored record is of an unknown version
--          AUDIT   the key of the audit trail holds something else
-- WRITES   head, changes; current, policy, seal (no TTL: they live as long as their namespace); keeps the last 100
--          policies; tells policy or restored, learned, epoch
-- COST     HMGET, TIME, HMGET; when written 3 EXISTS, 3 XINFO, XADD for each thing told (at most 2, and 8 epochs), 2
--          HSET, HDEL

local KEEP = 100  -- policies

local args = cmsgpack.unpack(ARGV[1])
local how, expected, version, fence, document = args[1], args[2], args[3], args[4], args[5]
local author, reason, seal, server, epoch, full = args[6], args[7], args[8], args[9], args[10], args[11] == 1
local replica, learned = args[12], args[13]

local kept = redis.call("HMGET", KEYS[1], "head", "changes")
local head, problem = read_head(kept[1])
if problem then return problem end
local stored = redis.call("HMGET", KEYS[2], "current", "seal")
local schema, current_version, current_fence = SCHEMA, 0, ""
if stored[1] then schema, current_version, current_fence = cmsgpack.unpack(stored[1]) end
if schema ~= SCHEMA then return unknown_schema("current", schema) end
local changes = {}
if kept[2] then schema, changes = cmsgpack.unpack(kept[2]) end
if schema ~= SCHEMA then return unknown_schema("changes", schema) end

-- Where the state is gone but the policy is not, a restored head takes up the stored policy if it is the newer one.
local writes_policy = how == "put" or current_version < version
if how == "put" and current_fence ~= expected then return cmsgpack.pack({CONFLICT, current_fence}) end
if not writes_policy then fence = current_fence end
local state_lost = not head or (how == "restore" and head.fence ~= fence)
if not state_lost and not writes_policy then return cmsgpack.pack({OK, fence}) end

local trail
trail, problem = open_trail(KEYS[3], KEYS[4], KEYS[5])
if problem then return problem end
head = head or {fence = fence, server = server, epoch = epoch, since = 0, seen = 0, offset = 0, ruled = 0}
local now = tell_time(head)
if head.fence ~= fence then
  head.fence = fence
  rule_anew(head, changes, now)
end
if state_lost and not full then begin_epoch(head, server, now) end

if writes_policy then
  local told = pack(SCHEMA, now, version, fence, author, reason, replica)
  tell(trail, now, how == "put" and "policy" or "restored", told)
  if learned ~= "" then tell(trail, now, "learned", pack(SCHEMA, now, learned, version, replica)) end
end
tell_epochs(trail, head, now)
if writes_policy then
  redis.call("HSET", KEYS[2],
    "current", cmsgpack.pack(SCHEMA, version, fence),
    string.format("v:%d", version), cmsgpack.pack(SCHEMA, fence, now, author, reason, document),
    "seal", stored[2] or seal)
  redis.call("HDEL", KEYS[2], string.format("v:%d", version - KEEP))
end
redis.call("HSET", KEYS[1], "head", pack_head(head, now), "changes", pack(SCHEMA, changes))
return cmsgpack.pack({OK, fence})
