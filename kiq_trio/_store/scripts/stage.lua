#!lua flags=allow-oom
-- stage: move due jobs from a sorted set to their queues.
--
--   KEYS[1]  schedule or retry   sorted set by the time a job is due
--   KEYS[2]  dead                sorted set by the time of death
--   KEYS[3]  queues              set of names
--   KEYS[4]… queue:<name>        lists, newest on the left
--   ARGV[1]… per job, earliest first: the member, the score it was read with, and
--              the queue's name, its place in KEYS, the new payload  |
--              the empty name, 2, the new payload: to the dead set
--   returns  how many were moved
--
-- Only a member that still has its score, and is due by this server's clock, is
-- moved: a repeated or late call finds nothing to do. Any number of processes
-- may stage at once.

local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local backs, buried, unknown, moved = {}, {}, {}, {}

local function queue(name, place, payload)
  if not backs[place] then
    backs[place] = {}
    redis.call('LLEN', KEYS[place])
    if redis.call('SISMEMBER', KEYS[3], name) == 0 then
      unknown[#unknown + 1] = name
    end
  end
  table.insert(backs[place], payload)
end

for n = 1, #ARGV, 5 do
  local score = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[n]) or nil)
  if score == tonumber(ARGV[n + 1]) and score <= now then
    if ARGV[n + 2] == '' then
      table.insert(buried, now)
      table.insert(buried, ARGV[n + 4])
    else
      queue(ARGV[n + 2], tonumber(ARGV[n + 3]), ARGV[n + 4])
    end
    moved[#moved + 1] = ARGV[n]
  end
end
if #moved == 0 then
  return 0
end
if #buried > 0 then
  redis.call('ZCARD', KEYS[2])
end

for place, payloads in pairs(backs) do
  redis.call('LPUSH', KEYS[place], unpack(payloads))
end
if #unknown > 0 then
  redis.call('SADD', KEYS[3], unpack(unknown))
end
if #buried > 0 then
  redis.call('ZADD', KEYS[2], unpack(buried))
end
redis.call('ZREM', KEYS[1], unpack(moved))
return #moved
