#include "signal/smooth_points.h"

#include <stdlib.h>
#include <string.h>

enum { REACH = VIS_SMOOTH_REACH, GAP = VIS_SMOOTH_GAP, ROOM = REACH + VIS_SMOOTH_HELD };

struct vis_smooth_points {
    int count;
    int64_t begin, in, known, out; /* frames of the stretch: its first one, those pushed, those
                                      whose points are settled, those given out */
    int ended, lost;               /* lost: more than GAP were missing, and still are */
    double points[ROOM][VIS_SMOOTH_POINTS][2]; /* frame t in t % ROOM */
};

viseme_status vis_smooth_points_create(struct vis_smooth_points **out, int count, viseme_error *err)
{
    struct vis_smooth_points *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return vis_fail_nomem(err, sizeof *s);
    s->count = count;
    return VISEME_OK;
}

void vis_smooth_points_free(struct vis_smooth_points *s)
{
    free(s);
}

static double (*at(struct vis_smooth_points *s, int64_t frame))[2]
{
    return s->points[frame % ROOM];
}

/* Settles the missing frames with copies of frame `from`, which is none of them. */
static void copy_missing(struct vis_smooth_points *s, int64_t from)
{
    for (; s->known < s->in; s->known++)
        memcpy(at(s, s->known), at(s, from), (size_t)s->count * sizeof(double[2]));
}

/* Likewise with copies of the last known one, zeros where there is none. */
static void copy_last(struct vis_smooth_points *s)
{
    if (s->known == s->begin && s->known < s->in)
        memset(at(s, s->known++), 0, sizeof *s->points);
    copy_missing(s, s->known - 1);
}

/* The missing frames lie between the last known one and frame `to`. */
static void interpolate_missing(struct vis_smooth_points *s, int64_t to)
{
    const int64_t from = s->known - 1;
    for (; s->known < to; s->known++)
        for (int k = 0; k < s->count; k++)
            for (int i = 0; i < 2; i++) {
                const double a = at(s, from)[k][i], b = at(s, to)[k][i];
                at(s, s->known)[k][i] =
                    a + (b - a) * (double)(s->known - from) / (double)(to - from);
            }
}

void vis_smooth_points_push(struct vis_smooth_points *s, const double (*points)[2])
{
    const int64_t now = s->in;
    if (s->ended) {
        s->begin = now;
        s->ended = s->lost = 0;
    }
    if (points) {
        memcpy(at(s, now), points, (size_t)s->count * sizeof *points);
        if (s->known == s->begin)
            copy_missing(s, now);
        else
            interpolate_missing(s, now);
        s->known = s->in = now + 1;
        s->lost = 0;
        return;
    }
    s->in = now + 1;
    if (s->lost || s->in - s->known > GAP) {
        s->lost = 1;
        copy_last(s);
    }
}

void vis_smooth_points_finish(struct vis_smooth_points *s)
{
    copy_last(s);
    s->ended = 1;
}

static void centre_of(const double (*p)[2], int count, double centre[2])
{
    centre[0] = centre[1] = 0;
    for (int k = 0; k < count; k++)
        for (int i = 0; i < 2; i++)
            centre[i] += p[k][i] / count;
}

int vis_smooth_points_next(struct vis_smooth_points *s, double (*out)[2])
{
    const int64_t t = s->out, before = t - s->begin, behind = s->known - 1 - t;
    int64_t m = before < REACH ? before : REACH;
    double own[2], now[2];
    if (t >= s->known || (behind < m && !s->ended))
        return 0;
    m = behind < m ? behind : m;
    for (int k = 0; k < s->count; k++)
        for (int i = 0; i < 2; i++) {
            double sum = 0;
            for (int64_t f = t - m; f <= t + m; f++)
                sum += at(s, f)[k][i];
            out[k][i] = sum / (double)(2 * m + 1);
        }
    centre_of((const double(*)[2])at(s, t), s->count, own);
    centre_of((const double(*)[2])out, s->count, now);
    for (int k = 0; k < s->count; k++)
        for (int i = 0; i < 2; i++)
            out[k][i] += own[i] - now[i];
    s->out++;
    return 1;
}
