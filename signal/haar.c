#include "signal/haar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 16384, MAX_WINDOWS = 16384, CORNERS = 4 };

/* A node ready for one row length of the integral image: its rectangles' corners are offsets from
 * the window's upper left corner. */
struct node {
    int corner[VIS_CASCADE_RECTS][CORNERS];
    float weight[VIS_CASCADE_RECTS];
    float threshold;
    int left, right;
};

/* The leaf of a tree of one or two nodes by [first node went right][second node went right]. The
 * answers of nodes are close to coin tosses, so for these trees, which are nearly all there are,
 * asking every node and looking the leaf up beats branching on the way down. */
struct lookup {
    float leaf[2][2];
};

struct vis_haar {
    struct vis_cascade *cascade;
    struct node *node;     /* [cascade->nodes], compiled for `stride` */
    struct lookup *lookup; /* [cascade->trees] */
    int stride;

    /* The picture at the current scale: pixels, and integral images of pixels and squares, one
     * row and column larger, `stride` apart. Sums are modulo 2^32, which differences survive. */
    uint8_t *pixels;
    uint32_t *sum, *square_sum;
    size_t plane; /* elements that the three have room for */

    int *source;        /* [columns] left source column of every scaled column */
    uint16_t *fraction; /* [columns] weight of the next one, of 256 */
    uint16_t *row[2];   /* [columns] two source rows scaled in x */
    size_t columns;

    struct vis_haar_window *window; /* [MAX_WINDOWS] */
    struct vis_haar_box *box;       /* [MAX_WINDOWS] */
    int *work;                      /* [2 * MAX_WINDOWS] */
    size_t windows, boxes;
};

static void fill_lookup(struct lookup *to, const struct vis_cascade *c,
                        const struct vis_cascade_tree *tree)
{
    const struct vis_cascade_node *n = &c->node[tree->first_node];
    const float *leaf = &c->leaf[tree->first_leaf];
    for (int first = 0; first < 2; first++) {
        for (int second = 0; second < 2; second++) {
            int i = first ? n[0].right : n[0].left;
            if (i > 0)
                i = second ? n[1].right : n[1].left;
            to->leaf[first][second] = leaf[-i];
        }
    }
}

viseme_status vis_haar_create(struct vis_haar **out, struct vis_cascade *cascade, viseme_error *err)
{
    struct vis_haar *h = calloc(1, sizeof *h);
    *out = NULL;
    if (!h) {
        vis_cascade_free(cascade);
        return vis_fail_nomem(err, sizeof *h);
    }
    h->cascade = cascade;
    h->node = calloc((size_t)cascade->nodes, sizeof *h->node);
    h->lookup = calloc((size_t)cascade->trees, sizeof *h->lookup);
    h->window = calloc(MAX_WINDOWS, sizeof *h->window);
    h->box = calloc(MAX_WINDOWS, sizeof *h->box);
    h->work = calloc(2 * MAX_WINDOWS, sizeof *h->work);
    if (!h->node || !h->lookup || !h->window || !h->box || !h->work) {
        vis_haar_free(h);
        return vis_fail_nomem(err, MAX_WINDOWS * sizeof *h->window);
    }
    for (int t = 0; t < cascade->trees; t++)
        if (cascade->tree[t].nodes <= 2)
            fill_lookup(&h->lookup[t], cascade, &cascade->tree[t]);
    *out = h;
    return VISEME_OK;
}

void vis_haar_free(struct vis_haar *h)
{
    if (!h)
        return;
    vis_cascade_free(h->cascade);
    free(h->node);
    free(h->lookup);
    free(h->pixels);
    free(h->sum);
    free(h->square_sum);
    free(h->source);
    free(h->fraction);
    free(h->row[0]);
    free(h->row[1]);
    free(h->window);
    free(h->box);
    free(h->work);
    free(h);
}

const struct vis_haar_box *vis_haar_boxes(const struct vis_haar *h, size_t *count)
{
    *count = h->boxes;
    return h->box;
}

const struct vis_haar_window *vis_haar_windows(const struct vis_haar *h, size_t *count)
{
    *count = h->windows;
    return h->window;
}

/* ---- Getting ready for a picture ---------------------------------------------------------------
 */

static void set_corners(int corner[CORNERS], const struct vis_cascade_rect *r, int stride)
{
    corner[0] = r->y * stride + r->x;
    corner[1] = r->y * stride + r->x + r->width;
    corner[2] = (r->y + r->height) * stride + r->x;
    corner[3] = (r->y + r->height) * stride + r->x + r->width;
}

static void compile(struct vis_haar *h, int stride)
{
    const struct vis_cascade *c = h->cascade;
    if (h->stride == stride)
        return;
    for (int i = 0; i < c->nodes; i++) {
        const struct vis_cascade_node *from = &c->node[i];
        struct node *to = &h->node[i];
        to->threshold = from->threshold;
        to->left = from->left;
        to->right = from->right;
        for (int k = 0; k < VIS_CASCADE_RECTS; k++) {
            const struct vis_cascade_rect *r = &c->feature[from->feature].rect[k];
            to->weight[k] = r->weight;
            set_corners(to->corner[k], r, stride);
        }
    }
    h->stride = stride;
}

/* Room for pictures up to width x height. */
static viseme_status reserve(struct vis_haar *h, int width, int height, viseme_error *err)
{
    const size_t plane = ((size_t)width + 1) * ((size_t)height + 1), columns = (size_t)width;
    if (plane > h->plane) {
        free(h->pixels);
        free(h->sum);
        free(h->square_sum);
        h->pixels = malloc(plane);
        h->sum = malloc(plane * sizeof *h->sum);
        h->square_sum = malloc(plane * sizeof *h->square_sum);
        h->plane = h->pixels && h->sum && h->square_sum ? plane : 0;
        if (!h->plane)
            return vis_fail_nomem(err, plane * 9);
    }
    if (columns > h->columns) {
        free(h->source);
        free(h->fraction);
        free(h->row[0]);
        free(h->row[1]);
        h->source = malloc(columns * sizeof *h->source);
        h->fraction = malloc(columns * sizeof *h->fraction);
        h->row[0] = malloc(columns * sizeof *h->row[0]);
        h->row[1] = malloc(columns * sizeof *h->row[1]);
        h->columns = h->source && h->fraction && h->row[0] && h->row[1] ? columns : 0;
        if (!h->columns)
            return vis_fail_nomem(err, columns * 10);
    }
    return VISEME_OK;
}

/* ---- The picture at one scale ------------------------------------------------------------------
 */

/* Source position of pixel i: the pixel before it and the weight of the one after, of 256. */
static void source_of(int i, int n_from, int n_to, int *index, int *weight)
{
    const double at = (i + 0.5) * ((double)n_from / n_to) - 0.5;
    const int below = (int)floor(at);
    if (below < 0) {
        *index = 0;
        *weight = 0;
    } else if (below >= n_from - 1) {
        *index = n_from - 1;
        *weight = 0;
    } else {
        *index = below;
        *weight = (int)lrint((at - below) * 256);
    }
}

static void scale_row(const struct vis_haar *h, const uint8_t *from, int width, uint16_t *to)
{
    for (int x = 0; x < width; x++) {
        const uint8_t *p = from + h->source[x];
        const unsigned w = h->fraction[x];
        to[x] = (uint16_t)(w ? p[0] * (256 - w) + p[1] * w : p[0] * 256u);
    }
}

/* The picture at size width x height, rows next to each other, into h->pixels. */
static void scale_picture(struct vis_haar *h, const uint8_t *gray, size_t stride, int from_width,
                          int from_height, int width, int height)
{
    int held[2] = {-1, -1}; /* which source row each of the two buffers has */
    for (int x = 0; x < width; x++) {
        int weight = 0;
        source_of(x, from_width, width, &h->source[x], &weight);
        h->fraction[x] = (uint16_t)weight;
    }
    for (int y = 0; y < height; y++) {
        int top = 0, weight = 0;
        source_of(y, from_height, height, &top, &weight);
        const int rows[2] = {top, weight ? top + 1 : top};
        for (int k = 0; k < 2; k++) {
            if (held[rows[k] & 1] != rows[k]) {
                scale_row(h, gray + (size_t)rows[k] * stride, width, h->row[rows[k] & 1]);
                held[rows[k] & 1] = rows[k];
            }
        }
        const uint16_t *a = h->row[rows[0] & 1], *b = h->row[rows[1] & 1];
        uint8_t *to = h->pixels + (size_t)y * (size_t)width;
        for (int x = 0; x < width; x++)
            to[x] = (uint8_t)(((uint32_t)a[x] * (256u - (uint32_t)weight) +
                               (uint32_t)b[x] * (uint32_t)weight + (1u << 15)) >>
                              16);
    }
}

static void integrate(struct vis_haar *h, int width, int height)
{
    const size_t stride = (size_t)h->stride;
    memset(h->sum, 0, ((size_t)width + 1) * sizeof *h->sum);
    memset(h->square_sum, 0, ((size_t)width + 1) * sizeof *h->square_sum);
    for (int y = 0; y < height; y++) {
        const uint8_t *p = h->pixels + (size_t)y * (size_t)width;
        const uint32_t *above = h->sum + (size_t)y * stride;
        const uint32_t *square_above = h->square_sum + (size_t)y * stride;
        uint32_t *sum = h->sum + ((size_t)y + 1) * stride;
        uint32_t *square_sum = h->square_sum + ((size_t)y + 1) * stride;
        uint32_t row = 0, square_row = 0;
        sum[0] = 0;
        square_sum[0] = 0;
        for (int x = 0; x < width; x++) {
            row += p[x];
            square_row += (uint32_t)p[x] * p[x];
            sum[x + 1] = above[x + 1] + row;
            square_sum[x + 1] = square_above[x + 1] + square_row;
        }
    }
}

/* ---- Windows
 * ------------------------------------------------------------------------------------- */

static uint32_t rect_sum(const uint32_t *at, const int corner[CORNERS])
{
    return at[corner[0]] - at[corner[1]] - at[corner[2]] + at[corner[3]];
}

static float feature_value(const struct node *n, const uint32_t *at)
{
    float v = n->weight[0] * (float)(int32_t)rect_sum(at, n->corner[0]) +
              n->weight[1] * (float)(int32_t)rect_sum(at, n->corner[1]);
    if (n->weight[2] != 0.0f)
        v += n->weight[2] * (float)(int32_t)rect_sum(at, n->corner[2]);
    return v;
}

static float tree_value(const struct vis_haar *h, int t, const uint32_t *at, float norm)
{
    const struct vis_cascade_tree *tree = &h->cascade->tree[t];
    const struct node *n = &h->node[tree->first_node];
    int i = 0;
    if (tree->nodes == 1) {
        const int right = !(feature_value(n, at) * norm < n->threshold);
        return h->lookup[t].leaf[right][0];
    }
    if (tree->nodes == 2) {
        const int first = !(feature_value(&n[0], at) * norm < n[0].threshold);
        const int second = !(feature_value(&n[1], at) * norm < n[1].threshold);
        return h->lookup[t].leaf[first][second];
    }
    do {
        i = feature_value(&n[i], at) * norm < n[i].threshold ? n[i].left : n[i].right;
    } while (i > 0);
    return h->cascade->leaf[tree->first_leaf - i];
}

/* Runs the stages on the window at `at`. Returns how many it passed; *weight is the sum of the
 * last one that ran. */
static int run_stages(const struct vis_haar *h, const uint32_t *at, float norm, double *weight)
{
    const struct vis_cascade *c = h->cascade;
    for (int s = 0; s < c->stages; s++) {
        const struct vis_cascade_stage *stage = &c->stage[s];
        double sum = 0;
        for (int t = 0; t < stage->trees; t++)
            sum += tree_value(h, stage->first_tree + t, at, norm);
        *weight = sum;
        if (sum < stage->threshold - 1e-5f)
            return s;
    }
    return c->stages;
}

/* Slides the window over the picture at one scale, of width x height pixels. */
static viseme_status scan(struct vis_haar *h, int width, int height, float factor,
                          const struct vis_rect *roi, viseme_error *err)
{
    const struct vis_cascade *c = h->cascade;
    const int step = factor < 2.0f ? 2 : 1;
    const struct vis_cascade_rect inner = {1, 1, c->width - 2, c->height - 2, 1.0f};
    const int area = inner.width * inner.height;
    int corner[CORNERS];
    set_corners(corner, &inner, h->stride);
    for (int y = 0; y + c->height <= height; y += step) {
        for (int x = 0; x + c->width <= width; x += step) {
            const size_t at = (size_t)y * (size_t)h->stride + (size_t)x;
            const double sum = (double)(int32_t)rect_sum(h->sum + at, corner);
            const double squares = (double)rect_sum(h->square_sum + at, corner);
            const double spread = area * squares - sum * sum;
            double weight = 0;
            if (spread <= 0)
                continue;
            const float norm = (float)(1.0 / sqrt(spread));
            if ((float)area * norm >= 0.1) /* a deviation under 10: too flat to judge */
                continue;
            const int passed = run_stages(h, h->sum + at, norm, &weight);
            if (passed == 0)
                x += step; /* its neighbour will not do better */
            if (passed < c->stages)
                continue;
            if (h->windows == MAX_WINDOWS)
                return vis_fail(err, VISEME_ERR_MODEL,
                                "cascade: it accepts more than %d windows of one picture, so it "
                                "is no detector",
                                (int)MAX_WINDOWS);
            h->window[h->windows++] = (struct vis_haar_window){
                {(roi ? roi->x : 0) + (int)lrintf((float)x * factor),
                 (roi ? roi->y : 0) + (int)lrintf((float)y * factor),
                 (int)lrintf((float)c->width * factor), (int)lrintf((float)c->height * factor)},
                weight};
        }
    }
    return VISEME_OK;
}

/* ---- The search
 * ---------------------------------------------------------------------------------- */

static viseme_status check_options(int width, int height, const struct vis_rect *roi,
                                   const struct vis_haar_options *o, viseme_error *err)
{
    if (!(o->scale_factor >= 1.01 && o->scale_factor <= 10) || o->min_neighbors < 0 ||
        o->min_width < 0 || o->min_height < 0 || o->max_width < 0 || o->max_height < 0)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "detection: the scale factor must be 1.01 to 10, sizes and neighbours not "
                        "negative");
    if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "detection: a picture of %d x %d; each side must "
                        "be 1 to %d",
                        width, height, (int)MAX_SIDE);
    if (roi && (roi->x < 0 || roi->y < 0 || roi->width < 1 || roi->height < 1 ||
                roi->width > width - roi->x || roi->height > height - roi->y))
        return vis_fail(err, VISEME_ERR_ARGUMENT,
                        "detection: the part to search leaves the picture of %d x %d", width,
                        height);
    return VISEME_OK;
}

static void clip_boxes(struct vis_haar *h, const struct vis_rect *to)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->boxes; i++) {
        struct vis_haar_box b = h->box[i];
        const int right = b.box.x + b.box.width, bottom = b.box.y + b.box.height;
        const int to_right = to->x + to->width, to_bottom = to->y + to->height;
        b.box.x = b.box.x > to->x ? b.box.x : to->x;
        b.box.y = b.box.y > to->y ? b.box.y : to->y;
        b.box.width = (right < to_right ? right : to_right) - b.box.x;
        b.box.height = (bottom < to_bottom ? bottom : to_bottom) - b.box.y;
        if (b.box.width > 0 && b.box.height > 0)
            h->box[kept++] = b;
    }
    h->boxes = kept;
}

viseme_status vis_haar_detect(struct vis_haar *h, const uint8_t *gray, int width, int height,
                              size_t stride, const struct vis_rect *roi,
                              const struct vis_haar_options *o, viseme_error *err)
{
    const struct vis_cascade *c = h->cascade;
    struct vis_rect part = {0, 0, width, height};
    viseme_status status = check_options(width, height, roi, o, err);
    int ready = 0;
    h->windows = 0;
    h->boxes = 0;
    if (status != VISEME_OK)
        return status;
    if (roi) {
        part = *roi;
        gray += (size_t)roi->y * stride + (size_t)roi->x;
    }
    const int limited = o->max_width > 0 && o->max_height > 0;
    const int max_width = limited ? o->max_width : part.width;
    const int max_height = limited ? o->max_height : part.height;
    for (double factor = 1;; factor *= o->scale_factor) {
        const double w = rint(c->width * factor), hh = rint(c->height * factor);
        const float f = (float)factor;
        if (w > max_width || hh > max_height || w > part.width || hh > part.height)
            break;
        if (w < o->min_width || hh < o->min_height)
            continue;
        const int scaled_width = (int)lrintf((float)part.width / f);
        const int scaled_height = (int)lrintf((float)part.height / f);
        if (!ready) { /* the first scale is the largest picture */
            status = reserve(h, scaled_width, scaled_height, err);
            if (status != VISEME_OK)
                return status;
            compile(h, scaled_width + 1);
            ready = 1;
        }
        scale_picture(h, gray, stride, part.width, part.height, scaled_width, scaled_height);
        integrate(h, scaled_width, scaled_height);
        status = scan(h, scaled_width, scaled_height, f, roi, err);
        if (status != VISEME_OK)
            return status;
    }
    if (o->min_neighbors > 0) {
        vis_haar_group(h->window, h->windows, o->min_neighbors, h->box, &h->boxes, h->work);
    } else {
        for (size_t i = 0; i < h->windows; i++)
            h->box[i] = (struct vis_haar_box){h->window[i].box, 1};
        h->boxes = h->windows;
    }
    clip_boxes(h, &part);
    return VISEME_OK;
}
