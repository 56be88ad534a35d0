-- Gives the jobs that are to be deleted at the org to the replica that asks, and for a while to no other.
-- KEYS: 1 the jobs, by the second in which each is due
-- ARGV: 1 now, in seconds since 1970, 2 the second before which a job is given up, 3 how many are given, 4 what the keys of
--       claims begin with, 5 how long a claim lasts, in seconds
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
local claimed = {}
for _, mark in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])) do
  if #claimed >= tonumber(ARGV[3]) then break end
  if redis.call('SET', ARGV[4] .. mark, '1', 'NX', 'EX', ARGV[5]) then claimed[#claimed + 1] = mark end
end
return claimed
