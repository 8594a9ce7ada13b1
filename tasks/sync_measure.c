/* The task behind `viseme sync`, second half: distances -> offsets of every face, of the whole, and
 * over time. */
#include "tasks/sync_task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MS       40.0
#define RATE           25.0
#define LEAST_SPEECH_S 0.4
/* Below these nothing is known: of what stands out of distances, of a classifier's probability; see
 * docs/sync.md. */
#define LEAST_PROMINENCE  3.0
#define LEAST_PROBABILITY 0.4

enum {
    LEAST_ROWS = 6,  /* 0.4 s of pictures */
    LEAST_PAIRS = 5, /* that every offset is the mean of */
    VOTE_STEP = 4,   /* rows from one matrix to the next */
    CURVE = 2 * VIS_SYNC_MAX_REACH + 1
};

void vis_sync_forget(viseme_sync *s)
{
    for (size_t i = 0; i < s->track_count; i++) {
        struct vis_sync_track *t = &s->tracks[i];
        free(t->curve);
        free(t->votes);
        free(t->vote_rows);
        t->curve = NULL;
        t->votes = NULL;
        t->vote_rows = NULL;
        t->vote_count = 0;
        t->range = -1;
    }
    free(s->curve);
    free(s->windows);
    free(s->steps);
    free(s->spans);
    s->curve = NULL;
    s->windows = NULL;
    s->steps = NULL;
    s->spans = NULL;
    s->curve_range = -1;
    s->window_count = s->window_room = s->span_count = s->span_room = 0;
}

static int is_classifier(viseme_sync_method method)
{
    return method == VISEME_SYNC_E2E || method == VISEME_SYNC_CLS;
}

static int is_speech(const viseme_sync *s, int64_t index)
{
    return index >= 0 && index < (int64_t)s->speech_count && s->speech[index];
}

/* Rows of a track with a face and speech. */
static size_t speaking_rows(const viseme_sync *s, const struct vis_sync_track *t, size_t first,
                            size_t count)
{
    size_t n = 0;
    for (size_t r = first; r < first + count; r++)
        n += !isnan(t->pairs.alone[r]) && is_speech(s, t->first + (int64_t)r + 2);
    return n;
}

/* ---- Classifiers ------------------------------------------------------------------------------
 */

/* Whether every picture and every sound of n rows is there. */
static int is_whole(const struct vis_sync_track *t, size_t first, int n)
{
    const size_t width = 2 * (size_t)t->pairs.reach + 1;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            if (isnan(t->pairs
                          .cosine[(first + (size_t)j) * width + (size_t)(t->pairs.reach + i - j)]))
                return 0;
    return 1;
}

static viseme_status make_room(struct vis_sync_track *t, size_t count, size_t offsets,
                               viseme_error *err)
{
    t->votes = malloc(count * offsets * sizeof *t->votes);
    t->vote_rows = malloc(count * sizeof *t->vote_rows);
    return t->votes && t->vote_rows ? VISEME_OK : vis_fail_nomem(err, count * offsets * 4);
}

/* Shows all matrices of a track to a classifier. */
static viseme_status vote(viseme_sync *s, struct vis_sync_track *t, int own, viseme_error *err)
{
    int reach, waiting = 0;
    const int n = vis_sync_nets_matrix(s->nets, own, &reach);
    const size_t cells = (size_t)n * (size_t)n, offsets = 2 * (size_t)reach + 1;
    const size_t rows = t->pairs.rows, step = rows < 4 * (size_t)n ? 1 : VOTE_STEP;
    if (rows < (size_t)n)
        return VISEME_OK;
    float *matrices = malloc(VIS_SYNC_BATCH * cells * sizeof *matrices);
    viseme_status status = matrices
                               ? make_room(t, (rows - (size_t)n) / step + 1, offsets, err)
                               : vis_fail_nomem(err, VIS_SYNC_BATCH * cells * sizeof *matrices);
    for (size_t r = 0; status == VISEME_OK && r + (size_t)n <= rows; r += step) {
        const int last = r + step + (size_t)n > rows;
        if (is_whole(t, r, n)) {
            vis_sync_pairs_matrix(&t->pairs, r, n, matrices + (size_t)waiting * cells);
            t->vote_rows[t->vote_count + (size_t)waiting++] = (int64_t)r;
        }
        if (waiting == 0 || (waiting < VIS_SYNC_BATCH && !last))
            continue;
        const float *probs;
        status = vis_sync_nets_classify(s->nets, own, matrices, waiting, &probs, err);
        for (size_t i = 0; status == VISEME_OK && i < (size_t)waiting * offsets; i++)
            t->votes[t->vote_count * offsets + i] = logf(fmaxf(probs[i], 1e-6f));
        t->vote_count += (size_t)waiting;
        waiting = 0;
    }
    free(matrices);
    return status;
}

/* Minus the mean logarithm of the votes on rows first ... first + count; those where somebody may
 * speak, if there are any. Returns 0 without any vote. */
static int count_votes(const viseme_sync *s, const struct vis_sync_track *t, int n, size_t first,
                       size_t count, int range, double *curve)
{
    for (int heard = 1; heard >= 0; heard--) {
        size_t votes = 0;
        for (int o = 0; o <= 2 * range; o++)
            curve[o] = 0;
        for (size_t i = 0; i < t->vote_count; i++) {
            const size_t r = (size_t)t->vote_rows[i];
            if (r < first || r + (size_t)n > first + count ||
                (heard && 2 * speaking_rows(s, t, r, (size_t)n) < (size_t)n))
                continue;
            for (int o = 0; o <= 2 * range; o++)
                curve[o] -= (double)t->votes[i * (2 * (size_t)range + 1) + (size_t)o];
            votes++;
        }
        for (int o = 0; votes && o <= 2 * range; o++)
            curve[o] /= (double)votes;
        if (votes)
            return 1;
    }
    return 0;
}

/* ---- One stretch of one face ------------------------------------------------------------------
 */

struct told {
    viseme_sync_reason reason;
    struct vis_sync_answer answer;
    double prominence;
    int range; /* -1: no curve */
};

/* The widest range of a method for so many rows; -1: they are too few. */
static int range_of(const viseme_sync *s, viseme_sync_method method, size_t rows, int *n)
{
    int reach;
    *n = 0;
    if (rows < LEAST_ROWS)
        return -1;
    if (is_classifier(method)) {
        *n = vis_sync_nets_matrix(s->nets, method == VISEME_SYNC_E2E, &reach);
        return rows < (size_t)*n ? -1 : reach;
    }
    if (method == VISEME_SYNC_DIAG)
        return vis_sync_fitting_range(rows, LEAST_PAIRS, s->range);
    return s->range;
}

/* The probability of the likeliest offset by minus the mean logarithms. */
static double probability(const double *curve, int range, double lowest)
{
    double sum = 0;
    for (int o = 0; o <= 2 * range; o++)
        sum += exp(lowest - curve[o]);
    return 1 / sum;
}

static viseme_sync_reason judge(viseme_sync_method method, const struct vis_sync_answer *a,
                                double prominence)
{
    if (is_classifier(method))
        return a->confidence < LEAST_PROBABILITY ? VISEME_SYNC_FLAT : VISEME_SYNC_KNOWN;
    if (prominence < LEAST_PROMINENCE)
        return VISEME_SYNC_FLAT;
    return a->at_edge ? VISEME_SYNC_AT_EDGE : VISEME_SYNC_KNOWN;
}

static enum vis_sync_curve_kind kind_of(viseme_sync_method method, int whole)
{
    if (method == VISEME_SYNC_SYNCNET)
        return whole ? VIS_SYNC_PADDED : VIS_SYNC_DISTANCE;
    return method == VISEME_SYNC_BASELINE && whole ? VIS_SYNC_BASELINE : VIS_SYNC_DIAGONAL;
}

/* whole: of all rows, where the original evaluation pads with zeros; over time nobody does. */
static struct told tell(const viseme_sync *s, const struct vis_sync_track *t,
                        viseme_sync_method method, size_t first, size_t count, int whole,
                        double *curve)
{
    struct told told = {.reason = VISEME_SYNC_TOO_SHORT};
    int n;
    told.range = range_of(s, method, count, &n);
    if (told.range < 0)
        return told;
    const enum vis_sync_curve_kind kind = kind_of(method, whole);
    if (is_classifier(method)) {
        if (!count_votes(s, t, n, first, count, told.range, curve))
            told.range = -1;
    } else { /* the original leaves the last window out */
        vis_sync_curve(&t->pairs, first, count - (kind == VIS_SYNC_PADDED), kind, told.range, curve,
                       NULL);
    }
    if (told.range < 0 || !vis_sync_answer(curve, told.range, &told.answer)) {
        told.range = -1;
        return told;
    }
    if (is_classifier(method))
        told.answer.confidence = probability(curve, told.range, told.answer.lowest);
    told.prominence =
        vis_sync_prominence(&t->pairs, first, count, kind, told.range, told.answer.frames);
    told.reason = (double)speaking_rows(s, t, first, count) < LEAST_SPEECH_S * RATE
                      ? VISEME_SYNC_NO_SPEECH
                      : judge(method, &told.answer, told.prominence);
    return told;
}

/* ---- Every face -------------------------------------------------------------------------------
 */

static void tell_lse(const struct vis_sync_track *t, viseme_sync_face *out)
{
    double curve[2 * VIS_SYNC_LSE_RANGE + 1];
    struct vis_sync_answer a;
    out->lse_d = out->lse_c = NAN;
    if (t->pairs.rows < 2)
        return;
    vis_sync_curve(&t->pairs, 0, t->pairs.rows - 1, VIS_SYNC_PADDED, VIS_SYNC_LSE_RANGE, curve,
                   NULL);
    if (!vis_sync_answer(curve, VIS_SYNC_LSE_RANGE, &a))
        return;
    out->lse_d = a.lowest;
    out->lse_c = a.confidence;
}

static viseme_status tell_face(viseme_sync *s, struct vis_sync_track *t, viseme_sync_method method,
                               viseme_error *err)
{
    double curve[CURVE];
    viseme_status status = VISEME_OK;
    if (is_classifier(method))
        status = vote(s, t, method == VISEME_SYNC_E2E, err);
    if (status != VISEME_OK)
        return status;
    const struct told told = tell(s, t, method, 0, t->pairs.rows, 1, curve);
    t->told = (viseme_sync_face){.rows = (int64_t)t->pairs.rows,
                                 .reason = told.reason,
                                 .offset_ms = FRAME_MS * told.answer.offset,
                                 .confidence = told.answer.confidence,
                                 .prominence = told.prominence};
    viseme_track track;
    for (size_t i = 0; vis_sync_faces_track(s->faces, i, &track); i++)
        if (track.id == t->id)
            t->told.track = track;
    if (t->box_count)
        t->told.box = t->boxes[t->box_count / 2];
    tell_lse(t, &t->told);
    t->range = told.range;
    if (told.range < 0)
        return VISEME_OK;
    const size_t bytes = (2 * (size_t)told.range + 1) * sizeof *t->curve;
    t->curve = malloc(bytes);
    if (!t->curve)
        return vis_fail_nomem(err, bytes);
    memcpy(t->curve, curve, bytes);
    return VISEME_OK;
}

/* ---- The whole --------------------------------------------------------------------------------
 */

/* The mean of the faces' curves, by their rows: of the faces whose offset is known, else of all. */
static viseme_status pool(viseme_sync *s, viseme_error *err)
{
    int range = -1, known = 0;
    for (size_t i = 0; i < s->track_count; i++)
        known |= s->tracks[i].range >= 0 && s->tracks[i].told.reason == VISEME_SYNC_KNOWN;
    for (size_t i = 0; i < s->track_count; i++)
        if (s->tracks[i].range > range && (!known || s->tracks[i].told.reason == VISEME_SYNC_KNOWN))
            range = s->tracks[i].range;
    if (range < 0)
        return VISEME_OK;
    s->curve = malloc((2 * (size_t)range + 1) * sizeof *s->curve);
    if (!s->curve)
        return vis_fail_nomem(err, (2 * (size_t)range + 1) * sizeof *s->curve);
    s->curve_range = range;
    for (int o = -range; o <= range; o++) {
        double sum = 0, weight = 0;
        for (size_t i = 0; i < s->track_count; i++) {
            const struct vis_sync_track *t = &s->tracks[i];
            if (abs(o) > t->range || (known && t->told.reason != VISEME_SYNC_KNOWN) ||
                !isfinite(t->curve[o + t->range]))
                continue;
            sum += (double)t->pairs.rows * t->curve[o + t->range];
            weight += (double)t->pairs.rows;
        }
        s->curve[o + range] = weight > 0 ? sum / weight : HUGE_VAL;
    }
    return VISEME_OK;
}

/* What keeps the faces from telling anything: the reason of the longest one. */
static viseme_sync_reason excuse(const viseme_sync *s)
{
    const struct vis_sync_track *longest = NULL;
    for (size_t i = 0; i < s->track_count; i++)
        if (!longest || s->tracks[i].pairs.rows > longest->pairs.rows)
            longest = &s->tracks[i];
    return longest ? longest->told.reason : VISEME_SYNC_NO_FACE;
}

/* The largest one of the faces whose offset is known, or of all. */
static double known_prominence(const viseme_sync *s, int known)
{
    double best = 0;
    for (size_t i = 0; i < s->track_count; i++) {
        const viseme_sync_face *f = &s->tracks[i].told;
        if (!known || f->reason == VISEME_SYNC_KNOWN)
            best = fmax(best, f->prominence);
    }
    return best;
}

static void tell_whole(viseme_sync *s, viseme_sync_method method)
{
    viseme_sync_result *r = &s->result;
    struct vis_sync_answer a;
    int known = 0;
    for (size_t i = 0; i < s->track_count; i++)
        known += s->tracks[i].told.reason == VISEME_SYNC_KNOWN;
    r->range_ms = FRAME_MS * s->range;
    if (s->speech_count == 0) {
        r->reason = VISEME_SYNC_NO_SOUND;
        return;
    }
    r->reason = excuse(s);
    if (s->curve_range < 0 || !vis_sync_answer(s->curve, s->curve_range, &a))
        return;
    if (is_classifier(method))
        a.confidence = probability(s->curve, s->curve_range, a.lowest);
    r->offset_ms = FRAME_MS * a.offset;
    r->offset_frames = a.frames;
    r->confidence = a.confidence;
    r->prominence = known_prominence(s, known > 0);
    r->range_ms = FRAME_MS * s->curve_range;
    r->range_limit = s->curve_range >= s->range ? 0 : is_classifier(method) ? 1 : 2;
    if (known)
        r->reason = judge(method, &a, r->prominence);
}

static void tell_scores(viseme_sync *s)
{
    double d = 0, c = 0;
    int n = 0;
    for (size_t i = 0; i < s->track_count; i++) {
        const viseme_sync_face *f = &s->tracks[i].told;
        if (isnan(f->lse_d))
            continue;
        d += f->lse_d;
        c += f->lse_c;
        n++;
    }
    s->result.lse_d = n ? d / n : NAN;
    s->result.lse_c = n ? c / n : NAN;
}

/* ---- Over time --------------------------------------------------------------------------------
 */

static viseme_status add_window(viseme_sync *s, const struct vis_sync_track *t,
                                viseme_sync_method method, size_t first, size_t count,
                                viseme_error *err)
{
    double curve[CURVE];
    if (s->window_count == s->window_room) {
        const size_t room = s->window_room ? 2 * s->window_room : 64;
        viseme_sync_window *p = realloc(s->windows, room * sizeof *p);
        if (!p)
            return vis_fail_nomem(err, room * sizeof *p);
        s->windows = p;
        s->window_room = room;
    }
    const struct told told = tell(s, t, method, first, count, 0, curve);
    if (told.range < 0)
        return VISEME_OK;
    const double start =
        vis_sync_faces_start(s->faces) + (double)(t->first + (int64_t)first) / RATE;
    s->windows[s->window_count++] =
        (viseme_sync_window){.start_s = start,
                             .end_s = start + (double)(count + VIS_SYNC_WINDOW - 1) / RATE,
                             .face = t->id,
                             .known = told.reason == VISEME_SYNC_KNOWN,
                             .offset_ms = FRAME_MS * told.answer.offset,
                             .confidence = told.answer.confidence,
                             .prominence = told.prominence};
    return VISEME_OK;
}

static int by_time(const void *a, const void *b)
{
    const viseme_sync_window *p = a, *q = b;
    const double x = p->start_s + p->end_s, y = q->start_s + q->end_s;
    return x != y ? (x > y) - (x < y) : (p->face > q->face) - (p->face < q->face);
}

/* Windows of s->window_s that overlap by half, or further apart in a long video; what is left at
 * the end of a face belongs to its last window. */
static viseme_status tell_windows(viseme_sync *s, viseme_sync_method method, viseme_error *err)
{
    const size_t length = (size_t)(s->window_s * RATE);
    size_t all = 0, step = length / 2;
    viseme_status status = VISEME_OK;
    for (size_t i = 0; i < s->track_count; i++)
        all += s->tracks[i].pairs.rows;
    if (step < all / VIS_SYNC_MAX_POINTS + 1)
        step = all / VIS_SYNC_MAX_POINTS + 1;
    for (size_t i = 0; i < s->track_count; i++) {
        const struct vis_sync_track *t = &s->tracks[i];
        const size_t rows = t->pairs.rows;
        for (size_t r = 0; r < rows && status == VISEME_OK; r += step) {
            const int last = r + step + length > rows;
            status = add_window(s, t, method, r, last ? rows - r : length, err);
            if (last)
                break;
        }
    }
    if (s->window_count > 0)
        qsort(s->windows, s->window_count, sizeof *s->windows, by_time);
    return status;
}

/* The row at which it costs least to go over from one offset to another: the rows of the track
 * under both windows of a step, else the middle. */
static double locate(const viseme_sync *s, const struct vis_sync_step *step)
{
    const double start = vis_sync_faces_start(s->faces), from_s = step->before_s,
                 to_s = step->after_s;
    const int a = (int)lround(step->from_ms / FRAME_MS), b = (int)lround(step->to_ms / FRAME_MS);
    for (size_t i = 0; i < s->track_count; i++) {
        const struct vis_sync_pairs *p = &s->tracks[i].pairs;
        const double begin = start + (double)s->tracks[i].first / RATE;
        const ptrdiff_t low = (ptrdiff_t)((from_s - begin) * RATE),
                        high = (ptrdiff_t)((to_s - begin) * RATE);
        double sum = 0, best = 0;
        ptrdiff_t at = low;
        if (low < 0 || high > (ptrdiff_t)p->rows || abs(a) > p->reach || abs(b) > p->reach)
            continue;
        for (ptrdiff_t r = low; r < high; r++) {
            const size_t row = (size_t)r * (2 * (size_t)p->reach + 1);
            const float here = p->cosine[row + (size_t)(p->reach - a)],
                        there = p->cosine[row + (size_t)(p->reach - b)];
            sum += isnan(here) || isnan(there) ? 0 : (double)(there - here);
            if (sum < best) {
                best = sum;
                at = r + 1;
            }
        }
        return begin + (double)at / RATE;
    }
    return (from_s + to_s) / 2;
}

static viseme_status tell_trend(viseme_sync *s, viseme_error *err)
{
    struct vis_sync_point points[VIS_SYNC_MAX_POINTS];
    struct vis_sync_trend trend;
    size_t count = 0;
    for (size_t i = 0; i < s->window_count && count < VIS_SYNC_MAX_POINTS; i++) {
        const viseme_sync_window *w = &s->windows[i];
        if (w->known)
            points[count++] = (struct vis_sync_point){(w->start_s + w->end_s) / 2, w->offset_ms};
    }
    viseme_status status = vis_sync_trend(points, count, &trend, err);
    if (status != VISEME_OK)
        return status;
    s->result.has_drift = trend.has_drift;
    s->result.drift_ms_per_min = trend.drift_ms_per_min;
    s->result.drift_start_ms = trend.start_ms;
    s->result.steps = (size_t)trend.step_count;
    if (trend.step_count == 0)
        return VISEME_OK;
    s->steps = malloc((size_t)trend.step_count * sizeof *s->steps);
    if (!s->steps)
        return vis_fail_nomem(err, (size_t)trend.step_count * sizeof *s->steps);
    for (int i = 0; i < trend.step_count; i++) {
        const struct vis_sync_step *step = &trend.steps[i];
        s->steps[i] = (viseme_sync_step){.time_s = locate(s, step),
                                         .from_s = step->before_s,
                                         .to_s = step->after_s,
                                         .before_ms = step->from_ms,
                                         .after_ms = step->to_ms};
    }
    return VISEME_OK;
}

viseme_status viseme_sync_measure(viseme_sync *s, viseme_sync_method method,
                                  viseme_sync_result *out, viseme_error *err)
{
    int reach;
    if (!s || !out || s->state != VIS_SYNC_FINISHED)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "sync: nothing to measure before "
                        "viseme_sync_finish()");
    if (method == VISEME_SYNC_BEST)
        method = s->best_is_distance ? VISEME_SYNC_SYNCNET : VISEME_SYNC_DIAG;
    if (is_classifier(method) &&
        vis_sync_nets_matrix(s->nets, method == VISEME_SYNC_E2E, &reach) == 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        method == VISEME_SYNC_E2E
                            ? "the weights hold no classifier, which the method e2e is"
                            : "the method cls wants the weights of a classifier");
    vis_sync_forget(s);
    s->result = (viseme_sync_result){.method = method,
                                     .start_s = vis_sync_faces_start(s->faces),
                                     .duration_s = (double)vis_sync_faces_count(s->faces) / RATE,
                                     .face_s = (double)vis_sync_faces_seen(s->faces) / RATE,
                                     .frames = s->frames,
                                     .faces = s->track_count,
                                     .face_seconds = s->face_seconds};
    for (size_t i = 0; i < s->speech_count; i++)
        s->result.speech_s += s->speech[i] / RATE;
    const double before = vis_sync_now();
    viseme_status status = VISEME_OK;
    for (size_t i = 0; i < s->track_count && status == VISEME_OK; i++)
        status = tell_face(s, &s->tracks[i], method, err);
    s->result.net_seconds = s->net_seconds + (is_classifier(method) ? vis_sync_now() - before : 0);
    if (status == VISEME_OK)
        status = pool(s, err);
    if (status != VISEME_OK)
        return status;
    tell_whole(s, method);
    tell_scores(s);
    status = tell_windows(s, method, err);
    if (status == VISEME_OK)
        status = tell_trend(s, err);
    if (status == VISEME_OK)
        status = vis_sync_tell_spans(s, err);
    s->result.windows = s->window_count;
    s->result.spans = s->span_count;
    *out = s->result;
    return status;
}
