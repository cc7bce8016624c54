-- How fast a bucket goes after the provider has refused calls that passed it. Joined in front of every script.
--
-- A bucket is *paused* until a time: it is empty until then, and earns from then on. After that it goes at a *share* of
-- its refill, so many of 1024. The share is cut when the provider refuses, once in a *window*, and raised at the end of
-- each window in which the bucket has been used up, until it is full again. docs/ALGORITHM.md says why.

local SHARE_FULL, SHARE_LEAST = 1024, 16
local KEEP_MOST, KEEP_LEAST = 922, 512  -- of 1024: what a cut leaves of the share is a tenth less, half at the least
local MARGIN = 1004                     -- of 1024: what was granted when the provider refused is aimed at with 2 % to spare
local RAISES = {2, 4, 8}                -- hundredths by which the share is raised after one used window, two, and more
local USED_UP = 922                     -- of 1024 of what its pace allows: less is no sign that there is too little
local FORGET_WINDOWS = 10               -- for which a pace is kept in a bucket that nobody asks for,
local FORGET_US = 86400000000           -- but no longer than a day
local REMEMBERED_US = 60000000          -- 1 min, longer than calls are on their way: what they tell within it belongs together

-- Tokens in parts of 1024 of what the terms earn in a window.
local function part_of(tokens, pace, terms)
  return floor(tokens * SHARE_FULL * terms.credit / (pace.window * terms.refill))
end

-- The terms of a bucket at a share of its refill: a token costs more instead, so that whole credits stay whole.
local function terms_at(terms, share)
  if share == SHARE_FULL or terms.refill == 0 then return terms end
  local burst, credit = floor(terms.capacity / terms.credit), terms.credit
  local whole, rest = floor(credit / share), credit - share * floor(credit / share)
  local dearer = whole * SHARE_FULL + ceil(rest * SHARE_FULL / share)
  return {refill = terms.refill, credit = dearer, capacity = min(burst * dearer, CREDITS_MAX), enforced = terms.enforced,
    limit = terms.limit, lease = terms.lease, rear = false, full = terms}
end

-- A pace that nothing has slowed down yet.
local function new_pace(window, now)
  return {share = SHARE_FULL, window = window, ends = now + window, used = 0, before = 0, raises = 0, cut_at = 0,
    refused_at = 0, lowered_at = 0, cut_to = 0, refused = {}}
end

-- A pace as it is stored: share, window, when the present window ends, tokens granted in it and in the one before, how
-- many windows in a row were used up, when it was last cut, when the last refusal that was news was taken up, when the
-- bucket was last lowered, the share that the last cut has left (0 once it is told that the bucket has recovered from
-- it), and then of each narrower bucket that was refused lately its field and when.
local function read_pace(stored)
  local pace = {share = stored[1], window = stored[2], ends = stored[3], used = stored[4], before = stored[5],
    raises = stored[6], cut_at = stored[7], refused_at = stored[8], lowered_at = stored[9], cut_to = stored[10], refused = {}}
  for s = 11, #stored do pace.refused[s - 10] = stored[s] end
  return pace
end

local function pack_pace(pace)
  local stored = {pace.share, pace.window, pace.ends, pace.used, pace.before, pace.raises, pace.cut_at, pace.refused_at,
    pace.lowered_at, pace.cut_to}
  for r = 1, #pace.refused do stored[r + 10] = pace.refused[r] end
  return stored
end

-- The smallest share at which a full bucket still holds as many tokens as its burst: credits end at CREDITS_MAX.
local function least_share(terms)
  return max(SHARE_LEAST, ceil(terms.capacity / (CREDITS_MAX / SHARE_FULL)))
end

-- Takes a pace to the window at `now`. Returns false where there is nothing left to remember or to tell. What the
-- provider has said is known as long as calls from before may be settled; otherwise the next refusal is a first one
-- long before that.
local function go_on(pace, terms, now)
  pace.share = max(pace.share, least_share(terms))
  if now < pace.ends then return pace end
  if terms.refill > 0 and part_of(pace.used, pace, terms_at(terms, pace.share)) >= USED_UP then
    pace.raises = min(pace.raises + 1, #RAISES)
    pace.share = min(SHARE_FULL, pace.share + ceil(pace.share * RAISES[pace.raises] / 100))
  else
    pace.raises = 0
  end
  pace.before = now - pace.ends < pace.window and pace.used or 0
  pace.ends, pace.used = now + pace.window, 0
  local said_at = max(pace.refused_at, pace.lowered_at)
  local last = max(pace.cut_at, said_at, pace.refused[2] or 0)
  if pace.share == SHARE_FULL and pace.cut_to == 0 and now - last > max(pace.window, REMEMBERED_US) then
    if now - said_at > SETTLE_WITHIN_US then return false end
    pace.cut_at = 0
  end
  return pace
end

-- Begins the window anew at a time before which nothing passes.
local function begin_window(pace, at)
  pace.ends, pace.used, pace.before = at + pace.window, 0, 0
end

-- Whether a bucket must be remembered, though nothing is owed: it is paused, or goes slowly.
local function is_held_back(at, pace, now)
  return at > now or (pace and now - pace[3] < min(FORGET_WINDOWS * pace[2], FORGET_US))
end

-- Tokens granted within the last window, if those of the one before were granted evenly.
local function lately_used(pace, now)
  return pace.used + floor(pace.before * max(0, pace.ends - now) / pace.window)
end

-- Cuts the share after a refusal that is news, once in a window. The provider allows no more than what has been granted
-- within the last window; where that is less than a tenth below what the pace allows, the share goes there. Returns
-- whether it was cut: at the least share there is nothing left to cut, and nothing to recover from.
local function cut(pace, terms, now)
  if terms.refill == 0 or (pace.cut_at > 0 and now - pace.cut_at < pace.window) then return false end
  local kept = KEEP_MOST
  if pace.cut_at > 0 then
    local allowed = part_of(lately_used(pace, now), pace, terms_at(terms, pace.share))
    kept = max(KEEP_LEAST, min(kept, floor(allowed * MARGIN / SHARE_FULL)))
  end
  local share = max(least_share(terms), floor(pace.share * kept / SHARE_FULL))
  pace.raises = 0
  if share >= pace.share then return false end
  pace.share, pace.cut_at, pace.cut_to = share, now, share
  return true
end
