-- Opens a namespace for a script that changes buckets because somebody has said something of them. Joined in front of
-- back_off.lua, lower.lua and pause.lua.

-- Reads the head and the buckets from what is stored, the head first. Returns the head and its time, or nil and the
-- reply of the script: the namespace is not there, the policy is another one, or a record can't be read.
local function open_namespace(buckets, stored, fence, server)
  local head, problem = read_head(stored[1])
  if problem then return nil, problem end
  if not head then return nil, pack({LOST}) end
  if head.fence ~= fence then return nil, pack({STALE, head.fence}) end
  local now = tell_time(head)
  enter_epoch(head, server, now)
  problem = read_buckets(buckets, stored, 1, head, now)
  if problem then return nil, problem end
  return head, now
end
