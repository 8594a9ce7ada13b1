#include "tasks/face_detector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signal/resize.h"

enum { CANDIDATES = 2048, NEAR_FACES = 16, LEAST = 32 }; /* pixels of a side that a network needs */

#define NEAR_PART  2.0  /* sides of the face in the part around it */
#define NEAR_SHIFT 0.35 /* of the face's height: how far off it may be found */
#define NEAR_SIZE  1.5  /* how much higher or lower */

struct vis_face_detector {
    int is_s3fd;
    viseme_session *whole, *near; /* plans for parts of any size, and for squares */
    float *input;                 /* [3 height width] */
    uint8_t *reduced, *resized;   /* the part on its way there */
    size_t input_room, reduced_room, resized_room;
    struct vis_detection *candidates; /* [CANDIDATES] */
};

/* How the part lies in the network's picture. */
struct fit {
    int reduce;                  /* pixels of the frame to a side of a block */
    int width, height;           /* of the part there */
    int full_width, full_height; /* of the whole picture */
    double scale_x, scale_y;     /* pixels of the frame to one of it */
};

viseme_status vis_face_detector_create(struct vis_face_detector **out, const viseme_model *model,
                                       viseme_error *err)
{
    const viseme_session_options one = {.threads = 1};
    const char *arch = viseme_model_metadata(model, "viseme.arch");
    const int is_s3fd = arch && strcmp(arch, "s3fd") == 0;
    *out = NULL;
    if (!is_s3fd && !(arch && strcmp(arch, "yunet") == 0))
        return vis_fail(err, VISEME_ERR_ARGUMENT, "a %s network where a yunet or s3fd belongs",
                        arch ? arch : "nameless");
    struct vis_face_detector *d = calloc(1, sizeof *d);
    if (!d)
        return vis_fail_nomem(err, sizeof *d);
    d->is_s3fd = is_s3fd;
    d->candidates = malloc(CANDIDATES * sizeof *d->candidates);
    viseme_status status = d->candidates ? viseme_session_open(&d->whole, model, &one, err)
                                         : vis_fail_nomem(err, CANDIDATES * sizeof *d->candidates);
    if (status == VISEME_OK)
        status = viseme_session_open(&d->near, model, &one, err);
    if (status != VISEME_OK) {
        vis_face_detector_free(d);
        return status;
    }
    *out = d;
    return VISEME_OK;
}

void vis_face_detector_free(struct vis_face_detector *d)
{
    if (!d)
        return;
    viseme_session_close(d->whole);
    viseme_session_close(d->near);
    free(d->input);
    free(d->reduced);
    free(d->resized);
    free(d->candidates);
    free(d);
}

/* ---- The picture -------------------------------------------------------------------------------
 */

static viseme_status reserve(void *block, size_t *room, size_t bytes, viseme_error *err)
{
    void **p = block;
    if (bytes <= *room)
        return VISEME_OK;
    free(*p);
    *room = 0;
    *p = malloc(bytes);
    if (!*p)
        return vis_fail_nomem(err, bytes);
    *room = bytes;
    return VISEME_OK;
}

static int up_to_multiple(int n, int multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

static struct fit fit_part(const struct vis_face_detector *d, const struct vis_rect *area, int side,
                           int fixed)
{
    const int longer = area->width > area->height ? area->width : area->height;
    const double scale = fixed || longer > side ? (double)side / longer : 1;
    struct fit f = {.reduce = 1};
    f.width = (int)fmax(1, floor(area->width * scale + 0.5));
    f.height = (int)fmax(1, floor(area->height * scale + 0.5));
    while (f.width * (f.reduce + 1) <= area->width && f.height * (f.reduce + 1) <= area->height)
        f.reduce++;
    f.full_width = fixed ? side : f.width > LEAST ? f.width : LEAST;
    f.full_height = fixed ? side : f.height > LEAST ? f.height : LEAST;
    if (!d->is_s3fd) {
        f.full_width = up_to_multiple(f.full_width, VIS_YUNET_MULTIPLE);
        f.full_height = up_to_multiple(f.full_height, VIS_YUNET_MULTIPLE);
    }
    f.scale_x = (double)(area->width / f.reduce * f.reduce) / f.width;
    f.scale_y = (double)(area->height / f.reduce * f.reduce) / f.height;
    return f;
}

/* Means of blocks of n x n pixels: [height width 3]. */
static void reduce(const viseme_image *frame, const struct vis_rect *area, int n, uint8_t *out)
{
    const int width = area->width / n, height = area->height / n;
    const uint32_t pixels = (uint32_t)(n * n);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const uint8_t *block = frame->data + (area->y + (ptrdiff_t)y * n) * frame->stride +
                                   (area->x + (ptrdiff_t)x * n) * 3;
            uint32_t sum[3] = {0};
            for (int v = 0; v < n; v++)
                for (int u = 0; u < n; u++)
                    for (int c = 0; c < 3; c++)
                        sum[c] += block[v * frame->stride + (ptrdiff_t)u * 3 + c];
            for (int c = 0; c < 3; c++)
                *out++ = (uint8_t)((sum[c] + pixels / 2) / pixels);
        }
}

/* The part as bytes of the size that the network gets. */
static viseme_status scale_part(struct vis_face_detector *d, const viseme_image *frame,
                                const struct vis_rect *area, const struct fit *f,
                                struct vis_bytes *out, viseme_error *err)
{
    const int width = area->width / f->reduce, height = area->height / f->reduce;
    struct vis_bytes part = {frame->data + area->y * frame->stride + (ptrdiff_t)area->x * 3,
                             area->width, area->height, 3, frame->stride};
    viseme_status status = VISEME_OK;
    if (f->reduce > 1) {
        status = reserve(&d->reduced, &d->reduced_room, (size_t)width * (size_t)height * 3, err);
        if (status != VISEME_OK)
            return status;
        reduce(frame, area, f->reduce, d->reduced);
        part = (struct vis_bytes){d->reduced, width, height, 3, (ptrdiff_t)width * 3};
    }
    *out = part;
    if (f->width == width && f->height == height)
        return VISEME_OK;
    status = reserve(&d->resized, &d->resized_room, (size_t)f->width * (size_t)f->height * 3, err);
    if (status != VISEME_OK)
        return status;
    vis_resize(&part, d->resized, f->width, f->height);
    *out = (struct vis_bytes){d->resized, f->width, f->height, 3, (ptrdiff_t)f->width * 3};
    return VISEME_OK;
}

/* d->input: planes B G R for YuNet, R G B less the means for S3FD. */
static viseme_status fill_input(struct vis_face_detector *d, const viseme_image *frame,
                                const struct vis_rect *area, const struct fit *f, viseme_error *err)
{
    static const float mean[3] = VIS_S3FD_MEAN;
    const size_t plane = (size_t)f->full_width * (size_t)f->full_height;
    const int reversed = d->is_s3fd == (frame->format == VISEME_BGR24);
    struct vis_bytes part;
    viseme_status status = scale_part(d, frame, area, f, &part, err);
    if (status == VISEME_OK)
        status = reserve(&d->input, &d->input_room, 3 * plane * sizeof *d->input, err);
    if (status != VISEME_OK)
        return status;
    memset(d->input, 0, 3 * plane * sizeof *d->input);
    for (int c = 0; c < 3; c++) {
        const float less = d->is_s3fd ? mean[c] : 0;
        for (int y = 0; y < f->height; y++) {
            const uint8_t *from = part.data + y * part.stride + (reversed ? 2 - c : c);
            float *to = d->input + (size_t)c * plane + (size_t)y * (size_t)f->full_width;
            for (int x = 0; x < f->width; x++)
                to[x] = (float)from[3 * x] - less;
        }
    }
    return VISEME_OK;
}

/* ---- Faces -------------------------------------------------------------------------------------
 */

static viseme_status output(const viseme_session *s, const char *name, int number,
                            viseme_tensor *out, viseme_error *err)
{
    char full[16];
    snprintf(full, sizeof full, "%s%d", name, number);
    return viseme_session_output(s, full, out, err);
}

static viseme_status yunet_faces(const viseme_session *s, const struct fit *f,
                                 struct vis_detection *out, float least, int *count,
                                 viseme_error *err)
{
    static const char *const names[4] = {"cls_", "obj_", "bbox_", "kps_"};
    struct vis_yunet_maps maps = {.width = f->full_width, .height = f->full_height};
    const float **const to[4] = {maps.cls, maps.obj, maps.bbox, maps.kps};
    viseme_status status = VISEME_OK;
    for (int i = 0; i < 4 * VIS_YUNET_LEVELS && status == VISEME_OK; i++) {
        viseme_tensor t = {0};
        status = output(s, names[i % 4], 8 << i / 4, &t, err);
        to[i % 4][i / 4] = t.data;
    }
    if (status == VISEME_OK)
        *count = vis_yunet_candidates(out, CANDIDATES, &maps, least);
    return status;
}

static viseme_status s3fd_faces(const viseme_session *s, struct vis_detection *out, float least,
                                int *count, viseme_error *err)
{
    struct vis_s3fd_maps maps;
    viseme_status status = VISEME_OK;
    for (int i = 0; i < VIS_S3FD_LEVELS && status == VISEME_OK; i++) {
        viseme_tensor cls = {0}, reg = {0};
        status = output(s, "cls", i + 1, &cls, err);
        if (status == VISEME_OK)
            status = output(s, "reg", i + 1, &reg, err);
        maps.cls[i] = cls.data;
        maps.reg[i] = reg.data;
        maps.height[i] = (int)cls.shape[2];
        maps.width[i] = (int)cls.shape[3];
    }
    if (status == VISEME_OK)
        *count = vis_s3fd_candidates(out, CANDIDATES, &maps, least);
    return status;
}

/* Of S3FD's candidates only those that are good enough in the end are asked for: worse ones never
 * put a better one out. More than there is room for are no faces but noise, of which the best
 * count. */
static viseme_status faces(struct vis_face_detector *d, const viseme_session *s,
                           const struct fit *f, int *count, viseme_error *err)
{
    float least = d->is_s3fd ? VIS_S3FD_SCORE : VIS_YUNET_MIN;
    viseme_status status;
    do {
        status = d->is_s3fd ? s3fd_faces(s, d->candidates, least, count, err)
                            : yunet_faces(s, f, d->candidates, least, count, err);
        least = (1 + least) / 2;
    } while (status == VISEME_OK && *count > CANDIDATES);
    if (status == VISEME_OK)
        *count = vis_detections_best(d->candidates, *count,
                                     d->is_s3fd ? VIS_S3FD_IOU : VIS_YUNET_IOU, (float)d->is_s3fd);
    return status;
}

viseme_status vis_face_detector_find(struct vis_face_detector *d, const viseme_image *frame,
                                     const struct vis_rect *area, int side, int fixed,
                                     struct vis_detection *out, int room, int *count,
                                     viseme_error *err)
{
    const struct fit f = fit_part(d, area, side, fixed);
    viseme_session *s = fixed ? d->near : d->whole;
    const float sx = (float)f.scale_x, sy = (float)f.scale_y;
    const float left = (float)area->x, top = (float)area->y;
    *count = 0;
    viseme_status status = fill_input(d, frame, area, &f, err);
    if (status != VISEME_OK)
        return status;
    const viseme_tensor x = {
        .name = "x", .rank = 4, .shape = {1, 3, f.full_height, f.full_width}, .data = d->input};
    status = viseme_session_run(s, &x, 1, err);
    if (status == VISEME_OK)
        status = faces(d, s, &f, count, err);
    if (status != VISEME_OK)
        return status;
    *count = *count < room ? *count : room;
    for (int i = 0; i < *count; i++) {
        struct vis_detection v = d->candidates[i];
        v.x0 = v.x0 * sx + left;
        v.x1 = v.x1 * sx + left;
        v.y0 = v.y0 * sy + top;
        v.y1 = v.y1 * sy + top;
        for (int k = 0; k < VIS_DETECTION_KEYS; k++) {
            v.key[k][0] = v.key[k][0] * sx + left;
            v.key[k][1] = v.key[k][1] * sy + top;
        }
        out[i] = v;
    }
    return VISEME_OK;
}

viseme_status vis_face_detector_near(struct vis_face_detector *d, const viseme_image *frame,
                                     double x, double y, double width, double height, int side,
                                     struct vis_detection *out, int *found, viseme_error *err)
{
    const double half = NEAR_PART / 2 * fmax(width, height);
    const int left = (int)fmax(0, fmin(floor(x - half), frame->width - 1));
    const int top = (int)fmax(0, fmin(floor(y - half), frame->height - 1));
    const int right = (int)fmax(left + 1, fmin(ceil(x + half), frame->width));
    const int bottom = (int)fmax(top + 1, fmin(ceil(y + half), frame->height));
    const struct vis_rect area = {left, top, right - left, bottom - top};
    struct vis_detection seen[NEAR_FACES];
    int count = 0;
    *found = 0;
    viseme_status status =
        vis_face_detector_find(d, frame, &area, side, 1, seen, NEAR_FACES, &count, err);
    for (int i = 0; i < count && !*found; i++) {
        const double shift = hypot(((double)seen[i].x0 + (double)seen[i].x1) / 2 - x,
                                   ((double)seen[i].y0 + (double)seen[i].y1) / 2 - y);
        const double size = ((double)seen[i].y1 - (double)seen[i].y0) / height;
        if (shift < NEAR_SHIFT * height && size < NEAR_SIZE && size > 1 / NEAR_SIZE) {
            *out = seen[i];
            *found = 1;
        }
    }
    return status;
}
