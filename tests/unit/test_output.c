/* Output files are whole or not there, whatever happens on the way. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>

#include <cmocka.h>

#include "io/output.h"
#include "tests/support/scratch.h"

static char *read_text(const char *path)
{
    size_t size;
    return scratch_read(path, &size);
}

static void expect_text(const char *path, const char *want)
{
    char *text = read_text(path);
    assert_non_null(text);
    assert_string_equal(text, want);
    free(text);
}

/* An empty folder for a test to leave things in. */
static const char *new_folder(const char *name)
{
    const char *path = scratch_path(name);
    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

static const char *in(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", strrchr(folder, '/') + 1, name);
    return scratch_path(path);
}

static viseme_status put(const char *path, const char *text, viseme_error *err)
{
    struct vis_output *out;
    FILE *stream;
    viseme_status status = vis_output_open(&out, path, &stream, err);
    if (status != VISEME_OK)
        return status;
    fputs(text, stream);
    return vis_output_commit(out, err);
}

static void appears_only_when_committed(void **state)
{
    const char *folder = new_folder("commit"), *path = in(folder, "a");
    struct vis_output *out;
    FILE *stream;
    (void)state;
    assert_int_equal(vis_output_open(&out, path, &stream, NULL), VISEME_OK);
    fputs("new", stream);
    fflush(stream);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(scratch_entries(folder), 1); /* the temporary file lies beside */
    assert_int_equal(vis_output_commit(out, NULL), VISEME_OK);
    expect_text(path, "new");
    assert_int_equal(scratch_entries(folder), 1);
}

static void keeps_the_old_file_when_aborted(void **state)
{
    const char *folder = new_folder("abort"), *path = in(folder, "a");
    struct vis_output *out;
    FILE *stream;
    (void)state;
    assert_int_equal(put(path, "old", NULL), VISEME_OK);
    assert_int_equal(vis_output_open(&out, path, &stream, NULL), VISEME_OK);
    fputs("new", stream);
    vis_output_abort(out);
    vis_output_abort(NULL);
    expect_text(path, "old");
    assert_int_equal(scratch_entries(folder), 1);
}

static void honours_umask_and_modes(void **state)
{
    const char *folder = new_folder("modes");
    struct stat st;
    mode_t old = umask(027);
    (void)state;
    assert_int_equal(put(in(folder, "new"), "x", NULL), VISEME_OK);
    assert_int_equal(stat(in(folder, "new"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(chmod(in(folder, "new"), 0604), 0);
    assert_int_equal(put(in(folder, "new"), "y", NULL), VISEME_OK);
    assert_int_equal(stat(in(folder, "new"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0604);
    umask(old);
}

static void follows_symbolic_links(void **state)
{
    const char *folder = new_folder("links"), *other = new_folder("links-other");
    struct stat st;
    viseme_error err;
    (void)state;
    assert_int_equal(put(in(other, "real"), "old", NULL), VISEME_OK);
    assert_int_equal(symlink("../links-other/real", in(folder, "link")), 0);
    assert_int_equal(put(in(folder, "link"), "new", NULL), VISEME_OK);
    assert_int_equal(lstat(in(folder, "link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    expect_text(in(other, "real"), "new");
    assert_int_equal(symlink("nowhere", in(folder, "dangling")), 0);
    assert_int_equal(put(in(folder, "dangling"), "x", &err), VISEME_ERR_OUTPUT);
    assert_non_null(strstr(err.message, "symbolic link"));
    assert_int_equal(symlink("loop", in(folder, "loop")), 0);
    assert_int_equal(put(in(folder, "loop"), "x", &err), VISEME_ERR_OUTPUT);
    assert_int_equal(scratch_entries(folder), 3);
    assert_int_equal(scratch_entries(other), 1);
}

static void takes_any_name(void **state)
{
    static const char *const names[] = {"a b", "-x", "\xC3\xA9\"'$(x).txt", "a.b.c", "%s%n", "*?["};
    const char *folder = new_folder("names");
    char longest[256];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(put(in(folder, names[i]), names[i], NULL), VISEME_OK);
        expect_text(in(folder, names[i]), names[i]);
    }
    memset(longest, 'n', 255); /* as long as a name may be */
    longest[255] = '\0';
    assert_int_equal(put(in(folder, longest), "x", NULL), VISEME_OK);
    expect_text(in(folder, longest), "x");
}

static void refuses_impossible_targets(void **state)
{
    const char *folder = new_folder("refuse");
    viseme_error err;
    (void)state;
    assert_int_equal(put(folder, "x", &err), VISEME_ERR_OUTPUT);
    assert_non_null(strstr(err.message, "is a folder"));
    assert_int_equal(put(in(folder, "no/such"), "x", &err), VISEME_ERR_OUTPUT);
    assert_non_null(strstr(err.message, "folder does not exist"));
    assert_int_equal(put(in(folder, "new/"), "x", &err), VISEME_ERR_OUTPUT);
    assert_non_null(strstr(err.message, "names a folder"));
    assert_int_equal(put("", "x", &err), VISEME_ERR_OUTPUT);
    assert_non_null(strstr(err.message, "empty"));
    assert_int_equal(put("/dev/null/x", "x", &err), VISEME_ERR_OUTPUT);
    assert_int_equal(scratch_entries(folder), 0);
    if (geteuid() != 0) {
        assert_int_equal(put(in(folder, "protected"), "x", NULL), VISEME_OK);
        assert_int_equal(chmod(in(folder, "protected"), 0444), 0);
        assert_int_equal(put(in(folder, "protected"), "y", &err), VISEME_ERR_OUTPUT);
        expect_text(in(folder, "protected"), "x");
    }
}

static void writes_to_devices_and_pipes(void **state)
{
    const char *fifo = scratch_path("fifo");
    char got[8] = "";
    struct stat st;
    viseme_error err;
    int fd;
    (void)state;
    assert_int_equal(put("/dev/null", "x", &err), VISEME_OK);
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_int_equal(mkfifo(fifo, 0600), 0);
    fd = open(fifo, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    assert_int_equal(put(fifo, "piped", &err), VISEME_OK);
    assert_int_equal(read(fd, got, sizeof got), 5);
    assert_string_equal(got, "piped");
    close(fd);
    assert_int_equal(stat(fifo, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
}

static void reports_a_full_disk(void **state)
{
    struct vis_output *out;
    FILE *stream;
    viseme_error err;
    (void)state;
    assert_int_equal(put("/dev/full", "x", &err), VISEME_ERR_OUTPUT);
    assert_non_null(strstr(err.message, "/dev/full: writing failed (No space left"));
    /* a failure before the end, whose reason only the writer saw */
    assert_int_equal(vis_output_open(&out, "/dev/full", &stream, &err), VISEME_OK);
    for (int i = 0; i < 100000; i++)
        putc('x', stream);
    fflush(stream);
    assert_int_equal(vis_output_commit(out, &err), VISEME_ERR_OUTPUT);
    assert_non_null(strstr(err.message, "writing failed"));
}

/* A limit on the size of files stands in for the disk: the write fails in an ordinary folder. */
static void leaves_nothing_behind_on_failure(void **state)
{
    const char *folder = new_folder("full"), *path = in(folder, "a");
    struct rlimit old, limit;
    viseme_error err;
    (void)state;
    assert_int_equal(put(path, "old", NULL), VISEME_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = (struct rlimit){.rlim_cur = 2, .rlim_max = old.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    viseme_status status = put(path, "longer", &err);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, VISEME_ERR_OUTPUT);
    expect_text(path, "old");
    assert_int_equal(scratch_entries(folder), 1);
}

/* Runs `body` in a child with standard output sent to `to`; gives the child's exit status. */
static int with_stdout(int to, int (*body)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(to, STDOUT_FILENO);
        _exit(body());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int put_dash(void)
{
    return (int)put("-", "out\n", NULL);
}

static int put_dev_stdout(void)
{
    return (int)put("/dev/stdout", "out\n", NULL);
}

static void writes_to_standard_output(void **state)
{
    const char *path = scratch_path("stdout");
    int fd, full = open("/dev/full", O_WRONLY);
    (void)state;
    fflush(stdout);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0 && full >= 0);
    assert_int_equal(with_stdout(fd, put_dash), VISEME_OK);
    assert_int_equal(with_stdout(fd, put_dev_stdout), VISEME_OK);
    expect_text(path, "out\nout\n");
    assert_int_equal(with_stdout(full, put_dash), VISEME_ERR_OUTPUT);
    close(fd);
    close(full);
}

static void two_runs_never_meet(void **state)
{
    const char *folder = new_folder("two"), *path = in(folder, "a");
    struct vis_output *a, *b;
    FILE *to_a, *to_b;
    (void)state;
    assert_int_equal(vis_output_open(&a, path, &to_a, NULL), VISEME_OK);
    assert_int_equal(vis_output_open(&b, path, &to_b, NULL), VISEME_OK);
    assert_int_equal(scratch_entries(folder), 2);
    fputs("first", to_a);
    fputs("second", to_b);
    assert_int_equal(vis_output_commit(a, NULL), VISEME_OK);
    expect_text(path, "first");
    assert_int_equal(vis_output_commit(b, NULL), VISEME_OK);
    expect_text(path, "second");
    assert_int_equal(scratch_entries(folder), 1);
}

static void on_signal(int number)
{
    (void)number;
    vis_output_abort_all_from_signal();
}

static void cleans_up_from_a_signal(void **state)
{
    const char *folder = new_folder("signal");
    struct vis_output *out[3];
    FILE *stream;
    viseme_error err;
    void (*handler)(int) = signal(SIGUSR1, on_signal);
    (void)state;
    for (int i = 0; i < 3; i++) {
        const char *path = in(folder, (const char *[]){"0", "1", "2"}[i]);
        assert_int_equal(vis_output_open(&out[i], path, &stream, NULL), VISEME_OK);
        fputs("x", stream);
    }
    assert_int_equal(vis_output_commit(out[0], NULL), VISEME_OK);
    raise(SIGUSR1);
    signal(SIGUSR1, handler);
    assert_int_equal(scratch_entries(folder), 1); /* the one that was complete */
    vis_output_abort(out[1]);
    /* A program that carries on is told that its file is gone. */
    assert_int_equal(vis_output_commit(out[2], &err), VISEME_ERR_OUTPUT);
    assert_int_equal(scratch_entries(folder), 1);
}

static void refuses_too_many_at_once(void **state)
{
    const char *folder = new_folder("many");
    struct vis_output *out[100];
    FILE *stream;
    viseme_error err = {0};
    int count = 0;
    (void)state;
    while (count < 100 && vis_output_open(&out[count], in(folder, "a"), &stream, &err) == VISEME_OK)
        count++;
    assert_int_equal(count, 64);
    assert_int_equal(err.status, VISEME_ERR_OUTPUT);
    assert_int_equal(scratch_entries(folder), 64);
    while (count > 0)
        vis_output_abort(out[--count]);
    assert_int_equal(scratch_entries(folder), 0);
    assert_int_equal(put(in(folder, "a"), "x", NULL), VISEME_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appears_only_when_committed),
        cmocka_unit_test(keeps_the_old_file_when_aborted),
        cmocka_unit_test(honours_umask_and_modes),
        cmocka_unit_test(follows_symbolic_links),
        cmocka_unit_test(takes_any_name),
        cmocka_unit_test(refuses_impossible_targets),
        cmocka_unit_test(writes_to_devices_and_pipes),
        cmocka_unit_test(reports_a_full_disk),
        cmocka_unit_test(leaves_nothing_behind_on_failure),
        cmocka_unit_test(writes_to_standard_output),
        cmocka_unit_test(two_runs_never_meet),
        cmocka_unit_test(cleans_up_from_a_signal),
        cmocka_unit_test(refuses_too_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
