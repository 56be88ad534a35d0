-- Tells every replica something that widens or that ends it, unless the store lost what it held since the replica that
-- tells it looked.
-- KEYS: 1 epoch, 2 the stream of the epoch
-- ARGV: 1 epoch, 2 the line, 3 for how many seconds it may matter
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('LOST another epoch began') end
local oldest = tonumber(redis.call('TIME')[1]) - tonumber(ARGV[3])
redis.call('XADD', KEYS[2], 'MINID', '~', string.format('%.0f', math.max(oldest, 0) * 1000), '*', 'line', ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
