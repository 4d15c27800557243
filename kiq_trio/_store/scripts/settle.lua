#!lua flags=allow-oom
-- settle: move jobs from a process's backup to their next place.
--
--   KEYS[1]  kiq:backup|<id>   hash, delivery id to queue, newline, payload
--   KEYS[2]  retry             sorted set by the time of the next attempt
--   KEYS[3]  dead              sorted set by the time of death
--   KEYS[4]  queues            set of names
--   KEYS[5]  schedule          sorted set by the time of the next start
--   KEYS[6]… queue:<name>      lists, newest on the left, for what is requeued
--   ARGV[1]  how many dead jobs to keep
--   ARGV[2]  for how many seconds to keep them
--   ARGV[3]… per delivery, oldest first: its id, then
--              retry, score, payload  |  kill, score, payload  |
--              later, score, payload  |
--              requeue, name, place of its queue in KEYS
--   returns  per delivery 1: moved; 0: no longer ours; -1: clash, the very same
--            payload is in that set already, and nothing was done
--
-- Only what is still in the backup is moved, so a repeated or late call finds
-- nothing to do. What is requeued goes to the front in its old order.

local ids, asked = {}, {}
for n = 3, #ARGV, 4 do
  ids[#ids + 1] = ARGV[n]
  asked[#asked + 1] = { kind = ARGV[n + 1], a = ARGV[n + 2], b = ARGV[n + 3] }
end
local held = redis.call('HMGET', KEYS[1], unpack(ids))

local sets = { retry = KEYS[2], kill = KEYS[3], later = KEYS[5] }
local added = { retry = {}, kill = {}, later = {} }
local taken = { retry = {}, kill = {}, later = {} }
local fronts, unknown, moved, answers = {}, {}, {}, {}

local function add(kind, score, payload)
  if taken[kind][payload] or redis.call('ZSCORE', sets[kind], payload) then
    return -1
  end
  taken[kind][payload] = true
  table.insert(added[kind], score)
  table.insert(added[kind], payload)
  return 1
end

local function requeue(job, name, place)
  if not fronts[place] then
    fronts[place] = {}
    redis.call('LLEN', KEYS[place])
    if redis.call('SISMEMBER', KEYS[4], name) == 0 then
      unknown[#unknown + 1] = name
    end
  end
  table.insert(fronts[place], 1, string.sub(job, #name + 2))
  return 1
end

for n, item in ipairs(asked) do
  if not held[n] then
    answers[n] = 0
  elseif item.kind == 'requeue' then
    answers[n] = requeue(held[n], item.a, tonumber(item.b))
  else
    answers[n] = add(item.kind, item.a, item.b)
  end
  if answers[n] == 1 then
    moved[#moved + 1] = ids[n]
  end
end
if #moved == 0 then
  return answers
end

for kind, pairs_ in pairs(added) do
  if #pairs_ > 0 then
    redis.call('ZADD', sets[kind], unpack(pairs_))
  end
end
for place, jobs in pairs(fronts) do
  redis.call('RPUSH', KEYS[place], unpack(jobs))
end
if #unknown > 0 then
  redis.call('SADD', KEYS[4], unpack(unknown))
end
redis.call('HDEL', KEYS[1], unpack(moved))

-- A clock of ours that runs ahead must not empty the dead set.
if #added.kill > 0 then
  local too_old = redis.call('TIME')[1] - ARGV[2]
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', too_old)
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -ARGV[1] - 1)
end
return answers
