/* An echo server that costs as little as it can: prints its port and ends with its standard input. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
  static char buffer[1 << 16];
  int one = 1, poll = epoll_create1(0);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  if (bind(listener, (void *)&address, size) || listen(listener, 1024)) return 1;
  getsockname(listener, (void *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  struct epoll_event event = { .events = EPOLLIN, .data.fd = listener }, ready[256];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  event.data.fd = 0;
  epoll_ctl(poll, EPOLL_CTL_ADD, 0, &event);
  for (;;) {
    int count = epoll_wait(poll, ready, 256, -1);
    for (int i = 0; i < count; i++) {
      int fd = ready[i].data.fd;
      if (fd == 0) return 0;
      if (fd == listener) {
        while ((event.data.fd = accept(listener, 0, 0)) >= 0) {
          setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event);
        }
        continue;
      }
      ssize_t n = read(fd, buffer, sizeof buffer);
      if (n <= 0 || write(fd, buffer, n) != n) close(fd);
    }
  }
}
