-- Has one person settle a proposal: the first who claims it.
-- KEYS: 1 epoch, 2 the claim
-- ARGV: 1 epoch, 2 what is claimed, 3 for how many seconds it is kept
-- Gives the claim that holds.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('LOST another epoch began') end
if redis.call('SET', KEYS[2], ARGV[2], 'NX', 'EX', ARGV[3]) then return ARGV[2] end
return redis.call('GET', KEYS[2])
