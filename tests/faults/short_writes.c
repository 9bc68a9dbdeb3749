/* LD_PRELOAD: no write() to a regular file takes more than 97 bytes, no read() gives more. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t cut(int fd, size_t count)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && count > 97)
		return 97;
	return count;
}

ssize_t write(int fd, const void *data, size_t count)
{
	static ssize_t (*real)(int, const void *, size_t);

	if (!real)
		real = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
	return real(fd, data, cut(fd, count));
}

ssize_t read(int fd, void *data, size_t count)
{
	static ssize_t (*real)(int, void *, size_t);

	if (!real)
		real = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
	return real(fd, data, cut(fd, count));
}
