# nginx: workers, files by sendfile, ranges, compression, a proxy, load by ab and wrk, a reload and a change of logs meanwhile, an orderly end.
# Packages: nginx-light apache2-utils wrk curl
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir -p "$HOME/logs" "$HOME/www"
chmod 755 "$HOME" "$HOME/www"
seq 100000 >"$HOME/www/numbers.txt"
echo hello >"$HOME/www/index.html"
cat >"$HOME/nginx.conf" <<conf
user $(id -un);
worker_processes 2;
pid nginx.pid;
error_log logs/error;
events { worker_connections 128; }
http {
    access_log logs/access;
    sendfile on;
    types { text/plain txt; text/html html; }
    gzip on;
    gzip_types text/plain;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    upstream back { server unix:$HOME/back; }
    server { listen 127.0.0.1:$port; root www; location /proxied/ { proxy_pass http://back/; } location /unlogged/ { alias www/; access_log off; } }
    server { listen unix:$HOME/back; root www; }
}
conf
nginx -q -t -p "$HOME" -c nginx.conf
nginx -p "$HOME" -c nginx.conf
at=http://127.0.0.1:$port
curl -s $at/
curl -s $at/numbers.txt | md5sum
curl -s -r 1000-1010 $at/numbers.txt | od -c
curl -s --compressed $at/numbers.txt | md5sum
curl -s $at/proxied/numbers.txt | md5sum
curl -s -o absent.html -w '%{http_code}\n' $at/absent
curl -s -I $at/ | grep -E '^(HTTP|Content-(Type|Length))' | tr -d '\r'
curl -s -Z $(seq -f "$at/?%g" 20) 2>/dev/null | sort | uniq -c
ab -q -k -n 2000 -c 20 $at/ >report
grep -E '^(Complete|Failed|Keep-Alive) requests' report
ab -q -n 300 -c 10 $at/numbers.txt >report
grep -E '^(Complete|Failed) requests' report
for file in index.html numbers.txt; do
    wrk -t 2 -c 20 -d 2s $at/unlogged/$file >report
    sed -nE 's/^ +[1-9][0-9]* (requests) in.*/\1/p; /Socket errors|Non-2xx/p' report
done
ab -q -n 500 -c 5 $at/proxied/ >report &
kill -HUP "$(cat "$HOME/nginx.pid")"
mv "$HOME/logs/access" "$HOME/logs/old"
kill -USR1 "$(cat "$HOME/nginx.pid")"
wait $!
grep -E '^(Complete|Failed) requests' report
until [ -e "$HOME/logs/access" ]; do sleep 0.05; done
curl -s $at/ >/dev/null
kill -QUIT "$(cat "$HOME/nginx.pid")"
while [ -e "$HOME/nginx.pid" ]; do sleep 0.05; done
cat "$HOME/logs/old" "$HOME/logs/access" | wc -l
grep -v '\[notice\]' "$HOME/logs/error" | sed 's/^[^[]*//; s/[0-9]*#[0-9]*://; s/\*[0-9]* //' | cut -d , -f 1 | sed "s|$HOME||"
rm -f report absent.html
