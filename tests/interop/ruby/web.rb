# frozen_string_literal: true

# Sidekiq's Web UI on a port of this machine: `ruby web.rb PORT`.

require "rack"
require "securerandom"
require "sidekiq/web"
require "webrick"

app = Rack::Builder.new do
  use Rack::Session::Cookie, secret: SecureRandom.hex(32), same_site: true
  use Rack::ShowExceptions
  run Sidekiq::Web
end

trap("TERM") { Rack::Handler::WEBrick.shutdown }
Rack::Handler::WEBrick.run(app, Host: "127.0.0.1", Port: ARGV.fetch(0).to_i, AccessLog: [])
