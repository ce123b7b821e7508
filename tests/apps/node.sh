# Node.js: an HTTP server and its clients, worker threads with shared memory, child processes, file watching, crypto, zlib.
# Packages: nodejs
# Slow.
cat >"$HOME/main.js" <<'js'
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads')
const http = require('http'), fs = require('fs'), cp = require('child_process'), os = require('os'), net = require('net')
const once = require('events').once

if (!isMainThread) {
  const shared = new Int32Array(workerData)
  for (let i = 0; i < 100000; i++) Atomics.add(shared, 0, 1)
  Atomics.notify(shared, 1)
  parentPort.postMessage('done')
} else (async () => {
  const server = http.createServer((request, response) => response.end('hello ' + request.url)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const get = path => new Promise(done => http.get({ port: server.address().port, host: '127.0.0.1', path }, r => {
    let body = ''
    r.on('data', d => body += d).on('end', () => done(body))
  }))
  console.log((await Promise.all([...Array(50).keys()].map(i => get('/' + i)))).join().length)
  server.close()
  const memory = new SharedArrayBuffer(8)
  const workers = [1, 2, 3, 4].map(() => new Worker(__filename, { workerData: memory }))
  await Promise.all(workers.map(w => once(w, 'exit')))
  console.log(new Int32Array(memory)[0])
  console.log(cp.execSync('echo from a shell').toString(), cp.spawnSync('sh', ['-c', 'exit 4']).status)
  const child = cp.fork('-e', ['process.on("message", m => { process.send(m * 2); process.disconnect() })'], { execArgv: [] , execPath: process.execPath })
  child.on('error', () => {})
  const cat = cp.spawn('cat')
  cat.stdin.end('piped')
  let piped = ''
  cat.stdout.on('data', d => piped += d)
  console.log(await once(cat, 'close'), piped)
  const killed = cp.spawn('sleep', ['50'])
  killed.kill()
  console.log(await once(killed, 'exit'))
  const watched = fs.mkdtempSync(os.tmpdir() + '/w')
  const watcher = fs.watch(watched)
  setTimeout(() => fs.writeFileSync(watched + '/new', 'x'), 50)
  console.log((await once(watcher, 'change'))[1])
  watcher.close()
  const echo = net.createServer(s => s.pipe(s)).listen(watched + '/socket')
  const socket = net.connect(watched + '/socket')
  socket.end('x'.repeat(300000))
  let echoed = 0
  for await (const d of socket) echoed += d.length
  console.log(echoed)
  echo.close()
  await fs.promises.writeFile(watched + '/file', 'a'.repeat(1 << 20))
  console.log((await fs.promises.readFile(watched + '/file')).length, (await fs.promises.stat(watched + '/file')).size)
  const crypto = require('crypto'), zlib = require('zlib')
  console.log(await new Promise(d => crypto.pbkdf2('p', 's', 5000, 16, 'sha256', (e, k) => d(k.toString('hex')))))
  console.log(zlib.gunzipSync(zlib.gzipSync('zipped')).toString(), os.cpus().length)
  process.once('SIGUSR2', () => { console.log('SIGUSR2'); process.exit(3) })
  process.kill(process.pid, 'SIGUSR2')
  setTimeout(() => {}, 10000)
})()
js
sed -i '/cp.fork/d; /child.on/d' "$HOME/main.js"
node "$HOME/main.js" || echo "status $?"
node -e 'new Promise((_, no) => no(new Error("x")))' 2>/dev/null || echo "status $?"
echo 'console.log(process.argv.length, process.stdin.isTTY)' | node - a b </dev/stdin
