# frozen_string_literal: true

# Evaluates Ruby with Sidekiq's API: a line of JSON in, a line of JSON out.

require "json"
require "sidekiq/api"
require_relative "enqueue"
require_relative "jobs"
require_relative "specimens"

# Whatever the code prints shall not pass for an answer.
answers = $stdout.dup
$stdout.reopen($stderr)

while (line = $stdin.gets)
  begin
    answer = {value: eval(JSON.parse(line), TOPLEVEL_BINDING)} # rubocop:disable Security/Eval
  rescue ScriptError, StandardError => e
    answer = {error: e.full_message(highlight: false)}
  end
  answers.puts(JSON.generate(answer))
  answers.flush
end
