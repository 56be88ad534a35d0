-- Takes the turn to spend an identity's refresh token, and gives the record of it.
-- KEYS: 1 the turn, 2 the record, 3 epoch, 4 set while nothing is granted
-- ARGV: 1 epoch, 2 a name for the turn, 3 how long it lasts, in milliseconds
-- Gives 'yours' and the record, or 'busy'. While replicas tell what the store lost nobody gets a turn.
if redis.call('GET', KEYS[3]) ~= ARGV[1] or redis.call('EXISTS', KEYS[4]) == 1 then return { 'busy' } end
if not redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3]) then return { 'busy' } end
local record = redis.call('GET', KEYS[2])
if record then return { 'yours', record } end
return { 'yours' }
