#!lua flags=allow-oom
-- settle: move jobs from a process's backup to their next place.
--
--   KEYS[1]  kiq:backup|<id>      hash, delivery id to queue, newline, payload
--   KEYS[2]  retry                sorted set by the time of the next attempt
--   KEYS[3]  dead                 sorted set by the time of death
--   KEYS[4]  queues               set of names
--   KEYS[5]  schedule             sorted set by the time of the next start
--   KEYS[6]… queue:<name> or kiq:unique:<token>   lists, newest on the left, for what
--              is requeued, and strings, the jid that owns the lock
--   ARGV[1]  how many dead jobs to keep
--   ARGV[2]  for how many seconds to keep them
--   ARGV[3]… per delivery, oldest first: its id, then
--              retry, score, payload  |  later, score, payload  |
--              kill, score, payload  |  ack, nothing, nothing  |
--              requeue, name, place of its queue in KEYS
--            and of its lock: the place in KEYS (0 for none), the owner's jid, and
--              for how many milliseconds more it is needed, 0 to give it back
--   returns  per delivery 1: moved; 0: no longer ours; -1: clash, the very same
--            payload is in that set already, and nothing was done
--
-- Only what is still in the backup is moved, so a repeated or late call finds
-- nothing to do. What is requeued goes to the front in its old order. Locks come
-- last: freed earlier, a job that comes back after a tear could run beside its twin.

local ids, asked = {}, {}
for n = 3, #ARGV, 7 do
  ids[#ids + 1] = ARGV[n]
  asked[#asked + 1] = {
    kind = ARGV[n + 1], a = ARGV[n + 2], b = ARGV[n + 3],
    lock = tonumber(ARGV[n + 4]), owner = ARGV[n + 5], needed = ARGV[n + 6],
  }
end
local held = redis.call('HMGET', KEYS[1], unpack(ids))

local sets = { retry = KEYS[2], kill = KEYS[3], later = KEYS[5] }
local added = { retry = {}, kill = {}, later = {} }
local taken = { retry = {}, kill = {}, later = {} }
local fronts, unknown, moved, answers = {}, {}, {}, {}
local freed, kept = {}, {}

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

local function see_to_lock(item)
  local owner = redis.call('GET', KEYS[item.lock])
  if item.needed == '0' then
    if owner == item.owner then
      freed[#freed + 1] = item.lock
    end
  elseif not owner or (owner == item.owner
    and redis.call('PTTL', KEYS[item.lock]) < tonumber(item.needed)) then
    -- Nobody has it: it expired while the job ran.
    kept[#kept + 1] = item
  end
end

for n, item in ipairs(asked) do
  if not held[n] then
    answers[n] = 0
  elseif item.kind == 'ack' then
    answers[n] = 1
  elseif item.kind == 'requeue' then
    answers[n] = requeue(held[n], item.a, tonumber(item.b))
  else
    answers[n] = add(item.kind, item.a, item.b)
  end
  if answers[n] == 1 then
    moved[#moved + 1] = ids[n]
    if item.lock > 0 then
      see_to_lock(item)
    end
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

for _, place in ipairs(freed) do
  redis.call('DEL', KEYS[place])
end
for _, item in ipairs(kept) do
  redis.call('SET', KEYS[item.lock], item.owner, 'PX', item.needed)
end

-- A clock of ours that runs ahead must not empty the dead set.
if #added.kill > 0 then
  local too_old = redis.call('TIME')[1] - ARGV[2]
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', too_old)
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -ARGV[1] - 1)
end
return answers
