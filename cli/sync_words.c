#include "cli/sync_words.h"

#include <math.h>
#include <stdio.h>

const char *const vis_sync_standards[] = {"bt1359", "r37", "is191", NULL};
const char *const vis_sync_methods[] = {"syncnet", "e2e", "cls", "diag", "baseline", "all", NULL};

const char *vis_sync_reason(viseme_sync_reason reason)
{
    static const char *const texts[] = {
        "known",
        "no face",
        "no sound",
        "no speech",
        "too short: fewer pictures of a face in a row than the method needs",
        "no offset stands out; the one who speaks may not be in the picture",
        "the best offset is the last one tried; try a wider --range"};
    const size_t i = (size_t)reason;
    return i < sizeof texts / sizeof texts[0] ? texts[i] : "unknown";
}

void vis_sync_words(double offset_ms, char *text, size_t size)
{
    const long ms = lround(fabs(offset_ms));
    if (ms == 0)
        snprintf(text, size, "audio and lips agree");
    else
        snprintf(text, size, "audio is %s by %ld ms", offset_ms > 0 ? "early" : "late", ms);
}

struct vis_sync_verdict vis_sync_judge(int standard, double offset_ms)
{
    static const struct {
        const char *title;
        double early, late, worst_early, worst_late;
    } bounds[] = {{"ITU-R BT.1359-1", 45, 125, 90, 185},
                  {"EBU R37", 40, 60, 40, 60},
                  {"ATSC IS-191", 15, 45, 15, 45}};
    const double ms = round(offset_ms);
    struct vis_sync_verdict v = {.standard = vis_sync_standards[standard],
                                 .title = bounds[standard].title,
                                 .level = "pass",
                                 .early_ms = bounds[standard].early,
                                 .late_ms = bounds[standard].late};
    v.pass = ms <= v.early_ms && ms >= -v.late_ms;
    if (!v.pass)
        v.level = ms <= bounds[standard].worst_early && ms >= -bounds[standard].worst_late
                      ? "detectable"
                      : "fail";
    return v;
}
