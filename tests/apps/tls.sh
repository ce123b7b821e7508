# curl and openssl: a local server with a certificate of its own, refused and accepted, many transfers at a time; speed's processes.
# Packages: openssl curl
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$HOME/key" -out "$HOME/certificate" -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost 2>/dev/null
seq 50000 >numbers
openssl s_server -accept 127.0.0.1:0 -key "$HOME/key" -cert "$HOME/certificate" -WWW >"$HOME/server" 2>&1 &
server=$!
until grep -sq ACCEPT "$HOME/server"; do sleep 0.05; done
port=$(sed -n 's/^ACCEPT.*://p' "$HOME/server")
curl -s "https://localhost:$port/numbers" || echo "status $?"
curl -s --cacert "$HOME/certificate" "https://localhost:$port/numbers" | md5sum
curl -s --tls-max 1.2 --cacert "$HOME/certificate" -w '%{http_version} %{ssl_verify_result}\n' -o copy "https://localhost:$port/numbers"
cmp numbers copy
curl -s --cacert "$HOME/certificate" "https://localhost:$port/absent" | wc -l
kill $server
wait $server || echo "status $?"
cat >"$HOME/server.py" <<'py'
import http.server, ssl, sys

class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
py
python3 "$HOME/server.py" "$HOME/certificate" "$HOME/key" >"$HOME/port" &
until [ -s "$HOME/port" ]; do sleep 0.05; done
at=https://localhost:$(cat "$HOME/port")
curl -s --cacert "$HOME/certificate" --data-binary @numbers "$at" | md5sum
curl -s -Z --cacert "$HOME/certificate" -d 'the same each time ' $(seq -f "$at/%g" 12) 2>/dev/null | wc -c
kill $!
openssl speed -seconds 1 -bytes 1024 -evp sha256 2>/dev/null | grep -c '^sha256'
openssl speed -seconds 1 -bytes 64 -multi 2 -evp aes-128-gcm 2>/dev/null | grep -ci '^aes-128-gcm'
