"""Every line of the scripts that guards something, and the script without it."""

import attrs

from kiq_trio._store.scripts import SCRIPTS

_TEXTS = {script.name: script.source for script in SCRIPTS}


@attrs.frozen
class Mutant:
    """A script in which *guard* was replaced, and what must notice it.

    That is the replay property with whole scripts (`replay`) or with torn ones
    (`torn replay`), `test_torn.py` (`torn`), or a directed test, mostly
    of `test_guards.py`.
    """

    script: str
    guard: str
    instead: str
    caught_by: str = "replay"

    @property
    def text(self) -> str:
        text = _TEXTS[self.script]
        assert text.count(self.guard) == 1, f"{self.guard!r} is not in it once"
        return text.replace(self.guard, self.instead)

    def __str__(self) -> str:
        guard = self.guard.strip().splitlines()[0]
        return f"{self.script}: {guard} -> {self.instead[:20].strip()!r}"


def without(script: str, *lines: str, caught_by: str = "replay") -> list[Mutant]:
    return [Mutant(script, line, "", caught_by) for line in lines]


def earlier(script: str, line: str, before: str, caught_by: str = "torn") -> Mutant:
    """Leave the old place before the new one is written."""
    text = _TEXTS[script]
    start, end = text.index(before), text.index(line)
    between = text[start:end]
    return Mutant(script, between + line, line + between, caught_by)


_OLDER = "if number < last then"
_SAME = "if number == last then"
NEVER = "if false then"
_NUMBER = "redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])\n"
_FETCH_END = "redis.call('HSET', KEYS[3], unpack(entries))\n"

_LEAVE_FIRST = Mutant(
    "leave",
    "  redis.call('SADD', KEYS[3], ARGV[1])\n  redis.call('HDEL', KEYS[1], ARGV[1])\n",
    "  redis.call('HDEL', KEYS[1], ARGV[1])\n  redis.call('SADD', KEYS[3], ARGV[1])\n",
    "torn",
)

MUTANTS = [
    # register
    Mutant("register", "if (redis.call('GET', KEYS[3]) or '0') ~= ARGV[2] then", NEVER),
    Mutant(
        "register",
        "redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1",
        "false",
        "test_an_id_in_use_is_refused_even_if_its_backup_was_forgotten",
    ),
    Mutant(
        "register",
        "redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1",
        "false",
        "test_an_id_in_a_grave_is_refused",
    ),
    Mutant("register", "redis.call('INCRBY', KEYS[3], ARGV[3])", "1"),
    Mutant(
        "register",
        "redis.call('INCRBY', KEYS[3], ARGV[3])",
        "redis.call('INCRBY', KEYS[3], 1)",
        "test_a_redis_that_lost_its_data_does_not_count_as_before",
    ),
    *without("register", "redis.call('SADD', KEYS[2], ARGV[1])\n"),
    *without("register", "redis.call('HSET', KEYS[1], ARGV[1], 1)\n"),
    Mutant("register", "if is_taken then", NEVER, "test_an_id_in_a_grave_is_refused"),
    # badge
    Mutant(
        "badge",
        "if holder and holder ~= ARGV[1] then",
        NEVER,
        "test_the_leader_of_others_stays_the_one_that_is_shown",
    ),
    *without(
        "badge",
        "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n",
        caught_by="test_a_leader_is_shown_for_as_long_as_it_leads",
    ),
    # lead
    Mutant(
        "lead",
        "if holder and holder ~= ARGV[1] then",
        NEVER,
        "test_a_lead_is_not_taken_from_another",
    ),
    Mutant(
        "lead",
        "if holder and term >= known then",
        NEVER,
        "test_a_lead_is_renewed_under_the_same_term",
    ),
    Mutant(
        "lead",
        "if holder and term >= known then",
        "if holder then",
        "test_a_term_is_not_given_twice_though_redis_forgot_it",
    ),
    Mutant(
        "lead",
        "term = math.max(term, known) + 1",
        "term = term + 1",
        "test_a_term_is_not_given_twice_though_redis_forgot_it",
    ),
    *without(
        "lead",
        "  redis.call('PEXPIRE', KEYS[1], ARGV[2])\n",
        caught_by="test_a_lead_is_renewed_under_the_same_term",
    ),
    *without(
        "lead",
        "redis.call('SET', KEYS[2], string.format('%.0f', term))\n",
        "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n",
        caught_by="test_a_free_lead_is_taken_for_a_while",
    ),
    # resign
    Mutant(
        "resign",
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then",
        NEVER,
        "test_nobody_resigns_for_another",
    ),
    Mutant(
        "resign",
        "if redis.call('GET', KEYS[2]) ~= ARGV[2] then",
        NEVER,
        "test_a_late_resignation_does_not_end_a_later_lead",
    ),
    *without(
        "resign",
        "redis.call('DEL', KEYS[1])\n",
        caught_by="test_whoever_resigns_frees_the_lead",
    ),
    # order
    *without(
        "order",
        "redis.call('EXPIRE', KEYS[1], ARGV[2])\n",
        caught_by="test_orders_are_kept_for_a_while_and_about_a_thousand_of_them",
    ),
    Mutant(
        "order",
        "'MAXLEN', '~', ARGV[1], ",
        "",
        "test_orders_are_kept_for_a_while_and_about_a_thousand_of_them",
    ),
    # beat
    Mutant(
        "beat",
        "redis.call('HINCRBY', KEYS[1], ARGV[1], 1)",
        "2",
        "test_a_beat_moves_the_counter",
    ),
    Mutant(
        "beat", "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then", "if true then"
    ),
    Mutant(
        "beat",
        "redis.call('GET', KEYS[2]) or",
        "",
        "test_a_beat_tells_a_burial_from_a_loss_of_all_data",
    ),
    # leave
    Mutant("leave", "if redis.call('HLEN', KEYS[4]) > 0 then", NEVER),
    Mutant(
        "leave",
        "if redis.call('HLEN', KEYS[4]) > 0 then",
        "if true then",
        "test_who_leaves_with_empty_hands_leaves_nothing",
    ),
    *without(
        "leave",
        "  redis.call('SADD', KEYS[3], ARGV[1])\n",
        "  redis.call('HDEL', KEYS[1], ARGV[1])\n  return 0",
        "redis.call('DEL', KEYS[5])\n",
        "redis.call('SREM', KEYS[3], ARGV[1])\n",
        "redis.call('SREM', KEYS[2], ARGV[1])\n",
    ),
    _LEAVE_FIRST,
    # enqueue and schedule
    *(
        Mutant(script, line, NEVER)
        for script in ("enqueue", "schedule")
        for line in (_OLDER, _SAME)
    ),
    *without("enqueue", "redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])\n"),
    *without("schedule", "redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])\n"),
    *without("enqueue", "  redis.call('SADD', KEYS[3], ARGV[3])\n"),
    earlier(
        "enqueue",
        "redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])\n",
        "redis.call('LPUSH', KEYS[2], unpack(ARGV, 4))\n",
        "torn replay",
    ),
    Mutant(
        "enqueue",
        "redis.call('SISMEMBER', KEYS[3], ARGV[3]) == 1",
        "false",
        "test_an_enqueue_looks_at_the_names_before_it_writes",
    ),
    earlier(
        "schedule",
        "redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])\n",
        "redis.call('ZADD', KEYS[2], unpack(ARGV, 3))\n",
        "torn replay",
    ),
    # fetch
    Mutant("fetch", "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then", NEVER),
    Mutant("fetch", "if call < last then", NEVER),
    Mutant("fetch", "if call == last then", NEVER),
    Mutant("fetch", "if is_paused then", NEVER),
    *without(
        "fetch",
        "redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])\n",
        "redis.call('HSET', KEYS[3], unpack(entries))\n",
        "redis.call('LTRIM', KEYS[4], 0, -count - 1)\n",
    ),
    earlier(
        "fetch",
        "redis.call('LTRIM', KEYS[4], 0, -count - 1)\n",
        "redis.call('HSET', KEYS[3], unpack(entries))\n",
    ),
    Mutant(
        "fetch",
        _FETCH_END,
        f"redis.call('HSET', KEYS[2], ARGV[2], last)\n{_FETCH_END}{_NUMBER}",
        "torn",
    ),
    # settle
    Mutant("settle", "if not held[n] then", NEVER),
    Mutant(
        "settle",
        "taken[kind][payload] or ",
        "",
        "test_two_jobs_that_fail_alike_in_one_batch_clash",
    ),
    Mutant(
        "settle",
        " or redis.call('ZSCORE', sets[kind], payload)",
        "",
        "test_a_job_that_fails_like_one_that_waits_already_clashes",
    ),
    Mutant("settle", "  if answers[n] == 1 then", "  if true then"),
    *without("settle", "redis.call('HDEL', KEYS[1], unpack(moved))\n"),
    Mutant(
        "settle",
        "if redis.call('SISMEMBER', KEYS[4], name) == 0 then",
        NEVER,
        "test_a_queue_that_was_deleted_is_listed_again_by_a_requeue",
    ),
    Mutant(
        "settle",
        "table.insert(fronts[place], 1, string.sub(job, #name + 2))",
        "table.insert(fronts[place], string.sub(job, #name + 2))",
        "test_what_is_requeued_is_in_front_in_its_old_order",
    ),
    earlier(
        "settle",
        "redis.call('HDEL', KEYS[1], unpack(moved))\n",
        "for place, jobs in pairs(fronts) do\n"
        "  redis.call('RPUSH', KEYS[place], unpack(jobs))\nend\n",
    ),
    earlier(
        "settle",
        "redis.call('HDEL', KEYS[1], unpack(moved))\n",
        "for kind, pairs_ in pairs(added) do\n",
    ),
    *without(
        "settle",
        "    redis.call('LLEN', KEYS[place])\n",
        caught_by="test_a_settlement_looks_at_the_queues_before_it_writes",
    ),
    # move
    Mutant(
        "move",
        "if score == tonumber(ARGV[n + 1]) and ",
        "if score and ",
        "test_a_member_that_was_rescheduled_is_not_staged",
    ),
    Mutant(
        "move",
        " and score <= latest then",
        " then",
        "test_a_member_that_is_not_due_is_not_staged",
    ),
    Mutant(
        "move",
        "    elseif place == 2 then\n",
        "    else\n",
        "test_what_is_deleted_goes_nowhere",
    ),
    Mutant(
        "move",
        "redis.call('GET', KEYS[lock]) == ARGV[n + 6]",
        "true",
        "test_a_lock_goes_with_its_job_only_if_the_job_owns_it",
    ),
    *without("move", "redis.call('ZREM', KEYS[1], unpack(moved))\n"),
    *without(
        "move",
        "  redis.call('DEL', KEYS[lock])\n",
        caught_by="test_a_lock_goes_with_its_job_only_if_the_job_owns_it",
    ),
    Mutant(
        "move",
        "if redis.call('SISMEMBER', KEYS[3], name) == 0 then",
        NEVER,
    ),
    earlier(
        "move",
        "redis.call('ZREM', KEYS[1], unpack(moved))\n",
        "for place, payloads in pairs(backs) do\n"
        "  redis.call('LPUSH', KEYS[place], unpack(payloads))\nend\n",
    ),
    earlier(
        "move",
        "redis.call('ZREM', KEYS[1], unpack(moved))\n",
        "if #buried > 0 then\n  redis.call('ZADD', KEYS[2], unpack(buried))\nend\n",
    ),
    *without(
        "move",
        "    redis.call('LLEN', KEYS[place])\n",
        "  redis.call('ZCARD', KEYS[2])\n",
        caught_by="test_staging_looks_at_all_places_before_it_writes",
    ),
    # remove and delete_queue
    Mutant(
        "remove",
        "if redis.call('LPOS', KEYS[1], ARGV[n], 'RANK', -1) then",
        "if true then",
        "test_a_job_that_was_fetched_meanwhile_keeps_its_lock",
    ),
    Mutant(
        "remove",
        "redis.call('GET', KEYS[lock]) == ARGV[n + 2]",
        "true",
        "test_a_lock_that_another_job_owns_is_left_by_a_removal",
    ),
    *without(
        "remove",
        "  redis.call('DEL', KEYS[lock])\n",
        caught_by="test_a_job_that_is_removed_gives_its_lock_back",
    ),
    Mutant(
        "remove",
        "redis.call('LREM', KEYS[1], -1, payload)",
        "1",
        "test_a_job_that_is_removed_gives_its_lock_back",
    ),
    Mutant(
        "delete_queue",
        "if redis.call('LLEN', KEYS[1]) > 0 then",
        NEVER,
        "test_a_queue_that_holds_jobs_keeps_its_name",
    ),
    *without(
        "delete_queue",
        "redis.call('SREM', KEYS[2], ARGV[1])\n",
        caught_by="test_an_empty_queue_is_forgotten",
    ),
    # bury
    earlier(
        "bury",
        "redis.call('HDEL', KEYS[1], ARGV[1])\n",
        "redis.call('SADD', KEYS[2], ARGV[1])\n",
    ),
    Mutant("bury", "if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then", NEVER),
    *without(
        "bury",
        "redis.call('SADD', KEYS[2], ARGV[1])\n",
        "redis.call('HDEL', KEYS[1], ARGV[1])\n",
    ),
    Mutant(
        "bury_orphan",
        "redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1",
        "false",
        "test_who_is_registered_is_no_orphan",
    ),
    Mutant("bury_orphan", "redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0", "false"),
    Mutant(
        "bury_orphan",
        "redis.call('SADD', KEYS[3], ARGV[1])",
        "1",
        "test_an_orphan_gets_a_grave",
    ),
    # suspect
    Mutant(
        "suspect",
        "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then",
        NEVER,
        "test_who_is_buried_may_begin_no_suspect",
    ),
    Mutant(
        "suspect",
        "if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 0 then",
        NEVER,
        "test_what_is_held_no_more_is_not_suspected",
    ),
    Mutant(
        "suspect",
        "if tonumber(ARGV[3]) < tonumber(last or 0) then",
        NEVER,
        "test_a_late_copy_names_nothing",
    ),
    *without(
        "suspect",
        "redis.call('HSET', KEYS[3], '\\nsuspect', ARGV[2], '\\nnumber', ARGV[3])\n",
        caught_by="test_the_last_that_began_is_the_one_to_blame",
    ),
    # drain
    Mutant(
        "drain",
        "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then",
        NEVER,
        "test_what_a_living_process_holds_is_not_drained",
    ),
    Mutant(
        "drain",
        "if redis.call('HGET', KEYS[4], ARGV[n]) == ARGV[n + 1] then",
        "if true then",
    ),
    Mutant(
        "drain",
        "if redis.call('HGET', KEYS[4], ARGV[n]) == ARGV[n + 1] then",
        "if redis.call('HGET', KEYS[4], ARGV[n]) then",
        "test_a_job_in_a_grave_that_is_not_as_it_was_read_is_left",
    ),
    Mutant(
        "drain",
        "if redis.call('HLEN', KEYS[4]) > 0 then",
        NEVER,
        "test_a_grave_is_not_closed_while_it_holds_anything",
    ),
    *(
        Mutant(script, line, "", test)
        for script, key, test in (
            (
                "settle",
                "KEYS[3]",
                "test_what_has_been_dead_for_too_long_goes_when_another_comes",
            ),
            ("drain", "KEYS[7]", "test_a_drain_keeps_the_limits_of_the_dead_set"),
        )
        for line in (f"  redis.call('ZREMRANGEBYSCORE', {key}, '-inf', too_old)\n",)
    ),
    Mutant(
        "settle",
        "0, -ARGV[1] - 1)",
        "0, -ARGV[1])",
        "test_the_dead_set_keeps_exactly_its_limit",
    ),
    Mutant(
        "drain",
        "0, -ARGV[3] - 1)",
        "0, -ARGV[3])",
        "test_a_drain_keeps_the_limits_of_the_dead_set",
    ),
    *without("drain", "  redis.call('HDEL', KEYS[4], unpack(moved))\n"),
    *without("drain", "redis.call('DEL', KEYS[5])\n"),
    *without("drain", "redis.call('SREM', KEYS[2], ARGV[1])\n"),
    *without("drain", "redis.call('SREM', KEYS[3], ARGV[1])\n"),
    Mutant(
        "drain",
        "if redis.call('SISMEMBER', KEYS[6], name) == 0 then",
        NEVER,
    ),
    Mutant(
        "drain",
        "table.insert(fronts[place], 1, payload)",
        "table.insert(fronts[place], payload)",
        "test_the_oldest_job_of_a_grave_comes_to_the_very_front",
    ),
    earlier(
        "drain",
        "if #moved > 0 then\n  redis.call('HDEL', KEYS[4], unpack(moved))\nend\n",
        "for place, payloads in pairs(fronts) do\n"
        "  redis.call('RPUSH', KEYS[place], unpack(payloads))\nend\n",
    ),
    earlier(
        "drain",
        "if #moved > 0 then\n  redis.call('HDEL', KEYS[4], unpack(moved))\nend\n",
        "if #buried > 0 then\n  redis.call('ZADD', KEYS[7], unpack(buried))\nend\n",
    ),
    *without(
        "drain",
        "    redis.call('LLEN', KEYS[place])\n",
        "  redis.call('ZCARD', KEYS[7])\n",
        caught_by="test_a_drain_looks_at_all_places_before_it_writes",
    ),
    # reschedule
    Mutant(
        "reschedule",
        "if score ~= tonumber(ARGV[2]) then",
        NEVER,
        "test_a_job_that_has_gone_on_is_not_rescheduled",
    ),
    Mutant(
        "reschedule",
        "if score == tonumber(ARGV[3]) then",
        NEVER,
        "test_a_job_that_is_rescheduled_twice_is_so_once",
    ),
    *without(
        "reschedule",
        "redis.call('ZADD', KEYS[1], 'XX', ARGV[3], ARGV[1])\n",
        caught_by="test_a_job_that_is_rescheduled_twice_is_so_once",
    ),
    # tick
    Mutant(
        "tick",
        "if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then",
        NEVER,
        "test_a_tick_happens_once_whoever_else_saw_that_it_was_due",
    ),
    Mutant(
        "tick",
        "(redis.call('HGET', KEYS[1], ARGV[1]) or '')",
        "redis.call('HGET', KEYS[1], ARGV[1])",
        "test_a_tick_happens_once_whoever_else_saw_that_it_was_due",
    ),
    Mutant(
        "tick",
        "if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then",
        NEVER,
        "test_a_tick_of_a_paused_periodic_passes_without_a_job",
    ),
    Mutant(
        "tick",
        "elseif ARGV[4] == '' then",
        "elseif false then",
        "test_a_tick_is_passed_over_if_that_was_asked_for",
    ),
    Mutant(
        "tick",
        "elseif KEYS[5] then",
        "elseif false then",
        "test_a_tick_whose_job_is_a_duplicate_is_over_all_the_same",
    ),
    Mutant(
        "tick",
        "if owner and owner ~= ARGV[6] then",
        NEVER,
        "test_a_tick_whose_job_is_a_duplicate_is_over_all_the_same",
    ),
    Mutant(
        "tick",
        "if owner and owner ~= ARGV[6] then",
        "if owner then",
        "test_the_job_of_a_tick_takes_its_lock_and_is_not_kept_out_by_it",
    ),
    Mutant(
        "tick",
        "if verdict == 'enqueued' then",
        "if true then",
        "test_a_tick_of_a_paused_periodic_passes_without_a_job",
    ),
    Mutant(
        "tick",
        "redis.call('SISMEMBER', KEYS[4], ARGV[4]) == 1",
        "false",
        "test_a_tick_looks_at_all_places_before_it_writes",
    ),
    *without(
        "tick",
        "  redis.call('LPUSH', KEYS[3], ARGV[5])\n",
        "    redis.call('SADD', KEYS[4], ARGV[4])\n",
        "redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])\n",
        caught_by="test_a_tick_happens_once_whoever_else_saw_that_it_was_due",
    ),
    Mutant(
        "tick",
        "  if KEYS[5] then\n    redis.call('SET', KEYS[5], ARGV[6], 'PX', ARGV[7])",
        "  if false then",
        "test_the_job_of_a_tick_takes_its_lock_and_is_not_kept_out_by_it",
    ),
    Mutant(
        "tick",
        "if not is_known then",
        NEVER,
        "test_a_tick_happens_once_whoever_else_saw_that_it_was_due",
    ),
    earlier(
        "tick",
        "redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])\n",
        "if verdict == 'enqueued' then\n",
    ),
]
