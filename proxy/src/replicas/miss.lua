-- Notes that a record of a refresh token was in the store, if it has an older one or none.
-- KEYS: 1 the record
-- ARGV: 1 the number of what was there, 2 what stands for it, 3 how long it is kept, in seconds
local there = redis.call('GET', KEYS[1])
local generation = 0
if there then
  local read, record = pcall(cjson.decode, there)
  generation = read and type(record) == 'table' and tonumber(record.generation) or 0
end
if generation < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end
return 'done'
