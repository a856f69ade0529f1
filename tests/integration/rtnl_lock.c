/* Holds the kernel's rtnl lock until its standard input ends, or for as many seconds as its argument
 * says: an ethtool ioctl reads its argument with the lock held, and the page is filled in late.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/userfaultfd.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void *hold(void *argument) {
  struct ifreq request = {.ifr_name = "lo"};
  request.ifr_data = argument;
  ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCETHTOOL, &request);
  return NULL;
}

int main(int argc, char **argv) {
  long page = sysconf(_SC_PAGESIZE);
  int fault = syscall(SYS_userfaultfd, O_CLOEXEC);
  struct uffdio_api api = {.api = UFFD_API};
  if (fault < 0 || ioctl(fault, UFFDIO_API, &api) < 0) die("userfaultfd");
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct uffdio_register late = {
      .range = {.start = (unsigned long)(pages + page), .len = page},
      .mode = UFFDIO_REGISTER_MODE_MISSING,
  };
  if (pages == MAP_FAILED || ioctl(fault, UFFDIO_REGISTER, &late) < 0) die("register");
  unsigned int command = ETHTOOL_PERQUEUE;
  memcpy(pages + page - sizeof command, &command, sizeof command);
  pthread_t thread;
  pthread_create(&thread, NULL, hold, pages + page - sizeof command);
  struct uffd_msg message;
  if (read(fault, &message, sizeof message) != sizeof message) die("read");
  puts("held");
  fflush(stdout);
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  poll(&input, 1, atoi(argv[argc - 1]) * 1000);
  struct uffdio_zeropage zero = {.range = late.range};
  if (ioctl(fault, UFFDIO_ZEROPAGE, &zero) < 0) die("zero");
  pthread_join(thread, NULL);
  return 0;
}
