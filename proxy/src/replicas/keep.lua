-- Replaces the record of an identity's refresh token, if it still is what it was taken to be.
-- KEYS: 1 the turn, 2 the record
-- ARGV: 1 the name of the turn, or '' for none, 2 what the record was, or '' for none, 3 what it becomes, 4 how long it is
--       kept, in seconds, 5 how long the turn lasts, in milliseconds
-- Gives 'done' or 'overtaken'.
local there = redis.call('GET', KEYS[2]) or ''
if there == ARGV[3] then return 'done' end
if there ~= ARGV[2] then return 'overtaken' end
if ARGV[1] ~= '' then
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'overtaken' end
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[4])
return 'done'
