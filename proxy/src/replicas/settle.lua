-- Takes up what one process has spent of an identity's budgets and holds of them, and grants it more.
-- Behind `history.lua`.
-- KEYS: 1 the processes of the identity, 2 epoch, 3 set while nothing is granted, 4 history
-- ARGV: 1 epoch, 2 the process, 3 what the names of its replica's processes begin with, 4 number of the report,
--       5 '1' if the identity calls through it, 6 what it spent, 7 the budgets, 8 the processes of its replica that run,
--       9 what it saw of other processes before the store lost it, 10 how long nothing is granted when another history
--       began, in milliseconds
-- A process is kept as: second of its last report, number of it, whether it is active, what it holds, what it spent; a
-- line each. What a process holds counts as spent until it reports again, or the window has passed. What it spent is by
-- its own clock, whose time at the report is told with it: clocks need not agree.
local LENGTH = { h = 3600, d = 86400 }
local WIDTH = { h = 60, d = 1440 }
local SLACK = 120    -- seconds that something granted counts beyond its window: longer than a lease
local LATEST = 3     -- seconds after its last report that a process is taken to be active
local FORGOTTEN = 90000

if redis.call('GET', KEYS[2]) ~= ARGV[1] then return redis.error_reply('LOST another epoch began') end
history(KEYS[4], KEYS[3], ARGV[10])
local now = tonumber(redis.call('TIME')[1])
local function number(amount) return string.format('%.0f', amount) end
local function read(value)
  local at, report, active, held, spent = string.match(value, '^(%d+)\n(%d+)\n(%d)\n([^\n]*)\n(.*)$')
  if not at then return nil end
  return { at = tonumber(at), report = tonumber(report), active = active == '1', held = held, spent = spent }
end

local function is_ours(lane) return string.sub(lane, 1, #ARGV[3]) == ARGV[3] end
for _, known in ipairs(cjson.decode(ARGV[9])) do
  local there = redis.call('HGET', KEYS[1], known[1])
  local kept, told = there and read(there), read(known[2])
  if told and not is_ours(known[1]) and (not kept or kept.report < told.report) then
    redis.call('HSET', KEYS[1], known[1], known[2])
  end
end

local before = redis.call('HGET', KEYS[1], ARGV[2])
if before and read(before).report >= tonumber(ARGV[4]) then return redis.error_reply('LATE a newer report came') end
local living = {}
for _, lane in ipairs(cjson.decode(ARGV[8])) do living[lane] = true end

local others, lanes, calling = {}, {}, {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local lane, value = all[i], all[i + 1]
  local record = read(value)
  if lane ~= ARGV[2] then
    -- What ended processes of this replica spent is in its report. Those that began after this one it may not know yet,
    -- nor may a report that was long on its way.
    local ended = is_ours(lane) and not living[lane] and lane < ARGV[2]
    if not record or ended or record.at + FORGOTTEN < now then
      redis.call('HDEL', KEYS[1], lane)
    else
      record.held, record.spent = cjson.decode(record.held), cjson.decode(record.spent)
      others[#others + 1] = record
      lanes[#lanes + 1] = lane
      lanes[#lanes + 1] = value
      if record.active and record.at + LATEST >= now then calling[#calling + 1] = lane end
    end
  end
end

-- By how many seconds a process's clock is behind the store's.
local function behind(spent, at) return at - (spent.now or at) end

-- What a process spent in a window, and when the first of it comes back by the store's clock.
local function sum(spent, name, window, late)
  local purse, total, oldest = spent[name], 0, 0
  local first = math.floor((now - late) / WIDTH[window]) - 61
  for _, bucket in ipairs(purse and purse[window] or {}) do
    if bucket[1] >= first then
      total = total + bucket[2]
      if oldest == 0 or bucket[1] < oldest then oldest = bucket[1] end
    end
  end
  return total, oldest > 0 and (oldest + 61) * WIDTH[window] + late or 0
end

local active, settling = ARGV[5] == '1', redis.call('EXISTS', KEYS[3]) == 1
local own, held, answers = cjson.decode(ARGV[6]), {}, {}
local late = behind(own, now)
for _, ask in ipairs(cjson.decode(ARGV[7])) do
  local spent, renews = sum(own, ask.purse, ask.window, late)
  local elsewhere = { h = 0, d = 0 }
  for _, record in ipairs(others) do
    for window in pairs(WIDTH) do
      local total, first = sum(record.spent, ask.purse, window, behind(record.spent, record.at))
      elsewhere[window] = elsewhere[window] + total
      if window == ask.window and first > 0 and (renews == 0 or first < renews) then renews = first end
    end
    local part = record.held[ask.purse]
    if part and record.at + LENGTH[ask.window] + SLACK >= now then spent = spent + part end
  end
  -- What nobody else spent or holds: what is held here included.
  local free = math.max(0, ask.budget - spent - elsewhere[ask.window])
  local holds = 0
  if active then
    holds = math.min(ask.held, free)
    local wanted = math.max(ask.need, math.ceil(free / 4))
    if not settling and (holds < ask.need or holds * 2 < wanted) then holds = math.min(free, wanted) end
    if holds > 0 then held[ask.purse] = holds end
  end
  renews = renews > 0 and math.max(0, renews - late) or 0
  answers[#answers + 1] = {
    ask.purse, number(holds - ask.held), number(free - holds), number(elsewhere.h), number(elsewhere.d), number(renews),
  }
end

local record = { number(now), ARGV[4], ARGV[5], cjson.encode(held), ARGV[6] }
redis.call('HSET', KEYS[1], ARGV[2], table.concat(record, '\n'))
redis.call('EXPIRE', KEYS[1], FORGOTTEN)
local rank = 0
for _, lane in ipairs(calling) do if lane < ARGV[2] then rank = rank + 1 end end
return { #calling + 1, rank, answers, lanes }
