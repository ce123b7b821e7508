# How long a web server's system calls take: counted while it answers a hundred requests, then as a histogram of each call.
#
#     $ cat serve.py
#     import http.server
#     server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
#     open("port", "w").write(str(server.server_port))
#     for _ in range(100):
#         server.handle_request()
#     $ cat ask.py
#     import os, time, urllib.request
#     while not os.path.exists("port") or not open("port").read():
#         time.sleep(0.01)
#     for _ in range(100):
#         urllib.request.urlopen(f"http://127.0.0.1:{open('port').read()}/ask.py").read()
#     $ python3 ask.py & sh latencies.sh python3 serve.py 2>log
#     ...
#     sendto: 200 calls
#     ...
# `noahpy report counts latencies.svg` draws them.
noahpy -q --count -o counts "$@" && noahpy report counts
