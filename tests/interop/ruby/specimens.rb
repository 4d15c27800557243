# frozen_string_literal: true

# One job of every spelling that Sidekiq 6.4.1 has, for the queue "specimens".

QUEUE = "specimens"

def push(job_class = Succeed, args = [], **fields)
  Sidekiq::Client.push("class" => job_class, "args" => args, "queue" => QUEUE, **fields.transform_keys(&:to_s))
end

# Those that wait.
def enqueue_specimens
  push(Succeed, [1, "x", {"k" => nil}])
  push(Succeed, [10**30, -(2**64), 0.1, 1e15, -0.5, true, nil])
  push(Succeed, ["é ü 漢字 🦀 \u2028", "\"quoted\" \\ / \t\n\u0001", "</script>"])
  push(Succeed, [[[[{"z" => 1, "a" => [2]}]]]])
  push(tags: ["a", "é <b>"], display_class: "Billing <1>", log_level: "debug", locale: "de")
  push(cattr: {"user_id" => 7, "nothing" => nil}, bid: "vTF1-9QvLPnREQ", unset: nil)
  push(expires_in: 3600, unique_for: 600, unique_until: "start", encrypt: false)
  push(retry: false, dead: false, backtrace: 5, retry_queue: "low", retry_for: 86_400)
  push(lock: "until_executed", lock_args: [1], apartment: "tenant", overrated: 3)
  push("Ruby::Elsewhere", [])
  push(ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper, [envelope(1)], wrapped: "Mailer")
  push(at: Time.now.to_f + 3600)
  Succeed.set(queue: QUEUE).perform_bulk([[1], [2]])
end

# Those that fail in a Sidekiq that works off the queue.
def enqueue_failing_specimens
  push(Handover, ["ruby"], backtrace: true, retry_queue: QUEUE)
  push(Handover, ["ruby"], retry: 5, tags: ["again"])
  push(Doomed, [], retry: 0, backtrace: 3)
  push("Unknown::Elsewhere", [1], extra: {"a" => nil})
end

def all_specimens
  Sidekiq.redis do |redis|
    redis.lrange("queue:#{QUEUE}", 0, -1).reverse +
      %w[schedule retry dead].flat_map { |set| redis.zrange(set, 0, -1) }
  end
end
