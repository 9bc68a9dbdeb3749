/*
 * A PAM application for tests: transactions with given answers, one JSON line about each.
 *
 *     pamdrive [options] SERVICE [USER]  < answers
 *
 *   --times N          transactions in this one process (1)
 *   --do CALLS         authenticate,setcred,acct_mgmt,open_session,close_session (authenticate)
 *   --rhost --ruser --tty TEXT    --env NAME=VALUE (PAM environment)    --flags N
 *   --two              a second handle open at the same time: both start, both run, both end
 *   --ident NAME       openlog(NAME, local3) before, one line of the host program's own after
 *   --ruid UID         real user id, as under su: effective and saved stay 0
 *   --rlimit NAME=N    FSIZE NOFILE AS CPU NPROC STACK DATA    --umask OCTAL    --close FD
 *   --gate PLACE,IN,OUT   at start or answer, write a byte to descriptor OUT and wait for the end
 *                         of file on IN
 *
 * Answers are records ended by NUL: "aTEXT" an answer, "n" the next transaction's follow. The
 * last group serves all transactions after it. Where answers end, the conversation fails.
 * "answer_ms" runs from the last answer to the verdict of pam_authenticate.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 256, RESULT_FD = 100 };

struct transaction {
    pam_handle_t *handle;
    const char *next;           /* next answer record, NULL where they end */
    struct { int style; char *text; } seen[MOST];
    int count;
    int rc;
    double began, answered, decided;
};

static const char *service, *user, *rhost, *ruser, *tty, *ident;
static char gate[16];
static int gate_fd, ready_fd;
static const char *calls = "authenticate";
static const char *environment[MOST], *limits[MOST];
static int environments, limits_count, closed[MOST], closed_count;
static int times = 1, two, flags;
static long ruid = -1, mask = -1;
static char *answers, *answers_end, *group;
static FILE *result;

static void fail(const char *what)
{
    perror(what);
    exit(99);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void tell_ready(void)
{
    static int told;
    if (*gate && !told++ && write(ready_fd, "r", 1) != 1)
        fail("ready");
}

static void wait_at(const char *place)
{
    static int passed;
    char byte;
    if (strcmp(gate, place) != 0 || passed++)
        return;
    tell_ready();
    while (read(gate_fd, &byte, 1) > 0)
        ;
}

static char *record_after(char *record)
{
    record += strlen(record) + 1;
    return record < answers_end ? record : NULL;
}

static void next_group(void)
{
    char *record = group;
    while (record && *record != 'n')
        record = record_after(record);
    if (record && (record = record_after(record)))
        group = record;
}

static const char *take_answer(struct transaction *t)
{
    const char *record = t->next;
    if (!record || *record != 'a')
        return NULL;
    t->next = record_after((char *)record);
    return record + 1;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **out, void *data)
{
    struct transaction *t = data;
    struct pam_response *replies = calloc(count, sizeof *replies);
    for (int i = 0; i < count; i++) {
        int style = messages[i]->msg_style;
        if (t->count < MOST) {
            t->seen[t->count].style = style;
            t->seen[t->count++].text = strdup(messages[i]->msg ? messages[i]->msg : "");
        }
        if (style != PAM_PROMPT_ECHO_OFF && style != PAM_PROMPT_ECHO_ON)
            continue;
        wait_at("answer");
        const char *answer = take_answer(t);
        if (!answer) {
            free(replies);
            return PAM_CONV_ERR;
        }
        replies[i].resp = strdup(answer);
        t->answered = now_ms();
    }
    *out = replies;
    return PAM_SUCCESS;
}

static int set_items(pam_handle_t *handle)
{
    int rc = PAM_SUCCESS;
    if (rhost && rc == PAM_SUCCESS)
        rc = pam_set_item(handle, PAM_RHOST, rhost);
    if (ruser && rc == PAM_SUCCESS)
        rc = pam_set_item(handle, PAM_RUSER, ruser);
    if (tty && rc == PAM_SUCCESS)
        rc = pam_set_item(handle, PAM_TTY, tty);
    for (int i = 0; i < environments && rc == PAM_SUCCESS; i++)
        rc = pam_putenv(handle, environment[i]);
    return rc;
}

static int call(pam_handle_t *handle, const char *name)
{
    if (!strcmp(name, "authenticate"))
        return pam_authenticate(handle, flags);
    if (!strcmp(name, "setcred"))
        return pam_setcred(handle, flags | PAM_ESTABLISH_CRED);
    if (!strcmp(name, "acct_mgmt"))
        return pam_acct_mgmt(handle, flags);
    if (!strcmp(name, "open_session"))
        return pam_open_session(handle, flags);
    if (!strcmp(name, "close_session"))
        return pam_close_session(handle, flags);
    fprintf(stderr, "pamdrive: no call %s\n", name);
    exit(98);
}

static void begin(struct transaction *t)
{
    struct pam_conv conversation = {converse, t};
    t->next = group;
    t->began = now_ms();
    t->rc = pam_start(service, user, &conversation, &t->handle);
    if (t->rc == PAM_SUCCESS)
        t->rc = set_items(t->handle);
}

static void perform(struct transaction *t)
{
    char list[256], *rest = list, *name;
    snprintf(list, sizeof list, "%s", calls);
    while (t->rc == PAM_SUCCESS && (name = strsep(&rest, ","))) {
        t->rc = call(t->handle, name);
        if (!strcmp(name, "authenticate"))
            t->decided = now_ms();
    }
}

static long resident_kb(void)
{
    long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%ld %ld", &total, &resident) != 2)
            resident = 0;
        fclose(file);
    }
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void print_text(const char *text)
{
    fputc('"', result);
    for (; *text; text++) {
        unsigned char c = *text;
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
            fprintf(result, "\\u%04x", c);
        else
            fputc(c, result);
    }
    fputc('"', result);
}

static void report(struct transaction *t, double ended)
{
    fprintf(result, "{\"rc\":%d,\"prompts\":[", t->rc);
    for (int i = 0; i < t->count; i++) {
        fprintf(result, "%s{\"style\":%d,\"text\":", i ? "," : "", t->seen[i].style);
        print_text(t->seen[i].text);
        fputc('}', result);
        free(t->seen[i].text);
    }
    double waited = t->answered ? t->decided - t->answered : 0;
    fprintf(result, "],\"ms\":%.3f,\"answer_ms\":%.3f,\"rss_kb\":%ld}\n", ended - t->began, waited,
            resident_kb());
    fflush(result);
}

static void run_transactions(void)
{
    int handles = two ? 2 : 1;
    struct transaction t[2] = {0};
    for (int i = 0; i < handles; i++) {
        begin(&t[i]);
        if (i + 1 < handles)
            next_group();
    }
    for (int i = 0; i < handles; i++)
        perform(&t[i]);
    for (int i = 0; i < handles; i++) {
        if (t[i].handle)
            pam_end(t[i].handle, t[i].rc);
        report(&t[i], now_ms());
    }
    next_group();
}

static void read_answers(void)
{
    size_t used = 0, room = 1 << 20;
    ssize_t got;
    answers = malloc(room);
    while ((got = read(0, answers + used, room - used - 1)) > 0) {
        used += got;
        if (used + 1 == room && !(answers = realloc(answers, room *= 2)))
            fail("memory");
    }
    answers[used] = 0;
    answers_end = answers + used;
    group = used ? answers : NULL;
}

static void limit(const char *text)
{
    static const struct { const char *name; int number; } known[] = {
        {"FSIZE", RLIMIT_FSIZE}, {"NOFILE", RLIMIT_NOFILE}, {"AS", RLIMIT_AS}, {"CPU", RLIMIT_CPU},
        {"NPROC", RLIMIT_NPROC}, {"STACK", RLIMIT_STACK}, {"DATA", RLIMIT_DATA},
    };
    const char *equals = strchr(text, '=');
    for (size_t i = 0; equals && i < sizeof known / sizeof *known; i++) {
        size_t length = equals - text;
        if (strlen(known[i].name) == length && !strncmp(text, known[i].name, length)) {
            struct rlimit both = {strtoul(equals + 1, NULL, 10), strtoul(equals + 1, NULL, 10)};
            if (setrlimit(known[i].number, &both))
                fail("rlimit");
            return;
        }
    }
    fprintf(stderr, "pamdrive: no limit %s\n", text);
    exit(98);
}

static void enter_world(void)
{
    if (ident)
        openlog(ident, 0, LOG_LOCAL3);
    if (mask >= 0)
        umask(mask);
    for (int i = 0; i < limits_count; i++)
        limit(limits[i]);
    for (int i = 0; i < closed_count; i++)
        close(closed[i]);
    if (ruid >= 0 && setresuid(ruid, 0, 0))
        fail("ruid");
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"times", 1, 0, 'n'}, {"do", 1, 0, 'd'}, {"rhost", 1, 0, 'h'}, {"ruser", 1, 0, 'r'},
        {"tty", 1, 0, 't'}, {"env", 1, 0, 'e'}, {"flags", 1, 0, 'f'}, {"two", 0, 0, '2'},
        {"ident", 1, 0, 'i'}, {"ruid", 1, 0, 'u'}, {"rlimit", 1, 0, 'l'}, {"umask", 1, 0, 'm'},
        {"close", 1, 0, 'c'}, {"gate", 1, 0, 'g'}, {0, 0, 0, 0},
    };
    int letter;
    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (letter) {
        case 'n': times = atoi(optarg); break;
        case 'd': calls = optarg; break;
        case 'h': rhost = optarg; break;
        case 'r': ruser = optarg; break;
        case 't': tty = optarg; break;
        case 'e': environment[environments++ % MOST] = optarg; break;
        case 'f': flags = atoi(optarg); break;
        case '2': two = 1; break;
        case 'i': ident = optarg; break;
        case 'u': ruid = atol(optarg); break;
        case 'l': limits[limits_count++ % MOST] = optarg; break;
        case 'm': mask = strtol(optarg, NULL, 8); break;
        case 'c': closed[closed_count++ % MOST] = atoi(optarg); break;
        case 'g':
            if (sscanf(optarg, "%15[a-z],%d,%d", gate, &gate_fd, &ready_fd) != 3)
                exit(98);
            break;
        default: exit(98);
        }
    }
    if (argc - optind != 1 && argc - optind != 2)
        exit(98);
    service = argv[optind];
    user = argv[optind + 1]; /* NULL if not given */
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    read_answers();
    result = fdopen(fcntl(1, F_DUPFD_CLOEXEC, RESULT_FD), "w");
    if (!result)
        fail("stdout");
    atexit(tell_ready);
    enter_world();
    wait_at("start");
    for (int i = 0; i < times; i++)
        run_transactions();
    if (ident)
        syslog(LOG_INFO, "the host program's own line");
    return 0;
}
