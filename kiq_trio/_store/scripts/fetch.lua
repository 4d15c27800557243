#!lua flags=allow-oom
-- fetch: move up to N jobs from the front of a queue into a process's backup.
--
--   KEYS[1]  kiq:processes     hash, id to beat counter
--   KEYS[2]  kiq:calls|<id>    hash, producer to the number of its last call
--   KEYS[3]  kiq:backup|<id>   hash, delivery id to queue, newline, payload
--   KEYS[4]  queue:<name>      list, newest on the left
--   KEYS[5]  paused            set of names
--   ARGV[1]  the id
--   ARGV[2]  the producer; it has one call in flight
--   ARGV[3]  the number of this call; the next one is higher
--   ARGV[4]  N, how many jobs there is room for
--   ARGV[5]  the queue's name
--   returns  the payloads, oldest first, the n-th (from 0) held as
--            <producer>.<call>.<n>; nil where it is settled already.
--            -1: the id is not registered; -2: the queue is paused
--
-- A job is always in the queue, the backup, or both. The same call again gets
-- the same jobs; an older one gets none, since nobody would hear of them. For
-- the same reason a call that found nothing is remembered, too.

if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return -1
end
local call = tonumber(ARGV[3])
local last = tonumber(redis.call('HGET', KEYS[2], ARGV[2]) or 0)
if call < last then
  return {}
end

local room = tonumber(ARGV[4])
local id = ARGV[2] .. '.' .. ARGV[3] .. '.'
local heading = ARGV[5] .. '\n'

if call == last then
  local ids = {}
  for n = 1, room do
    ids[n] = id .. (n - 1)
  end
  local held = redis.call('HMGET', KEYS[3], unpack(ids))
  for n = 1, room do
    held[n] = held[n] and string.sub(held[n], #heading + 1)
  end
  return held
end

local is_paused = redis.call('SISMEMBER', KEYS[5], ARGV[5]) == 1
local jobs = redis.call('LRANGE', KEYS[4], -room, -1)
-- First of all: torn after it, the same call finds nothing, and all is still queued.
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
if is_paused then
  return -2
end
local count = #jobs
if count == 0 then
  return jobs
end

local oldest_first, entries = {}, {}
for n = 1, count do
  local job = jobs[count - n + 1]
  oldest_first[n] = job
  entries[2 * n - 1] = id .. (n - 1)
  entries[2 * n] = heading .. job
end
redis.call('HSET', KEYS[3], unpack(entries))
redis.call('LTRIM', KEYS[4], 0, -count - 1)
return oldest_first
