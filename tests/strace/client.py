"""A network client, and the server that it needs."""

import select
import socket

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", 0))
listener.listen()
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
client.sendall(b"GET / HTTP/1.0\r\n\r\n")
select.select([server], [], [], 1)
poll = select.poll()
poll.register(server, select.POLLIN)
poll.poll(1000)
server.recv(100)
server.sendmsg([b"200 ", b"OK\n"])
client.recvmsg(100)
server.shutdown(socket.SHUT_WR)
client.recv(10)
client.getpeername(), client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
near, far = socket.socketpair()
near.send(b"x")
far.recv(1)
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", 0))
datagrams.sendto(b"to itself", datagrams.getsockname())
datagrams.recvfrom(100)
events = select.epoll()
events.register(client, select.EPOLLIN)
events.poll(1)
try:
    socket.create_connection(("127.0.0.1", 1))
except OSError:
    pass
