# npm: a project's scripts and their hooks, arguments, statuses and signals; a package packed, installed, executed; workspaces; nothing fetched.
# Packages: nodejs npm
# Slow.
export npm_config_offline=true npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false npm_config_loglevel=error
mkdir -p tool/bin project/packages/one project/packages/two
echo '{"name": "tool", "version": "1.2.3", "bin": {"tool": "bin/tool"}}' >tool/package.json
printf '#!/usr/bin/env node\nconsole.log("the tool says", process.argv.slice(2).join(" "))\n' >tool/bin/tool
chmod +x tool/bin/tool
(cd tool && npm pack)
tar -tzf tool/tool-1.2.3.tgz | sort
cd project
cat >package.json <<'json'
{
  "name": "project",
  "version": "1.0.0",
  "private": true,
  "workspaces": ["packages/one", "packages/two"],
  "scripts": {
    "prebuild": "echo before $npm_lifecycle_event",
    "build": "tool built && node -e 'console.log(process.env.npm_package_version, process.argv.slice(1))' --",
    "postbuild": "echo after",
    "test": "node --test test",
    "fails": "exit 7",
    "pipe": "seq 100000 | node -e 'let n = 0; process.stdin.on(\"data\", d => n += d.length).on(\"end\", () => console.log(n))'",
    "killed": "kill -TERM $$",
    "parallel": "node parallel.js"
  }
}
json
cat >parallel.js <<'js'
const { spawn } = require('child_process')
const runs = [1, 2, 3].map(i => new Promise(done => spawn('npm', ['run', '-s', 'build', '--', String(i)]).on('close', done)))
Promise.all(runs).then(statuses => console.log(statuses))
js
mkdir test
cat >test/sum.test.js <<'js'
const test = require('node:test'), assert = require('assert')
test('sum', () => assert.strictEqual(1 + 1, 2))
js
for name in one two; do
    echo "{\"name\": \"$name\", \"version\": \"1.0.0\", \"scripts\": {\"where\": \"basename \$PWD\"}}" >packages/$name/package.json
done
npm install ../tool/tool-1.2.3.tgz | sed 's/ in [0-9a-z]*$//'
npm ls
npm run build -- an 'argument of words'
npm test >"$HOME/tested"
grep -cE '^(# pass 1|ℹ pass 1)$' "$HOME/tested"
npm run -s fails || echo "status $?"
npm run -s killed || echo "status $?"
npm run -s pipe
npm run -s parallel
npm run -s where --workspaces
npm exec -- tool from exec
npm pkg get name version
npm version --no-git-tag-version minor
npm uninstall tool | sed 's/ in [0-9a-z]*$//'
npm ls
npm run -s absent 2>/dev/null || echo "status $?"
