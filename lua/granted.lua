-- Granted calls, told one by one in the audit trail for whom the policy says so. Joined behind acquire.lua, in one
-- block with audit_trail.lua: a function of Lua has no more than 200 names, and this one leaves one behind, which is
-- declared in front of the block.

-- Tells what was granted, of which there are records. Returns an error where one of the keys holds something else.
function tell_granted(keys, records, now)
  if #records == 0 then return nil end
  local trail, problem = open_trail(keys[1], keys[2], keys[3])
  if problem then return problem end
  for r = 1, #records do tell(trail, now, "call", records[r]) end
end
