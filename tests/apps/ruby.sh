# Ruby: threads and queues, fibers, ractors, fork, signals, pipes, sockets, popen.
# Packages: ruby
# Slow.
cat >main.rb <<'rb'
require "socket"
require "open3"
require "tempfile"
require "timeout"
queue = Queue.new
threads = (1..20).map { |i| Thread.new { sleep 0.001 * (i % 3); queue << i * i } }
threads.each(&:join)
p Array.new(queue.size) { queue.pop }.sum
p `echo from a shell`, $?.exitstatus
pid = fork { exit! 3 }
p Process.wait2(pid)[1].exitstatus
reader, writer = IO.pipe
fork { reader.close; writer.puts "from a child"; exit! 0 }
writer.close
p reader.read
Process.wait
trap(:USR1) { queue << :usr1 }
Process.kill(:USR1, $$)
p queue.pop
server = TCPServer.new("127.0.0.1", 0)
serving = Thread.new { 5.times { c = server.accept; c.write(c.read.reverse); c.close } }
p((1..5).map { |i| TCPSocket.open("127.0.0.1", server.addr[1]) { |s| s.write("message #{i}"); s.close_write; s.read } })
serving.join
out, err, status = Open3.capture3("sh", "-c", "cat; echo err >&2; exit 4", stdin_data: "x" * 200000)
p out.size, err, status.exitstatus
p((Timeout.timeout(0.1) { sleep 10 } rescue $!.class))
fiber = Fiber.new { |x| y = Fiber.yield(x + 1); y * 2 }
p fiber.resume(1), fiber.resume(10)
Tempfile.create("x") { |f| f.write "abc"; f.flush; p File.size(f.path) }
p Ractor.new { (1..1000).sum }.take
p Process.clock_gettime(Process::CLOCK_MONOTONIC) > 0, Process.getpgrp == Process.getpgid(0)
p IO.popen(["cat"], "r+") { |io| io.write "popen"; io.close_write; io.read }
p((spawn("/absent") rescue $!.class))
at_exit { puts "at exit" }
GC.start
abort "aborted"
rb
ruby -W0 main.rb || echo "status $?"
ruby -e 'Process.daemon(true, true); puts "a daemon"' | cat
ruby -e 'Process.kill(:TERM, $$); sleep' || echo "status $?"
