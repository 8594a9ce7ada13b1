/* Haar cascades: the parser against damaged files, the detector against a slow one written from
 * the rules, and against OpenCV's answers on real frames where those are at hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/png.h"
#include "signal/haar.h"
#include "tests/support/scratch.h"

#define CASCADES     "/usr/share/opencv4/haarcascades/"
#define FRAMES       "../shared/goldens/faces/"
#define SEED_CASCADE "tests/fuzz/corpus/cascade/tiny.xml"

/* ---- The parser --------------------------------------------------------------------------------
 */

static void reads_every_field(void **state)
{
    size_t bytes = 0;
    char *xml = scratch_read(SEED_CASCADE, &bytes);
    struct vis_cascade *c = NULL;
    viseme_error err = {0};
    (void)state;
    assert_non_null(xml);
    assert_int_equal(vis_cascade_parse(&c, xml, bytes, &err), VISEME_OK);
    assert_int_equal(c->width, 6);
    assert_int_equal(c->height, 5);
    assert_int_equal(c->stages, 2);
    assert_int_equal(c->trees, 3);
    assert_int_equal(c->nodes, 6);
    assert_int_equal(c->leaves, 9);
    assert_int_equal(c->features, 3);
    assert_int_equal(c->stage[1].first_tree, 2);
    assert_int_equal(c->stage[1].trees, 1);
    assert_true(c->stage[0].threshold == 0.25f);
    assert_int_equal(c->tree[1].first_node, 1);
    assert_int_equal(c->tree[1].first_leaf, 2);
    assert_int_equal(c->tree[1].nodes, 2);
    assert_int_equal(c->node[1].right, 1);
    assert_true(c->node[2].threshold == -0.0015f);
    assert_true(c->leaf[8] == 0.75f);
    assert_int_equal(c->feature[2].rect[2].x, 4);
    assert_int_equal(c->feature[2].rect[2].height, 5);
    assert_true(c->feature[2].rect[2].weight == 3.0f);
    assert_true(c->feature[0].rect[2].weight == 0.0f);
    vis_cascade_free(c);
    free(xml);
}

/* `xml` with the first `from` replaced; free() it. */
static char *with(const char *xml, const char *from, const char *to)
{
    const char *at = strstr(xml, from);
    char *out = malloc(strlen(xml) + strlen(to) + 1);
    assert_non_null(at);
    assert_non_null(out);
    sprintf(out, "%.*s%s%s", (int)(at - xml), xml, to, at + strlen(from));
    return out;
}

static void refuses_damage_by_line(void **state)
{
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"BOOST", "TREE", "line 3: <stageType>"},
        {"HAAR", "LBP", "line 4: <featureType>"},
        {"<height>5", "<height>2", "line 5: <height>"},
        {"<height>5", "<height>129", "line 5: <height>"},
        {"<height>5", "<height>5 5", "line 5: <height>"},
        {"<width>6", "<width>", "line 6: <width>"},
        {"<width>6", "<width>99999999999999999999", "line 6: <width>"},
        {"<stageNum>2", "<stageNum>3", "2 stages where stageNum says 3"},
        {"<maxWeakCount>2", "<maxWeakCount>1", "2 trees where maxWeakCount says 1"},
        {"<stageThreshold>0.25", "<stageThreshold>nan", "<stageThreshold>"},
        {"<stageThreshold>0.25", "<stageThreshold>1e60", "<stageThreshold>"},
        {"<stageThreshold>0.25", "<stageThreshold>0,25", "<stageThreshold>"},
        {"<stageThreshold>0.25</stageThreshold>", "", "stageThreshold"},
        {"0 -1 0 0.004", "0 -2 0 0.004", "node 0 of a tree points to -2"},
        {"0 -1 0 0.004", "0 1 0 0.004", "node 0 of a tree points to 1"},
        {"0 -1 0 0.004", "0 -1 3 0.004", "feature 3 of 3"},
        {"0 -1 0 0.004", "0 -1 -1 0.004", "<internalNodes>"},
        {"0 -1 0 0.004", "0 -1 0", "<internalNodes>"},
        {"0 -1 0 0.004", "", "a tree of 0 nodes has 2 leaves"},
        {"0 1 1 0.002 -1 -2 2", "0 1 1 0.002 -1 1 2", "node 1 of a tree points to 1"},
        {"0 1 1 0.002 -1 -2 2", "-2147483648 1 1 0.002 -1 -2 2", "points to -2147483648"},
        {"0.1 0.9", "0.1", "a tree of 1 nodes has 1 leaves"},
        {"0.1 0.9", "0.1 inf", "<leafValues>"},
        {"0 0 6 5 -1.", "1 0 6 5 -1.", "leaves the window of 6 x 5"},
        {"0 0 6 5 -1.", "-1 0 6 5 -1.", "leaves the window of 6 x 5"},
        {"0 0 6 5 -1.", "0 0 6 0 -1.", "leaves the window of 6 x 5"},
        {"0 0 6 5 -1.", "0 0 2147483647 5 -1.", "leaves the window of 6 x 5"},
        {"0 0 6 5 -1.", "0 0 6 5", "a rectangle must be"},
        {"<_>0 0 6 5 -1.</_>", "", "a feature has 1 rectangles"},
        {"<_>0 0 6 5 -1.</_>", "<_>0 0 6 5 -1.</_><_>0 0 6 5 -1.</_><_>0 0 6 5 -1.</_>",
         "more than 3 rectangles"},
        {"<tilted>0", "<tilted>1", "tilted"},
        {"<features>", "<features/><features>", "<features> is there twice"},
        {"<maxWeakCount>2", "<maxWeakCount>2<b/>", "holds only words"},
        {"<opencv_storage>", "<!DOCTYPE opencv_storage><opencv_storage>", "document type"},
        {"<opencv_storage>", "<other>", "not XML"},
        {"<cascade>", "<casket>", "not XML"},
    };
    size_t bytes = 0;
    char *xml = scratch_read(SEED_CASCADE, &bytes);
    (void)state;
    assert_non_null(xml);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vis_cascade *c = NULL;
        viseme_error err = {0};
        char *damaged = with(xml, cases[i].from, cases[i].to);
        assert_int_equal(vis_cascade_parse(&c, damaged, strlen(damaged), &err), VISEME_ERR_MODEL);
        assert_null(c);
        if (!strstr(err.message, cases[i].says) || !strstr(err.message, "line "))
            fail_msg("'%s' does not say '%s'", err.message, cases[i].says);
        free(damaged);
    }
    free(xml);
}

static void refuses_every_cut(void **state)
{
    size_t bytes = 0;
    char *xml = scratch_read(SEED_CASCADE, &bytes);
    (void)state;
    assert_non_null(xml);
    while (bytes > 0 && xml[bytes - 1] != '>')
        bytes--;
    for (size_t n = 0; n < bytes; n++) {
        struct vis_cascade *c = NULL;
        char *exact = malloc(n + 1); /* so that a read past the end is seen */
        assert_non_null(exact);
        memcpy(exact, xml, n);
        assert_int_equal(vis_cascade_parse(&c, exact, n, NULL), VISEME_ERR_MODEL);
        free(exact);
    }
    free(xml);
}

static void refuses_floods(void **state)
{
    struct vis_cascade *c = NULL;
    viseme_error err = {0};
    const size_t size = 17 << 20;
    char *xml = malloc(size);
    (void)state;
    assert_non_null(xml);
    memset(xml, ' ', size);
    assert_int_equal(vis_cascade_parse(&c, xml, size, &err), VISEME_ERR_MODEL);
    for (size_t i = 0; i < 4000; i++)
        memcpy(xml + i * 3, "<a>", 3);
    assert_int_equal(vis_cascade_parse(&c, xml, 12000, &err), VISEME_ERR_MODEL);
    assert_non_null(strstr(err.message, "nested"));
    memset(xml, '1', size);
    const char *start = "<opencv_storage><cascade><width>";
    memcpy(xml, start, strlen(start));
    assert_int_equal(vis_cascade_parse(&c, xml, 1 << 20, &err), VISEME_ERR_MODEL);
    assert_non_null(strstr(err.message, "longer than"));
    free(xml);
}

/* ---- A slow detector, straight from the rules ---------------------------------------------------
 */

static int pixel_between(const uint8_t *gray, int stride, const int from[2], const int to[2], int x,
                         int y)
{
    const double at[2] = {(x + 0.5) * ((double)from[0] / to[0]) - 0.5,
                          (y + 0.5) * ((double)from[1] / to[1]) - 0.5};
    int i[2][2], w[2];
    for (int k = 0; k < 2; k++) {
        double p = at[k] < 0 ? 0 : at[k] > from[k] - 1 ? from[k] - 1 : at[k];
        i[k][0] = (int)floor(p);
        i[k][1] = i[k][0] < from[k] - 1 ? i[k][0] + 1 : i[k][0];
        w[k] = (int)lrint((p - i[k][0]) * 256);
    }
    const uint8_t *a = gray + i[1][0] * stride, *b = gray + i[1][1] * stride;
    const int top = a[i[0][0]] * (256 - w[0]) + a[i[0][1]] * w[0];
    const int bottom = b[i[0][0]] * (256 - w[0]) + b[i[0][1]] * w[0];
    return (top * (256 - w[1]) + bottom * w[1] + 32768) >> 16;
}

enum { MAX_SLOW = 16384 };

struct slow {
    struct vis_haar_window window[MAX_SLOW];
    size_t count;
};

static int slow_sum(const uint8_t *p, int stride, const struct vis_cascade_rect *r)
{
    int sum = 0;
    for (int y = r->y; y < r->y + r->height; y++)
        for (int x = r->x; x < r->x + r->width; x++)
            sum += p[y * stride + x];
    return sum;
}

/* Number of stages passed, -1 for a flat window. */
static int slow_window(const struct vis_cascade *c, const uint8_t *p, int stride, double *last)
{
    const int area = (c->width - 2) * (c->height - 2);
    double sum = 0, squares = 0;
    for (int y = 1; y < c->height - 1; y++)
        for (int x = 1; x < c->width - 1; x++) {
            sum += p[y * stride + x];
            squares += (double)p[y * stride + x] * p[y * stride + x];
        }
    const double spread = area * squares - sum * sum;
    if (spread <= 0)
        return -1;
    const float norm = (float)(1 / sqrt(spread));
    if ((float)area * norm >= 0.1)
        return -1;
    for (int s = 0; s < c->stages; s++) {
        double total = 0;
        for (int t = 0; t < c->stage[s].trees; t++) {
            const struct vis_cascade_tree *tree = &c->tree[c->stage[s].first_tree + t];
            int i = 0;
            do {
                const struct vis_cascade_node *n = &c->node[tree->first_node + i];
                const struct vis_cascade_rect *r = c->feature[n->feature].rect;
                float v = r[0].weight * (float)slow_sum(p, stride, &r[0]) +
                          r[1].weight * (float)slow_sum(p, stride, &r[1]);
                if (r[2].weight != 0)
                    v += r[2].weight * (float)slow_sum(p, stride, &r[2]);
                i = v * norm < n->threshold ? n->left : n->right;
            } while (i > 0);
            total += c->leaf[tree->first_leaf - i];
        }
        *last = total;
        if (total < c->stage[s].threshold - 1e-5f)
            return s;
    }
    return c->stages;
}

static void slow_detect(const struct vis_cascade *c, const uint8_t *gray, int width, int height,
                        int stride, const struct vis_haar_options *o, struct slow *out)
{
    static uint8_t scaled[256 * 256];
    out->count = 0;
    for (double factor = 1;; factor *= o->scale_factor) {
        const int w = (int)rint(c->width * factor), h = (int)rint(c->height * factor);
        const float f = (float)factor;
        const int from[2] = {width, height};
        const int to[2] = {(int)lrintf((float)width / f), (int)lrintf((float)height / f)};
        if (w > width || h > height ||
            (o->max_width && o->max_height && (w > o->max_width || h > o->max_height)))
            return;
        if (w < o->min_width || h < o->min_height)
            continue;
        for (int y = 0; y < to[1]; y++)
            for (int x = 0; x < to[0]; x++)
                scaled[y * to[0] + x] = (uint8_t)pixel_between(gray, stride, from, to, x, y);
        const int step = f < 2 ? 2 : 1;
        for (int y = 0; y + c->height <= to[1]; y += step)
            for (int x = 0; x + c->width <= to[0]; x += step) {
                double last = 0;
                const int passed = slow_window(c, scaled + y * to[0] + x, to[0], &last);
                if (passed == c->stages && out->count < MAX_SLOW)
                    out->window[out->count++] = (struct vis_haar_window){
                        {(int)lrintf((float)x * f), (int)lrintf((float)y * f),
                         (int)lrintf((float)c->width * f), (int)lrintf((float)c->height * f)},
                        last};
                if (passed == 0)
                    x += step;
            }
    }
}

/* A random cascade of the given kind; only vis_cascade_free() may own its parts. */
static struct vis_cascade *random_cascade(unsigned seed, int nodes_per_tree)
{
    enum { STAGES = 3, TREES = 4 };
    struct vis_cascade *c = calloc(1, sizeof *c);
    assert_non_null(c);
    srand(seed);
    c->width = 7 + (int)seed % 3;
    c->height = 8;
    c->stages = STAGES;
    c->trees = STAGES * TREES;
    c->nodes = c->features = c->trees * nodes_per_tree;
    c->leaves = c->trees * (nodes_per_tree + 1);
    c->stage = calloc((size_t)c->stages, sizeof *c->stage);
    c->tree = calloc((size_t)c->trees, sizeof *c->tree);
    c->node = calloc((size_t)c->nodes, sizeof *c->node);
    c->leaf = calloc((size_t)c->leaves, sizeof *c->leaf);
    c->feature = calloc((size_t)c->features, sizeof *c->feature);
    for (int s = 0; s < c->stages; s++)
        c->stage[s] = (struct vis_cascade_stage){s * TREES, TREES, 2.0f};
    for (int t = 0; t < c->trees; t++) {
        struct vis_cascade_node *n = &c->node[t * nodes_per_tree];
        c->tree[t] =
            (struct vis_cascade_tree){t * nodes_per_tree, nodes_per_tree, t * (nodes_per_tree + 1)};
        for (int i = 0; i < nodes_per_tree; i++) { /* a chain that goes on left or right */
            const int more = i + 1 < nodes_per_tree, left = rand() % 2;
            n[i].left = more && left ? i + 1 : -i;
            n[i].right = more && !left ? i + 1 : more ? -i : -i - 1;
            n[i].feature = t * nodes_per_tree + i;
            n[i].threshold = (float)(rand() % 2001 - 1000) * 1e-4f;
        }
    }
    for (int i = 0; i < c->leaves; i++)
        c->leaf[i] = (float)(rand() % 1000) * 1e-3f;
    for (int i = 0; i < c->features; i++)
        for (int k = 0; k < 2 + rand() % 2; k++) {
            struct vis_cascade_rect *r = &c->feature[i].rect[k];
            r->x = rand() % c->width;
            r->y = rand() % c->height;
            r->width = 1 + rand() % (c->width - r->x);
            r->height = 1 + rand() % (c->height - r->y);
            r->weight = k == 0 ? -1.0f : 0.5f + (float)(rand() % 3);
        }
    return c;
}

static void agrees_with_the_slow_detector(void **state)
{
    enum { WIDTH = 83, HEIGHT = 61, STRIDE = 97 };
    static const struct vis_haar_options options[] = {
        {.scale_factor = 1.1},
        {.scale_factor = 1.37, .min_width = 12, .min_height = 9},
        {.scale_factor = 1.2, .min_width = 16, .min_height = 16, .max_width = 30, .max_height = 30},
    };
    static uint8_t gray[HEIGHT * STRIDE];
    static struct slow slow;
    const struct vis_rect part = {11, 7, 60, 47};
    size_t compared = 0;
    (void)state;
    for (unsigned seed = 1; seed <= 12; seed++) {
        struct vis_haar *haar = NULL;
        struct vis_cascade *c = random_cascade(seed, 1 + (int)seed % 3);
        assert_int_equal(vis_haar_create(&haar, c, NULL), VISEME_OK);
        for (int i = 0; i < HEIGHT * STRIDE; i++)
            gray[i] = (uint8_t)(120 + 60 * sin(i * 0.13 * seed) + rand() % 60);
        for (size_t k = 0; k < sizeof options / sizeof options[0]; k++)
            for (int whole = 0; whole < 2; whole++) {
                const struct vis_rect all = {0, 0, WIDTH, HEIGHT};
                const struct vis_rect *r = whole ? &all : &part;
                size_t count = 0;
                assert_int_equal(vis_haar_detect(haar, gray, WIDTH, HEIGHT, STRIDE,
                                                 whole ? NULL : r, &options[k], NULL),
                                 VISEME_OK);
                const struct vis_haar_window *w = vis_haar_windows(haar, &count);
                slow_detect(c, gray + r->y * STRIDE + r->x, r->width, r->height, STRIDE,
                            &options[k], &slow);
                assert_int_equal(count, slow.count);
                for (size_t i = 0; i < count; i++) {
                    slow.window[i].box.x += r->x;
                    slow.window[i].box.y += r->y;
                    assert_memory_equal(&w[i].box, &slow.window[i].box, sizeof w[i].box);
                    assert_true(w[i].weight == slow.window[i].weight);
                }
                compared += count;
            }
        vis_haar_free(haar);
    }
    assert_true(compared > 1000);
}

/* ---- Grouping and limits
 * -------------------------------------------------------------------------- */

static void groups_by_hand(void **state)
{
    static const struct vis_haar_window windows[] = {
        {{10, 10, 20, 20}, 0}, {{100, 50, 30, 30}, 0}, {{11, 10, 20, 20}, 0},
        {{12, 11, 20, 20}, 0}, {{101, 50, 30, 30}, 0}, {{10, 12, 21, 21}, 0},
        {{13, 13, 10, 10}, 0}, {{14, 13, 10, 10}, 0},  {{60, 60, 20, 20}, 0},
    };
    enum { COUNT = sizeof windows / sizeof windows[0] };
    struct vis_haar_box boxes[COUNT];
    int work[2 * COUNT];
    size_t found = 0;
    (void)state;
    vis_haar_group(windows, COUNT, 1, boxes, &found, work);
    assert_int_equal(found, 2); /* the small pair lies inside the first group, the last is alone */
    assert_int_equal(boxes[0].box.x, 11); /* 10.75 */
    assert_int_equal(boxes[0].box.y, 11); /* 10.75 */
    assert_int_equal(boxes[0].box.width, 20);
    assert_int_equal(boxes[0].neighbors, 4);
    assert_int_equal(boxes[1].box.x, 100); /* 100.5, to even */
    assert_int_equal(boxes[1].neighbors, 2);
    vis_haar_group(windows, COUNT, 2, boxes, &found, work);
    assert_int_equal(found, 1);
    vis_haar_group(windows, 0, 2, boxes, &found, work);
    assert_int_equal(found, 0);
}

static void refuses_bad_calls(void **state)
{
    static uint8_t gray[64 * 64];
    const struct vis_haar_options good = {.scale_factor = 1.1};
    const struct vis_haar_options bad[] = {{.scale_factor = 1.0},
                                           {.scale_factor = NAN},
                                           {.scale_factor = 1.1, .min_neighbors = -1},
                                           {.scale_factor = 1.1, .max_width = -1}};
    const struct vis_rect outside[] = {{-1, 0, 9, 9}, {0, 60, 9, 9}, {0, 0, 0, 9}, {60, 0, 9, 9}};
    struct vis_haar *haar = NULL;
    size_t count = 0;
    (void)state;
    assert_int_equal(vis_haar_create(&haar, random_cascade(1, 1), NULL), VISEME_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(vis_haar_detect(haar, gray, 64, 64, 64, NULL, &bad[i], NULL),
                         VISEME_ERR_ARGUMENT);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        assert_int_equal(vis_haar_detect(haar, gray, 64, 64, 64, &outside[i], &good, NULL),
                         VISEME_ERR_ARGUMENT);
    assert_int_equal(vis_haar_detect(haar, gray, 0, 64, 64, NULL, &good, NULL),
                     VISEME_ERR_ARGUMENT);
    assert_int_equal(vis_haar_detect(haar, gray, 3, 3, 64, NULL, &good, NULL), VISEME_OK);
    vis_haar_boxes(haar, &count);
    assert_int_equal(count, 0); /* smaller than the window */
    vis_haar_free(haar);
}

static void refuses_a_cascade_that_likes_everything(void **state)
{
    enum { SIDE = 400 };
    struct vis_cascade *c = random_cascade(2, 1);
    struct vis_haar *haar = NULL;
    uint8_t *gray = malloc(SIDE * SIDE);
    const struct vis_haar_options o = {.scale_factor = 1.1, .min_neighbors = 3};
    (void)state;
    assert_non_null(gray);
    for (int s = 0; s < c->stages; s++)
        c->stage[s].threshold = -1;
    for (int i = 0; i < SIDE * SIDE; i++)
        gray[i] = (uint8_t)rand();
    assert_int_equal(vis_haar_create(&haar, c, NULL), VISEME_OK);
    assert_int_equal(vis_haar_detect(haar, gray, SIDE, SIDE, SIDE, NULL, &o, NULL),
                     VISEME_ERR_MODEL);
    vis_haar_free(haar);
    free(gray);
}

/* ---- OpenCV's answers
 * ------------------------------------------------------------------------------ */

static uint8_t *gray_frame(const char *name, int *width, int *height)
{
    char path[256];
    struct vis_picture picture = {0};
    snprintf(path, sizeof path, FRAMES "%s.png", name);
    assert_int_equal(vis_png_read(&picture, path, 1 << 24, NULL), VISEME_OK);
    const viseme_image image = {picture.bgr, picture.width, picture.height,
                                (ptrdiff_t)picture.width * 3, VISEME_BGR24};
    const struct vis_rect all = {0, 0, picture.width, picture.height};
    uint8_t *gray = malloc((size_t)picture.width * (size_t)picture.height);
    assert_non_null(gray);
    vis_gray_reduce(&image, &all, 1, gray);
    *width = picture.width;
    *height = picture.height;
    vis_picture_free(&picture);
    return gray;
}

static struct vis_haar *open_cascade(const char *file)
{
    char path[256];
    size_t bytes = 0;
    struct vis_cascade *c = NULL;
    struct vis_haar *haar = NULL;
    snprintf(path, sizeof path, CASCADES "%s", file);
    char *xml = scratch_read(path, &bytes);
    assert_non_null(xml);
    assert_int_equal(vis_cascade_parse(&c, xml, bytes, NULL), VISEME_OK);
    assert_int_equal(vis_haar_create(&haar, c, NULL), VISEME_OK);
    free(xml);
    return haar;
}

static int next_line(FILE *file, char *line, size_t size)
{
    if (!fgets(line, (int)size, file))
        line[0] = '\0';
    return line[0] != '\0';
}

/* One search of the golden file, from its line; `next` holds the line after it at the end. */
static void check_search(FILE *golden, char *next, size_t size)
{
    char frame[64], cascade[64];
    int least = 0, width = 0, height = 0;
    size_t count = 0, seen = 0;
    assert_int_equal(sscanf(next, "search %63s %63s %d", frame, cascade, &least), 3);
    uint8_t *gray = gray_frame(frame, &width, &height);
    struct vis_haar *haar = open_cascade(cascade);
    struct vis_haar_options o = {1.1, 3, least, least, 0, 0};
    assert_int_equal(vis_haar_detect(haar, gray, width, height, (size_t)width, NULL, &o, NULL),
                     VISEME_OK);
    const struct vis_haar_window *w = vis_haar_windows(haar, &count);
    const struct vis_haar_box *b = NULL;
    while (next_line(golden, next, size) && strncmp(next, "search", 6) != 0) {
        struct vis_rect r;
        double sum = 0;
        int group = 0, neighbors = 0;
        if (sscanf(next, "w %d %d %d %d %lf", &r.x, &r.y, &r.width, &r.height, &sum) == 5) {
            assert_true(seen < count);
            assert_memory_equal(&w[seen].box, &r, sizeof r);
            assert_true(w[seen].weight == sum);
            seen++;
            continue;
        }
        assert_int_equal(
            sscanf(next, "b%d %d %d %d %d %d", &group, &r.x, &r.y, &r.width, &r.height, &neighbors),
            6);
        if (!b || o.min_neighbors != group) {
            assert_int_equal(seen, count); /* nothing left over from before */
            o.min_neighbors = group;
            assert_int_equal(
                vis_haar_detect(haar, gray, width, height, (size_t)width, NULL, &o, NULL),
                VISEME_OK);
            b = vis_haar_boxes(haar, &count);
            seen = 0;
        }
        assert_true(seen < count);
        assert_memory_equal(&b[seen].box, &r, sizeof r);
        assert_int_equal(b[seen].neighbors, neighbors);
        seen++;
    }
    assert_non_null(b);
    assert_int_equal(seen, count);
    vis_haar_free(haar);
    free(gray);
}

static void finds_what_opencv_finds(void **state)
{
    char line[256];
    int searches = 0;
    (void)state;
    if (access(FRAMES, R_OK) != 0 || access(CASCADES, R_OK) != 0)
        skip();
    FILE *golden = fopen("tests/goldens/haar/windows.txt", "r");
    assert_non_null(golden);
    assert_non_null(fgets(line, sizeof line, golden));
    while (line[0]) {
        check_search(golden, line, sizeof line);
        searches++;
    }
    fclose(golden);
    assert_int_equal(searches, 18);
}

static void gray_is_opencvs_and_averages(void **state)
{
    /* 3 x 2 pixels in rows of 12 bytes, read forwards and bottom-up, BGR and RGB */
    static const uint8_t bytes[24] = {10, 200, 30, 0,   0, 0, 255, 255, 255, 9, 9, 9,
                                      1,  2,   3,  255, 0, 0, 0,   255, 0,   9, 9, 9};
    const viseme_image bgr = {bytes, 3, 2, 12, VISEME_BGR24};
    const viseme_image flipped = {bytes + 12, 3, 2, -12, VISEME_RGB24};
    const struct vis_rect all = {0, 0, 3, 2}, right = {1, 0, 2, 2};
    uint8_t out[6];
    (void)state;
    vis_gray_reduce(&bgr, &all, 1, out);
    const uint8_t want[6] = {128, 0, 255, 2, 29, 150};
    assert_memory_equal(out, want, 6);
    vis_gray_reduce(&flipped, &all, 1, out);
    const uint8_t want_flipped[6] = {2, 76, 150, 124, 0, 255};
    assert_memory_equal(out, want_flipped, 6);
    vis_gray_reduce(&bgr, &right, 2, out);
    assert_int_equal(out[0], 108); /* (0 + 255 + 29.07 + 149.69) / 4 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_field),
        cmocka_unit_test(refuses_damage_by_line),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(refuses_floods),
        cmocka_unit_test(agrees_with_the_slow_detector),
        cmocka_unit_test(groups_by_hand),
        cmocka_unit_test(refuses_bad_calls),
        cmocka_unit_test(refuses_a_cascade_that_likes_everything),
        cmocka_unit_test(finds_what_opencv_finds),
        cmocka_unit_test(gray_is_opencvs_and_averages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
