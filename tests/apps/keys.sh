# Keys, signatures and ciphers; what is random is used, then removed.
echo text >message
ssh-keygen -q -t ed25519 -N '' -C comment -f key
ssh-keygen -y -f key | cmp - <(cut -d ' ' -f 1-3 key.pub)
ssh-keygen -q -p -N secret -P '' -f key
ssh-keygen -y -P wrong -f key 2>&1 >/dev/null | cut -d : -f 1
ssh-keygen -q -Y sign -P secret -n file -f key message 2>/dev/null
head -n 1 message.sig
ssh-keygen -l -f key.pub | cut -d ' ' -f 1,3-
ssh-keygen -q -t rsa -b 1024 -N '' -f old
eval "$(ssh-agent -a "$PWD/socket")" >/dev/null
ssh-add -q old
kill "$SSH_AGENT_PID"
ssh-agent sh -c 'ssh-add -q old && ssh-add -l | wc -l'
rm -f key* old* socket message.sig
openssl dgst -sha256 message
openssl enc -aes-256-ctr -pbkdf2 -iter 1000 -S 0102030405060708 -pass pass:secret -in message | base64
openssl ecparam -name prime256v1 -genkey -noout -out ec.pem
openssl req -x509 -key ec.pem -subj /CN=test -days 1 -out certificate.pem
openssl verify -CAfile certificate.pem certificate.pem
openssl dgst -sha256 -sign ec.pem -out signature message
openssl dgst -sha256 -verify <(openssl ec -in ec.pem -pubout 2>/dev/null) -signature signature message
openssl rand -hex 16 | wc -c
rm ec.pem certificate.pem signature
export GNUPGHOME=$HOME/gnupg
mkdir -m 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key test default default 2>/dev/null
gpg --batch --quiet --armor --detach-sign message
gpg --batch --verify message.asc message 2>&1 | grep -c 'Good signature'
echo secret | gpg --batch --quiet --passphrase p --pinentry-mode loopback --symmetric | gpg --batch --quiet --passphrase p --pinentry-mode loopback --decrypt
gpgconf --kill all
rm message.asc
