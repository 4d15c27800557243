#!lua flags=allow-oom
-- release: give a lock back, if it still belongs to whoever gives it.
--
--   KEYS[1]  kiq:unique:<token> or dear-leader   string, the jid that owns the lock,
--              or who is shown as the leader
--   ARGV[1]  the jid, or who gives it up
--   returns  1: released; 0: it is somebody else's by now, or nobody's

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
