/* Plots: what the strips keep, what is drawn where, and digests of files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/plot.h"
#include "io/png.h"
#include "tests/support/scratch.h"

enum { WIDTH = 60, HEIGHT = 40 };

static viseme_image picture(uint8_t *pixels, int b, int g, int r, viseme_pixel format)
{
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        pixels[3 * i + (format == VISEME_BGR24 ? 0 : 2)] = (uint8_t)b;
        pixels[3 * i + 1] = (uint8_t)g;
        pixels[3 * i + (format == VISEME_BGR24 ? 2 : 0)] = (uint8_t)r;
    }
    return (viseme_image){pixels, WIDTH, HEIGHT, 3 * WIDTH, format};
}

static void strip_keeps_enough_and_no_more(void **state)
{
    static uint8_t pixels[3 * WIDTH * HEIGHT];
    struct vis_strip strip = {.height = 20};
    const viseme_image image = picture(pixels, 10, 20, 30, VISEME_RGB24);
    (void)state;
    for (int i = 0; i < 25 * 3600; i++)
        assert_int_equal(vis_strip_add(&strip, &image, 5 + i / 25.0, i == 0, NULL), VISEME_OK);
    /* Every second frame for 6 s, every sixth up to 120 s, nothing after. */
    assert_in_range(strip.count, 75 + 450, 75 + 480);
    assert_int_equal(strip.pictures[0].width, 30);
    assert_int_equal(strip.pictures[0].held, 1);
    assert_int_equal(strip.pictures[1].held, 0);
    for (size_t i = 0; i + 1 < strip.count; i++)
        assert_true(strip.pictures[i + 1].time_s - strip.pictures[i].time_s <= 0.25);
    assert_true(strip.pictures[strip.count - 1].time_s <= 5 + VIS_PLOT_SECONDS);
    for (int i = 0; i < 30 * 20; i++)
        assert_memory_equal(strip.pictures[3].bgr + 3 * i, ((uint8_t[]){10, 20, 30}), 3);
    vis_strip_free(&strip);
    vis_strip_free(&strip);
}

static void strip_averages(void **state)
{
    static uint8_t pixels[3 * WIDTH * HEIGHT];
    struct vis_strip strip = {.height = 20};
    viseme_image image = picture(pixels, 0, 0, 0, VISEME_BGR24);
    (void)state;
    for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) /* a board of black and white pixels */
        pixels[i] = (i / 3 % WIDTH + i / 3 / WIDTH) % 2 ? 255 : 0;
    image.data += (HEIGHT - 1) * image.stride; /* bottom-up */
    image.stride = -image.stride;
    assert_int_equal(vis_strip_add(&strip, &image, 0, 0, NULL), VISEME_OK);
    for (int i = 0; i < 30 * 20 * 3; i++)
        assert_int_equal(strip.pictures[0].bgr[i], 128);
    vis_strip_free(&strip);
    /* Larger than the source, and as narrow as it gets. */
    strip.height = 100;
    image = (viseme_image){pixels, 1, HEIGHT, 3 * WIDTH, VISEME_BGR24};
    assert_int_equal(vis_strip_add(&strip, &image, 0, 0, NULL), VISEME_OK);
    assert_int_equal(strip.pictures[0].width, 3);
    vis_strip_free(&strip);
}

#if VIS_CAIRO
/* The last class is never seen. The layout of a line: left edge, top, width, height of a cell. */
enum { CLASSES = 5, SEEN = 4, LEFT = 112, TOP = 118, WIDE = 1364, CELL = 18, GAP = 8 };
static const char *const vocab[] = {"", " ", "A", "\xC3\x9F", "Z"};

static void write_plot(const char *path, const struct vis_plot *plot)
{
    viseme_error err;
    FILE *to = fopen(path, "wb");
    assert_non_null(to);
    if (vis_plot_write(to, plot, path, &err) != VISEME_OK)
        fail_msg("%s", err.message);
    assert_int_equal(fclose(to), 0);
}

/* Pixel of the heat map's cell of row t and class c, given the layout of one line. */
static const uint8_t *cell(const struct vis_picture *p, double rows, int map_y, int t, int c)
{
    int x = (int)(LEFT + (t + 0.3) / rows * WIDE), y = map_y + CELL * c + CELL / 2;
    assert_true(x < p->width && y < p->height);
    return p->bgr + 3 * ((size_t)y * (size_t)p->width + (size_t)x);
}

static const uint8_t face_colour[3] = {191, 242, 92}; /* B G R */

/* Pixels of a row that have a colour, within the rounding of cairo. */
static int count_in_row(const struct vis_picture *p, int y, const uint8_t *colour)
{
    int count = 0;
    for (int x = 0; x < p->width; x++) {
        const uint8_t *q = p->bgr + 3 * ((size_t)y * (size_t)p->width + (size_t)x);
        count +=
            abs(q[0] - colour[0]) <= 2 && abs(q[1] - colour[1]) <= 2 && abs(q[2] - colour[2]) <= 2;
    }
    return count;
}

static void draws_the_emissions(void **state)
{
    static float logits[50 * CLASSES];
    static const viseme_word words[] = {{"A", 2.2, 2.6, 0.9}, {"A\xC3\x9F", 2.8, 2.9, 0.2}};
    static uint8_t pixels[3 * WIDTH * HEIGHT];
    struct vis_strip frames = {.height = 30}, crops = {.height = 10};
    struct vis_picture drawn;
    (void)state;
    const viseme_image image = picture(pixels, 200, 10, 30, VISEME_BGR24);
    for (int t = 0; t < 50; t++) {
        logits[t * CLASSES + t / 5 % SEEN] = 20;
        assert_int_equal(vis_strip_add(&frames, &image, 2 + t / 25.0, 0, NULL), VISEME_OK);
        assert_int_equal(vis_strip_add(&crops, &image, 2 + t / 25.0, t > 25, NULL), VISEME_OK);
    }
    struct vis_plot plot = {.title = "clip.mp4",
                            .text = "A A\xC3\x9F",
                            .note = "note",
                            .frames = &frames,
                            .crops = &crops,
                            .start_s = 2,
                            .rate = 25,
                            .logits = logits,
                            .rows = 50,
                            .classes = CLASSES,
                            .vocab = vocab,
                            .words = words,
                            .word_count = 2};
    const char *path = scratch_path("plot.png");
    write_plot(path, &plot);
    assert_int_equal(vis_png_read(&drawn, path, 1 << 28, NULL), VISEME_OK);
    assert_int_equal(drawn.width, 1500);
    for (int t = 0; t < 50; t++)
        for (int c = 0; c < SEEN; c++) {
            const uint8_t *p = cell(&drawn, 50, TOP + 30 + 10 + 2 * GAP, t, c);
            assert_true(c == t / 5 % SEEN ? p[2] < 40 : p[2] > 230);
        }
    assert_true(count_in_row(&drawn, TOP + 15, (uint8_t[]){200, 10, 30}) > 600);
    assert_int_equal(count_in_row(&drawn, TOP + 15, face_colour), 0);
    int height = drawn.height;
    vis_picture_free(&drawn);

    /* The same with faces: of the boxes in the middle of frames, the sides cross the row. */
    static struct vis_plot_face faces[50];
    for (int t = 0; t < 50; t++)
        faces[t] = (struct vis_plot_face){2 + t / 25.0, 0.2, 0.1, 0.6, 0.8, 0.5, 0.8};
    plot.faces = faces;
    plot.face_count = 50;
    write_plot(path, &plot);
    assert_int_equal(vis_png_read(&drawn, path, 1 << 28, NULL), VISEME_OK);
    assert_true(count_in_row(&drawn, TOP + 15, face_colour) >= 2 * 20);
    vis_picture_free(&drawn);
    plot.face_count = 0;

    /* Nothing but emissions; many classes; the same picture again. */
    vis_strip_free(&frames);
    vis_strip_free(&crops);
    plot.word_count = 0;
    plot.text = plot.note = NULL;
    write_plot(path, &plot);
    assert_int_equal(vis_png_read(&drawn, path, 1 << 28, NULL), VISEME_OK);
    assert_int_equal(drawn.height, height - 30 - 10 - 2 * GAP);
    vis_picture_free(&drawn);
}

static void draws_long_and_odd_things(void **state)
{
    static const int sizes[][2] = {{1, 2}, {151, 3}, {25 * 3600, 2}, {200, 41}, {3001, 500}};
    static const struct vis_strip none = {.height = 10};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t rows = (size_t)sizes[i][0], classes = (size_t)sizes[i][1];
        float *logits = calloc(rows * classes, sizeof *logits);
        const char **names = calloc(classes, sizeof *names);
        struct vis_picture drawn;
        assert_true(logits && names);
        logits[0] = NAN; /* what a damaged network gives */
        logits[rows * classes - 1] = INFINITY;
        for (size_t c = 0; c < classes; c++)
            names[c] = c ? "x" : "";
        char title[2000];
        memset(title, 'n', sizeof title - 1);
        title[sizeof title - 1] = '\0';
        const struct vis_plot plot = {.title = title,
                                      .frames = &none,
                                      .crops = &none,
                                      .rate = 25,
                                      .logits = logits,
                                      .rows = (int64_t)rows,
                                      .classes = (int)classes,
                                      .vocab = names};
        write_plot(scratch_path("odd.png"), &plot);
        assert_int_equal(vis_png_read(&drawn, scratch_path("odd.png"), 1 << 28, NULL), VISEME_OK);
        vis_picture_free(&drawn);
        free(logits);
        free(names);
    }
    assert_non_null(vis_plot_version());
}

static void leaves_a_failed_write_to_the_owner(void **state)
{
    static const float logits[2] = {0, 1};
    static const struct vis_strip none = {.height = 10};
    const struct vis_plot plot = {.title = "t",
                                  .frames = &none,
                                  .crops = &none,
                                  .rate = 25,
                                  .logits = logits,
                                  .rows = 1,
                                  .classes = 2,
                                  .vocab = vocab};
    (void)state;
    FILE *full = fopen("/dev/full", "wb");
    assert_non_null(full);
    assert_int_equal(vis_plot_write(full, &plot, "plot", NULL), VISEME_OK);
    assert_true(fflush(full) != 0 || ferror(full));
    fclose(full);
}
#else
static void says_that_it_cannot_draw(void **state)
{
    viseme_error err;
    (void)state;
    assert_int_equal(vis_plot_write(stdout, NULL, "x.png", &err), VISEME_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "cairo"));
    assert_null(vis_plot_version());
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strip_keeps_enough_and_no_more),
        cmocka_unit_test(strip_averages),
#if VIS_CAIRO
        cmocka_unit_test(draws_the_emissions),
        cmocka_unit_test(draws_long_and_odd_things),
        cmocka_unit_test(leaves_a_failed_write_to_the_owner),
#else
        cmocka_unit_test(says_that_it_cannot_draw),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
