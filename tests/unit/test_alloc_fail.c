/* Every allocation fails once: opening a model, running a session, reading a clip, opening and
 * writing files end with VISEME_ERR_NOMEM and a sentence, free all they had, and work again.
 *
 * The linker's --wrap sends the allocations of viseme's objects here (see tests.mk); jansson and
 * expat, which are shared libraries, are given the same functions. What libc, FFmpeg, libpng and
 * OpenBLAS allocate for themselves is left alone. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <expat.h>
#include <jansson.h>

#include "io/digest.h"
#include "io/frames.h"
#include "io/npy.h"
#include "io/output.h"
#include "io/plot.h"
#include "io/png.h"
#include "nets/joint_beam.h"
#include "nets/tokens.h"
#include "tasks/sentences.h"
#include "tests/support/data.h"
#include "tests/support/drawn_face.h"
#include "tests/support/scratch.h"
#include "tests/support/token_model.h"
#include "viseme.h"

/* ---- Allocations that fail --------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int watching;      /* allocations are counted, and may fail */
static long count;        /* of allocations since the watch began */
static long failing = -1; /* the first one that fails, -1: none */
static int all_after;     /* and all after it */
static int fired;

/* What is allocated while watching and not freed yet. */
enum { SLOTS = 1 << 16 };
static void *live[SLOTS];
static long live_count;

static size_t slot_of(const void *p)
{
    size_t i = ((uintptr_t)p >> 4) * 2654435761u % SLOTS;
    while (live[i] && live[i] != p)
        i = (i + 1) % SLOTS;
    return i;
}

static void forget(void *p)
{
    size_t hole = slot_of(p);
    if (!p || !live[hole])
        return;
    live[hole] = NULL;
    live_count--;
    /* What was pushed on by the entry that is gone moves back. */
    for (size_t i = (hole + 1) % SLOTS; live[i]; i = (i + 1) % SLOTS) {
        void *moved = live[i];
        live[i] = NULL;
        live[slot_of(moved)] = moved;
    }
}

/* Whether the next allocation fails. */
static int fails(void)
{
    int result = 0;
    pthread_mutex_lock(&lock);
    if (watching) {
        result = failing >= 0 && (count == failing || (all_after && count > failing));
        fired |= result;
        count++;
    }
    pthread_mutex_unlock(&lock);
    if (result)
        errno = ENOMEM;
    return result;
}

static void *keep(void *p)
{
    pthread_mutex_lock(&lock);
    if (watching && p && live_count < SLOTS / 2) {
        live[slot_of(p)] = p;
        live_count++;
    }
    pthread_mutex_unlock(&lock);
    return p;
}

static void drop(void *p)
{
    pthread_mutex_lock(&lock);
    forget(p);
    pthread_mutex_unlock(&lock);
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
char *__real_strdup(const char *s);
void __real_free(void *p);
XML_Parser __real_XML_ParserCreate(const XML_Char *encoding);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *arg);

#pragma GCC visibility push(default) /* the linker looks for them from shared libraries too */
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);
XML_Parser __wrap_XML_ParserCreate(const XML_Char *encoding);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *arg);
#pragma GCC visibility pop

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : keep(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : keep(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t size)
{
    if (fails())
        return NULL;
    void *moved;
    pthread_mutex_lock(&lock);
    int known = p && live[slot_of(p)];
    if (known)
        forget(p);
    moved = __real_realloc(p, size);
    if ((known || (watching && !p)) && moved && live_count < SLOTS / 2) {
        live[slot_of(moved)] = moved;
        live_count++;
    }
    pthread_mutex_unlock(&lock);
    return moved;
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return fails() ? NULL : keep(__real_aligned_alloc(align, size));
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : keep(__real_strdup(s));
}

void __wrap_free(void *p)
{
    drop(p);
    __real_free(p);
}

XML_Parser __wrap_XML_ParserCreate(const XML_Char *encoding)
{
    static const XML_Memory_Handling_Suite suite = {__wrap_malloc, __wrap_realloc, __wrap_free};
    return XML_ParserCreate_MM(encoding, &suite, NULL);
}

/* A thread that cannot be had is a want of memory too. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *arg)
{
    return fails() ? EAGAIN : __real_pthread_create(thread, attr, start, arg);
}

/* ---- Running something with every allocation failing in turn ------------------------------- */

static void watch(long fail_at, int and_all_after)
{
    pthread_mutex_lock(&lock);
    count = 0;
    fired = 0;
    failing = fail_at;
    all_after = and_all_after;
    watching = 1;
    pthread_mutex_unlock(&lock);
}

static void unwatch(void)
{
    pthread_mutex_lock(&lock);
    watching = 0;
    pthread_mutex_unlock(&lock);
}

struct scene {
    const char *name;
    /* Does it all and frees it all; to be watched from begin() on. */
    viseme_status (*play)(viseme_error *err);
    long at_least; /* allocations that it makes */
};

/* Each allocation, alone and with all after it. */
static void play_with_failures(const struct scene *scene)
{
    viseme_error err;
    live_count = 0;
    memset(live, 0, sizeof live);
    watch(-1, 0);
    viseme_status status = scene->play(&err);
    unwatch();
    if (status != VISEME_OK)
        fail_msg("%s: %s", scene->name, err.message);
    long total = count, tolerated = 0, tried = 0;
    assert_int_equal(live_count, 0);
    assert_true(total >= scene->at_least);
    /* Where everything is slow, 60 of them will do beside the first and the last ones. */
    long stride = getenv("VISEME_TEST_SMALL") ? total / 60 + 1 : 1;
    for (int all = 0; all < 2; all++)
        for (long i = 0; i < total; i += i < 20 || i + 20 >= total ? 1 : stride) {
            err = (viseme_error){0};
            watch(i, all);
            status = scene->play(&err);
            unwatch();
            if (live_count != 0)
                fail_msg("%s: %ld blocks leak when allocation %ld%s fails (%s)", scene->name,
                         live_count, i, all ? " and all after it" : "", err.message);
            tried++;
            if (fired && status == VISEME_OK && !all) {
                tolerated++; /* something that could be done without */
                continue;
            }
            if (fired && (status != VISEME_ERR_NOMEM || err.status != status || !err.message[0]))
                fail_msg("%s: status %d (%s) when allocation %ld%s fails", scene->name, (int)status,
                         err.message, i, all ? " and all after it" : "");
        }
    print_message("%s: %ld allocations, %ld failures tried, %ld of them done without\n",
                  scene->name, total, tried, tolerated);
    assert_int_equal(tolerated, 0);
    watch(-1, 0);
    assert_int_equal(scene->play(&err), VISEME_OK);
    unwatch();
}

/* ---- The scenes ---------------------------------------------------------------------------- */

static const char *weights(void)
{
    return test_repository("weights/lipnet.safetensors");
}

static viseme_status open_a_model(viseme_error *err)
{
    viseme_model *model;
    viseme_status status = viseme_model_open(&model, weights(), NULL, err);
    viseme_model_close(model);
    return status;
}

static viseme_status verify_weights(viseme_error *err)
{
    viseme_weights *file;
    viseme_weights_check check;
    viseme_status status = viseme_weights_open(&file, weights(), err);
    if (status == VISEME_OK)
        status = viseme_weights_verify(file, &check, err);
    viseme_weights_close(file);
    return status;
}

static viseme_model *shared; /* opened without failures */

static viseme_status run_a_session(viseme_error *err)
{
    static float x[3 * 2 * 64 * 128];
    const viseme_tensor input = {"x", 5, {1, 3, 2, 64, 128}, x};
    const viseme_session_options opts = {.threads = 2};
    viseme_session *session;
    viseme_tensor output;
    viseme_status status = viseme_session_open(&session, shared, &opts, err);
    if (status == VISEME_OK)
        status = viseme_session_run(session, &input, 1, err);
    if (status == VISEME_OK)
        status = viseme_session_output(session, "logits", &output, err);
    viseme_session_close(session);
    return status;
}

static const char grammar[] = "$all = A+ [B] | (C $d)*\n$d = D | [E] F\n";
static char arpa[4096];
/* Whose memory lasts as long as the program. */
static const char *pictures_path, *video_path, *npy_path, *png_path, *plot_path;

/* Frames with a face, one without, to words. */
static viseme_status read_frames(const viseme_reader_options *how, viseme_error *err)
{
    static struct canvas frames[2];
    viseme_reader_options opts = *how;
    viseme_reader *reader;
    opts.crop.cascade_xml = drawn_cascade;
    opts.crop.cascade_bytes = strlen(drawn_cascade);
    opts.threads = 1;
    if (!frames[0].bytes) {
        int watched = watching;
        watching = 0;
        frames[0] = blank(160, 120);
        draw_face(&frames[0], 80, 60, 60);
        frames[1] = blank(160, 120);
        watching = watched;
    }
    viseme_status status = viseme_reader_open(&reader, shared, &opts, err);
    for (int i = 0; i < 6 && status == VISEME_OK; i++)
        status = viseme_reader_push(reader, &frames[i == 5].image, i * 0.04, err);
    if (status == VISEME_OK)
        status = viseme_reader_finish(reader, err);
    viseme_reader_close(reader);
    return status;
}

static viseme_status read_greedily(viseme_error *err)
{
    return read_frames(&(viseme_reader_options){.nbest = 1}, err);
}

static viseme_status read_with_a_beam(viseme_error *err)
{
    return read_frames(&(viseme_reader_options){.beam = 8, .nbest = 3}, err);
}

static viseme_status read_with_a_grammar(viseme_error *err)
{
    return read_frames(
        &(viseme_reader_options){.grammar = grammar, .grammar_bytes = strlen(grammar)}, err);
}

static viseme_status read_with_a_language_model(viseme_error *err)
{
    return read_frames(
        &(viseme_reader_options){.beam = 8, .lm_arpa = arpa, .lm_bytes = strlen(arpa)}, err);
}

/* Packs a decoder and a language model and searches; files are opened without failures, which
 * open_a_model() has had. */
static viseme_status search_for_tokens(viseme_error *err)
{
    enum { FRAMES = 5, WIDTH = 64, TOKENS = 41 };
    static const float encoder[FRAMES * WIDTH], ctc_logp[FRAMES * TOKENS];
    static const int ids[] = {5, 17, 40};
    const struct vis_joint_options options = {
        .beam = 3, .nbest = 2, .ctc_weight = 0.5, .lm_weight = 0.5};
    const struct vis_token_net *decoder = NULL, *lm = NULL;
    struct vis_threads *threads = NULL;
    struct vis_joint_result result = {0};
    struct vis_ctc_words words = {0};
    struct vis_tokens tokens;
    int watched = watching;
    watching = 0;
    viseme_model *decoder_model = token_model_open("token_decoder.safetensors", VISEME_CPU_AUTO);
    viseme_model *lm_model = token_model_open("token_lm_none.safetensors", VISEME_CPU_AUTO);
    watching = watched;
    viseme_status status = vis_token_net_open(&decoder, decoder_model, VIS_TOKEN_DECODER, err);
    if (status == VISEME_OK)
        status = vis_token_net_open(&lm, lm_model, VIS_TOKEN_LM, err);
    if (status == VISEME_OK)
        status = vis_threads_open(&threads, 1, err);
    if (status == VISEME_OK)
        status =
            vis_joint_beam(&result, decoder, lm, encoder, ctc_logp, FRAMES, &options, threads, err);
    if (status == VISEME_OK)
        status = vis_tokens_open(&tokens, decoder_model, TOKENS, err);
    if (status == VISEME_OK)
        status = vis_tokens_words(&words, &tokens, ids, 3, ctc_logp, FRAMES, err);
    vis_ctc_words_free(&words);
    vis_joint_beam_free(&result);
    vis_threads_close(threads);
    viseme_model_close(decoder_model);
    viseme_model_close(lm_model);
    return status;
}

/* Two windows of sentences, put together. */
static viseme_status write_sentences(viseme_error *err)
{
    enum { ROWS = 6, WIDTH = 64, TOKENS = 41 };
    static const float encoder[ROWS * WIDTH], ctc_logp[ROWS * TOKENS];
    const viseme_reader_options opts = {.beam = 2, .nbest = 2, .threads = 1};
    struct vis_sentences *s = NULL;
    struct vis_decoded found = {0};
    int watched = watching;
    watching = 0;
    viseme_model *model = token_model_open("token_decoder.safetensors", VISEME_CPU_AUTO);
    watching = watched;
    viseme_status status = vis_sentences_open(&s, &opts, model, TOKENS, err);
    for (int i = 0; i < 2 && status == VISEME_OK; i++)
        status = vis_sentences_add(s, encoder, ctc_logp, ROWS, 3 * i, err);
    if (status == VISEME_OK)
        status = vis_sentences_finish(s, 0, 25, &found, err);
    vis_decoded_free(&found);
    vis_sentences_close(s);
    viseme_model_close(model);
    return status;
}

/* Frames with a face to crops of every kind. */
static viseme_status cut_crops(viseme_error *err)
{
    static struct canvas frame;
    viseme_status status = VISEME_OK;
    if (!frame.bytes) {
        int watched = watching;
        watching = 0;
        frame = blank(160, 120);
        draw_face(&frame, 80, 60, 60);
        watching = watched;
    }
    for (int kind = VISEME_CROP_LIPNET; kind <= VISEME_CROP_AUTOAVSR && status == VISEME_OK;
         kind++) {
        const viseme_crop_options opts = {.cascade_xml = drawn_cascade,
                                          .cascade_bytes = strlen(drawn_cascade),
                                          .kind = (viseme_crop_kind)kind};
        viseme_cropper *cropper;
        viseme_crop crop;
        status = viseme_cropper_open(&cropper, &opts, err);
        for (int i = 0; i < 4 && status == VISEME_OK; i++) {
            status = i < 3 ? viseme_cropper_push(cropper, &frame.image, i * 0.04, err)
                           : viseme_cropper_finish(cropper, err);
            while (status == VISEME_OK && viseme_cropper_next(cropper, &crop))
                ;
        }
        viseme_cropper_close(cropper);
    }
    return status;
}

static viseme_status read_pictures(viseme_error *err)
{
    struct vis_frames *frames;
    viseme_image image;
    double seconds;
    viseme_status status = vis_frames_open(&frames, pictures_path, NULL, err);
    if (status != VISEME_OK)
        return status;
    do
        status = vis_frames_next(frames, &image, &seconds, err);
    while (status == VISEME_OK && image.data);
    vis_frames_close(frames);
    return status;
}

#if VIS_FFMPEG
static viseme_status read_a_video(viseme_error *err)
{
    struct vis_frames *frames;
    viseme_image image;
    double seconds;
    viseme_status status = vis_frames_open(&frames, video_path, NULL, err);
    if (status != VISEME_OK)
        return status;
    status = vis_frames_next(frames, &image, &seconds, err);
    vis_frames_close(frames);
    return status;
}
#endif

static viseme_status handle_files(viseme_error *err)
{
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    static uint8_t pixels[8 * 4 * 3];
    const viseme_image image = {pixels, 8, 4, 24, VISEME_BGR24};
    struct vis_npy array = {0};
    struct vis_picture picture = {0};
    struct vis_digest digest;
    viseme_status status = vis_npy_write(npy_path, 2, (int64_t[]){2, 3}, values, err);
    if (status == VISEME_OK)
        status = vis_npy_read(&array, npy_path, err);
    if (status == VISEME_OK)
        status = vis_png_write(png_path, &image, err);
    if (status == VISEME_OK)
        status = vis_png_read(&picture, png_path, 1000, err);
    if (status == VISEME_OK)
        status = vis_digest_file(&digest, png_path, err);
    vis_npy_free(&array);
    vis_picture_free(&picture);
    return status;
}

static viseme_status draw_a_plot(viseme_error *err)
{
    static uint8_t pixels[16 * 16 * 3];
    static const float logits[4];
    static const char *const vocab[] = {"", "A"};
    const viseme_image image = {pixels, 16, 16, 48, VISEME_BGR24};
    struct vis_strip strip = {.height = 8};
    viseme_status status = vis_strip_add(&strip, &image, 0, 0, err);
#if VIS_CAIRO
    const struct vis_plot plot = {.title = "t",
                                  .frames = &strip,
                                  .crops = &strip,
                                  .rate = 25,
                                  .logits = logits,
                                  .rows = 2,
                                  .classes = 2,
                                  .vocab = vocab};
    struct vis_output *output = NULL;
    FILE *to;
    if (status == VISEME_OK)
        status = vis_output_open(&output, plot_path, &to, err);
    if (status == VISEME_OK)
        status = vis_plot_write(to, &plot, "p.png", err);
    if (status == VISEME_OK)
        status = vis_output_commit(output, err);
    else
        vis_output_abort(output);
#else
    (void)logits;
    (void)vocab;
#endif
    vis_strip_free(&strip);
    return status;
}

static void play(void **state)
{
    play_with_failures(*state);
}

/* ---- What the scenes need ------------------------------------------------------------------ */

static void make_files(void)
{
    static uint8_t pixels[8 * 4 * 3];
    const viseme_image image = {pixels, 8, 4, 24, VISEME_BGR24};
    char name[32];
    assert_int_equal(mkdir(scratch_path("pictures"), 0700), 0);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "pictures/%d.png", i);
        assert_int_equal(vis_png_write(scratch_path(name), &image, NULL), VISEME_OK);
    }
    static const char y4m[] = "YUV4MPEG2 W4 H4 F25:1 Ip A2:1 C420jpeg\nFRAME\n"
                              "................::::::::FRAME\n................::::::::";
    video_path = scratch_write("a.y4m", y4m, sizeof y4m - 1);
    pictures_path = scratch_path("pictures");
    npy_path = scratch_path("a.npy");
    png_path = scratch_path("a.png");
    plot_path = scratch_path("p.png");
    int at = snprintf(arpa, sizeof arpa,
                      "\\data\\\nngram 1=29\nngram 2=1\n\n\\1-grams:\n"
                      "-99\t<s>\t-0.1\n-1.4\t</s>\n-1.4\t<sp>\t-0.2\n");
    for (char c = 'A'; c <= 'Z'; c++)
        at += snprintf(arpa + at, sizeof arpa - (size_t)at, "-1.4\t%c\t-0.3\n", c);
    snprintf(arpa + at, sizeof arpa - (size_t)at, "\n\\2-grams:\n-0.5\tI N\n\n\\end\\\n");
}

static int set_up(void **state)
{
    (void)state;
    viseme_error err;
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
    make_files();
    if (viseme_model_open(&shared, weights(), NULL, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    assert_int_equal(run_a_session(&err), VISEME_OK); /* packs the weights */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    viseme_model_close(shared);
    return 0;
}

#define SCENE(function, least)                                                                     \
    {                                                                                              \
#function, play, NULL, NULL, &(struct scene)                                               \
        {                                                                                          \
#function, function, least                                                             \
        }                                                                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(open_a_model, 100),
        SCENE(verify_weights, 20),
        SCENE(run_a_session, 20),
        SCENE(read_greedily, 40),
        SCENE(read_with_a_beam, 40),
        SCENE(read_with_a_grammar, 60),
        SCENE(read_with_a_language_model, 60),
        SCENE(search_for_tokens, 100),
        SCENE(write_sentences, 60),
        SCENE(cut_crops, 60),
        SCENE(read_pictures, 5),
#if VIS_FFMPEG
        SCENE(read_a_video, 3),
#endif
        SCENE(handle_files, 8),
        SCENE(draw_a_plot, 2),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
