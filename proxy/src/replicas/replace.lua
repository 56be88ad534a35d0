-- Replaces one entry of the ledger, if it still is what it was taken to be.
-- KEYS: 1 the entry, 2 the entries of its identity and kind by the second in which each is forgotten, 3 those to be
--       deleted at the org, by the second
-- ARGV: 1 what it was, or '' for none, 2 what it becomes, or '' for gone, 3 the second in which it is forgotten,
--       4 the second in which it is to be deleted at the org, or '', 5 its id, 6 how many there may be,
--       7 '1' if the oldest goes for one too many, 8 its kind, 9 what the keys of entries of the kind begin with
-- Gives 'done', 'changed' or 'full'.
local before = redis.call('GET', KEYS[1]) or ''
if before ~= ARGV[1] then return 'changed' end
local mark = ARGV[8] .. ':' .. ARGV[5]
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[5])
  redis.call('ZREM', KEYS[3], mark)
  return 'done'
end
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
if before == '' and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[6]) then
  if ARGV[7] ~= '1' then return 'full' end
  local oldest = redis.call('ZPOPMIN', KEYS[2])
  if oldest[1] then redis.call('DEL', ARGV[9] .. oldest[1]) end
end
redis.call('SET', KEYS[1], ARGV[2], 'EXAT', math.max(tonumber(ARGV[3]), now + 1))
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[5])
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[3], ARGV[4], mark) else redis.call('ZREM', KEYS[3], mark) end
return 'done'
