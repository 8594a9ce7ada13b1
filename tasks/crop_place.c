#include "tasks/crop_place.h"

#include <math.h>

#include "signal/gray.h"
#include "signal/lrs_window.h"
#include "signal/lrw_window.h"
#include "signal/warp.h"
#include "tasks/mouth_crop.h"

enum {
    LRS2_FRAME = 160, /* pixels of a side of the data set's frames */
    LRS3_FRAME = 224,
    LRW_FRAME = VIS_ALIGNED_FRAME,
    MAX_FACTOR = 64, /* by which a frame is made smaller at once */
    MEMORY = 25      /* looks that the height of a face is averaged over */
};

/* Faces in LRS's frames are about so high, in parts of the frame. Frames of other sizes are read
 * as if they had been made larger or smaller until faces are. */
#define LRS_FACE 0.6
/* In LRW's they are as high as Auto-AVSR's mean face, which is one of LRW: measured with FaceMesh
 * on 34 clips of GRID and 3 rendered ones laid over it, as is the point that LRW's window lies
 * around, which other methods of finding faces know too few points for. */
#define LRW_FACE 0.65
static const double mean_roi[2] = {128.7, 160.4};

struct vis_crop_size vis_crop_size(viseme_crop_kind kind)
{
    switch (kind) {
    case VISEME_CROP_SYNCVSR_LRS2:
    case VISEME_CROP_SYNCVSR_LRS3:
        return (struct vis_crop_size){VIS_LRS_SIDE, VIS_LRS_SIDE};
    case VISEME_CROP_AUTOAVSR:
        return (struct vis_crop_size){VIS_ALIGNED_SIDE, VIS_ALIGNED_SIDE};
    case VISEME_CROP_SYNCVSR_LRW:
        return (struct vis_crop_size){VIS_LRW_WIDTH, VIS_LRW_HEIGHT};
    case VISEME_CROP_LIPNET:
        break;
    }
    return (struct vis_crop_size){VIS_CROP_WIDTH, VIS_CROP_HEIGHT};
}

viseme_face vis_place_face(const struct vis_face_tracked *t)
{
    const struct vis_face_pose *p = &t->seen.pose;
    return (viseme_face){.x = p->x - p->width / 2,
                         .y = p->y - p->height / 2,
                         .width = p->width,
                         .height = p->height,
                         .mouth_x = t->seen.mouth_x,
                         .mouth_y = t->seen.mouth_y,
                         .confidence = t->seen.confidence,
                         .id = t->id};
}

static double mix(double a, double b, double part)
{
    return a + part * (b - a);
}

void vis_place_of(struct vis_place *out, viseme_crop_kind kind,
                  const struct vis_face_tracked *tracked, const struct vis_face_method *method,
                  const struct vis_place *before, int looks)
{
    const struct vis_face_pose *p = &tracked->seen.pose;
    const double *o = method->outline; /* left, top, right, bottom */
    const struct vis_face_pose box = {p->x + (o[0] + o[2]) / 2 * p->width,
                                      p->y + (o[1] + o[3]) / 2 * p->height,
                                      (o[2] - o[0]) * p->width, (o[3] - o[1]) * p->height};
    const double part = 1.0 / (looks < MEMORY ? looks + 1 : MEMORY);
    const double size = before ? mix(before->size, box.height, part) : box.height;
    out->face = vis_place_face(tracked);
    out->seen = tracked->seen;
    out->box = box;
    out->size = size;
    if (kind == VISEME_CROP_AUTOAVSR)
        vis_aligned_points(&tracked->seen, out->points);
    if (kind == VISEME_CROP_SYNCVSR_LRW && tracked->seen.meshed)
        vis_lrw_centre((const float(*)[3])tracked->seen.mesh, VIS_FACE_POINTS, out->roi);
    else if (kind == VISEME_CROP_SYNCVSR_LRW)
        vis_aligned_point(&tracked->seen, mean_roi[0], mean_roi[1], out->roi);
}

static void mix_pose(struct vis_face_pose *a, const struct vis_face_pose *b, double part)
{
    a->x = mix(a->x, b->x, part);
    a->y = mix(a->y, b->y, part);
    a->width = mix(a->width, b->width, part);
    a->height = mix(a->height, b->height, part);
}

void vis_place_mix(struct vis_place *a, const struct vis_place *b, double part)
{
    for (int k = 0; k < 6; k++)
        a->seen.back.m[k / 3][k % 3] =
            mix(a->seen.back.m[k / 3][k % 3], b->seen.back.m[k / 3][k % 3], part);
    for (int k = 0; k < 2 * VIS_FACE_68; k++)
        a->points[k / 2][k % 2] = mix(a->points[k / 2][k % 2], b->points[k / 2][k % 2], part);
    for (int k = 0; k < 2; k++)
        a->roi[k] = mix(a->roi[k], b->roi[k], part);
    for (int k = 0; k < 3 * VIS_FACE_POINTS && a->seen.meshed && b->seen.meshed; k++)
        a->seen.mesh[k / 3][k % 3] = (float)mix((double)a->seen.mesh[k / 3][k % 3],
                                                (double)b->seen.mesh[k / 3][k % 3], part);
    a->face.x = mix(a->face.x, b->face.x, part);
    a->face.y = mix(a->face.y, b->face.y, part);
    a->face.width = mix(a->face.width, b->face.width, part);
    a->face.height = mix(a->face.height, b->face.height, part);
    a->face.mouth_x = mix(a->face.mouth_x, b->face.mouth_x, part);
    a->face.mouth_y = mix(a->face.mouth_y, b->face.mouth_y, part);
    mix_pose(&a->box, &b->box, part);
    a->size = mix(a->size, b->size, part);
}

/* A window of a data set in a frame of any size: from its pixels to the frame's. */
static struct vis_similarity window_of(const struct vis_place *p, viseme_crop_kind kind, int width,
                                       int height)
{
    const int lrw = kind == VISEME_CROP_SYNCVSR_LRW;
    const int side = lrw ? LRW_FRAME : kind == VISEME_CROP_SYNCVSR_LRS2 ? LRS2_FRAME : LRS3_FRAME;
    const int as_it_is = (width == side && height == side) || !(p->size >= 1);
    const double k = as_it_is ? 1 : (lrw ? LRW_FACE : LRS_FACE) * side / p->size;
    int left, top;
    if (lrw)
        vis_lrw_window(k * p->roi[0], k * p->roi[1], k * width, k * height, &left, &top);
    else
        vis_lrs_window(k * p->box.x, k * p->box.y, k * p->box.height, k * width, k * height, &left,
                       &top);
    return (struct vis_similarity){1 / k, 0, left / k, top / k};
}

void vis_place_bounds(const struct vis_place *place, viseme_crop_kind kind, int width, int height,
                      double low[2], double high[2])
{
    if (kind != VISEME_CROP_LIPNET) {
        const struct vis_similarity w = window_of(place, kind, width, height);
        const struct vis_crop_size size = vis_crop_size(kind);
        low[0] = w.tx;
        low[1] = w.ty;
        high[0] = w.tx + size.width * w.a;
        high[1] = w.ty + size.height * w.a;
        return;
    }
    for (int k = 0; k < 2; k++) {
        low[k] = HUGE_VAL;
        high[k] = -HUGE_VAL;
    }
    for (int i = 0; i < 4; i++) {
        double p[2];
        vis_affine_apply(&place->seen.back, VIS_TEMPLATE_LEFT + i % 2 * VIS_TEMPLATE_WIDTH,
                         VIS_TEMPLATE_TOP + i / 2 * VIS_TEMPLATE_HEIGHT, p);
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], p[k]);
            high[k] = fmax(high[k], p[k]);
        }
    }
}

static void cut_lipnet(const struct vis_face_seen *seen, const struct vis_cutting *from,
                       uint8_t *crop)
{
    enum { WIDTH = VIS_CROP_WIDTH, HEIGHT = VIS_CROP_HEIGHT };
    if (seen->aligned) {
        struct vis_affine back = seen->back;
        back.m[0][2] -= from->left;
        back.m[1][2] -= from->top;
        vis_mouth_crop(&from->image, &back, crop);
        return;
    }
    const struct vis_similarity s = vis_similarity_box(
        seen->mouth_x - from->left, seen->mouth_y - from->top, seen->crop_width, WIDTH, HEIGHT);
    vis_warp_bgr(&from->image, &s, VIS_BORDER_NEAREST, crop, WIDTH, HEIGHT);
}

static int within(double v, int low, int high)
{
    return (int)fmax(low, fmin(v, high));
}

/* Grey first, made smaller by a whole factor where the window is at least twice as large in the
 * frame, so that nothing is skipped; then read between pixels. */
static void cut_window(const struct vis_similarity *w, const viseme_image *image,
                       struct vis_crop_size size, uint8_t *gray)
{
    enum { ROOM = 2 * VIS_LRS_SIDE + 4 }; /* the larger of the windows */
    uint8_t part[ROOM * ROOM];
    const int shorter = image->width < image->height ? image->width : image->height;
    const int factor = within(w->a, 1, shorter < MAX_FACTOR ? shorter : MAX_FACTOR);
    const int x = within(floor(w->tx) - factor, 0, image->width - factor);
    const int y = within(floor(w->ty) - factor, 0, image->height - factor);
    const int right = within(ceil(w->tx + size.width * w->a) + factor, x + factor, image->width);
    const int bottom = within(ceil(w->ty + size.height * w->a) + factor, y + factor, image->height);
    const int width = (right - x) / factor, height = (bottom - y) / factor;
    const struct vis_bytes source = {part, width < ROOM ? width : ROOM,
                                     height < ROOM ? height : ROOM, 1, width < ROOM ? width : ROOM};
    const struct vis_rect area = {x, y, source.width * factor, source.height * factor};
    const double k = w->a / factor;
    const struct vis_affine back = {{{k, 0, (w->tx + 0.5 * w->a - x) / factor - 0.5},
                                     {0, k, (w->ty + 0.5 * w->a - y) / factor - 0.5}}};
    vis_gray_reduce(image, &area, factor, part);
    vis_affine_warp(&source, &back, 0, 0, gray, size.width, size.height);
}

void vis_place_cut(const struct vis_place *place, viseme_crop_kind kind,
                   const struct vis_cutting *from, uint8_t *crop)
{
    const struct vis_crop_size size = vis_crop_size(kind);
    uint8_t gray[VIS_LRS_SIDE * VIS_LRS_SIDE];
    if (kind == VISEME_CROP_LIPNET) {
        cut_lipnet(&place->seen, from, crop);
        return;
    }
    struct vis_similarity w = window_of(place, kind, from->frame_width, from->frame_height);
    w.tx -= from->left;
    w.ty -= from->top;
    cut_window(&w, &from->image, size, gray);
    for (int i = 0; i < size.width * size.height * 3; i++)
        crop[i] = gray[i / 3];
}
