#include "tasks/face_mesh.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nets/face_points.h"
#include "tasks/mouth_crop.h"

enum {
    FIT_SIDE = 2 * VIS_FACE_INPUT, /* the frame is fitted into a square of this */
    FINE_EVERY = 8,                /* one of so many searches that find nothing looks closer */
    MAX_TILES = 128,               /* in which it looks */
    GLANCE_COLUMNS = 24,           /* points of the face whose grey tells whether it moved */
    GLANCE_ROWS = 24,
    GLANCE = GLANCE_COLUMNS * GLANCE_ROWS
};

#define SEARCH_SECONDS 0.12
#define MIN_FACE       8.0 /* pixels of the narrowest box that is looked at */
#define SAME_GLANCE    0.8 /* correlation below which the face has moved too far to wait */
#define GLANCE_PART    0.6 /* of the region that FaceMesh looks at: about the face itself */

struct finder {
    viseme_session *detector, *landmarks;
    double interval;            /* seconds from one look of FaceMesh to the next */
    uint8_t *inner;             /* the frame fitted into a square of FIT_SIDE */
    uint8_t *fitted;            /* [FIT_SIDE FIT_SIDE 3], black where the frame is not */
    uint8_t *crop;              /* [side side 3] of either network's input */
    float *input;               /* [1 3 side side] */
    struct vis_face_box *boxes; /* [VIS_FACE_ANCHORS] */
    int empty;                  /* searches in a row that found nothing */
};

struct face {
    struct vis_face_region region; /* where FaceMesh looks next */
    struct vis_face_seen seen;     /* at the last look, */
    double looked_s;               /* which was then, */
    float glance[GLANCE];          /* and saw these grey values in the region, mean 0, norm 1 */
};

static struct vis_bytes bytes_of(const viseme_image *frame)
{
    return (struct vis_bytes){frame->data, frame->width, frame->height, 3, frame->stride};
}

/* Runs a network on f->crop, which has the frame's order of bytes: [side side 3] to
 * [1 3 side side] R G B / 255. */
static viseme_status run(struct finder *f, viseme_session *session, int side, viseme_pixel format,
                         viseme_error *err)
{
    const size_t plane = (size_t)side * (size_t)side;
    const int red = format == VISEME_RGB24 ? 0 : 2;
    const viseme_tensor x = {.name = "x", .rank = 4, .shape = {1, 3, side, side}, .data = f->input};
    const uint8_t *from = f->crop;
    float value[256];
    for (int i = 0; i < 256; i++)
        value[i] = (float)i / 255.0f;
    for (size_t i = 0; i < plane; i++, from += 3) {
        f->input[i] = value[from[red]];
        f->input[plane + i] = value[from[1]];
        f->input[2 * plane + i] = value[from[2 - red]];
    }
    return viseme_session_run(session, &x, 1, err);
}

/* ---- BlazeFace ---------------------------------------------------------------------------------
 */

/* The frame in f->crop as BlazeFace wants it. */
static void fit_frame(struct finder *f, const viseme_image *frame, const struct vis_face_fit *fit)
{
    const struct vis_bytes source = bytes_of(frame);
    const struct vis_bytes fitted = {f->fitted, FIT_SIDE, FIT_SIDE, 3, FIT_SIDE * 3};
    const size_t row = (size_t)fit->width * 3;
    vis_resize(&source, f->inner, fit->width, fit->height);
    memset(f->fitted, 0, (size_t)FIT_SIDE * FIT_SIDE * 3);
    for (int y = 0; y < fit->height; y++)
        memcpy(f->fitted + ((size_t)(fit->top + y) * FIT_SIDE + (size_t)fit->left) * 3,
               f->inner + (size_t)y * row, row);
    vis_resize(&fitted, f->crop, VIS_FACE_INPUT, VIS_FACE_INPUT);
}

/* Faces in a part of the frame, in pixels of the frame: adds to out[*count], at most `room`. */
static viseme_status search_part(struct finder *f, const viseme_image *frame, int left, int top,
                                 int width, int height, struct vis_face_candidate *out, int room,
                                 int *count, viseme_error *err)
{
    const struct vis_face_fit fit = vis_face_fit(width, height);
    const viseme_image part = {frame->data + top * frame->stride + (ptrdiff_t)left * 3, width,
                               height, frame->stride, frame->format};
    viseme_tensor raw, scores;
    fit_frame(f, &part, &fit);
    viseme_status status = run(f, f->detector, VIS_FACE_INPUT, frame->format, err);
    if (status == VISEME_OK)
        status = viseme_session_output(f->detector, "raw_boxes", &raw, err);
    if (status == VISEME_OK)
        status = viseme_session_output(f->detector, "raw_scores", &scores, err);
    if (status != VISEME_OK)
        return status;
    int n = vis_face_candidates(f->boxes, raw.data, scores.data, VIS_FACE_MIN_SCORE);
    n = vis_face_merge(f->boxes, n, VIS_FACE_SAME_IOU);
    vis_face_to_picture(f->boxes, n, &fit);
    for (int i = 0; i < n && *count < room; i++) {
        const struct vis_face_box *b = &f->boxes[i];
        const struct vis_face_region r = vis_face_region_of_box(b);
        const double w = (double)(b->xmax - b->xmin), h = (double)(b->ymax - b->ymin);
        if (w >= MIN_FACE && isfinite(r.x + r.y + r.size + r.theta))
            out[(*count)++] = (struct vis_face_candidate){
                {(double)r.x + left, (double)r.y + top, w, h}, (double)b->score, (double)r.theta};
    }
    return status;
}

/* BlazeFace finds faces from about a seventh of the frame's longer side on. Smaller ones are
 * looked for in squares half as high as the frame, which overlap by half. One face may be found
 * twice. */
static viseme_status search_tiles(struct finder *f, const viseme_image *frame,
                                  struct vis_face_candidate *out, int room, int *count,
                                  viseme_error *err)
{
    viseme_status status = VISEME_OK;
    const int shorter = frame->width < frame->height ? frame->width : frame->height;
    const int side = shorter < 2 ? 1 : shorter / 2, step = side < 2 ? 1 : side / 2;
    const int columns = (frame->width - side) / step + 1, rows = (frame->height - side) / step + 1;
    if (side < VIS_FACE_INPUT / 2 || columns * rows > MAX_TILES)
        return VISEME_OK;
    for (int i = 0; i < columns * rows && status == VISEME_OK; i++)
        status = search_part(f, frame, i % columns * step, i / columns * step, side, side, out,
                             room, count, err);
    return status;
}

static viseme_status search(void *self, const viseme_image *frame, struct vis_face_candidate *out,
                            int room, int *count, viseme_error *err)
{
    struct finder *f = self;
    *count = 0;
    viseme_status status =
        search_part(f, frame, 0, 0, frame->width, frame->height, out, room, count, err);
    if (status == VISEME_OK && *count == 0 && f->empty++ % FINE_EVERY == 0)
        status = search_tiles(f, frame, out, room, count, err);
    if (*count > 0)
        f->empty = 0;
    return status;
}

/* ---- FaceMesh ----------------------------------------------------------------------------------
 */

/* What is seen of a face with these points, whose depth is in shares of `size` pixels. */
static void describe(struct vis_face_seen *seen, const float (*points)[3], float size,
                     double confidence)
{
    float marks[VIS_FACE_68][2];
    double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {-HUGE_VAL, -HUGE_VAL}, mouth[2];
    vis_face_68(marks, points);
    for (int i = 0; i < VIS_FACE_68; i++)
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], (double)marks[i][k]);
            high[k] = fmax(high[k], (double)marks[i][k]);
        }
    const struct vis_affine back = vis_mouth_align((const float(*)[2])marks + VIS_FACE_INNER);
    vis_mouth_centre(&back, mouth);
    *seen = (struct vis_face_seen){.pose = {(low[0] + high[0]) / 2, (low[1] + high[1]) / 2,
                                            high[0] - low[0], high[1] - low[1]},
                                   .mouth_x = mouth[0],
                                   .mouth_y = mouth[1],
                                   .confidence = confidence,
                                   .aligned = 1,
                                   .fresh = 1,
                                   .back = back,
                                   .marked = 1,
                                   .meshed = 1};
    memcpy(seen->marks, marks, sizeof seen->marks);
    memcpy(seen->mesh, points, sizeof seen->mesh);
    for (int i = 0; i < VIS_FACE_POINTS; i++)
        seen->mesh[i][2] *= size;
}

static int plausible(const struct vis_face_region *r, const viseme_image *frame)
{
    const float width = (float)frame->width, height = (float)frame->height;
    return r->x > 0 && r->y > 0 && r->x < width && r->y < height && isfinite(r->theta) &&
           r->size >= 1.5f * (float)MIN_FACE && r->size < 4 * (width + height);
}

/* Looks at face->region; where there is a face, takes what it sees and the next region. */
static viseme_status look_at(struct finder *f, struct face *face, const viseme_image *frame,
                             int *found, viseme_error *err)
{
    const struct vis_bytes source = bytes_of(frame);
    float points[VIS_FACE_POINTS][3];
    struct vis_affine back;
    viseme_tensor raw, flag;
    *found = 0;
    vis_face_crop_map(back.m, &face->region);
    vis_affine_warp(&source, &back, 0, 0, f->crop, VIS_FACE_CROP, VIS_FACE_CROP);
    viseme_status status = run(f, f->landmarks, VIS_FACE_CROP, frame->format, err);
    if (status == VISEME_OK)
        status = viseme_session_output(f->landmarks, "raw", &raw, err);
    if (status == VISEME_OK)
        status = viseme_session_output(f->landmarks, "flag", &flag, err);
    if (status != VISEME_OK || !(flag.data[0] > VIS_FACE_MIN_FLAG))
        return status;
    vis_face_points_in_picture(points, raw.data, (const double(*)[3])back.m);
    const struct vis_face_region next = vis_face_region_of_points((const float(*)[3])points);
    *found = plausible(&next, frame);
    if (*found) {
        describe(&face->seen, (const float(*)[3])points, face->region.size, (double)flag.data[0]);
        face->region = next;
    }
    return VISEME_OK;
}

/* ---- Between the looks -------------------------------------------------------------------------
 */

/* Grey values at points of the face, which are those of its region, with mean 0 and norm 1. */
static void glance(const struct face *face, const viseme_image *frame, float out[GLANCE])
{
    struct vis_affine back;
    double sum = 0, squares = 0;
    vis_face_crop_map(back.m, &face->region);
    for (int i = 0; i < GLANCE; i++) {
        const double u = (i % GLANCE_COLUMNS + 0.5) / GLANCE_COLUMNS - 0.5;
        const double v = (i / GLANCE_COLUMNS + 0.5) / GLANCE_ROWS - 0.5;
        double p[2];
        vis_affine_apply(&back, (0.5 + GLANCE_PART * u) * VIS_FACE_CROP,
                         (0.5 + GLANCE_PART * v) * VIS_FACE_CROP, p);
        const int x = (int)fmax(0, fmin(p[0], frame->width - 1));
        const int y = (int)fmax(0, fmin(p[1], frame->height - 1));
        const uint8_t *at = frame->data + y * frame->stride + (ptrdiff_t)x * 3;
        out[i] = (float)(at[0] + 2 * at[1] + at[2]);
        sum += (double)out[i];
    }
    for (int i = 0; i < GLANCE; i++) {
        out[i] -= (float)(sum / GLANCE);
        squares += (double)(out[i] * out[i]);
    }
    const float scale = squares > 0 ? (float)(1 / sqrt(squares)) : 0;
    for (int i = 0; i < GLANCE; i++)
        out[i] *= scale;
}

/* Whether the face is where it was at the last look, but for what is easily interpolated. */
static int rests(const struct face *face, const viseme_image *frame)
{
    float now[GLANCE], sum = 0;
    glance(face, frame, now);
    for (int i = 0; i < GLANCE; i++)
        sum += now[i] * face->glance[i];
    return sum > (float)SAME_GLANCE;
}

static viseme_status look(void *self, void *face, const viseme_image *frame, double seconds,
                          struct vis_face_seen *seen, int *found, viseme_error *err)
{
    struct face *f = face;
    viseme_status status = look_at(self, f, frame, found, err);
    if (status == VISEME_OK && *found) {
        f->looked_s = seconds;
        glance(f, frame, f->glance);
        *seen = f->seen;
    }
    return status;
}

static viseme_status follow(void *self, void *face, const viseme_image *frame, double seconds,
                            struct vis_face_seen *seen, int *found, viseme_error *err)
{
    const struct finder *finder = self;
    const struct face *f = face;
    if (seconds - f->looked_s >= finder->interval || !rests(f, frame))
        return look(self, face, frame, seconds, seen, found, err);
    *seen = f->seen;
    seen->fresh = 0;
    *found = 1;
    return VISEME_OK;
}

/* Looks twice: the region of the points is better than that of the detector's box. */
static viseme_status begin(void *self, void *face, const viseme_image *frame, double seconds,
                           const struct vis_face_candidate *candidate, struct vis_face_seen *seen,
                           int *found, viseme_error *err)
{
    struct face *f = face;
    f->region = (struct vis_face_region){
        .x = (float)candidate->pose.x,
        .y = (float)candidate->pose.y,
        .size = 1.5f * (float)candidate->pose.width,
        .theta = (float)candidate->roll,
    };
    viseme_status status = look_at(self, f, frame, found, err);
    if (status != VISEME_OK || !*found)
        return status;
    return look(self, face, frame, seconds, seen, found, err);
}

/* ---- The method --------------------------------------------------------------------------------
 */

static viseme_status face_create(void *self, void **face, viseme_error *err)
{
    (void)self;
    *face = calloc(1, sizeof(struct face));
    return *face ? VISEME_OK : vis_fail_nomem(err, sizeof(struct face));
}

static void finder_free(void *self)
{
    struct finder *f = self;
    if (!f)
        return;
    viseme_session_close(f->detector);
    viseme_session_close(f->landmarks);
    free(f->inner);
    free(f->fitted);
    free(f->crop);
    free(f->input);
    free(f->boxes);
    free(f);
}

static const struct vis_face_method method = {
    .name = "facemesh",
    .search_seconds = SEARCH_SECONDS,
    .outline = {-0.47, -0.85, 0.475, 0.515},
    .search = search,
    .face_create = face_create,
    .face_free = free,
    .begin = begin,
    .follow = follow,
    .look = look,
    .free = finder_free,
};

static viseme_status check_model(const viseme_model *model, const char *arch, viseme_error *err)
{
    const char *have = viseme_model_metadata(model, "viseme.arch");
    if (have && strcmp(have, arch) == 0)
        return VISEME_OK;
    return vis_fail(err, VISEME_ERR_ARGUMENT, "cropper: a %s network where a %s belongs",
                    have ? have : "nameless", arch);
}

viseme_status vis_face_mesh(struct vis_face_finder *finder, const viseme_model *detector,
                            const viseme_model *landmarks, double interval, viseme_error *err)
{
    const viseme_session_options one = {.threads = 1};
    const size_t square = (size_t)FIT_SIDE * FIT_SIDE * 3;
    const size_t crop = (size_t)VIS_FACE_CROP * VIS_FACE_CROP * 3;
    viseme_status status = check_model(detector, "blazeface", err);
    if (status == VISEME_OK)
        status = check_model(landmarks, "facemesh", err);
    if (status != VISEME_OK)
        return status;
    struct finder *f = calloc(1, sizeof *f);
    if (!f)
        return vis_fail_nomem(err, sizeof *f);
    f->interval = interval;
    f->inner = malloc(square);
    f->fitted = malloc(square);
    f->crop = malloc(crop);
    f->input = malloc(crop * sizeof *f->input);
    f->boxes = malloc(VIS_FACE_ANCHORS * sizeof *f->boxes);
    if (!f->inner || !f->fitted || !f->crop || !f->input || !f->boxes)
        status = vis_fail_nomem(err, 2 * square + 5 * crop);
    if (status == VISEME_OK)
        status = viseme_session_open(&f->detector, detector, &one, err);
    if (status == VISEME_OK)
        status = viseme_session_open(&f->landmarks, landmarks, &one, err);
    if (status != VISEME_OK) {
        finder_free(f);
        return status;
    }
    *finder = (struct vis_face_finder){&method, f};
    return VISEME_OK;
}
