-- Says that a replica is there, and finds out whether the store lost what it held.
-- Behind `history.lua`.
-- KEYS: 1 epoch, 2 count of calls, 3 set while nothing is granted, 4 replicas by the second of their last call, 5 history
-- ARGV: 1 the largest count that the replica has seen, 2 a name for a new epoch, 3 how long nothing is granted then, in
--       milliseconds, 4 the replica
-- Gives the epoch, the count, the number of replicas, and the history.
local here = history(KEYS[5], KEYS[3], ARGV[3])
local epoch = redis.call('GET', KEYS[1])
local count = tonumber(redis.call('GET', KEYS[2]) or '0')
local seen = tonumber(ARGV[1])
if not epoch or count < seen then
  -- Empty, or an older copy: what every replica knows is told anew before anything is granted.
  epoch = ARGV[2]
  redis.call('SET', KEYS[1], epoch)
  redis.call('SET', KEYS[2], string.format('%.0f', math.max(count, seen)))
  redis.call('SET', KEYS[3], '1', 'PX', ARGV[3])
end
count = redis.call('INCR', KEYS[2])
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[4], now, ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - 5)
return { epoch, count, redis.call('ZCARD', KEYS[4]), here }
