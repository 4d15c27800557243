/* Shifts the time of day of a process while it runs, by what a file says.
 *
 * The steady clock is left alone, as it is when somebody sets the time of day.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long shift(void) {
  static volatile long long *seconds;
  if (!seconds) {
    int fd = open(getenv("KIQ_SHIFT"), O_RDONLY);
    void *page = mmap(NULL, sizeof *seconds, PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
      abort();
    seconds = page;
  }
  return *seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += shift();
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *now) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (now)
    *now = exact.tv_sec;
  return exact.tv_sec;
}
