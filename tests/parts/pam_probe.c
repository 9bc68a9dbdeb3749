/*
 * A PAM module for tests: the neighbour of the module under test in a stack.
 *
 *   auth required …/pam_probe.so ask     asks "Password: ", accepts anything, leaves PAM_AUTHTOK
 *   auth required …/pam_probe.so show    says "probe authtok: TEXT" (or "probe no authtok")
 *   auth required …/pam_probe.so ignored says "probe ignored"
 */
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdlib.h>
#include <string.h>

static int ask(pam_handle_t *handle)
{
    const char *password = NULL;
    return pam_get_authtok(handle, PAM_AUTHTOK, &password, "Password: ");
}

static int show(pam_handle_t *handle)
{
    const void *text = NULL;
    if (pam_get_item(handle, PAM_AUTHTOK, &text) != PAM_SUCCESS || !text)
        return pam_info(handle, "probe no authtok");
    return pam_info(handle, "probe authtok: %s", (const char *)text);
}

int pam_sm_authenticate(pam_handle_t *handle, int flags, int argc, const char **argv)
{
    (void)flags;
    if (argc == 1 && !strcmp(argv[0], "ask"))
        return ask(handle);
    if (argc == 1 && !strcmp(argv[0], "show"))
        return show(handle);
    if (argc == 1 && !strcmp(argv[0], "ignored"))
        return pam_info(handle, "probe ignored");
    return PAM_SERVICE_ERR;
}

int pam_sm_setcred(pam_handle_t *handle, int flags, int argc, const char **argv)
{
    (void)handle, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}
