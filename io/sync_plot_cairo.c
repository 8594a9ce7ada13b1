/* The drawing of io/sync_plot.h: three panels below each other. */
#include "io/sync_plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cairo.h>

#include "base/error.h"

enum {
    WIDTH = 1500,
    HEIGHT = 1240,
    LEFT = 130, /* of the panels; numbers stand there */
    WIDE = 1330,
    SMALL = 17,
    PLAIN = 20,
    LARGE = 34,
    CURVE_TOP = 196,
    CURVE_HIGH = 290,
    MAP_TOP = 580,
    MAP_HIGH = 290,
    TIME_TOP = 964,
    TIME_HIGH = 190
};

#define FONT     "sans-serif"
#define INK      0.10, 0.11, 0.13
#define FAINT    0.42, 0.44, 0.47
#define GRID     0.86, 0.87, 0.89
#define LINE     0.11, 0.35, 0.72
#define MARK     0.85, 0.28, 0.10
#define FRAME_MS 40.0
#define RATE     25.0

struct drawing {
    cairo_t *cr;
    const struct vis_sync_plot *plot;
    double from_s, to_s;    /* of the panels over time */
    double low_ms, high_ms; /* offsets */
};

/* A panel and what its axes go from and to. */
struct panel {
    double top, high;
    double x0, x1, y0, y1;
};

static double at_x(const struct panel *p, double x)
{
    return LEFT + (x - p->x0) / (p->x1 - p->x0) * WIDE;
}

static double at_y(const struct panel *p, double y)
{
    return p->top + p->high - (y - p->y0) / (p->y1 - p->y0) * p->high;
}

/* align: 0 left, 0.5 centred, 1 right. */
static void put_text(cairo_t *cr, double x, double y, double size, double align, const char *text)
{
    cairo_text_extents_t box;
    cairo_set_font_size(cr, size);
    cairo_text_extents(cr, text, &box);
    if (align == 0 && x + box.x_advance > WIDTH - 20) {
        cairo_set_font_size(cr, size * (WIDTH - 20 - x) / box.x_advance);
        cairo_text_extents(cr, text, &box);
    }
    cairo_move_to(cr, x - align * box.x_advance, y);
    cairo_show_text(cr, text);
}

/* A round step of about a tenth to a fifth of `range`. */
static double nice_step(double range, int most)
{
    double step = pow(10, floor(log10(range / most)));
    while (range / step > most)
        step *= range / (2 * step) <= most ? 2 : range / (5 * step) <= most ? 5 : 10;
    return step;
}

static void label_panel(const struct drawing *d, const struct panel *p, const char *title,
                        const char *x_name)
{
    cairo_set_source_rgb(d->cr, INK);
    put_text(d->cr, LEFT, p->top - 14, PLAIN, 0, title);
    cairo_set_source_rgb(d->cr, FAINT);
    put_text(d->cr, LEFT + WIDE / 2.0, p->top + p->high + 52, SMALL, 0.5, x_name);
}

/* Lines and numbers. Offsets have a sign. */
static void draw_axes(const struct drawing *d, const struct panel *p, int sign_x, int sign_y)
{
    cairo_t *cr = d->cr;
    const double dx = nice_step(p->x1 - p->x0, 12), dy = nice_step(p->y1 - p->y0, 6);
    char text[40];
    cairo_set_line_width(cr, 1);
    for (double x = ceil(p->x0 / dx - 1e-9) * dx; x <= p->x1 + 1e-9; x += dx) {
        cairo_set_source_rgb(cr, GRID);
        cairo_move_to(cr, at_x(p, x), p->top);
        cairo_line_to(cr, at_x(p, x), p->top + p->high);
        cairo_stroke(cr);
        cairo_set_source_rgb(cr, FAINT);
        snprintf(text, sizeof text, sign_x && fabs(x) > 1e-9 ? "%+g" : "%g",
                 fabs(x) < 1e-9 ? 0 : x);
        put_text(cr, at_x(p, x), p->top + p->high + 24, SMALL, 0.5, text);
    }
    for (double y = ceil(p->y0 / dy - 1e-9) * dy; y <= p->y1 + 1e-9; y += dy) {
        cairo_set_source_rgb(cr, GRID);
        cairo_move_to(cr, LEFT, at_y(p, y));
        cairo_line_to(cr, LEFT + WIDE, at_y(p, y));
        cairo_stroke(cr);
        cairo_set_source_rgb(cr, FAINT);
        snprintf(text, sizeof text, sign_y && fabs(y) > 1e-9 ? "%+g" : "%g",
                 fabs(y) < 1e-9 ? 0 : y);
        put_text(cr, LEFT - 12, at_y(p, y) + 6, SMALL, 1, text);
    }
    cairo_set_source_rgb(cr, FAINT);
    cairo_rectangle(cr, LEFT, p->top, WIDE, p->high);
    cairo_stroke(cr);
}

/* ---- The cost of every offset ------------------------------------------------------------------
 */

static int curve_bounds(const struct vis_sync_plot *plot, double *low, double *high)
{
    *low = HUGE_VAL;
    *high = -HUGE_VAL;
    for (size_t i = 0; i < plot->curve_count; i++)
        if (isfinite(plot->curve[i])) {
            *low = fmin(*low, plot->curve[i]);
            *high = fmax(*high, plot->curve[i]);
        }
    return *low <= *high;
}

static void mark_offset(const struct drawing *d, const struct panel *p)
{
    static const double dash[] = {8, 6};
    char text[40];
    if (!d->plot->known)
        return;
    const double x = at_x(p, d->plot->offset_ms);
    cairo_set_source_rgb(d->cr, MARK);
    cairo_set_line_width(d->cr, 2);
    cairo_set_dash(d->cr, dash, 2, 0);
    cairo_move_to(d->cr, x, p->top);
    cairo_line_to(d->cr, x, p->top + p->high);
    cairo_stroke(d->cr);
    cairo_set_dash(d->cr, NULL, 0, 0);
    snprintf(text, sizeof text, "%+.0f ms", d->plot->offset_ms);
    put_text(d->cr, x + (x > LEFT + WIDE - 120 ? -10 : 10), p->top + 24, PLAIN,
             x > LEFT + WIDE - 120 ? 1 : 0, text);
}

static void draw_curve(const struct drawing *d)
{
    const struct vis_sync_plot *plot = d->plot;
    struct panel p = {.top = CURVE_TOP, .high = CURVE_HIGH, .x0 = d->low_ms, .x1 = d->high_ms};
    cairo_t *cr = d->cr;
    char title[200];
    snprintf(title, sizeof title, "Cost of every offset: %s (lower is likelier)", plot->cost);
    if (!curve_bounds(plot, &p.y0, &p.y1)) {
        p.y0 = 0;
        p.y1 = 1;
    }
    const double margin = p.y1 > p.y0 ? 0.08 * (p.y1 - p.y0) : 1;
    p.y0 -= margin;
    p.y1 += margin;
    label_panel(d, &p, title, "offset of the audio in ms");
    draw_axes(d, &p, 1, 0);
    cairo_set_source_rgb(cr, FAINT);
    put_text(cr, LEFT + 12, p.top + p.high - 14, SMALL, 0, "\xE2\x86\x90 audio is late");
    put_text(cr, LEFT + WIDE - 12, p.top + p.high - 14, SMALL, 1, "audio is early \xE2\x86\x92");
    mark_offset(d, &p);
    cairo_set_source_rgb(cr, LINE);
    cairo_set_line_width(cr, 2.5);
    cairo_new_path(cr); /* from where the last text ended, otherwise */
    for (size_t i = 0; i < plot->curve_count; i++)
        if (isfinite(plot->curve[i]))
            cairo_line_to(cr, at_x(&p, FRAME_MS * (plot->curve_first + (double)i)),
                          at_y(&p, plot->curve[i]));
    cairo_stroke(cr);
    for (size_t i = 0; i < plot->curve_count; i++)
        if (isfinite(plot->curve[i])) {
            cairo_new_path(cr);
            cairo_arc(cr, at_x(&p, FRAME_MS * (plot->curve_first + (double)i)),
                      at_y(&p, plot->curve[i]), 4, 0, 2 * M_PI);
            cairo_fill(cr);
        }
}

/* ---- Similarity over time ----------------------------------------------------------------------
 */

/* Dark blue over grey green to yellow, even in lightness. */
static uint32_t colour_of(double x)
{
    static const double stops[5][3] = {{0.03, 0.07, 0.24},
                                       {0.20, 0.27, 0.50},
                                       {0.30, 0.52, 0.55},
                                       {0.63, 0.74, 0.42},
                                       {0.99, 0.93, 0.36}};
    uint32_t rgb = 0;
    x = 4 * fmin(1, fmax(0, x));
    const int i = x < 4 ? (int)x : 3;
    for (int c = 0; c < 3; c++)
        rgb = rgb << 8 |
              (uint32_t)lround(255 * (stops[i][c] + (x - i) * (stops[i + 1][c] - stops[i][c])));
    return rgb;
}

/* The lowest and highest similarity but for the outermost 1 %. */
static void similarity_bounds(const struct vis_sync_plot *plot, double *low, double *high)
{
    enum { BINS = 400 };
    size_t bins[BINS] = {0}, all = 0, sum = 0;
    for (size_t i = 0; i < plot->rows * plot->columns; i++)
        if (!isnan(plot->similarity[i])) {
            const double x = ((double)plot->similarity[i] + 1) / 2;
            bins[x >= 1 ? BINS - 1 : x <= 0 ? 0 : (size_t)(x * BINS)]++;
            all++;
        }
    *low = -1;
    *high = 1;
    for (size_t i = 0; i < BINS; i++) {
        if (sum <= all / 100)
            *low = 2.0 * (double)i / BINS - 1;
        sum += bins[i];
        if (sum <= all - all / 100)
            *high = 2.0 * (double)(i + 1) / BINS - 1;
    }
    if (*high <= *low)
        *high = *low + 0.01;
}

/* One pixel of the map: the mean over its rows of the column nearest to its offset. */
static double cell(const struct vis_sync_plot *plot, double first, double last, double offset)
{
    const double column = (double)(plot->columns / 2) - offset;
    double sum = 0;
    size_t n = 0;
    if (column < -0.5 || column >= (double)plot->columns - 0.5)
        return NAN;
    for (size_t r = first < 0 ? 0 : (size_t)first; r < plot->rows && ((double)r < last || n == 0);
         r++) {
        const float x = plot->similarity[r * plot->columns + (size_t)(column + 0.5)];
        if ((double)r >= fmax(last, first + 1))
            break;
        if (!isnan(x)) {
            sum += (double)x;
            n++;
        }
    }
    return n ? sum / (double)n : NAN;
}

static void draw_similarity(const struct drawing *d)
{
    const struct vis_sync_plot *plot = d->plot;
    const struct panel p = {MAP_TOP, MAP_HIGH, d->from_s, d->to_s, d->low_ms, d->high_ms};
    cairo_t *cr = d->cr;
    double low = 0, high = 1;
    char text[60];
    label_panel(d, &p, "Similarity of lips and sound: offset of the audio in ms, over time",
                "seconds");
    draw_axes(d, &p, 0, 1);
    if (!plot->similarity)
        return;
    similarity_bounds(plot, &low, &high);
    cairo_surface_t *image = cairo_image_surface_create(CAIRO_FORMAT_RGB24, WIDE, MAP_HIGH);
    unsigned char *pixels = cairo_image_surface_get_data(image);
    const int stride = cairo_image_surface_get_stride(image);
    for (int v = 0; pixels && v < MAP_HIGH; v++) {
        const double ms = d->high_ms - (v + 0.5) / MAP_HIGH * (d->high_ms - d->low_ms);
        for (int u = 0; u < WIDE; u++) {
            const double span = (d->to_s - d->from_s) / WIDE;
            const double first = (d->from_s + u * span - plot->start_s) * RATE;
            const double x =
                first <= -1 ? NAN : cell(plot, floor(first), first + span * RATE, ms / FRAME_MS);
            const uint32_t rgb = isnan(x) ? 0xF4F4F5 : colour_of((x - low) / (high - low));
            memcpy(pixels + (ptrdiff_t)v * stride + 4 * (ptrdiff_t)u, &rgb, 4);
        }
    }
    cairo_surface_mark_dirty(image);
    cairo_set_source_surface(cr, image, LEFT, MAP_TOP);
    cairo_paint(cr);
    cairo_surface_destroy(image);
    /* What the colours mean, at the upper right. */
    for (int u = 0; u < 160; u++) {
        const uint32_t rgb = colour_of(u / 159.0);
        cairo_set_source_rgb(cr, (rgb >> 16) / 255.0, (rgb >> 8 & 255) / 255.0,
                             (rgb & 255) / 255.0);
        cairo_rectangle(cr, LEFT + WIDE - 220 + u, MAP_TOP - 30, 1.5, 16);
        cairo_fill(cr);
    }
    cairo_set_source_rgb(cr, FAINT);
    snprintf(text, sizeof text, "cosine %.2f", low);
    put_text(cr, LEFT + WIDE - 230, MAP_TOP - 16, SMALL, 1, text);
    snprintf(text, sizeof text, "%.2f", high);
    put_text(cr, LEFT + WIDE, MAP_TOP - 16, SMALL, 1, text);
}

/* ---- Offsets over time -------------------------------------------------------------------------
 */

static void draw_windows(const struct drawing *d)
{
    const struct vis_sync_plot *plot = d->plot;
    const struct panel p = {TIME_TOP, TIME_HIGH, d->from_s, d->to_s, d->low_ms, d->high_ms};
    cairo_t *cr = d->cr;
    label_panel(d, &p, "Offset of the audio in ms, window by window (grey: unknown there)",
                "seconds");
    draw_axes(d, &p, 0, 1);
    for (int known = 0; known < 2; known++)
        for (size_t i = 0; i < plot->window_count; i++) {
            const viseme_sync_window *w = &plot->windows[i];
            const double y = at_y(&p, fmin(d->high_ms, fmax(d->low_ms, w->offset_ms)));
            if (w->known != known)
                continue;
            if (known)
                cairo_set_source_rgb(cr, MARK);
            else
                cairo_set_source_rgb(cr, 0.72, 0.73, 0.75);
            cairo_set_line_width(cr, known ? 3 : 2);
            cairo_move_to(cr, at_x(&p, fmax(d->from_s, w->start_s)), y);
            cairo_line_to(cr, at_x(&p, fmin(d->to_s, w->end_s)), y);
            cairo_stroke(cr);
            cairo_arc(cr, at_x(&p, (w->start_s + w->end_s) / 2), y, known ? 6 : 4, 0, 2 * M_PI);
            cairo_fill(cr);
        }
}

/* ---- The picture -------------------------------------------------------------------------------
 */

static void draw(struct drawing *d)
{
    const struct vis_sync_plot *plot = d->plot;
    cairo_t *cr = d->cr;
    cairo_select_font_face(cr, FONT, CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_set_source_rgb(cr, FAINT);
    put_text(cr, LEFT, 42, PLAIN, 0, plot->title);
    put_text(cr, LEFT, 132, SMALL, 0, plot->note);
    cairo_set_source_rgb(cr, INK);
    put_text(cr, LEFT, 94, LARGE, 0, plot->text);
    draw_curve(d);
    draw_similarity(d);
    draw_windows(d);
}

static cairo_status_t write_png(void *to, const unsigned char *bytes, unsigned size)
{
    return fwrite(bytes, 1, size, to) == size ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

viseme_status vis_sync_plot_write(FILE *to, const struct vis_sync_plot *plot, const char *name,
                                  viseme_error *err)
{
    struct drawing d = {.plot = plot, .to_s = 1};
    const double reach = plot->curve_count ? FRAME_MS * ((double)plot->curve_count - 1) / 2
                                           : FRAME_MS * (double)(plot->columns / 2);
    d.high_ms = reach > 0 ? reach : 600;
    d.low_ms = -d.high_ms;
    if (plot->similarity && plot->rows) {
        d.from_s = plot->start_s;
        d.to_s = plot->start_s + (double)(plot->rows + 4) / RATE;
    }
    for (size_t i = 0; i < plot->window_count; i++) {
        d.from_s = fmin(d.from_s, plot->windows[i].start_s);
        d.to_s = fmax(d.to_s, plot->windows[i].end_s);
    }
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
    d.cr = cairo_create(surface);
    draw(&d);
    cairo_status_t result = cairo_status(d.cr);
    cairo_destroy(d.cr);
    if (result == CAIRO_STATUS_SUCCESS)
        result = cairo_surface_write_to_png_stream(surface, write_png, to);
    cairo_surface_destroy(surface);
    if (result != CAIRO_STATUS_SUCCESS && result != CAIRO_STATUS_WRITE_ERROR)
        return vis_fail(err, VISEME_ERR_NOMEM, "%s: the plot cannot be drawn (%s)", name,
                        cairo_status_to_string(result));
    return VISEME_OK;
}
