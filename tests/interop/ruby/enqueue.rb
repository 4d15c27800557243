# frozen_string_literal: true

# Jobs of every kind, a thousand at once; returns the jids by kind.

def enqueue_every_kind
  queue = {queue: "python"}
  active = ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper
  {
    immediate: Array.new(200) { |i| Succeed.set(queue).perform_async(i, "é", {"k" => [nil, 1.5]}) },
    bulk: Succeed.set(queue).perform_bulk(Array.new(300) { |i| [i, 10**30] }),
    scheduled: Array.new(200) { |i| Succeed.set(queue).perform_in(1 + i / 200.0, i) },
    tagged: Array.new(100) { |i| Succeed.set(queue).set(tags: ["tag-#{i}"]).perform_async },
    envelopes: Array.new(50) { |i| active.set(queue).set(wrapped: "Mailer").perform_async(envelope(i)) },
    handed: Array.new(100) { Handover.set(queue).set(backtrace: true, retry_queue: "ruby").perform_async("python") },
    dead: Array.new(50) { Doomed.set(queue).set(retry: 0, backtrace: 3).perform_async }
  }
end

# What Active Job puts into the one argument.
def envelope(number)
  {
    "job_class" => "Mailer", "job_id" => SecureRandom.uuid, "provider_job_id" => nil,
    "queue_name" => "python", "priority" => nil, "arguments" => [number, {"_aj_symbol_keys" => []}],
    "executions" => 0, "exception_executions" => {}, "locale" => "en",
    "timezone" => "UTC", "enqueued_at" => Time.now.utc.iso8601
  }
end
