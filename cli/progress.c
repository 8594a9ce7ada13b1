#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 24, LABEL = 40 };

double vis_clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* The end of a long name says more than its start; cut on a UTF-8 boundary. */
static const char *tail(const char *label)
{
    size_t n = strlen(label);
    const char *s = n > LABEL ? label + n - LABEL : label;
    while (((unsigned char)*s & 0xC0) == 0x80)
        s++;
    return s;
}

static void print_label(const char *label)
{
    fputs("\r\033[K", stderr);
    for (const char *s = tail(label); *s; s++)
        fputc((unsigned char)*s < 0x20 || *s == 0x7F ? '?' : *s, stderr);
}

void vis_progress_start(struct vis_progress *p, const char *label, double total, int quiet)
{
    const char *terminal = getenv("TERM");
    *p = (struct vis_progress){.label = label, .total = total};
    p->on = !quiet && isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
    p->shown_at = vis_clock_s();
}

void vis_progress_update(struct vis_progress *p, double done)
{
    if (!p->on)
        return;
    double now = vis_clock_s();
    if (now - p->shown_at < 0.1)
        return;
    p->shown_at = now;
    p->drawn = 1;
    print_label(p->label);
    if (p->total > 0) {
        double share = done < p->total ? done / p->total : 1;
        int full = (int)(share * BAR);
        fputs(" [", stderr);
        for (int i = 0; i < BAR; i++)
            fputc(i < full ? '#' : '.', stderr);
        fprintf(stderr, "] %3.0f %%", 100 * share);
    } else {
        fprintf(stderr, " %.1f s", done);
    }
    fflush(stderr);
}

void vis_progress_stage(struct vis_progress *p, const char *stage)
{
    if (!p->on)
        return;
    p->drawn = 1;
    print_label(p->label);
    fprintf(stderr, " %s", stage);
    fflush(stderr);
}

void vis_progress_stop(struct vis_progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->on = p->drawn = 0;
}
