# sshd on a port of its own: keys, a command, its status, a pipe, a terminal, copies, a tunnel.
# Packages: openssh-server openssh-client
# Slow.
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
user=$(id -un) port=$(port)
[ "$user" != root ] || mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f "$HOME/host"
ssh-keygen -q -t ed25519 -N '' -f "$HOME/key"
cp "$HOME/key.pub" "$HOME/authorized"
cat >"$HOME/sshd_config" <<conf
Port $port
ListenAddress 127.0.0.1
HostKey $HOME/host
AuthorizedKeysFile $HOME/authorized
PidFile $HOME/pid
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
conf
cat >"$HOME/config" <<conf
Host server
  HostName 127.0.0.1
  Port $port
  User $user
  IdentityFile $HOME/key
  UserKnownHostsFile $HOME/known
  StrictHostKeyChecking accept-new
  LogLevel ERROR
conf
/usr/sbin/sshd -f "$HOME/sshd_config" -E "$HOME/log"
until [ -s "$HOME/pid" ]; do sleep 0.05; done
on() { ssh -F "$HOME/config" "$@"; }
on server 'echo "over ssh"; exit 3' </dev/null || echo "status $?"
seq 100000 | on server 'cat | md5sum'
on -tt server 'tty | cut -c 1-9' </dev/null | tr -d '\r'
scp -q -F "$HOME/config" "$HELLO/NEWS" server:"$PWD/copied"
cmp "$HELLO/NEWS" copied
printf 'put %s %s/sent\nls -1 %s\n' "$HELLO/TODO" "$PWD" "$PWD" | sftp -q -b - -F "$HOME/config" server | grep -v sftp
forward=$(port)
on -f -N -M -S "$HOME/control" -L $forward:127.0.0.1:$port server
ssh-keyscan -p $forward 127.0.0.1 2>/dev/null | grep -c ssh-ed25519
on -S "$HOME/control" -O exit server 2>/dev/null || true
kill "$(cat "$HOME/pid")"
while [ -e "$HOME/pid" ]; do sleep 0.05; done
