/*
 * Preloaded before libfaketime: sleeps are the kernel's own. libfaketime's clock_nanosleep fails
 * with EINVAL now and then for the absolute deadlines that Python 3.11's time.sleep uses.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left)
{
	int saved = errno, fault;

	fault = syscall(SYS_clock_nanosleep, clock, flags, until, left) ? errno : 0;
	errno = saved;
	return fault;
}
