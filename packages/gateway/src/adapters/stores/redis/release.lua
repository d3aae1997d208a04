-- Takes one send back from all its counters.
--
-- KEYS  1: the note of the send, by its id
-- ARGV  1: "sends" keeps it among the tries, "everything" does not

local packed = redis.call('GET', KEYS[1])
if not packed then return end
local note = cmsgpack.unpack(packed)
local member, at = note[1], note[2]

-- Keeps the try. An id that was charged and given back before has a try under its name already.
local function keep_try(key, ms)
  local name = member
  while redis.call('ZADD', key, 'NX', at, name) == 0 do name = name .. '+' end
  redis.call('ZREMRANGEBYSCORE', key, '-inf', at - ms)
  redis.call('PEXPIRE', key, ms)
end

redis.call('DEL', KEYS[1])
for i = 3, #note, 2 do
  local key, more = note[i], note[i + 1]
  if string.sub(key, -1) == 'b' then
    local start = string.format('%d', more)
    -- Gone when it was reset or left meanwhile.
    if tonumber(redis.call('HGET', key, start) or 0) > 0 then
      redis.call('HINCRBY', key, start, -1)
      redis.call('HINCRBY', key, 'total', -1)
    end
  elseif redis.call('ZREM', key, member) == 1 and more > 0 and ARGV[1] == 'sends' then
    keep_try(string.sub(key, 1, -2) .. 'r', more)
  end
end
