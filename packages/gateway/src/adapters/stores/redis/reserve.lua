-- Charges one send to all its counters, or to none. Decides as domain/limits.ts does; all instants are the caller's.
--
-- KEYS  1: the note of the send, named by its id; then one counter for each charge. The last letter says what a key holds:
--       s sends (member -> instant), r the ones given back (same), b buckets (start -> count, total, oldest), m a note.
-- ARGV  1: member, "<channel>:<id>"; 2: now; 3: the rules, in JSON, a list for each charge:
--       bucket length (0: instants), longest window, has a window of tries (0, 1),
--       and for each window: limit, length, counts tries (0, 1), channel ("": any)
-- Gives false when the send is charged, else {place of the charge, place of its window, wait in ms}.

if redis.call('EXISTS', KEYS[1]) == 1 then return false end

local FIRST_WINDOW, NEXT_WINDOW = 4, 4
local member, now, rules = ARGV[1], tonumber(ARGV[2]), cjson.decode(ARGV[3])
local refusal, longest = false, 0

-- The first of equal waits stays, and what has left needs none.
local function refuse(charge, i, wait)
  if wait > longest then
    refusal, longest = {charge, (i - FIRST_WINDOW) / NEXT_WINDOW + 1, wait}, wait
  end
end

-- What another process wrote a moment ahead of this clock counts as of now.
local function as_of_now(at)
  if at > now and at - now <= 1000 then return now end
  return at
end

-- Cheaper than what Redis does to a number, and exact.
local function int(number) return string.format('%d', number) end

local function released(key) return string.sub(key, 1, -2) .. 'r' end

local function collect(list, key, since, channel)
  local found = redis.call('ZREVRANGEBYSCORE', key, '+inf', '(' .. int(since), 'WITHSCORES')
  for i = 1, #found, 2 do
    if channel == '' or string.sub(found[i], 1, #channel + 1) == channel .. ':' then
      list[#list + 1] = tonumber(found[i + 1])
    end
  end
end

-- The oldest of the `limit` newest instants that a window counts; nil when there are fewer.
local function nth_newest(key, limit, since, channel, with_released)
  if channel == '' and not with_released then
    return tonumber(redis.call('ZREVRANGE', key, int(limit - 1), int(limit - 1), 'WITHSCORES')[2])
  end
  local list = {}
  collect(list, key, since, channel)
  if with_released then collect(list, released(key), since, channel) end
  table.sort(list, function(a, b) return a > b end)
  return list[limit]
end

local function decide_instants(place, key, rule)
  rule.sends = redis.call('ZCARD', key)
  local given_back = rule[3] == 1 and redis.call('ZCARD', released(key)) or 0
  for i = FIRST_WINDOW, #rule, NEXT_WINDOW do
    local limit, ms = rule[i], rule[i + 1]
    local with_released = rule[i + 2] == 1 and given_back > 0
    -- Nearly always there are too few to refuse, whatever they are.
    if limit > 0 and rule.sends + (with_released and given_back or 0) >= limit then
      local at = nth_newest(key, limit, now - ms, rule[i + 3], with_released)
      if at then refuse(place, i, as_of_now(at) + ms - now) end
    end
  end
end

-- The buckets within the longest window, oldest first. Sums them anew and notes which others to delete.
local function read_buckets(key, rule)
  local all, inside = redis.call('HGETALL', key), {}
  rule.total, rule.oldest, rule.left = 0, nil, {}
  for i = 1, #all, 2 do
    local start, count = tonumber(all[i]), tonumber(all[i + 1])
    if start and start + rule[1] > now - rule[2] then
      inside[#inside + 1] = {start = start, count = count}
      rule.total = rule.total + count
    elseif start then
      rule.left[#rule.left + 1] = all[i]
    end
  end
  table.sort(inside, function(a, b) return a.start < b.start end)
  if inside[1] then rule.oldest = inside[1].start end
  return inside
end

local function decide_window_of_buckets(buckets, length, limit, ms)
  local first, surplus = 1, 1 - limit
  while buckets[first] and buckets[first].start + length <= now - ms do first = first + 1 end
  for i = first, #buckets do surplus = surplus + buckets[i].count end
  if surplus <= 0 then return nil end
  for i = first, #buckets do
    surplus = surplus - buckets[i].count
    if surplus <= 0 then return buckets[i].start + length + ms - now end
  end
end

local function decide_buckets(place, key, rule)
  local length, longest_ms, lowest = rule[1], rule[2], math.huge
  for i = FIRST_WINDOW, #rule, NEXT_WINDOW do lowest = math.min(lowest, rule[i]) end
  rule.start = now - now % length
  local found = redis.call('HMGET', key, 'total', 'oldest', int(rule.start))
  rule.total, rule.oldest, rule.count = tonumber(found[1] or 0), tonumber(found[2] or nil), tonumber(found[3] or nil)
  local has_left = rule.oldest and rule.oldest + length <= now - longest_ms
  -- All buckets are read when the oldest has left and near the cap; else their total is enough.
  if not has_left and rule.total < lowest then return end
  local buckets = read_buckets(key, rule)
  for i = FIRST_WINDOW, #rule, NEXT_WINDOW do
    local wait = decide_window_of_buckets(buckets, length, rule[i], rule[i + 1])
    if wait then refuse(place, i, wait) end
  end
end

local function charge_instants(key, rule)
  redis.call('ZADD', key, ARGV[2], member)
  if rule.sends > 0 then redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now - rule[2])) end
  redis.call('PEXPIRE', key, int(rule[2]))
end

local function charge_buckets(key, rule)
  local oldest = math.min(rule.oldest or rule.start, rule.start)
  local total, count = int(rule.total + 1), int((rule.count or 0) + 1)
  redis.call('HSET', key, 'total', total, 'oldest', int(oldest), int(rule.start), count)
  if rule.left and rule.left[1] then redis.call('HDEL', key, unpack(rule.left)) end
  -- The newest bucket stays longest, and what is added to it later leaves with it.
  if not rule.count then redis.call('PEXPIRE', key, int(rule[1] + rule[2])) end
end

local note, note_ms = {member, now}, 1
for place, rule in ipairs(rules) do
  local key = KEYS[place + 1]
  if rule[1] == 0 then decide_instants(place, key, rule) else decide_buckets(place, key, rule) end
  -- With each counter: where it was counted, or for how long the try stays when the send is given back (0: does not).
  note[#note + 1], note[#note + 2] = key, rule.start or rule[3] * rule[2]
  note_ms = math.max(note_ms, rule[1] + rule[2])
end
if refusal then return refusal end

-- Redis refuses the first write of a script when its memory is full; so nothing was written yet when it does.
redis.call('SET', KEYS[1], cmsgpack.pack(note), 'PX', int(note_ms))
for place, rule in ipairs(rules) do
  if rule[1] == 0 then charge_instants(KEYS[place + 1], rule) else charge_buckets(KEYS[place + 1], rule) end
end
return false
