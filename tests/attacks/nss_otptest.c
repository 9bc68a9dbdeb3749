/*
 * A name service for tests: further names of one account, as sssd and winbind give them.
 *
 *     gcc -shared -DNAME='"alice"' -DUID=1001 -DHOME='"/home/alice"' …
 *
 * ALICE and alice@dom (of NAME alice) are found as NAME; nothing else is.
 */
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <string.h>
#include <strings.h>

enum nss_status _nss_otptest_getpwnam_r(const char *name, struct passwd *entry, char *buffer,
                                        size_t size, int *fault)
{
    static const char text[] = NAME "\0x\0" HOME "\0/bin/sh";
    size_t length = strlen(NAME);
    if (strncasecmp(name, NAME, length) || (name[length] && strcmp(name + length, "@dom")))
        return NSS_STATUS_NOTFOUND;
    if (size < sizeof text) {
        *fault = ERANGE;
        return NSS_STATUS_TRYAGAIN;
    }
    memcpy(buffer, text, sizeof text);
    entry->pw_name = buffer;
    entry->pw_passwd = entry->pw_gecos = buffer + sizeof NAME;
    entry->pw_dir = entry->pw_passwd + 2;
    entry->pw_shell = entry->pw_dir + sizeof HOME;
    entry->pw_uid = entry->pw_gid = UID;
    return NSS_STATUS_SUCCESS;
}
