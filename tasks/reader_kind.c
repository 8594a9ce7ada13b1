#include "tasks/reader_kind.h"

#include <stdio.h>
#include <string.h>

#include "nets/tokens.h"
#include "tasks/crop_place.h"
#include "tasks/word_points.h"

enum {
    WINDOW = 300, /* crops that are read in one piece, unless the file says otherwise */
    MARGIN = 40,
    LEAST_WINDOW = 3 * MARGIN,
    MOST_WINDOW = 3000
};

/* Chosen for LipNet as docs/confidence.md says; nothing is known of other networks. */
#define LIPNET_MIN_CONFIDENCE 0.85

static const struct vis_reader_kind kinds[] = {
    {.arch = "lipnet",
     .layout = VIS_READER_PLANES,
     .width = VIS_CROP_WIDTH,
     .height = VIS_CROP_HEIGHT,
     .cuts = 1,
     .least = LIPNET_MIN_CONFIDENCE},
    {.arch = "lipnet_keras",
     .layout = VIS_READER_KERAS,
     .width = 100,
     .height = 50,
     .least = LIPNET_MIN_CONFIDENCE},
    {.arch = "syncvsr", .layout = VIS_READER_GRAY, .tokens = 1, .cuts = 1},
    {.arch = "syncvsr_lrw", .layout = VIS_READER_WORD, .words = 1, .cuts = 1},
    {.arch = "syncvsr_landmark", .layout = VIS_READER_POINTS, .words = 1, .cuts = 1},
};

/* A number of the config; `usual` where it has none. */
static viseme_status number_of(double *out, const viseme_model *model, const char *key,
                               double usual, double low, double high, viseme_error *err)
{
    const json_t *value = json_object_get(vis_model_config(model), key);
    *out = value ? json_number_value(value) : usual;
    if (!value || (json_is_number(value) && *out >= low && *out <= high))
        return VISEME_OK;
    return vis_fail(err, VISEME_ERR_MODEL, "%s: viseme.config \"%s\" is not a number from %g to %g",
                    vis_weights_name(vis_model_weights(model)), key, low, high);
}

/* A text of the config that is one of names[count]: its number. */
static viseme_status choice_of(int *out, const viseme_model *model, const char *key, int usual,
                               const char *const *names, int count, viseme_error *err)
{
    const json_t *value = json_object_get(vis_model_config(model), key);
    const char *text = json_string_value(value);
    *out = usual;
    if (!value)
        return VISEME_OK;
    for (int i = 0; i < count && text; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return VISEME_OK;
        }
    char all[128] = "";
    size_t at = 0;
    for (int i = 0; i < count && at < sizeof all; i++)
        at += (size_t)snprintf(all + at, sizeof all - at, "%s\"%s\"", i ? ", " : "", names[i]);
    return vis_fail(err, VISEME_ERR_MODEL, "%s: viseme.config \"%s\" is \"%s\"; there are %s",
                    vis_weights_name(vis_model_weights(model)), key, text ? text : "", all);
}

/* Channels of an output. */
static int channels_of(const viseme_model *model, const char *output)
{
    const struct vis_graph *probe = vis_model_probe(model);
    for (int i = 0; i < probe->output_count; i++)
        if (strcmp(probe->outputs[i].name, output) == 0)
            return vis_graph_value(probe, probe->outputs[i].value)->dim[VIS_C];
    return 0;
}

/* ---- Networks that emit letters ---------------------------------------------------------------
 */

static viseme_status open_letters(struct vis_reader_kind *k, const viseme_model *model,
                                  viseme_error *err)
{
    static const char *const orders[] = {"bgr", "rgb"};
    const char *file = vis_weights_name(vis_model_weights(model));
    const struct vis_graph *probe = vis_model_probe(model);
    const int keras = k->layout == VIS_READER_KERAS;
    const json_t *blank = json_object_get(vis_model_config(model), "blank");
    int words;
    k->classes = vis_graph_value(probe, probe->outputs[0].value)->dim[VIS_C];
    if (!vis_model_vocab(model, &words) || words != k->classes)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: viseme.vocab has %d entries, the network has "
                        "%d classes; convert the weights again",
                        file, words, k->classes);
    if (blank && (!json_is_integer(blank) || json_integer_value(blank) < 0 ||
                  json_integer_value(blank) >= k->classes))
        return vis_fail(err, VISEME_ERR_MODEL, "%s: viseme.config \"blank\" is not a class", file);
    k->blank = blank ? (int)json_integer_value(blank) : keras ? k->classes - 1 : 0;
    return choice_of(&k->rgb, model, "pixel_order", keras, orders, 2, err);
}

/* ---- Networks that write tokens ---------------------------------------------------------------
 */

static viseme_status open_tokens(struct vis_reader_kind *k, const viseme_model *model,
                                 viseme_error *err)
{
    static const char *const crops[] = {"syncvsr_lrs2", "syncvsr_lrs3", "autoavsr"};
    static const struct {
        viseme_crop_kind kind;
        enum vis_vsr_fit fit;
    } of[] = {{VISEME_CROP_SYNCVSR_LRS2, VIS_VSR_CENTRE},
              {VISEME_CROP_SYNCVSR_LRS3, VIS_VSR_RESIZE},
              {VISEME_CROP_AUTOAVSR, VIS_VSR_CENTRE}};
    struct vis_tokens tokens;
    double side;
    int crop = 0;
    k->classes = channels_of(model, "ctc_logp");
    viseme_status status = vis_tokens_open(&tokens, model, k->classes, err);
    if (status == VISEME_OK)
        status = number_of(&side, model, "input_size", 96, 32, 96, err);
    if (status == VISEME_OK)
        status = number_of(&k->ctc_weight, model, "ctc_weight", 0, 0.01, 1, err);
    if (status != VISEME_OK)
        return status;
    k->side = (int)side;
    /* Auto-AVSR's networks see 88 pixels. Of SyncVSR's 96 nothing says which data set. */
    status = choice_of(&crop, model, "crop", k->side < 96 ? 2 : 1, crops, 3, err);
    k->crop = of[crop].kind;
    k->fit = of[crop].fit;
    const struct vis_crop_size size = vis_crop_size(k->crop);
    k->width = size.width;
    k->height = size.height;
    if (k->fit == VIS_VSR_CENTRE && 2 * k->side <= size.height)
        k->fit = VIS_VSR_HALVE;
    return status;
}

/* ---- Networks that tell words -----------------------------------------------------------------
 */

static viseme_status open_words(struct vis_reader_kind *k, const viseme_model *model,
                                viseme_error *err)
{
    const char *file = vis_weights_name(vis_model_weights(model));
    const struct vis_crop_size size = vis_crop_size(VISEME_CROP_SYNCVSR_LRW);
    double side = 96, boundary = 1, features = 3 * VIS_WORD_POINTS;
    int words = 0;
    k->classes = channels_of(model, "category_logits");
    k->crop = VISEME_CROP_SYNCVSR_LRW;
    k->fit = VIS_VSR_CENTRE;
    k->width = size.width;
    k->height = size.height;
    if (!vis_model_vocab(model, &words) || words != k->classes)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: viseme.vocab has %d words, the network tells %d; convert the weights "
                        "again, with --vocab",
                        file, words, k->classes);
    viseme_status status = number_of(&boundary, model, "word_boundary", boundary, 0, 1, err);
    if (status == VISEME_OK && k->layout == VIS_READER_WORD)
        status = number_of(&side, model, "input_size", side, 32, size.height, err);
    if (status == VISEME_OK && k->layout == VIS_READER_POINTS)
        status = number_of(&features, model, "input_features", features, features, features, err);
    k->boundary = (int)boundary;
    k->side = k->layout == VIS_READER_WORD ? (int)side : 0;
    return status;
}

viseme_status vis_reader_kind_open(struct vis_reader_kind *out, const viseme_model *model,
                                   viseme_error *err)
{
    const char *arch = vis_model_net(model)->name;
    struct vis_reader_kind k = {0};
    double window = WINDOW;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(arch, kinds[i].arch) == 0)
            k = kinds[i];
    if (!k.arch)
        return vis_fail(err, VISEME_ERR_MODEL,
                        "%s: a %s network does not read lips; give the "
                        "weights of a lipnet, a syncvsr or a word reader",
                        vis_weights_name(vis_model_weights(model)), arch);
    viseme_status status = k.tokens  ? open_tokens(&k, model, err)
                           : k.words ? open_words(&k, model, err)
                                     : open_letters(&k, model, err);
    if (status == VISEME_OK)
        status = number_of(&k.rate, model, "frame_rate", 25, 1, 1000, err);
    if (status == VISEME_OK)
        status = number_of(&k.least, model, "min_confidence", k.least, 0, 1, err);
    if (status == VISEME_OK)
        status = number_of(&window, model, "window_frames", WINDOW, LEAST_WINDOW, MOST_WINDOW, err);
    k.window = (int)window;
    k.margin = MARGIN;
    *out = k;
    return status;
}

/* ---- The network's input ----------------------------------------------------------------------
 */

size_t vis_reader_kind_floats(const struct vis_reader_kind *k)
{
    return k->layout == VIS_READER_POINTS ? (size_t)3 * VIS_WORD_POINTS
           : k->side                      ? (size_t)k->side * (size_t)k->side
                                          : 3 * (size_t)k->width * (size_t)k->height;
}

static void fill_colours(const struct vis_reader_kind *k, const uint8_t *crops, int count,
                         float *data)
{
    float value[256];
    size_t width = (size_t)k->width, height = (size_t)k->height;
    size_t plane = width * height, channel = (size_t)count * plane;
    for (int i = 0; i < 256; i++)
        value[i] = (float)i / 255.0f;
    for (int t = 0; t < count; t++) {
        const uint8_t *src = crops + (size_t)t * 3 * plane;
        float *planar = data + (size_t)t * plane, *keras = data + (size_t)t * 3 * plane;
        for (size_t i = 0; i < plane; i++)
            for (size_t c = 0; c < 3; c++)
                if (k->layout == VIS_READER_KERAS)
                    keras[3 * (i % width * height + i / width) + c] = value[src[3 * i + c]];
                else
                    planar[c * channel + i] = value[src[3 * i + c]];
    }
}

viseme_tensor vis_reader_kind_input(const struct vis_reader_kind *k, const uint8_t *crops,
                                    int count, float *data)
{
    const int width = k->width, height = k->height;
    if (k->layout == VIS_READER_GRAY) {
        const size_t bytes = 3 * (size_t)width * (size_t)height;
        for (int t = 0; t < count; t++) {
            const viseme_image crop = {crops + (size_t)t * bytes, width, height,
                                       3 * (ptrdiff_t)width, VISEME_BGR24};
            vis_vsr_input(&crop, k->fit, k->side, data + (size_t)t * vis_reader_kind_floats(k));
        }
        return (viseme_tensor){"video", 5, {1, count, 1, k->side, k->side}, data};
    }
    fill_colours(k, crops, count, data);
    if (k->layout == VIS_READER_KERAS)
        return (viseme_tensor){"x", 5, {1, count, width, height, 3}, data};
    return (viseme_tensor){"x", 5, {1, 3, count, height, width}, data};
}
