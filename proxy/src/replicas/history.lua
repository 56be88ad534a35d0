-- Which history of writes the store goes on with. A server that takes over from another, or starts again, begins one of
-- its own, and may lack the last writes of the one before: whatever it was not told of is told again before anything is
-- granted.
-- Takes the keys of the history that was known and of what is set while nothing is granted, and for how long that is, in
-- milliseconds.
local function history(known, settling, pause)
  local here = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)') or ''
  local before = redis.call('GET', known)
  if before ~= here then
    redis.call('SET', known, here)
    if before then redis.call('SET', settling, '1', 'PX', pause) end
  end
  return here
end

