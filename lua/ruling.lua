-- When the policy was changed, and that it changes now. Joined in front of policy.lua, which has it changed, and
-- foresee.lua, which only asks what would come of it.

local CHANGES_MOST = 100  -- times at which the policy was changed

-- Has another policy rule from `now` on. `changes` are the times at which it was changed before.
local function rule_anew(head, changes, now)
  head.ruled, head.changes = now, changes
  changes[#changes + 1] = now
  if #changes > CHANGES_MOST then table.remove(changes, 1) end
end
