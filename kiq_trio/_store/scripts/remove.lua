#!lua flags=allow-oom
-- remove: delete jobs that wait in a queue.
--
--   KEYS[1]  queue:<name>         list, newest on the left
--   KEYS[2]… kiq:unique:<token>   locks
--   ARGV[1]… per job: its payload, the place of its lock in KEYS, or 0, and the
--            lock's owner
--   returns  how many were deleted
--
-- Only what is still in the queue is deleted, and its lock if it still owns it. Of
-- equal payloads the oldest goes. A call that comes twice may delete a second one
-- of them: the same job, if it has a jid.

local found, locks = {}, {}
for n = 1, #ARGV, 3 do
  local lock = tonumber(ARGV[n + 1])
  if redis.call('LPOS', KEYS[1], ARGV[n], 'RANK', -1) then
    found[#found + 1] = ARGV[n]
    if lock > 0 and redis.call('GET', KEYS[lock]) == ARGV[n + 2] then
      locks[#locks + 1] = lock
    end
  end
end

for _, lock in ipairs(locks) do
  redis.call('DEL', KEYS[lock])
end
local deleted = 0
for _, payload in ipairs(found) do
  deleted = deleted + redis.call('LREM', KEYS[1], -1, payload)
end
return deleted
