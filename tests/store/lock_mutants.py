"""Every line of the scripts that guards a lock or a limit, and what it is without."""

from tests.store.mutants import NEVER, Mutant, earlier, without

_MARKER = "redis.call('SET', KEYS[1], table.concat(notes), 'EX', ARGV[2])\n"
_TAKE = (
    "for _, lock in ipairs(taken) do\n"
    "  redis.call('SET', KEYS[lock.place], lock.jid, 'PX', lock.ttl)\nend\n"
)
_STORE = "if #jobs > 0 and is_queue then\n"
_FREE = "for _, place in ipairs(freed) do\n  redis.call('DEL', KEYS[place])\nend\n"

LOCK_MUTANTS = [
    # admit
    Mutant("admit", "if number < last then", NEVER),
    Mutant("admit", "if number == last then", NEVER),
    Mutant(
        "admit",
        "if is_queue then",
        "if false then",
        "test_a_queue_takes_no_more_than_it_may_hold",
    ),
    Mutant(
        "admit",
        "  room = limit - redis.call('LLEN', KEYS[2])\n",
        "",
        "test_a_queue_takes_no_more_than_it_may_hold",
    ),
    Mutant(
        "admit",
        "is_known = redis.call('SISMEMBER', KEYS[3], ARGV[3]) == 1",
        "is_known = false",
        "test_an_admission_looks_at_all_places_before_it_writes",
    ),
    Mutant(
        "admit",
        "(owners[place] or redis.call('GET', KEYS[place]))",
        "owners[place]",
        "test_a_job_whose_lock_is_taken_is_not_stored",
    ),
    Mutant(
        "admit",
        "(owners[place] or redis.call('GET', KEYS[place]))",
        "redis.call('GET', KEYS[place])",
        "test_a_job_whose_lock_is_taken_is_not_stored",
    ),
    Mutant(
        "admit",
        "if owner and owner ~= jid and owner ~= '' then",
        "if owner and owner ~= '' then",
        "test_a_job_that_has_its_lock_already_is_no_duplicate_of_itself",
    ),
    Mutant(
        "admit",
        "if owner and owner ~= jid and owner ~= '' then",
        "if owner and owner ~= jid then",
        "test_a_lock_that_a_hand_has_emptied_keeps_nobody_out",
    ),
    Mutant(
        "admit",
        "elseif limit > 0 and room <= 0 then",
        "elseif limit > 0 and room < 0 then",
        "test_a_queue_takes_no_more_than_it_may_hold",
    ),
    Mutant(
        "admit",
        "elseif limit > 0 and room <= 0 then",
        "elseif room <= 0 then",
        "test_a_job_whose_lock_is_taken_is_not_stored",
    ),
    Mutant(
        "admit",
        "if not is_queue then",
        NEVER,
        "test_a_scheduled_job_takes_its_lock_at_once",
    ),
    Mutant(
        "admit",
        "      owners[place] = jid\n",
        "",
        "test_a_job_whose_lock_is_taken_is_not_stored",
    ),
    Mutant(
        "admit",
        "if #jobs > 0 and is_queue then",
        "if is_queue then",
        "test_a_batch_of_which_nothing_is_stored_leaves_no_queue",
    ),
    Mutant("admit", "redis.call('LPUSH', KEYS[2], unpack(jobs))", "local _ = 0"),
    *without("admit", "    redis.call('SADD', KEYS[3], ARGV[3])\n"),
    Mutant(
        "admit",
        "elseif #jobs > 0 then",
        "elseif false then",
        "test_a_scheduled_job_takes_its_lock_at_once",
    ),
    Mutant(
        "admit",
        "redis.call('ZADD', KEYS[2], unpack(jobs))",
        "local _ = 0",
        "test_a_scheduled_job_takes_its_lock_at_once",
    ),
    *without("admit", _TAKE, caught_by="test_a_job_whose_lock_is_taken_is_not_stored"),
    Mutant(
        "admit",
        "'PX', lock.ttl)",
        "'PX', 1)",
        "test_a_lock_lives_no_longer_than_it_is_said",
    ),
    *without("admit", _MARKER),
    Mutant(
        "admit",
        "table.concat(notes)",
        "ARGV[1]",
        "test_a_repetition_hears_what_was_said_the_first_time",
    ),
    earlier("admit", _MARKER, _STORE, "torn replay"),
    # enqueue, after a batch with terms
    Mutant(
        "enqueue",
        "string.match(redis.call('GET', KEYS[1]) or '0', '^%d+')",
        "redis.call('GET', KEYS[1]) or '0'",
        "test_a_batch_without_terms_follows_one_with_them",
    ),
    # settle
    Mutant(
        "settle",
        "elseif item.kind == 'ack' then",
        "elseif false then",
        "test_who_is_done_gives_its_lock_back",
    ),
    Mutant(
        "settle",
        "if item.lock > 0 then",
        NEVER,
        "test_who_is_done_gives_its_lock_back",
    ),
    Mutant(
        "settle",
        "if item.needed == '0' then",
        NEVER,
        "test_who_is_done_gives_its_lock_back",
    ),
    Mutant(
        "settle",
        "if owner == item.owner then",
        "if true then",
        "test_who_is_done_leaves_the_lock_of_another_alone",
    ),
    Mutant(
        "settle",
        "elseif not owner or (owner == item.owner",
        "elseif (owner == item.owner",
        "test_a_job_that_is_tried_again_takes_a_lock_that_expired",
    ),
    Mutant(
        "settle",
        "not owner or (owner == item.owner",
        "not owner or (true",
        "test_a_job_that_is_tried_again_takes_no_lock_from_another",
    ),
    Mutant(
        "settle",
        "and redis.call('PTTL', KEYS[item.lock]) < tonumber(item.needed)) then",
        ") then",
        "test_a_lock_that_lives_long_enough_is_not_made_shorter",
    ),
    Mutant(
        "settle",
        "redis.call('SET', KEYS[item.lock], item.owner, 'PX', item.needed)",
        "local _ = 0",
        "test_a_job_that_is_tried_again_keeps_its_lock_until_then",
    ),
    *without("settle", _FREE, caught_by="test_who_is_done_gives_its_lock_back"),
    # drain
    Mutant(
        "drain",
        "if place > 0 and redis.call('GET', KEYS[place]) == owner then",
        "if place > 0 then",
        "test_a_grave_leaves_the_lock_of_another_alone",
    ),
    *without(
        "drain",
        _FREE,
        caught_by="test_a_grave_gives_back_the_locks_of_those_who_died_for_good",
    ),
    # release
    Mutant(
        "release",
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then",
        NEVER,
        "test_a_lock_is_released_by_its_owner_only",
    ),
    Mutant(
        "release",
        "return redis.call('DEL', KEYS[1])",
        "return 1",
        "test_a_lock_is_released_by_its_owner_only",
    ),
]
