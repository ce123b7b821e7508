# git daemon: clones, a push and a fetch over a socket, several clients at a time.
# Packages: git
# Slow.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
export GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000'
git config --global init.defaultBranch main
git config --global pack.threads 1
git config --global gc.auto 0
git init -q source
cp -r "$HELLO/." source
git -C source add .
git -C source commit -q -m import
git clone -q --bare source served.git
git daemon --reuseaddr --export-all --enable=receive-pack --base-path="$PWD" --listen=127.0.0.1 --port=$port --pid-file="$HOME/pid" 2>/dev/null &
daemon=$!
at=git://127.0.0.1:$port/served.git
until git ls-remote -q $at >/dev/null 2>&1; do sleep 0.1; done
git ls-remote $at
git clone -q $at clone1 &
git clone -q $at clone2 &
wait %2 %3
for i in 1 2; do git -C clone$i fsck && git -C clone$i rev-parse HEAD; done
git clone -q --depth 1 $at shallow
cd clone1
echo more >>NEWS
git commit -q -a -m more
git push -q origin HEAD:refs/heads/side
cd ../clone2
git fetch -q
git log --format='%H %s' origin/side
git diff --stat HEAD origin/side
cd ..
git clone -q git://127.0.0.1:$port/absent.git 2>/dev/null || echo "status $?"
kill $daemon
wait $daemon || echo "status $?"
rm -rf source served.git clone? shallow
