#include "tasks/face_haar.h"

#include <math.h>
#include <stdlib.h>

#include "signal/haar.h"
#include "tasks/face_box.h"

enum {
    SEARCH_SIDE = 640, /* pixels of the longer side of the picture searched as a whole */
    SEARCH_FACE = 40,  /* pixels of the narrowest face in it */
    FINE_SIDE = 1280,  /* likewise, of a search for small faces, which takes long: */
    FINE_FACE = 24,
    FINE_EVERY = 5,     /* one of so many searches that find nothing else */
    FIND_NEIGHBORS = 5, /* to believe in a new face */
    KEEP_NEIGHBORS = 2  /* to confirm one that is followed */
};

#define SEARCH_STEP 1.1
#define NEAR_STEP   1.05
#define NEAR_SIZE   1.3 /* how much larger or smaller a confirmed face may be */
#define NEAR_SHIFT  0.3 /* of the box's width: how far off a confirmed face may be */

struct finder {
    struct vis_haar *haar;
    double aspect; /* height of a box of width 1 */
    uint8_t *gray; /* the frame searched as a whole */
    size_t gray_bytes;
    int empty; /* searches in a row that found nothing */
};

/* All of the frame, its longer side at most `side` pixels. */
static viseme_status whole_part(struct finder *f, const viseme_image *frame, int side,
                                struct vis_box_part *out, viseme_error *err)
{
    const struct vis_rect all = {0, 0, frame->width, frame->height};
    const int shorter = frame->width < frame->height ? frame->width : frame->height;
    const int longer = frame->width < frame->height ? frame->height : frame->width;
    int factor = (longer + side - 1) / side;
    if (factor > shorter)
        factor = shorter;
    return vis_box_part(&f->gray, &f->gray_bytes, frame, &all, factor, out, err);
}

static struct vis_face_pose pose_of(const struct finder *f, const struct vis_box_part *part,
                                    const struct vis_rect *box)
{
    const double width = (double)box->width * part->factor;
    return (struct vis_face_pose){(box->x + box->width * 0.5) * part->factor + part->left,
                                  (box->y + box->height * 0.5) * part->factor + part->top, width,
                                  width * f->aspect};
}

static double confidence_of(int neighbors)
{
    return (double)neighbors / (neighbors + FIND_NEIGHBORS);
}

/* Faces in the whole frame; smallest, largest: widths in pixels of a picture whose longer side is
 * `side`; largest 0: any. */
static viseme_status search_whole(struct finder *f, const viseme_image *frame, int side,
                                  int smallest, int largest, struct vis_face_candidate *out,
                                  int room, int *count, viseme_error *err)
{
    struct vis_box_part part = {.factor = 1};
    size_t boxes = 0;
    *count = 0;
    viseme_status status = whole_part(f, frame, side, &part, err);
    if (status != VISEME_OK)
        return status;
    const struct vis_gray *g = &part.picture;
    const struct vis_haar_options o = {.scale_factor = SEARCH_STEP,
                                       .min_neighbors = FIND_NEIGHBORS,
                                       .min_width = smallest,
                                       .min_height = (int)(smallest * f->aspect),
                                       .max_width = largest,
                                       .max_height = (int)(largest * f->aspect)};
    status = vis_haar_detect(f->haar, g->data, g->width, g->height, g->stride, NULL, &o, err);
    const struct vis_haar_box *box = vis_haar_boxes(f->haar, &boxes);
    for (size_t i = 0; i < boxes && status == VISEME_OK && *count < room; i++)
        out[(*count)++] = (struct vis_face_candidate){
            .pose = pose_of(f, &part, &box[i].box), .confidence = confidence_of(box[i].neighbors)};
    return status;
}

static viseme_status search(void *self, const viseme_image *frame, struct vis_face_candidate *out,
                            int room, int *count, viseme_error *err)
{
    struct finder *f = self;
    viseme_status status =
        search_whole(f, frame, SEARCH_SIDE, SEARCH_FACE, 0, out, room, count, err);
    if (status == VISEME_OK && *count == 0 && f->empty++ % FINE_EVERY == 0)
        status = search_whole(f, frame, FINE_SIDE, FINE_FACE,
                              SEARCH_FACE * (FINE_SIDE / SEARCH_SIDE), out, room, count, err);
    if (*count > 0)
        f->empty = 0;
    return status;
}

/* The best founded face near a pose and of about its size. */
static viseme_status near(void *self, const viseme_image *frame, const struct vis_box_part *part,
                          const struct vis_face_pose *pose, struct vis_face_pose *out,
                          double *confidence, viseme_error *err)
{
    struct finder *f = self;
    const struct vis_gray *g = &part->picture;
    const double width = pose->width / part->factor;
    const struct vis_haar_options o = {.scale_factor = NEAR_STEP,
                                       .min_neighbors = KEEP_NEIGHBORS,
                                       .min_width = (int)(width / NEAR_SIZE),
                                       .min_height = (int)(width * f->aspect / NEAR_SIZE),
                                       .max_width = 1 + (int)(width * NEAR_SIZE),
                                       .max_height = 1 + (int)(width * f->aspect * NEAR_SIZE)};
    size_t count = 0;
    int neighbors = 0;
    (void)frame;
    viseme_status status =
        vis_haar_detect(f->haar, g->data, g->width, g->height, g->stride, NULL, &o, err);
    const struct vis_haar_box *boxes = vis_haar_boxes(f->haar, &count);
    for (size_t i = 0; i < count; i++) {
        const struct vis_face_pose p = pose_of(f, part, &boxes[i].box);
        if (boxes[i].neighbors > neighbors &&
            hypot(p.x - pose->x, p.y - pose->y) < NEAR_SHIFT * pose->width) {
            *out = p;
            neighbors = boxes[i].neighbors;
        }
    }
    *confidence = confidence_of(neighbors);
    return status;
}

static void finder_free(void *self)
{
    struct finder *f = self;
    vis_haar_free(f->haar);
    free(f->gray);
    free(f);
}

static const struct vis_box_detector detector = {
    .name = "haar",
    .search_seconds = 0.2,
    .outline = {-0.39, -0.53, 0.37, 0.58},
    .smallest = FINE_FACE / 2.0,
    /* In frontalface_alt2's box. By landmarks the eyes' distance is 0.524; crops 3 % wider were
     * read with a smaller CTC loss on clips that LipNet was trained on (1.46 against 1.59 a clip,
     * flat from here to 0.56). */
    .mouth_x = 0.503,
    .mouth_y = 0.825,
    .eyes_width = 0.54,
    .patch_x = 0.5,
    .patch_y = 0.45,
    .patch_width = 0.66,
    .search = search,
    .near = near,
    .free = finder_free,
};

viseme_status vis_face_haar(struct vis_face_finder *finder, struct vis_cascade *cascade,
                            viseme_error *err)
{
    struct finder *f = calloc(1, sizeof *f);
    if (!f) {
        vis_cascade_free(cascade);
        return vis_fail_nomem(err, sizeof *f);
    }
    f->aspect = (double)cascade->height / cascade->width;
    viseme_status status = vis_haar_create(&f->haar, cascade, err);
    if (status != VISEME_OK) {
        finder_free(f);
        return status;
    }
    return vis_face_box(finder, &detector, f, err);
}
