#include "signal/cascade.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The largest cascades in use have 47 stages, 3000 trees and 7000 features. */
enum {
    MAX_BYTES = 16 << 20,
    MAX_DEPTH = 32,
    MAX_TEXT = 8192,
    MAX_ITEMS = 1 << 18,
    MAX_TREE_NODES = 256,
    MIN_WINDOW = 3,
    MAX_WINDOW = 128
};

/* Where in the document we are: one name per element that matters. */
enum place {
    DOCUMENT,
    STORAGE,
    CASCADE,
    STAGE_TYPE,
    FEATURE_TYPE,
    WIDTH,
    HEIGHT,
    STAGE_NUM,
    STAGES,
    STAGE,
    TREE_COUNT,
    STAGE_THRESHOLD,
    TREES,
    TREE,
    NODES,
    LEAVES,
    FEATURES,
    FEATURE,
    RECTS,
    RECT,
    TILTED,
    OTHER /* an element that viseme does not need, with all it holds */
};

static const struct element {
    enum place parent;
    const char *name;
    enum place place;
    int text; /* it holds words, not elements */
} elements[] = {
    {DOCUMENT, "opencv_storage", STORAGE, 0},
    {STORAGE, "cascade", CASCADE, 0},
    {CASCADE, "stageType", STAGE_TYPE, 1},
    {CASCADE, "featureType", FEATURE_TYPE, 1},
    {CASCADE, "width", WIDTH, 1},
    {CASCADE, "height", HEIGHT, 1},
    {CASCADE, "stageNum", STAGE_NUM, 1},
    {CASCADE, "stages", STAGES, 0},
    {STAGES, "_", STAGE, 0},
    {STAGE, "maxWeakCount", TREE_COUNT, 1},
    {STAGE, "stageThreshold", STAGE_THRESHOLD, 1},
    {STAGE, "weakClassifiers", TREES, 0},
    {TREES, "_", TREE, 0},
    {TREE, "internalNodes", NODES, 1},
    {TREE, "leafValues", LEAVES, 1},
    {CASCADE, "features", FEATURES, 0},
    {FEATURES, "_", FEATURE, 0},
    {FEATURE, "rects", RECTS, 0},
    {RECTS, "_", RECT, 1},
    {FEATURE, "tilted", TILTED, 1},
};

#define BIT(place) (1u << (place))

struct parser {
    XML_Parser xml;
    locale_t c_locale; /* numbers are read with a point, whatever the program's locale */
    struct vis_cascade *cascade;
    viseme_error *err;
    viseme_status status;
    const struct element *path[MAX_DEPTH]; /* NULL for an element of no interest */
    unsigned seen[MAX_DEPTH];              /* BIT()s of the children met so far */
    int depth;
    char text[MAX_TEXT];
    size_t text_bytes;
    int stage_num, tree_count, rects;
    int capacity[5]; /* of stages, trees, nodes, leaves, features */
    int top_feature; /* the largest feature number a node asks for, and where */
    unsigned long top_feature_line;
};

static unsigned long line_of(const struct parser *p)
{
    return (unsigned long)XML_GetCurrentLineNumber(p->xml);
}

/* The first failure counts; it ends the parse. */
#define FAIL(p, ...)                                                                               \
    do {                                                                                           \
        if ((p)->status == VISEME_OK) {                                                            \
            (p)->status = vis_fail((p)->err, VISEME_ERR_MODEL, __VA_ARGS__);                       \
            XML_StopParser((p)->xml, XML_FALSE);                                                   \
        }                                                                                          \
    } while (0)

/* One more item in an array of `count`; NULL after a failure. */
static void *append(struct parser *p, void *array_at, int *count, int which, size_t item_bytes)
{
    void **array = array_at;
    if (*count == p->capacity[which]) {
        int capacity = *count ? *count * 2 : 64;
        void *grown = NULL;
        if (capacity > MAX_ITEMS) {
            FAIL(p, "cascade, line %lu: more than %d items of one kind", line_of(p), MAX_ITEMS);
            return NULL;
        }
        grown = realloc(*array, (size_t)capacity * item_bytes);
        if (!grown) {
            p->status = vis_fail_nomem(p->err, (size_t)capacity * item_bytes);
            XML_StopParser(p->xml, XML_FALSE);
            return NULL;
        }
        *array = grown;
        p->capacity[which] = capacity;
    }
    void *item = (char *)*array + (size_t)*count * item_bytes;
    memset(item, 0, item_bytes);
    (*count)++;
    return item;
}

/* ---- Words of an element's text ----------------------------------------------------------------
 */

static const char *skip_space(const char *s)
{
    return s + strspn(s, " \t\r\n");
}

/* The next number of the text, finite as a float; 0 when there is none. */
static int next_float(const struct parser *p, const char **at, float *out)
{
    char *end = NULL;
    const char *s = skip_space(*at);
    double v = 0;
    if (!strchr("+-.0123456789", *s) || *s == '\0') /* no "inf", no "nan" */
        return 0;
    v = strtod_l(s, &end, p->c_locale);
    if (end == s || (*end && !strchr(" \t\r\n", *end)) || !isfinite((float)v))
        return 0;
    *at = end;
    *out = (float)v;
    return 1;
}

static int next_int(const char **at, int *out)
{
    char *end = NULL;
    const char *s = skip_space(*at);
    long v = 0;
    errno = 0;
    v = strtol(s, &end, 10);
    if (end == s || (*end && !strchr(" \t\r\n", *end)) || errno || v < INT_MIN || v > INT_MAX)
        return 0;
    *at = end;
    *out = (int)v;
    return 1;
}

static int at_end(const char *at)
{
    return *skip_space(at) == '\0';
}

/* The whole text as one integer of lo .. hi. */
static int only_int(struct parser *p, const char *name, int lo, int hi)
{
    const char *at = p->text;
    int v = 0;
    if (!next_int(&at, &v) || !at_end(at) || v < lo || v > hi) {
        FAIL(p, "cascade, line %lu: <%s> must be a whole number from %d to %d", line_of(p), name,
             lo, hi);
        return lo;
    }
    return v;
}

static void only_word(struct parser *p, const char *name, const char *word)
{
    const char *at = skip_space(p->text);
    size_t n = strlen(word);
    if (strncmp(at, word, n) != 0 || !at_end(at + n))
        FAIL(p, "cascade, line %lu: <%s> is not %s, the only kind viseme evaluates", line_of(p),
             name, word);
}

/* ---- What the text of each element means ------------------------------------------------------
 */

static void read_nodes(struct parser *p)
{
    struct vis_cascade *c = p->cascade;
    struct vis_cascade_tree *tree = &c->tree[c->trees - 1];
    const char *at = p->text;
    while (!at_end(at)) {
        struct vis_cascade_node n = {0};
        struct vis_cascade_node *slot = NULL;
        if (tree->nodes == MAX_TREE_NODES || !next_int(&at, &n.left) || !next_int(&at, &n.right) ||
            !next_int(&at, &n.feature) || !next_float(p, &at, &n.threshold) || n.feature < 0) {
            FAIL(p,
                 "cascade, line %lu: <internalNodes> must be groups of left, right, feature and "
                 "threshold, at most %d",
                 line_of(p), (int)MAX_TREE_NODES);
            return;
        }
        if (n.feature > p->top_feature) {
            p->top_feature = n.feature;
            p->top_feature_line = line_of(p);
        }
        slot = append(p, &c->node, &c->nodes, 2, sizeof *slot);
        if (!slot)
            return;
        *slot = n;
        tree->nodes++;
    }
}

static void read_leaves(struct parser *p)
{
    struct vis_cascade *c = p->cascade;
    const char *at = p->text;
    while (!at_end(at)) {
        float *slot = append(p, &c->leaf, &c->leaves, 3, sizeof *slot);
        if (!slot)
            return;
        if (!next_float(p, &at, slot)) {
            FAIL(p, "cascade, line %lu: <leafValues> holds something that is not a finite number",
                 line_of(p));
            return;
        }
    }
}

static void read_stage_threshold(struct parser *p)
{
    const char *at = p->text;
    if (!next_float(p, &at, &p->cascade->stage[p->cascade->stages - 1].threshold) || !at_end(at))
        FAIL(p, "cascade, line %lu: <stageThreshold> must be one finite number", line_of(p));
}

static void read_rect(struct parser *p)
{
    struct vis_cascade *c = p->cascade;
    struct vis_cascade_rect r = {0};
    const char *at = p->text;
    if (p->rects == VIS_CASCADE_RECTS) {
        FAIL(p, "cascade, line %lu: a feature has more than %d rectangles", line_of(p),
             VIS_CASCADE_RECTS);
        return;
    }
    if (!next_int(&at, &r.x) || !next_int(&at, &r.y) || !next_int(&at, &r.width) ||
        !next_int(&at, &r.height) || !next_float(p, &at, &r.weight) || !at_end(at)) {
        FAIL(p, "cascade, line %lu: a rectangle must be x, y, width, height and weight",
             line_of(p));
        return;
    }
    if (r.x < 0 || r.y < 0 || r.width < 1 || r.height < 1 || r.x > c->width - 1 ||
        r.y > c->height - 1 || r.width > c->width - r.x || r.height > c->height - r.y) {
        FAIL(p, "cascade, line %lu: a rectangle leaves the window of %d x %d", line_of(p), c->width,
             c->height);
        return;
    }
    c->feature[c->features - 1].rect[p->rects++] = r;
}

static void end_text(struct parser *p, enum place place)
{
    struct vis_cascade *c = p->cascade;
    switch (place) {
    case STAGE_TYPE:
        only_word(p, "stageType", "BOOST");
        break;
    case FEATURE_TYPE:
        only_word(p, "featureType", "HAAR");
        break;
    case WIDTH:
        c->width = only_int(p, "width", MIN_WINDOW, MAX_WINDOW);
        break;
    case HEIGHT:
        c->height = only_int(p, "height", MIN_WINDOW, MAX_WINDOW);
        break;
    case STAGE_NUM:
        p->stage_num = only_int(p, "stageNum", 1, MAX_ITEMS);
        break;
    case TREE_COUNT:
        p->tree_count = only_int(p, "maxWeakCount", 1, MAX_ITEMS);
        break;
    case STAGE_THRESHOLD:
        read_stage_threshold(p);
        break;
    case NODES:
        read_nodes(p);
        break;
    case LEAVES:
        read_leaves(p);
        break;
    case RECT:
        read_rect(p);
        break;
    case TILTED:
        if (only_int(p, "tilted", 0, 1) == 1)
            FAIL(p, "cascade, line %lu: it has tilted features, which viseme does not evaluate",
                 line_of(p));
        break;
    default:
        break;
    }
}

/* ---- Starts and ends of the elements that hold others -----------------------------------------
 */

static void begin(struct parser *p, enum place place)
{
    struct vis_cascade *c = p->cascade;
    if (place == STAGE) {
        struct vis_cascade_stage *s = append(p, &c->stage, &c->stages, 0, sizeof *s);
        if (s)
            s->first_tree = c->trees;
    } else if (place == TREE) {
        struct vis_cascade_tree *t = append(p, &c->tree, &c->trees, 1, sizeof *t);
        if (t) {
            t->first_node = c->nodes;
            t->first_leaf = c->leaves;
        }
    } else if (place == FEATURE) {
        p->rects = 0;
        append(p, &c->feature, &c->features, 4, sizeof *c->feature);
    } else if (place == FEATURES && (!c->width || !c->height)) {
        FAIL(p, "cascade, line %lu: the features come before the window's width and height",
             line_of(p));
    }
}

/* Every child is a later node or a leaf that is there: evaluation must end. */
static void check_tree(struct parser *p)
{
    const struct vis_cascade *c = p->cascade;
    const struct vis_cascade_tree *t = &c->tree[c->trees - 1];
    if (t->nodes < 1 || c->leaves - t->first_leaf != t->nodes + 1) {
        FAIL(p, "cascade, line %lu: a tree of %d nodes has %d leaves", line_of(p), t->nodes,
             c->leaves - t->first_leaf);
        return;
    }
    for (int i = 0; i < t->nodes; i++) {
        const struct vis_cascade_node *n = &c->node[t->first_node + i];
        const int child[2] = {n->left, n->right};
        for (int k = 0; k < 2; k++) {
            if (child[k] > 0 ? child[k] <= i || child[k] >= t->nodes : child[k] < -t->nodes) {
                FAIL(p, "cascade, line %lu: node %d of a tree points to %d, which is not there",
                     line_of(p), i, child[k]);
                return;
            }
        }
    }
}

static void end_place(struct parser *p, enum place place, unsigned seen)
{
    struct vis_cascade *c = p->cascade;
    static const struct {
        enum place place;
        unsigned needs;
        const char *what;
    } whole[] = {
        {STORAGE, BIT(CASCADE), "<cascade>"},
        {CASCADE,
         BIT(STAGE_TYPE) | BIT(FEATURE_TYPE) | BIT(WIDTH) | BIT(HEIGHT) | BIT(STAGE_NUM) |
             BIT(STAGES) | BIT(FEATURES),
         "one of stageType, featureType, width, height, stageNum, stages and features"},
        {STAGE, BIT(TREE_COUNT) | BIT(STAGE_THRESHOLD) | BIT(TREES),
         "one of maxWeakCount, stageThreshold and weakClassifiers"},
        {TREE, BIT(NODES) | BIT(LEAVES), "internalNodes or leafValues"},
        {FEATURE, BIT(RECTS), "rects"},
    };
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        if (whole[i].place == place && (seen & whole[i].needs) != whole[i].needs) {
            FAIL(p, "cascade, line %lu: %s is missing", line_of(p), whole[i].what);
            return;
        }
    }
    if (place == TREE) {
        check_tree(p);
    } else if (place == STAGE) {
        struct vis_cascade_stage *s = &c->stage[c->stages - 1];
        s->trees = c->trees - s->first_tree;
        if (s->trees != p->tree_count)
            FAIL(p, "cascade, line %lu: a stage has %d trees where maxWeakCount says %d",
                 line_of(p), s->trees, p->tree_count);
    } else if (place == FEATURE && p->rects < 2) {
        FAIL(p, "cascade, line %lu: a feature has %d rectangles, not 2 or 3", line_of(p), p->rects);
    } else if (place == CASCADE) {
        if (c->stages != p->stage_num)
            FAIL(p, "cascade, line %lu: it has %d stages where stageNum says %d", line_of(p),
                 c->stages, p->stage_num);
        else if (p->top_feature >= c->features)
            FAIL(p, "cascade, line %lu: a node asks for feature %d of %d", p->top_feature_line,
                 p->top_feature, c->features);
    }
}

/* ---- Expat's events -----------------------------------------------------------------------------
 */

static enum place place_of(const struct element *e)
{
    return e ? e->place : OTHER;
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct parser *p = user;
    const enum place parent = p->depth ? place_of(p->path[p->depth - 1]) : DOCUMENT;
    const struct element *found = NULL;
    (void)attributes;
    if (p->status != VISEME_OK)
        return;
    if (p->depth == MAX_DEPTH) {
        FAIL(p, "cascade, line %lu: elements are nested more than %d deep", line_of(p),
             (int)MAX_DEPTH);
        return;
    }
    for (size_t i = 0; i < sizeof elements / sizeof elements[0] && !found; i++)
        if (elements[i].parent == parent && strcmp(elements[i].name, name) == 0)
            found = &elements[i];
    if (!found && p->depth && p->path[p->depth - 1] && p->path[p->depth - 1]->text) {
        FAIL(p, "cascade, line %lu: an element inside <%s>, which holds only words", line_of(p),
             p->path[p->depth - 1]->name);
        return;
    }
    if (found && p->depth && strcmp(name, "_") != 0 &&
        (p->seen[p->depth - 1] & BIT(found->place))) {
        FAIL(p, "cascade, line %lu: <%s> is there twice", line_of(p), found->name);
        return;
    }
    if (found && p->depth)
        p->seen[p->depth - 1] |= BIT(found->place);
    p->path[p->depth] = found;
    p->seen[p->depth] = 0;
    p->depth++;
    p->text_bytes = 0;
    if (found)
        begin(p, found->place);
}

static void XMLCALL on_text(void *user, const XML_Char *s, int bytes)
{
    struct parser *p = user;
    if (p->status != VISEME_OK || p->depth == 0)
        return;
    const struct element *e = p->path[p->depth - 1];
    if (!e || !e->text)
        return;
    if (memchr(s, '\0', (size_t)bytes) || (size_t)bytes > sizeof p->text - 1 - p->text_bytes) {
        FAIL(p, "cascade, line %lu: the text of <%s> is longer than %d bytes", line_of(p), e->name,
             (int)MAX_TEXT);
        return;
    }
    memcpy(p->text + p->text_bytes, s, (size_t)bytes);
    p->text_bytes += (size_t)bytes;
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    struct parser *p = user;
    (void)name;
    if (p->status != VISEME_OK)
        return;
    p->depth--;
    const struct element *e = p->path[p->depth];
    if (!e)
        return;
    p->text[p->text_bytes] = '\0';
    if (e->text)
        end_text(p, e->place);
    else
        end_place(p, e->place, p->seen[p->depth]);
    p->text_bytes = 0;
}

static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_subset)
{
    struct parser *p = user;
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_subset;
    FAIL(p, "cascade, line %lu: a document type declaration has no place in a cascade", line_of(p));
}

viseme_status vis_cascade_parse(struct vis_cascade **out, const char *xml, size_t bytes,
                                viseme_error *err)
{
    struct parser *p = NULL;
    viseme_status status = VISEME_OK;
    *out = NULL;
    if (bytes > MAX_BYTES)
        return vis_fail(err, VISEME_ERR_MODEL, "cascade: %zu bytes are more than the limit of %d",
                        bytes, (int)MAX_BYTES);
    p = calloc(1, sizeof *p);
    if (!p)
        return vis_fail_nomem(err, sizeof *p);
    p->err = err;
    p->cascade = calloc(1, sizeof *p->cascade);
    p->xml = XML_ParserCreate(NULL);
    p->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!p->cascade || !p->xml || p->c_locale == (locale_t)0) {
        status = vis_fail_nomem(err, sizeof *p->cascade);
        goto fail;
    }
    XML_SetUserData(p->xml, p);
    XML_SetElementHandler(p->xml, on_start, on_end);
    XML_SetCharacterDataHandler(p->xml, on_text);
    XML_SetStartDoctypeDeclHandler(p->xml, on_doctype);
    if (XML_Parse(p->xml, xml, (int)bytes, XML_TRUE) != XML_STATUS_OK && p->status == VISEME_OK)
        p->status = XML_GetErrorCode(p->xml) == XML_ERROR_NO_MEMORY
                        ? vis_fail_nomem(err, bytes)
                        : vis_fail(err, VISEME_ERR_MODEL, "cascade, line %lu: not XML: %s",
                                   line_of(p), XML_ErrorString(XML_GetErrorCode(p->xml)));
    status = p->status;
    if (status == VISEME_OK && !p->cascade->stages)
        status = vis_fail(err, VISEME_ERR_MODEL,
                          "cascade: no <opencv_storage> with a <cascade> in it; is this a Haar "
                          "cascade of OpenCV 2.4 or later?");
    if (status != VISEME_OK)
        goto fail;
    *out = p->cascade;
    p->cascade = NULL;
fail:
    if (p->c_locale != (locale_t)0)
        freelocale(p->c_locale);
    if (p->xml)
        XML_ParserFree(p->xml);
    vis_cascade_free(p->cascade);
    free(p);
    return status;
}

void vis_cascade_free(struct vis_cascade *cascade)
{
    if (!cascade)
        return;
    free(cascade->stage);
    free(cascade->tree);
    free(cascade->node);
    free(cascade->leaf);
    free(cascade->feature);
    free(cascade);
}
