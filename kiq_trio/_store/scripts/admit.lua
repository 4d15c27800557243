#!lua
-- admit: put in those jobs of a batch against which nothing stands, exactly once.
--
--   KEYS[1]  kiq:flush|<lane>           string, number of the lane's last batch and
--              who was refused of it
--   KEYS[2]  queue:<name> or schedule   list, newest on the left, or sorted set by the
--              time a job is due
--   KEYS[3]  queues                     set of names
--   KEYS[4]… kiq:unique:<token>         strings, the jid that owns the lock
--   ARGV[1]  the number of this batch
--   ARGV[2]  for how many seconds to remember it
--   ARGV[3]  the queue's name; empty for the schedule
--   ARGV[4]  how many jobs the queue may hold; 0 for any number
--   ARGV[5]… per job, oldest first: its jid, its payload, its score (empty in a
--              queue), the place of its lock in KEYS (0 for none), and for how many
--              milliseconds it takes the lock
--   returns  who was refused, now or by an earlier copy: jid, reason, jid, reason …
--            where the reason is the jid of whom it duplicates, or empty when the
--            queue is full; an error that begins with STALE when a later batch of
--            the lane is stored already
--
-- As enqueue.lua, which serves batches without locks and limits; they share lanes.
-- A lock that is one's own already is no obstacle: the same batch may have been torn.
-- Locks are taken after the jobs are in: torn in between, a job has no lock, but no
-- lock is without its job.

local number = tonumber(ARGV[1])
local memory = redis.call('GET', KEYS[1]) or '0'
local last = tonumber(string.match(memory, '^%d+'))
if number < last then
  return { err = 'STALE batch ' .. ARGV[1] .. ': batch ' .. last .. ' is stored' }
end
local refused = {}
if number == last then
  for jid, reason in string.gmatch(memory, '\n(%S+) (%S*)') do
    refused[#refused + 1] = jid
    refused[#refused + 1] = reason
  end
  return refused
end

local is_queue = ARGV[3] ~= ''
local limit = tonumber(ARGV[4])
local room = limit
local is_known = true
if is_queue then
  room = limit - redis.call('LLEN', KEYS[2])
  is_known = redis.call('SISMEMBER', KEYS[3], ARGV[3]) == 1
end

local owners, taken, jobs = {}, {}, {}
local notes = { ARGV[1] }

local function refuse(jid, reason)
  refused[#refused + 1] = jid
  refused[#refused + 1] = reason
  notes[#notes + 1] = '\n' .. jid .. ' ' .. reason
end

for n = 5, #ARGV, 5 do
  local jid, place = ARGV[n], tonumber(ARGV[n + 3])
  local owner = place > 0 and (owners[place] or redis.call('GET', KEYS[place]))
  -- An empty one, a hand's work, belongs to nobody.
  if owner and owner ~= jid and owner ~= '' then
    refuse(jid, owner)
  elseif limit > 0 and room <= 0 then
    refuse(jid, '')
  else
    room = room - 1
    if not is_queue then
      jobs[#jobs + 1] = ARGV[n + 2]
    end
    jobs[#jobs + 1] = ARGV[n + 1]
    if place > 0 then
      owners[place] = jid
      taken[#taken + 1] = { place = place, jid = jid, ttl = ARGV[n + 4] }
    end
  end
end

if #jobs > 0 and is_queue then
  redis.call('LPUSH', KEYS[2], unpack(jobs))
  if not is_known then
    redis.call('SADD', KEYS[3], ARGV[3])
  end
elseif #jobs > 0 then
  redis.call('ZADD', KEYS[2], unpack(jobs))
end
for _, lock in ipairs(taken) do
  redis.call('SET', KEYS[lock.place], lock.jid, 'PX', lock.ttl)
end
redis.call('SET', KEYS[1], table.concat(notes), 'EX', ARGV[2])
return refused
